"""What cannot be trained is refused before the first step, with what is wrong about it."""

import shutil

import pytest
import torch
from conftest import ROOT
from safetensors.torch import load_file, save_file
from transformers import BertConfig, BertLMHeadModel

ZERO_3 = str(ROOT / "DS_configs/zero3_several_gpus.json")


@pytest.fixture(scope="session")
def bert(tiny_tokenizer, tmp_path_factory):
    """Folder of a model that sees all tokens of a text."""
    folder = tmp_path_factory.mktemp("bert")
    shape = {"hidden_size": 16, "num_hidden_layers": 1, "num_attention_heads": 2}
    BertLMHeadModel(
        BertConfig(**shape, vocab_size=len(tiny_tokenizer), intermediate_size=16)
    ).save_pretrained(folder)
    tiny_tokenizer.save_pretrained(folder)
    return folder


@pytest.mark.parametrize("ds_config", [None, ZERO_3])
def test_a_model_that_sees_what_it_is_to_predict(train, bert, ds_config):
    done = train("run", model=str(bert), ds_config=ds_config)
    assert done.returncode == 2, done.stderr[-3000:]
    assert f'{bert}: "bert" reads the tokens that it is to predict' in done.stderr
    assert "Traceback" not in done.stderr


@pytest.mark.parametrize("ds_config", [None, ZERO_3])
def test_weights_without_a_block(train, tiny_model, tmp_path, ds_config):
    folder = shutil.copytree(tiny_model, tmp_path / "model")
    weights = load_file(folder / "model.safetensors")
    kept = {name: tensor for name, tensor in weights.items() if ".h.1." not in name}
    save_file(kept, folder / "model.safetensors", metadata={"format": "pt"})
    torch.save(kept, tmp_path / "weights.bin")
    for values in ({"model": str(folder)}, {"model_preload": str(tmp_path / "weights.bin")}):
        done = train("run", ds_config=ds_config, **values)
        assert done.returncode == 2, done.stderr[-3000:]
        assert "its weights lack transformer.h.1.attn.c_attn.bias, " in done.stderr
        assert "Traceback" not in done.stderr
        assert not (tmp_path / "run/run.json").exists()


@pytest.mark.parametrize("prefix", ["module.", "_orig_mod."])
def test_weights_with_the_prefix_of_a_wrapper(train, tiny_model, tmp_path, prefix):
    """Trained from them as from those without it, under ZeRO-3 too."""
    weights = load_file(tiny_model / "model.safetensors")
    torch.save({prefix + name: tensor for name, tensor in weights.items()}, tmp_path / "w.bin")
    values = {"max_steps": 2, "ds_config": ZERO_3}
    plain = train("plain", **values)
    done = train("run", model_preload=str(tmp_path / "w.bin"), **values)
    assert plain.returncode == done.returncode == 0, done.stderr[-3000:]
    paths = [tmp_path / name / "trained_model/model.safetensors" for name in ("plain", "run")]
    first, second = map(load_file, paths)
    assert all(torch.equal(tensor, second[name]) for name, tensor in first.items())
