"""What cannot be trained or exported is refused before the first step, with what is wrong."""

import json
import shutil

import pytest
import torch
import yaml
from conftest import ROOT
from safetensors.torch import load_file, save_file
from transformers import BertConfig, BertLMHeadModel

from jobgen.common.errors import InputError
from jobgen.training.export import explain_failure

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


@pytest.mark.parametrize(
    ("content", "problem"),
    [
        ("{", "invalid JSON at line 1"),
        ("[]", "is no manifest that cli_prepare_data.py wrote"),
        ('{"name": "a web app"}', "is no manifest that cli_prepare_data.py wrote"),
    ],
)
def test_a_damaged_manifest(train, tables, tmp_path, content, problem):
    (tmp_path / "manifest_1_128.json").write_text(content)
    done = train("run")
    assert done.returncode == 2
    assert f"manifest_1_128.json: {problem}" in done.stderr
    assert "Traceback" not in done.stderr
    assert not (tmp_path / "run/metrics.jsonl").exists()


@pytest.mark.parametrize("name", ["trained_model", "checkpoints"])
def test_a_symbolic_link_in_the_run_folder(train, tmp_path, name):
    (tmp_path / "elsewhere").mkdir()
    (tmp_path / "elsewhere/file").touch()
    (tmp_path / "run").mkdir()
    (tmp_path / "run" / name).symlink_to(tmp_path / "elsewhere")
    done = train("run", "--overwrite")
    assert done.returncode == 2
    assert f"run/{name}: is a symbolic link" in done.stderr
    assert (tmp_path / "elsewhere/file").exists()


def test_a_failing_export_says_where_the_weights_are(tmp_path):
    message = "cannot be written: no such thing. The training is complete, and its weights are in"
    with pytest.raises(InputError, match=f"run/trained_model: {message}"):
        with explain_failure(tmp_path / "run"):
            raise RuntimeError("no such thing")


def test_a_model_card_holds_any_name(train, tiny_model, tables, tmp_path):
    name = "a `b` [c](d) <b> : # 'e' \"f\""
    shutil.copytree(tiny_model, tmp_path / name)
    manifest = {"source": f"{name}.csv", "source_sha256": "0"}
    (tmp_path / "manifest_1_128.json").write_text(json.dumps(manifest))
    assert train("run", model=str(tmp_path / name), max_steps=1).returncode == 0
    card = (tmp_path / "run/trained_model/README.md").read_text()
    header = yaml.safe_load(card.split("---")[1])
    assert header["base_model"] == str(tmp_path / name)
    assert f"\n`` {tmp_path / name} ``, fine-tuned on" in card
    assert f"Source: `` {name}.csv ``, SHA-256 `0`." in card


@pytest.mark.parametrize("change", [{"micro_batch_size": 1}, {"gradient_accumulation_steps": 2}])
def test_resuming_with_other_batches_is_refused(train, change):
    """A checkpoint counts steps, and would go on at another row."""
    assert train("run", max_steps=2).returncode == 0
    done = train("run", "--resume", max_steps=4, **change)
    assert done.returncode == 2
    assert "cannot resume with other batches, which would skip rows or repeat them" in done.stderr
    (name,) = change
    assert f"{name}: {3 - change[name]} before, {change[name]} now" in done.stderr


@pytest.mark.parametrize(
    ("content", "problem"),
    [
        ({"bf16": {"enabled": {}}}, "bf16.enabled = {}  expected"),
        ({"zero_optimization": {"stage": 2, "reduce_bucket_size": -5}}, "reduce_bucket_size: "),
        ({"zero_optimization": {"stage": 2, "offload_optimizer": {"device": "moon"}}}, "device: "),
        ({"fp16": {"loss_scale_window": "long"}}, "fp16.loss_scale_window: "),
    ],
)
def test_a_deepspeed_file_that_deepspeed_would_refuse(train, tmp_path, content, problem):
    (tmp_path / "ds.json").write_text(json.dumps(content))
    done = train("run", "--dry-run", ds_config=str(tmp_path / "ds.json"))
    assert done.returncode == 2, done.stdout
    assert problem in done.stderr
    assert "Traceback" not in done.stderr
