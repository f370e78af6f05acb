"""The estimate agrees with what trainings take, and says what would fit."""

import contextlib
import json
import math
import re
import shutil
import subprocess
import sys
import time

import pandas as pd
import psutil
import pytest
import torch
from conftest import ROOT, launcher
from transformers import AutoConfig, AutoModelForCausalLM

from jobgen.common.config import TrainConfig
from jobgen.common.errors import InputError
from jobgen.models.loading import computes_bfloat16
from jobgen.training.checkpoints import latest_valid_checkpoint
from jobgen.training.memory import (
    Estimate,
    LargestBatches,
    Target,
    find_remedies,
    find_target,
    largest_batches,
    longest_posting_on_gpu,
)
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
    about = {"name": "x", "device": 2**34, "host": 2**34, "disk": 2**40, "on_gpu": False}
    about |= {"half": False, "processes": 1, "local_processes": values.get("processes", 1)}
    return Target(**about | values)


def estimate_of(folder, where=None, words=60, **config) -> Estimate:
    nlp = NLP_model(TrainConfig(model=str(folder), max_length=1000, **config))
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


@pytest.mark.parametrize("architecture", ["gpt2", "llama"])
def test_the_check_of_the_export_takes_what_is_free(tiny_tokenizer, tmp_path, architecture):
    """Activations are given back where there is dropout in the attention, otherwise they stay."""
    folder = untrained(architecture, tiny_tokenizer, tmp_path, **SHAPES[architecture])
    estimate = estimate_of(folder)
    few, many = (estimate.need(rows=rows).device for rows in (1, 4))
    more = sum(many[item] - few[item] for item in ("activations", "logits"))
    assert more > 0
    item = "check of the exported model"
    assert few[item] - many[item] == pytest.approx(more if architecture == "gpt2" else 0)
    whole = few[item]
    if architecture == "gpt2":
        whole += sum(few[item] for item in ("gradients", "activations", "logits"))
    assert whole == pytest.approx(4 * estimate.parameters[0] + few["process"])


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


def test_states_of_8_bits(tiny_tokenizer, tmp_path):
    """Counted after a step; in bf16 where the hardware computes it."""
    folder = untrained("gpt2", tiny_tokenizer, tmp_path / "model", **SHAPES["gpt2"])
    settings = {"optimizer": "adamw_8bit", "max_steps": 1}
    settings |= {"output_dir": str(tmp_path / "run"), "report_to": []}
    is_half = computes_bfloat16(torch.device("cpu"))
    estimate = estimate_of(folder, target(half=is_half), **settings)
    nlp = NLP_model(estimate.config)
    nlp.train(table(60))

    def size(tensor) -> int:
        parts = [tensor.codes, tensor.scale] if hasattr(tensor, "codes") else [tensor]
        return sum(part.nbytes for part in parts)

    states = nlp.trainer.optimizer.optimizer.state.values()
    moments = sum(size(state[name]) for state in states for name in ("exp_avg", "exp_avg_sq"))
    need = estimate.need().device
    assert need["optimizer"] == pytest.approx(moments, rel=0.02)
    weights = sum(weight.nbytes for weight in nlp.model.parameters())
    assert need["weights"] == need["gradients"] == weights
    within = settings | {"optimizer": "adamw_8bit_in_backward", "max_grad_norm": 0}
    within = estimate_of(folder, target(half=is_half), **within).need()
    assert within.device["gradients"] == max(weight.nbytes for weight in nlp.model.parameters())
    newest, files = latest_valid_checkpoint(tmp_path / "run"), ("model.safetensors", "optimizer.pt")
    written = sum((newest / name).stat().st_size for name in files)
    (checkpoints,) = (size for item, size in within.disk.items() if "checkpoints" in item)
    assert checkpoints == pytest.approx(written, rel=0.05)


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
    estimate = estimate_of(folder, lora_rank=4, max_steps=1)
    estimate.nlp.model.save_pretrained(tmp_path / "adapters")
    saved = (tmp_path / "adapters/adapter_model.safetensors").stat().st_size
    expected = saved + 8 * estimate.parameters[1]  # and the moments
    assert estimate.need().disk["checkpoints, 1 at a time"] == pytest.approx(expected, rel=0.02)


def test_checkpoints_that_are_there_at_the_same_time(tiny_tokenizer, tmp_path):
    """As `rotate` keeps them; an epoch has two steps."""
    folder = untrained("gpt2", tiny_tokenizer, tmp_path, **SHAPES["gpt2"])
    for number, settings in (
        (2, {}),  # after each of two epochs
        (3, {"max_steps": 9, "save_total_limit": 1}),  # the best, the newest, one being written
        (2, {"max_steps": 9, "save_total_limit": 1, "test": None}),
        (4, {"max_steps": 9, "save_total_limit": 3}),
        (5, {"max_steps": 9, "save_total_limit": None}),  # of the steps 2, 4, 6, 8, 9
        (6, {"max_steps": 9, "save_total_limit": None, "eval_steps": 5}),
        (5, {"max_steps": 9, "save_total_limit": None, "eval_steps": 5, "keep_best": False}),
    ):
        assert estimate_of(folder, **{"test": "x"} | settings)._checkpoints() == number
    with pytest.raises(InputError, match=r"save_total_limit = 0 .* whole number or null >= 1"):
        NLP_model({"save_total_limit": 0})


def test_the_largest_that_fits(tiny_tokenizer, tmp_path):
    folder = untrained("gpt2", tiny_tokenizer, tmp_path, **SHAPES["gpt2"])
    need = estimate_of(folder, target(on_gpu=True, half=True), micro_batch_size=8).need()
    gpu = target(on_gpu=True, half=True, device=0.999 * need.total("device"))
    estimate = estimate_of(folder, gpu, micro_batch_size=8)
    assert not estimate.fits()
    largest = largest_batches(estimate)
    assert largest.rows == 7
    assert estimate.fits(length=largest.length)
    assert not estimate.fits(length=largest.length + 1)
    assert largest.length < estimate.length < largest.length_of_one
    settings, needs = zip(*find_remedies(estimate), strict=True)
    assert max(other.total("device") for other in needs) < need.total("device")
    assert "--set gradient_checkpointing=true" in settings


def test_the_longest_posting_before_there_are_tables(tiny_tokenizer, tmp_path):
    folder = untrained("gpt2", tiny_tokenizer, tmp_path, **SHAPES["gpt2"])
    nlp = NLP_model({"model": str(folder), "max_length": 64, "micro_batch_size": 8})
    assert longest_posting_on_gpu(nlp, vram=100) == nlp.limit
    assert longest_posting_on_gpu(nlp, vram=0.5) is None  # less than a process takes
    sizes = [0.85, 0.87, 0.9]
    lengths = [longest_posting_on_gpu(nlp, vram) for vram in sizes]
    assert lengths == sorted(lengths)
    assert 8 <= lengths[0] < lengths[-1] <= nlp.limit


def test_what_the_host_lacks_is_no_remedy(tiny_tokenizer, tmp_path, monkeypatch):
    """Offload would fit into the GPU, but not beside it."""
    monkeypatch.setattr(Estimate, "_process", 6e8)  # this one has grown with the tests before
    shape = {"n_embd": 2048, "n_head": 16, "n_layer": 2, "vocab_size": len(tiny_tokenizer)}
    AutoConfig.for_model("gpt2", **shape).save_pretrained(tmp_path)  # of 104 million weights
    tiny_tokenizer.save_pretrained(tmp_path)
    offload, gpu = "DS_configs/zero2_offload_12gb.json", target(on_gpu=True, half=True)
    plain = estimate_of(tmp_path, gpu).need()
    moved = estimate_of(tmp_path, gpu, ds_config=offload).need()
    assert moved.total("device") < 0.9 * plain.total("device")
    assert moved.host["checkpoint while it is read"] == 6 * moved.device["weights"]  # 12 bytes each
    assert plain.host["check of the exported model"] > plain.device["weights"]
    values = {"device": 0.999 * plain.total("device"), "host": 0.999 * moved.total("host")}
    small = target(on_gpu=True, half=True, **values)
    remedies = dict(find_remedies(estimate_of(tmp_path, small)))
    assert remedies[f"--set ds_config={offload}"].shortfalls(small) == ["host"]
    assert not remedies["--set gradient_checkpointing=true"].shortfalls(small)
    short = estimate_of(tmp_path, small, ds_config=offload)
    assert not short.fits()
    assert largest_batches(short) == LargestBatches(None, None, None)
    assert not dict(find_remedies(short))["--set lora_rank=16"].shortfalls(small)


def test_a_disk_that_is_too_small(tiny_tokenizer, tmp_path):
    folder = untrained("gpt2", tiny_tokenizer, tmp_path, **SHAPES["gpt2"])
    settings = {"max_steps": 9, "save_total_limit": 3}
    need = estimate_of(folder, **settings).need()
    estimate = estimate_of(folder, target(disk=0.999 * need.total("disk")), **settings)
    assert need.shortfalls(estimate.target) == ["disk"]
    assert not estimate.fits()
    assert not dict(find_remedies(estimate))["--set save_total_limit=1"].shortfalls(estimate.target)


def test_no_batch_fits_a_device_that_is_too_small(tiny_tokenizer, tmp_path):
    folder = untrained("gpt2", tiny_tokenizer, tmp_path, **SHAPES["gpt2"])
    estimate = estimate_of(folder, target(on_gpu=True, half=True, device=1e6))
    assert largest_batches(estimate) == LargestBatches(None, None, None)


def test_targets(monkeypatch, tmp_path):
    config = TrainConfig(output_dir=str(tmp_path / "new/run"))
    monkeypatch.setattr(
        "jobgen.training.memory.target._CONTAINER_LIMITS", [str(tmp_path / "limit")]
    )
    gpu = find_target(config, 12, None)
    assert (gpu.device, gpu.on_gpu, gpu.half) == (12 * 2**30, True, True)
    assert gpu.host == psutil.virtual_memory().total
    assert gpu.disk == pytest.approx(shutil.disk_usage(tmp_path).free, rel=0.05)
    assert not find_target(TrainConfig(half_precision=False), 12, None).half
    elsewhere = find_target(config, 12, 64)
    assert (elsewhere.host, elsewhere.disk) == (64 * 2**30, math.inf)
    (tmp_path / "new/run").mkdir(parents=True)
    with (tmp_path / "new/run/old").open("wb") as old:
        old.truncate(2**40)
    assert find_target(config, 12, None).disk > 2**40  # a new run takes its place
    if not torch.cuda.is_available():
        monkeypatch.setenv("WORLD_SIZE", "4")
        monkeypatch.setenv("LOCAL_SIZE", "2")  # on each of two nodes
        here = find_target(config, None, None)
        assert (here.on_gpu, here.processes) == (False, 4)
        assert here.device == psutil.virtual_memory().total / 2
        (tmp_path / "limit").write_text("max\n")
        assert find_target(config, None, None).device == here.device
        (tmp_path / "limit").write_text("1000000\n")
        assert find_target(config, None, None).device == 500_000
        assert find_target(config, None, 64).device == 32 * 2**30


def test_the_script_prints_an_estimate_and_exits_with_3(train, tmp_path):
    fits = train("x", "--estimate", "--vram", "12")
    assert fits.returncode == 0, fits.stderr
    assert re.search(r"^fits: 2 postings of up to \d+ tokens$", fits.stdout, re.MULTILINE)
    assert re.search(r"memory of a GPU of 12 GiB +│ \d\.\d\d +│ 12\.00", fits.stdout)
    for item in ("weights", "gradients", "optimizer", "activations", "logits", "buckets", "disk"):
        assert item in fits.stdout
    assert "optimizer steps" in fits.stdout
    assert not (tmp_path / "x").exists()
    small = train("x", "--estimate", "--vram", "0.5", "--ram", "0.1")
    assert small.returncode == 3, small.stderr
    verdict = re.search("^does not fit: .*$", small.stdout, re.MULTILINE)[0]
    assert re.search(
        r": memory of a GPU of 0\.5 GiB: \d\.\d\d GiB needed, 0\.50 GiB available", verdict
    )
    assert re.search(r"; memory beside it: \d\.\d\d GiB needed, 0\.10 GiB available$", verdict)
    assert re.search(r"│ disk +│ 0\.\d\d +│ not known", small.stdout)
    assert "largest micro_batch_size with postings of" in small.stdout
    assert "too much for memory of a GPU of 0.5 GiB and memory beside it" in small.stdout
    assert train("x", "--estimate").returncode == 0
    wrong = train("x", "--estimate", "--vram", "much")
    assert wrong.returncode == 2
    assert "much: expected GiB" in wrong.stderr
    for flag in ("--vram", "--ram"):
        alone = train("x", flag, "12")
        assert alone.returncode == 2
        assert f"{flag}: belongs to --estimate" in alone.stderr
    both = train("x", "--estimate", "--vram", "0.5", launcher=launcher("--num_accelerators", "2"))
    assert both.returncode != 0
    assert both.stdout.count("with micro_batch_size=1:") == 1


# Architecture, shape, settings.
MEASURED = {
    "gpt2": ("gpt2", {"n_embd": 512, "n_layer": 8, "n_head": 8}, {}),
    "gpt2, 8 bits": (
        "gpt2",
        {"n_embd": 768, "n_layer": 12, "n_head": 12},
        {"optimizer": "adamw_8bit"},
    ),
    "gpt_neo": (
        "gpt_neo",
        {
            **{"hidden_size": 768, "num_layers": 6, "num_heads": 12},
            "attention_types": [[["global", "local"], 3]],
        },
        {"half_precision": False},
    ),
    "llama": (
        "llama",
        {
            **{"hidden_size": 1024, "num_hidden_layers": 12, "num_attention_heads": 16},
            **{"num_key_value_heads": 8, "intermediate_size": 2816, "tie_word_embeddings": True},
        },
        {"ds_config": "DS_configs/zero2_any_device.json"},
    ),
}


@pytest.mark.slow
@pytest.mark.skipif(torch.cuda.is_available(), reason="measures trainings on a CPU")
@pytest.mark.parametrize("model", MEASURED)
def test_memory_of_a_training(tiny_tokenizer, tmp_path, model):
    """The largest that it had, with the process that checks the exported model."""
    architecture, shape, settings = MEASURED[model]
    folder = untrained(architecture, tiny_tokenizer, tmp_path / "model", vocab_size=30_000, **shape)
    rows = tmp_path / "train_1_1000.pkl"
    # Of many lengths: blocks of different sizes leave holes, step after step.
    pd.concat([table(words, rows=2) for words in range(40, 151, 10)]).to_pickle(rows)
    config = {
        **{"train": str(rows), "output_dir": str(tmp_path / "run"), "model": str(folder)},
        **{"max_length": 1000, "micro_batch_size": 2, "epochs": 2, "report_to": []},
    } | settings
    (tmp_path / "x.json").write_text(json.dumps(config))
    command = [sys.executable, "cli_training.py", "-cfg", str(tmp_path / "x.json")]
    process = subprocess.Popen(command, cwd=ROOT, stdout=subprocess.DEVNULL)
    peak = 0
    while process.poll() is None:
        with contextlib.suppress(psutil.Error):  # one of them has just ended
            own = psutil.Process(process.pid)
            # At its start a child runs in its parent's memory for a moment (vfork).
            grown = time.time() - 0.5
            others = [part for part in own.children(recursive=True) if part.create_time() < grown]
            others = [part.memory_full_info().uss for part in others]
            peak = max(peak, own.memory_info().rss + sum(others))
        time.sleep(0.05)
    assert process.returncode == 0
    nlp = NLP_model({name: value for name, value in config.items() if name != "train"})
    where = find_target(nlp.config, None, None)
    need = Estimate(nlp, nlp.training_set(pd.read_pickle(rows)), where).need().device
    print(model, peak / 1e6, {k: round(v / 1e6) for k, v in need.items()})
    assert sum(need.values()) == pytest.approx(peak, rel=0.15)
