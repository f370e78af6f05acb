"""llama.cpp and vLLM write what transformers writes; what they cannot do is said."""

import csv

import pytest
import torch
from conftest import run_script
from test_generation import command, refused, rows_of  # noqa: F401, a fixture
from transformers import LlamaConfig, LlamaForCausalLM

from jobgen.common.config import GenerateConfig
from jobgen.common.errors import InputError
from jobgen.generation import engines
from jobgen.generation.engines import check_engine, open_engine
from jobgen.generation.requests import Request, encode_prompt
from jobgen.text.coverage import covered_by_stems
from utils import NLP_model

PROMPTS = [("Engineer", ["Python", "SQL"]), ("Cook", []), ("Nurse", ["night shifts", "first aid"])]


@pytest.fixture(scope="module")
def folder(tiny_tokenizer, tmp_path_factory):
    """A model folder such as a training leaves.

    A Llama, since llama.cpp looks GPT-2's activations up in a table of 16 bits; with heads of a
    size that vLLM knows.
    """
    folder = tmp_path_factory.mktemp("fine_tuned")
    torch.manual_seed(0)
    config = LlamaConfig(
        vocab_size=len(tiny_tokenizer),
        **{"hidden_size": 128, "intermediate_size": 256, "num_hidden_layers": 2},
        **{"num_attention_heads": 2, "num_key_value_heads": 1, "max_position_embeddings": 128},
        **{
            "bos_token_id": tiny_tokenizer.bos_token_id,
            "eos_token_id": tiny_tokenizer.eos_token_id,
        },
    )
    LlamaForCausalLM(config).save_pretrained(folder)
    tiny_tokenizer.save_pretrained(folder)
    return folder


def config_of(**settings) -> GenerateConfig:
    # Without top_p nothing is sorted, where tokens that are equally likely change places.
    about = {"model": "m", "max_length": 100, "half_precision": False, "top_p": 1.0}
    about |= {"gguf_type": "f32"}
    return GenerateConfig(**about | settings)


def test_what_an_engine_lacks_is_refused(monkeypatch):
    monkeypatch.setattr(engines, "find_spec", lambda name: None)
    check_engine(config_of())
    for engine, file in (("llama.cpp", "llama-cpp.txt"), ("vllm", "vllm.txt")):
        with pytest.raises(
            InputError, match=f'engine: "{engine}" is not installed .*requirements-{file}'
        ):
            check_engine(config_of(engine=engine))
    monkeypatch.setattr(engines, "find_spec", lambda name: object())
    with pytest.raises(InputError, match='cannot guide; it needs guidance="off" ."soft" given'):
        check_engine(config_of(engine="vllm"))
    with pytest.raises(InputError, match="no_repeat_ngram_size; set it to null"):
        check_engine(config_of(engine="vllm", guidance="off", no_repeat_ngram_size=3))
    with pytest.raises(InputError, match="leave model_preload away"):
        check_engine(config_of(engine="llama.cpp", model_preload="pytorch_model.bin"))
    check_engine(config_of(engine="vllm", guidance="off"))
    check_engine(config_of(engine="llama.cpp", guidance="hard"))


def test_an_unknown_engine_is_refused(command):  # noqa: F811
    refused(run_script(*command(), "--engine", "llama"), 'engine = "llama"', "llama.cpp")


def write(nlp, **settings) -> dict:
    """What was written, by prompt and candidate, in their order."""
    config = config_of(**settings)
    requests = [
        Request(number, n, encode_prompt(nlp.tokenizer, *prompt, config), prompt[1])
        for number, prompt in enumerate(PROMPTS)
        for n in range(2)
    ]
    found = list(open_engine(nlp, config).generate(requests))
    assert len(found) == 6
    return {(request.prompt, request.candidate): text for request, text in sorted(found)}


@pytest.fixture
def nlp(folder):
    return NLP_model.load(str(folder))


def assert_alike(ours, theirs):
    assert [text.ids for text in ours.values()] == [text.ids for text in theirs.values()]
    for text, same in zip(ours.values(), theirs.values(), strict=True):
        assert text.finished == same.finished
        assert text.nats == pytest.approx(same.nats, rel=1e-3)


@pytest.mark.parametrize("guidance", ["off", "soft", "hard"])
def test_llama_cpp_draws_what_transformers_draws(nlp, guidance):
    """The same tokens from the same seed: its logits are those of transformers but for rounding."""
    pytest.importorskip("llama_cpp")
    ours = write(nlp, engine="llama.cpp", guidance=guidance)
    assert_alike(ours, write(nlp, guidance=guidance))
    if guidance == "hard":
        for (number, _), text in ours.items():
            assert all(covered_by_stems(nlp.tokenizer.decode(text.ids), PROMPTS[number][1]))


def test_llama_cpp_writes_the_same_csv(command, tmp_path):  # noqa: F811
    pytest.importorskip("llama_cpp")
    settings = {"prompts": [{"title": "Cook", "keywords": "soup"}], "gguf_type": "f32"}
    settings["top_p"] = 1.0
    run = run_script(*command("ours", **settings))
    assert run.returncode == 0, run.stderr[-2000:]
    run = run_script(*command("llama", **settings), "--engine", "llama.cpp")
    assert run.returncode == 0, run.stderr[-2000:]
    texts = [[row["text"] for row in rows_of(tmp_path / f"{n}.csv")] for n in ("ours", "llama")]
    assert texts[0] == texts[1]
    headers = [next(csv.reader((tmp_path / f"{n}.csv").open())) for n in ("ours", "llama")]
    assert headers[0] == headers[1]
    shown = run_script(*command("llama", **settings), "--engine", "llama.cpp", "--title", "Cook")
    assert shown.returncode == 0
    assert "gender-coded words" in shown.stdout


def test_vllm_takes_the_likeliest_as_transformers_does(nlp):
    """Greedily: its random numbers are its own."""
    pytest.importorskip("vllm")
    settings = {"guidance": "off", "do_sample": False, "repetition_penalty": 1.0}
    assert_alike(write(nlp, engine="vllm", **settings), write(nlp, **settings))
    drawn = [write(nlp, engine="vllm", guidance="off") for _ in range(2)]
    assert drawn[0] == drawn[1]
    assert len({tuple(text.ids) for text in drawn[0].values()}) == 6
    special = torch.tensor(nlp.tokenizer.all_special_ids)
    assert not any(torch.isin(torch.tensor(text.ids), special).any() for text in drawn[0].values())
