"""The estimate agrees with what trainings take, and says what would fit."""

import json
import re
import subprocess
import sys
import time
from pathlib import Path

import pandas as pd
import psutil
import pytest
import torch
from conftest import ROOT, launcher

from jobgen.config import TrainConfig
from jobgen.memory import Estimate, Target, find_target
from utils import NLP_model

SHAPES = {
    "gpt2": {"n_embd": 256, "n_layer": 3, "n_head": 4},
    "gpt_neo": {
        **{"hidden_size": 256, "num_layers": 2, "num_heads": 4},
        "attention_types": [[["global", "local"], 1]],
    },
    "llama": {
        **{"hidden_size": 256, "num_hidden_layers": 3, "num_attention_heads": 4},
        **{"num_key_value_heads": 2, "intermediate_size": 700, "tie_word_embeddings": True},
    },
}


def untrained(architecture, tokenizer, folder, **shape):
    from transformers import AutoConfig, AutoModelForCausalLM

    shape = {"vocab_size": len(tokenizer), **shape}
    config = AutoConfig.for_model(architecture, **shape)
    AutoModelForCausalLM.from_config(config).save_pretrained(folder)
    tokenizer.save_pretrained(folder)
    return folder


def table(words: int, rows: int = 4) -> pd.DataFrame:
    return pd.DataFrame(
        {
            "title": ["Data Engineer"] * rows,
            "keywords": [["python", "spark"]] * rows,
            "text": ["We build pipelines. " * (words // 3)] * rows,
        }
    )


def target(**values) -> Target:
    about = {"name": "x", "memory": 2**34, "on_gpu": False, "half": False, "processes": 1}
    return Target(**about | values)


def estimate_of(folder, where=None, words=60, **config) -> Estimate:
    nlp = NLP_model(TrainConfig(model=str(folder), max_len=1000, **config))
    return Estimate(nlp, nlp.training_set(table(words)), where or target())


@pytest.mark.parametrize("architecture", SHAPES)
def test_activations_are_what_autograd_keeps(tiny_tokenizer, tmp_path, architecture):
    """Of a real model and a real batch, counted in the forward pass of a training."""
    from deepspeed.runtime.chunked_cross_entropy import ChunkedCausalLMLoss

    shape = SHAPES[architecture]
    folder = untrained(architecture, tiny_tokenizer, tmp_path, **shape)
    estimate = estimate_of(folder, micro_batch_size=3)
    model, data = estimate.nlp.model.train(), estimate.rows
    model.loss_function = ChunkedCausalLMLoss()
    batch = data.collate([data[row] for row in range(3)])
    del batch["rows"]
    weights = {weight.untyped_storage().data_ptr() for weight in model.parameters()}
    weights |= {buffer.untyped_storage().data_ptr() for buffer in model.buffers()}
    kept = {}

    def keep(tensor):
        storage = tensor.untyped_storage()
        if storage.data_ptr() not in weights:
            kept[storage.data_ptr()] = storage
        return tensor

    with torch.autograd.graph.saved_tensors_hooks(keep, lambda tensor: tensor):
        loss = model(**batch).loss
    labels, vocabulary = len(batch["shift_labels"]), model.config.vocab_size
    measured = sum(storage.nbytes() for storage in kept.values()) - 4 * labels * vocabulary
    assert loss.requires_grad
    assert vocabulary % 64 == 0
    length = batch["input_ids"].shape[1]
    assert length == estimate.length
    estimated = estimate.need().device["activations"]
    assert estimated == pytest.approx(measured, rel=0.05)
    assert estimate.parameters == (model.num_parameters(),) * 2


@pytest.mark.parametrize("settings", [{"lora_rank": 4}, {"unfreeze_last_n": 1}])
def test_parameters_that_are_trained(tiny_tokenizer, tmp_path, settings):
    folder = untrained("llama", tiny_tokenizer, tmp_path, **SHAPES["llama"])
    estimate = estimate_of(folder, **settings)
    weights = list(estimate.nlp.model.parameters())
    trained = sum(weight.numel() for weight in weights if weight.requires_grad)
    assert estimate.parameters == (sum(weight.numel() for weight in weights), trained)
    assert estimate.need().device["gradients"] == 4 * trained


def test_checkpointing_and_a_smaller_batch_need_less(tiny_tokenizer, tmp_path):
    folder = untrained("gpt2", tiny_tokenizer, tmp_path, **SHAPES["gpt2"])
    plain = estimate_of(folder).need().device
    checkpointed = estimate_of(folder, gradient_checkpointing=True).need().device
    assert checkpointed["activations"] < 0.7 * plain["activations"]
    smaller = estimate_of(folder, micro_batch_size=1).need().device
    assert smaller["activations"] == pytest.approx(plain["activations"] / 2, rel=0.01)
    assert smaller["weights"] == plain["weights"]


@pytest.mark.parametrize("offload", [True, False])
def test_states_are_those_that_deepspeed_says(tiny_tokenizer, tmp_path, offload):
    from deepspeed.runtime.zero.stage_1_and_2 import estimate_zero2_model_states_mem_needs

    folder = untrained("gpt2", tiny_tokenizer, tmp_path, **SHAPES["gpt2"])
    name = "zero2_offload_12gb" if offload else "zero2_any_device"
    gpus = target(on_gpu=True, half=True, processes=2)
    estimate = estimate_of(folder, gpus, ds_config=f"DS_configs/{name}.json")
    need = estimate.need()
    states = sum(need.device.get(item, 0) for item in ("weights", "gradients", "optimizer"))
    _, theirs = estimate_zero2_model_states_mem_needs(
        estimate.parameters[0], num_gpus_per_node=2, cpu_offload=offload
    )
    assert states == pytest.approx(theirs, rel=0.01)
    # Theirs is half as much again, against fragments.
    cpu, _ = estimate_zero2_model_states_mem_needs(
        estimate.parameters[0], num_gpus_per_node=2, cpu_offload=offload, additional_buffer_factor=1
    )
    if offload:
        ours = need.host["optimizer"] + need.host["new weights"]
        assert ours == pytest.approx(cpu * 18 / 16, rel=0.01)
        more = estimate_of(
            folder, gpus, ds_config=f"DS_configs/{name}.json", gradient_accumulation_steps=2
        ).need()
        assert more.host["gradients"] == 2 * estimate.parameters[0]


def test_zero_3_keeps_its_weights_elsewhere(tiny_tokenizer, tmp_path):
    folder = untrained("gpt2", tiny_tokenizer, tmp_path, **SHAPES["gpt2"])
    gpus = target(on_gpu=True, half=True, processes=2)
    parted = estimate_of(folder, gpus, ds_config="DS_configs/zero3_several_gpus.json")
    assert parted.need().device["weights"] == parted.parameters[0]  # 2 bytes each, on 2 GPUs
    away = estimate_of(folder, gpus, ds_config="DS_configs/zero3_offload_12gb.json").need()
    assert "weights" not in away.device
    assert away.host["weights"] == 2 * parted.parameters[0]
    assert away.host["gradients"] == 2 * parted.parameters[0]
    assert away.host["optimizer"] == 16 * parted.parameters[0]


def test_32_bits_need_no_second_copy_of_the_weights(tiny_tokenizer, tmp_path):
    folder = untrained("gpt2", tiny_tokenizer, tmp_path, **SHAPES["gpt2"])
    stages = {}
    for stage in (0, 2, 3):
        zero = {"stage": stage, "stage3_gather_16bit_weights_on_model_save": True}
        file = tmp_path / f"{stage}.json"
        file.write_text(json.dumps({"zero_optimization": zero}))
        estimate = estimate_of(folder, target(on_gpu=True), ds_config=str(file))
        stages[stage] = estimate.need().device["optimizer"] / estimate.parameters[0]
    assert stages == {0: 8, 2: 16, 3: 12}


def test_disk_of_adapters(tiny_tokenizer, tmp_path):
    shape = SHAPES["llama"] | {"vocab_size": len(tiny_tokenizer) - 5}  # it grows at loading
    folder = untrained("llama", tiny_tokenizer, tmp_path, **shape)
    estimate = estimate_of(folder, lora_rank=4, save_total_limit=None)
    estimate.nlp.model.save_pretrained(tmp_path / "adapters")
    saved = (tmp_path / "adapters/adapter_model.safetensors").stat().st_size
    moments = 8 * estimate.parameters[1]
    assert estimate.need().disk["each checkpoint"] == pytest.approx(saved + moments, rel=0.02)


def test_advice_is_the_largest_that_fits(tiny_tokenizer, tmp_path):
    folder = untrained("gpt2", tiny_tokenizer, tmp_path, **SHAPES["gpt2"])
    gpu = target(on_gpu=True, half=True, memory=0)
    need = estimate_of(folder, gpu, micro_batch_size=8).need()
    gpu = target(on_gpu=True, half=True, memory=0.999 * sum(need.device.values()))
    estimate = estimate_of(folder, gpu, micro_batch_size=8)
    assert not estimate.fits()
    advice = estimate.advice()
    assert advice.rows == 7
    assert estimate.fits(length=advice.length)
    assert not estimate.fits(length=advice.length + 1)
    assert advice.length < estimate.length < advice.length_of_one
    settings, needs = zip(*advice.remedies, strict=True)
    assert list(needs) == sorted(needs)
    assert needs[-1] < sum(need.device.values())
    assert "gradient_checkpointing=true" in settings


def test_no_batch_fits_a_device_that_is_too_small(tiny_tokenizer, tmp_path):
    folder = untrained("gpt2", tiny_tokenizer, tmp_path, **SHAPES["gpt2"])
    advice = estimate_of(folder, target(on_gpu=True, half=True, memory=1e6)).advice()
    assert (advice.rows, advice.length, advice.length_of_one) == (None, None, None)


def test_targets(monkeypatch, tmp_path):
    config = TrainConfig()
    monkeypatch.setattr("jobgen.memory._CONTAINER_LIMITS", [str(tmp_path / "limit")])
    gpu = find_target(config, 12)
    assert (gpu.memory, gpu.on_gpu, gpu.half) == (12 * 2**30, True, True)
    assert not find_target(TrainConfig(half_precision=False), 12).half
    if not torch.cuda.is_available():
        monkeypatch.setenv("WORLD_SIZE", "2")
        here = find_target(config, None)
        assert not here.on_gpu
        assert here.memory == psutil.virtual_memory().total / 2
        (tmp_path / "limit").write_text("max\n")
        assert find_target(config, None) == here
        (tmp_path / "limit").write_text("1000000\n")
        assert find_target(config, None).memory == 500_000


def test_the_script_prints_an_estimate_and_exits_with_3(train, tmp_path):
    fits = train("x", "--estimate", "--vram", "12")
    assert fits.returncode == 0, fits.stderr
    assert re.search(r"fits: 2 postings of up to \d+ tokens need \d\.\d+ of 12\.00 GB", fits.stdout)
    for item in ("weights", "gradients", "optimizer", "activations", "logits", "buckets", "disk"):
        assert item in fits.stdout
    assert "optimizer steps" in fits.stdout
    assert not (tmp_path / "x").exists()
    small = train("x", "--estimate", "--vram", "0.5")
    assert small.returncode == 3, small.stderr
    assert "does not fit: 2 postings" in small.stdout
    assert "largest micro_batch_size with postings of" in small.stdout
    assert train("x", "--estimate").returncode == 0
    wrong = train("x", "--estimate", "--vram", "much")
    assert wrong.returncode == 2
    assert "much: expected gigabytes" in wrong.stderr
    alone = train("x", "--vram", "12")
    assert alone.returncode == 2
    assert "--vram: belongs to --estimate" in alone.stderr
    both = train("x", "--estimate", "--vram", "0.5", launcher=launcher("--num_accelerators", "2"))
    assert both.returncode != 0
    assert both.stdout.count("with micro_batch_size=1:") == 1


# Architecture, shape, half precision, DeepSpeed file.
MEASURED = {
    "gpt2": ("gpt2", {"n_embd": 512, "n_layer": 8, "n_head": 8}, True, None),
    "gpt_neo": (
        "gpt_neo",
        {
            **{"hidden_size": 768, "num_layers": 6, "num_heads": 12},
            "attention_types": [[["global", "local"], 3]],
        },
        False,
        None,
    ),
    "llama": (
        "llama",
        {
            **{"hidden_size": 1024, "num_hidden_layers": 12, "num_attention_heads": 16},
            **{"num_key_value_heads": 8, "intermediate_size": 2816, "tie_word_embeddings": True},
        },
        True,
        "DS_configs/zero2_any_device.json",
    ),
}


@pytest.mark.slow
@pytest.mark.skipif(torch.cuda.is_available(), reason="measures trainings on a CPU")
@pytest.mark.parametrize("model", MEASURED)
def test_memory_of_a_training(tiny_tokenizer, tmp_path, model):
    """The kernel's figure of the largest memory that the process had."""
    architecture, shape, half, ds_config = MEASURED[model]
    folder = untrained(architecture, tiny_tokenizer, tmp_path / "model", vocab_size=30_000, **shape)
    rows = tmp_path / "train_1_1000.pkl"
    # Of many lengths: blocks of different sizes leave holes, step after step.
    pd.concat([table(words, rows=2) for words in range(40, 151, 10)]).to_pickle(rows)
    config = {
        **{"train": str(rows), "output_dir": str(tmp_path / "run"), "model": str(folder)},
        **{"max_len": 1000, "micro_batch_size": 2, "epochs": 2, "report_to": []},
        **{"half_precision": half, "ds_config": ds_config},
    }
    (tmp_path / "x.json").write_text(json.dumps(config))
    command = [sys.executable, "cli_training.py", "-cfg", str(tmp_path / "x.json")]
    process = subprocess.Popen(command, cwd=ROOT, stdout=subprocess.DEVNULL)
    peak = 0
    while process.poll() is None:
        status = Path(f"/proc/{process.pid}/status").read_text()
        if found := re.search(r"VmHWM:\s*(\d+) kB", status):  # absent once it has ended
            peak = 1024 * int(found[1])
        time.sleep(0.05)
    assert process.returncode == 0
    nlp = NLP_model({name: value for name, value in config.items() if name != "train"})
    where = find_target(nlp.config, None)
    need = Estimate(nlp, nlp.training_set(pd.read_pickle(rows)), where).need().device
    print(model, peak / 1e6, {k: round(v / 1e6) for k, v in need.items()})
    assert sum(need.values()) == pytest.approx(peak, rel=0.15)
