"""Weights are loaded whole, or the message names what does not fit."""

import json
import math
import pickle
import re
import shutil

import pytest
import torch
from safetensors.torch import save_file
from transformers import (
    AutoModelForCausalLM,
    BertConfig,
    BertLMHeadModel,
    GPTNeoConfig,
    LlamaConfig,
    MambaConfig,
    OpenAIGPTConfig,
    PreTrainedModel,
    RobertaConfig,
    RobertaForCausalLM,
)

from jobgen.common.errors import InputError
from jobgen.models.causality import check_causal
from jobgen.models.loading import load_model
from jobgen.models.weights import load_causal_lm, read_model_config

IDS = torch.tensor([[1, 2, 3, 4]])


def logits(model: PreTrainedModel) -> torch.Tensor:
    with torch.no_grad():
        return model.eval()(IDS).logits


@pytest.fixture(scope="session")
def state(tiny_model) -> dict[str, torch.Tensor]:
    return AutoModelForCausalLM.from_pretrained(tiny_model).state_dict()


@pytest.mark.parametrize(
    "prefix", ["module.", "_orig_mod.", "module._orig_mod.", "_fsdp_wrapped_module."]
)
def test_prefixes_of_wrappers_are_removed(state, tiny_model, tmp_path, prefix):
    torch.save({prefix + name: tensor for name, tensor in state.items()}, tmp_path / "weights.bin")
    model = load_causal_lm(tiny_model, str(tmp_path / "weights.bin"))
    assert torch.equal(logits(model), logits(load_causal_lm(tiny_model)))


def without(*endings: str):
    return lambda state: {k: v for k, v in state.items() if not re.search("|".join(endings), k)}


def reshaped(name: str):
    return lambda state: state | {name: torch.ones(5)}


@pytest.mark.parametrize(
    ("change", "named"),
    [
        (without(r"\.h\.1\."), "transformer.h.1.attn.c_attn.weight"),
        (without(r"ln_f\.bias"), "its weights lack transformer.ln_f.bias"),
        (lambda s: {k: v for k, v in s.items() if "wte" in k}, "h.*.ln_1.bias (2)"),
        (without(r"wte|lm_head"), "transformer.wte.weight"),
        (reshaped("transformer.h.0.ln_1.weight"), "h.0.ln_1.weight has the shape (5,), expected"),
        (
            lambda s: s | {"transformer.h.2.ln_1.bias": torch.ones(16)},
            "are of another model: transformer",
        ),
        (lambda s: {f"net.{k}": v for k, v in s.items()}, "of another model: net.lm_head.weight"),
    ],
)
def test_weights_that_do_not_fit_are_named(tiny_model, state, tmp_path, change, named):
    """In a file beside a folder, and in a folder."""
    weights, folder = change(state), shutil.copytree(tiny_model, tmp_path / "model")
    torch.save(weights, tmp_path / "weights.bin")
    copies = {name: tensor.clone() for name, tensor in weights.items()}
    save_file(copies, folder / "model.safetensors", metadata={"format": "pt"})
    for place in ((tiny_model, str(tmp_path / "weights.bin")), (folder,)):
        with pytest.raises(InputError) as error:
            load_causal_lm(*place)
        assert str(error.value).startswith(f"{place[-1]}: ")
        assert named in str(error.value)


def test_weights_of_another_architecture(tiny_model, tmp_path):
    shape = {"hidden_size": 16, "num_layers": 2, "num_heads": 2, "vocab_size": 400}
    neo = GPTNeoConfig(**shape, attention_types=[[["global", "local"], 1]])
    torch.save(AutoModelForCausalLM.from_config(neo).state_dict(), tmp_path / "neo.bin")
    with pytest.raises(InputError, match=r"its weights lack .*c_attn"):
        load_causal_lm(tiny_model, str(tmp_path / "neo.bin"))


@pytest.mark.parametrize(
    ("content", "problem"),
    [
        ([1, 2], "holds a list, not a dictionary of weights"),
        ({"transformer.wte.weight": [1]}, "not weights alone: transformer.wte.weight"),
        ({"model": {"a": torch.ones(1)}}, "not weights alone: model"),
        ({}, "its weights lack lm_head.weight"),
    ],
)
def test_files_that_hold_no_weights(tiny_model, tmp_path, content, problem):
    torch.save(content, tmp_path / "weights.bin")
    with pytest.raises(InputError) as error:
        load_causal_lm(tiny_model, str(tmp_path / "weights.bin"))
    assert problem in str(error.value)


def test_a_hostile_pickle_in_a_folder(tiny_model, tmp_path):
    class Evil:
        def __reduce__(self):
            return (tmp_path / "harmed").mkdir, ()

    folder = shutil.copytree(tiny_model, tmp_path / "model")
    (folder / "model.safetensors").unlink()
    (folder / "pytorch_model.bin").write_bytes(pickle.dumps({"a": Evil()}))
    with pytest.raises(InputError, match="its weights cannot be loaded: "):
        load_causal_lm(folder)
    assert not (tmp_path / "harmed").exists()


@pytest.mark.parametrize(
    ("content", "problem"),
    [
        (b"{", "invalid JSON at line 1"),
        (b"[]", "describes no model"),
        (b'{"n_embd": 3}', 'expected an object with "model_type"'),
        (b"\xff\xfe", "not UTF-8 at byte 0"),
        (b"[" * 100_000, "nested too deeply"),
    ],
)
def test_damaged_configurations_of_a_model(tmp_path, content, problem):
    (tmp_path / "config.json").write_bytes(content)
    with pytest.raises(InputError, match=problem):
        read_model_config(tmp_path)


@pytest.mark.parametrize(
    "values",
    [
        {"quantization_config": {"quant_method": "awq", "bits": 4}},
        {"model_type": "no_such_type"},
        {"n_layer": "many"},
        {"n_head": 3},
        {"auto_map": {"AutoModelForCausalLM": "evil.Evil"}, "model_type": "evil"},
    ],
)
def test_models_that_cannot_be_loaded(tiny_model, tmp_path, values):
    folder = shutil.copytree(tiny_model, tmp_path / "model")
    config = json.loads((folder / "config.json").read_text()) | values
    (folder / "config.json").write_text(json.dumps(config))
    with pytest.raises(InputError, match=r"its weights cannot be loaded: \S"):
        load_causal_lm(folder)


SMALL = {"hidden_size": 16, "num_hidden_layers": 1, "num_attention_heads": 2, "vocab_size": 100}


@pytest.mark.parametrize(
    ("config", "problem"),
    [
        (BertConfig(**SMALL, intermediate_size=16), '"bert" reads the tokens'),
        (RobertaConfig(**SMALL, intermediate_size=16), '"roberta" reads the tokens'),
        (MambaConfig(hidden_size=16, num_hidden_layers=1, vocab_size=100), "no key-value cache"),
        (OpenAIGPTConfig(n_embd=16, n_layer=1, n_head=2, vocab_size=100), "no key-value cache"),
        (LlamaConfig(**SMALL, intermediate_size=16), None),
    ],
)
def test_models_that_do_not_write_from_left_to_right(config, problem):
    model = AutoModelForCausalLM.from_config(config).train()
    if problem is None:
        check_causal(model, "model")
    else:
        with pytest.raises(InputError, match=problem):
            check_causal(model, "model")
    assert model.training


def test_weights_that_are_not_numbers_are_refused():
    model = AutoModelForCausalLM.from_config(LlamaConfig(**SMALL, intermediate_size=16))
    with torch.no_grad():
        model.model.norm.weight.fill_(math.nan)
    with pytest.raises(InputError, match="its weights are damaged"):
        check_causal(model, "model")


def test_encoders_that_are_told_to_decode_are_causal():
    for model in (
        BertLMHeadModel(BertConfig(**SMALL, intermediate_size=16, is_decoder=True)),
        RobertaForCausalLM(RobertaConfig(**SMALL, intermediate_size=16, is_decoder=True)),
    ):
        check_causal(model, "model")


def test_a_model_of_another_kind_is_refused_when_it_is_loaded(tmp_path, tiny_tokenizer):
    size = SMALL | {"vocab_size": len(tiny_tokenizer)}
    model = BertLMHeadModel(BertConfig(**size, intermediate_size=16))
    model.save_pretrained(tmp_path)
    with pytest.raises(InputError, match=f'{tmp_path}: "bert" reads the tokens'):
        load_model(tmp_path, tiny_tokenizer)
