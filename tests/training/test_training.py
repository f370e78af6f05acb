"""Training through the Trainer and the real DeepSpeed engine, also under its launcher."""

import json
import math
import os
import re
import shutil
import signal
import socket
import subprocess
import sys
import time
from pathlib import Path

import pytest
import torch
from conftest import (
    ORIGINAL,
    ROOT,
    ZERO_2,
    assert_same,
    free_port,
    launcher,
    metrics,
    needs_original,
    postings,
    run_script,
    weights,
)
from safetensors.torch import load_file

from jobgen.common.config import TrainConfig
from jobgen.common.errors import InputError
from jobgen.generation.posting import POSTING_COLUMNS
from jobgen.models.loading import computes_bfloat16

# Without a warm-up, so that a gradient that is wrong shows in the losses of the next steps.
LARGE_STEPS = {"max_steps": 4, "warmup_steps": 0, "lr": 1e-2}


def assert_learnt_alike(run: Path, expected: Path, tolerance: float = 1e-4) -> None:
    """The same losses and gradients, step by step, of a training that has learnt far more."""
    found, wanted = (
        [
            [line[key] for line in metrics(folder) if key in line]
            for key in ("loss", "eval_loss", "grad_norm")
        ]
        for folder in (run, expected)
    )
    assert len(wanted[0]) == LARGE_STEPS["max_steps"]
    assert wanted[0][0] - wanted[0][-1] > 50 * tolerance
    for ours, theirs in zip(found, wanted, strict=True):
        assert ours == pytest.approx(theirs, abs=tolerance)


def test_run_resume_and_the_refusal_to_overwrite(train, tmp_path):
    whole = train("whole", launcher=launcher(), save_steps=5, save_total_limit=None)
    assert whole.returncode == 0, whole.stderr[-3000:]
    run = tmp_path / "whole"
    assert sorted(path.name for path in run.iterdir()) == [
        *(".lock", "checkpoints", "config.json", "loss.png", "metrics.jsonl", "run.json"),
        *("tensorboard", "trained_model"),
    ]
    assert list((run / "tensorboard").rglob("events.*"))
    lines = metrics(run)
    assert [line["step"] for line in lines if "loss" in line] == list(range(1, 22))
    held_out = [line["eval_nats_per_byte"] for line in lines if "eval_nats_per_byte" in line]
    assert held_out[-1] < held_out[0]
    record = json.loads((run / "run.json").read_text())
    assert record["rows"]["train"] == {"kept": 14, "dropped_too_long": 0}
    assert record["decides"]["ds_config"]["zero_optimization"]["stage"] == 2

    # Stopped in the middle of the second epoch and resumed: the same weights, bit for bit, so the
    # same rows in the same order with the same keywords.
    steady = {"save_steps": 5, "lr_schedule": "constant_with_warmup"}
    assert train("half", max_steps=10, **steady).returncode == 0
    full = train("full", max_steps=21, **steady)
    assert full.returncode == 0, full.stderr[-3000:]
    resumed = train("half", "--resume", max_steps=21, **steady)
    assert resumed.returncode == 0, resumed.stderr[-3000:]
    assert_same(weights(tmp_path / "half"), weights(tmp_path / "full"))
    # The log too: the figure before training is kept, and no step stands there twice.
    half, full = (metrics(tmp_path / name) for name in ("half", "full"))
    assert half[0]["step"] == 0
    assert half[0]["eval_loss"] == full[0]["eval_loss"]
    assert [line["step"] for line in half if "loss" in line] == list(range(1, 22))
    record = json.loads((tmp_path / "half" / "trained_model" / "training.json").read_text())
    assert record["held_out"]["before"]["step"] == 0

    again = train("half")
    assert again.returncode == 2
    assert "holds a finished run; start over with --overwrite" in again.stderr
    fresh = train("half", "--overwrite", max_steps=2)
    assert fresh.returncode == 0
    assert max(line["step"] for line in metrics(tmp_path / "half")) == 2


def test_a_port_in_use(train):
    with socket.socket() as other:
        other.bind(("127.0.0.1", 0))
        other.listen()
        port = str(other.getsockname()[1])
        run = train("busy", launcher=(*launcher()[:1], "--master_port", port))
    assert run.returncode == 2
    assert f"port {port} cannot be used" in run.stderr
    assert "Traceback" not in run.stderr


def test_resume_without_a_checkpoint(train, tmp_path):
    run = train("new", "--resume")
    assert run.returncode == 2
    assert "holds no run to resume" in run.stderr
    assert not (tmp_path / "new").exists()
    assert "Traceback" not in run.stderr


def test_dry_run_writes_nothing(train, tmp_path):
    run = train("dry", "--dry-run", epochs=3)
    assert run.returncode == 0, run.stderr
    assert not (tmp_path / "dry").exists()
    assert re.search(r"optimizer steps +│ 21 ", run.stdout)
    assert run.stdout.count("<|BOS|>") == 3
    assert "row 3" in run.stdout


def test_max_len_beyond_the_positions(train, tmp_path):
    run = train("long", max_length=129)
    assert run.returncode == 2
    assert "max_length: 129 given" in run.stderr
    assert "has 128 positions" in run.stderr
    assert not (tmp_path / "long").exists()


def test_export_loads_without_our_code(train, tmp_path):
    from transformers import AutoModelForCausalLM, AutoTokenizer, GenerationConfig

    assert train("x", max_steps=2, unfreeze_last_n=1).returncode == 0
    folder = tmp_path / "x" / "trained_model"
    tokenizer = AutoTokenizer.from_pretrained(folder)
    model = AutoModelForCausalLM.from_pretrained(folder)
    assert model.get_input_embeddings().num_embeddings == len(tokenizer)
    trained = load_file(tmp_path / "x/checkpoints/checkpoint-2/model.safetensors")
    assert len(trained["transformer.wte.weight"]) == math.ceil(len(tokenizer) / 64) * 64
    assert GenerationConfig.from_pretrained(folder).eos_token_id == tokenizer.eos_token_id
    assert tokenizer.eos_token == "<|EOS|>"
    card = (folder / "README.md").read_text()
    assert "fine-tuned on 14 job postings" in card
    record = json.loads((folder / "training.json").read_text())
    assert record["configuration"]["unfreeze_last_n"] == 1
    assert record["held_out"]["after"]["eval_nats_per_byte"] > 0


def test_frozen_blocks_stay_as_they_were(tiny_model, train, tmp_path):
    assert train("frozen", max_steps=2, unfreeze_last_n=1).returncode == 0
    before, after = load_file(tiny_model / "model.safetensors"), weights(tmp_path / "frozen")
    same = {name for name in after if name in before and torch.equal(before[name], after[name])}
    assert {name for name in after if ".h.0." in name} <= same
    assert not {name for name in after if ".h.1." in name and name.endswith("weight")} & same


def test_without_deepspeed_the_result_is_the_same(train, tmp_path):
    assert train("with", max_steps=4).returncode == 0
    assert train("without", max_steps=4, ds_config=None).returncode == 0
    first, second = weights(tmp_path / "with"), weights(tmp_path / "without")
    distance = max(float((first[name] - second[name]).abs().max()) for name in first)
    assert distance < 1e-5


@pytest.mark.parametrize("lora_rank", [None, pytest.param(2, marks=pytest.mark.slow)])
def test_8_bits_up_to_the_exported_model(train, tmp_path, lora_rank):
    """In bf16 where the hardware computes that; also with adapters, which stay in float32."""
    values = {"optimizer": "adamw_8bit", "ds_config": None, "half_precision": True, "max_steps": 6}
    values |= {"lr": 1e-2, "lora_rank": lora_rank}
    run = train("run", **values)
    assert run.returncode == 0, run.stderr[-3000:]
    held_out = [line["eval_loss"] for line in metrics(tmp_path / "run") if "eval_loss" in line]
    assert held_out[-1] < held_out[0]
    in_16_bits = computes_bfloat16(torch.device("cpu"))
    assert {weight.dtype for weight in weights(tmp_path / "run").values()} == {
        torch.bfloat16 if in_16_bits else torch.float32
    }
    other = train("run", "--resume", **values | {"optimizer": "adamw", "max_steps": 8})
    assert other.returncode == 2
    assert "optimizer: 'adamw_8bit' before, 'adamw' now" in other.stderr


@pytest.mark.parametrize("stage", [2, 3])
def test_two_processes_do_the_work_of_one(train, no_dropout, tmp_path, stage):
    """Half the batch on each of two processes: the losses of one process with the whole batch."""
    zero = {"stage": stage}
    if stage == 3:
        zero["stage3_gather_16bit_weights_on_model_save"] = True
    content = json.loads(Path(ZERO_2).read_text()) | {"zero_optimization": zero}
    (tmp_path / "ds.json").write_text(json.dumps(content))
    settings = LARGE_STEPS | {"model": str(no_dropout), "ds_config": str(tmp_path / "ds.json")}
    two = launcher("--num_accelerators", "2")
    run = train("two", launcher=two, micro_batch_size=1, **settings)
    assert run.returncode == 0, run.stderr[-3000:]
    assert run.stdout.count("postings per step") == 1
    assert train("one", micro_batch_size=2, **settings).returncode == 0
    assert_learnt_alike(tmp_path / "two", tmp_path / "one")
    assert min(tensor.numel() for tensor in weights(tmp_path / "two").values()) > 0


@pytest.mark.skipif(not Path("/dev/shm").is_dir(), reason="Linux keeps shared memory there")
def test_two_killed_processes_leave_no_shared_memory(train, tmp_path):
    before = set(Path("/dev/shm").glob("deepspeed_*"))
    assert train("run", "--dry-run", max_steps=1000).returncode == 0  # writes its configuration
    two = launcher("--num_accelerators", "2")
    command = [*two, "cli_training.py", "-cfg", str(tmp_path / "run.json")]
    both = subprocess.Popen(command, cwd=ROOT, start_new_session=True, stdout=subprocess.DEVNULL)
    log = tmp_path / "run/metrics.jsonl"
    while both.poll() is None and not (log.is_file() and '"loss"' in log.read_text()):
        time.sleep(0.1)
    assert both.poll() is None
    os.killpg(both.pid, signal.SIGKILL)
    both.wait()
    assert set(Path("/dev/shm").glob("deepspeed_*")) <= before


def test_each_deepspeed_file_trains_as_without_it(train, no_dropout, tmp_path):
    paths = sorted((ROOT / "DS_configs").rglob("*.json"))
    assert paths
    for path in [None, *paths]:
        name = path.stem if path else "without"
        settings = {"model": str(no_dropout), "ds_config": path and str(path)}
        run = train(name, **LARGE_STEPS | settings)
        assert run.returncode == 0, name + run.stderr[-3000:]
        assert_learnt_alike(tmp_path / name, tmp_path / "without")
        assert min(tensor.numel() for tensor in weights(tmp_path / name).values()) > 0


@pytest.mark.skipif(not computes_bfloat16(torch.device("cpu")), reason="the CPU has no bfloat16")
def test_bfloat16_under_deepspeed_trains_as_without_it(train, no_dropout, tmp_path):
    for name, ds_config in (("without", None), ("with", ZERO_2)):
        settings = {"model": str(no_dropout), "ds_config": ds_config, "half_precision": True}
        run = train(name, **LARGE_STEPS | settings)
        assert run.returncode == 0, run.stderr[-3000:]
    # Weights that are rounded to 8 bits, and not only their products.
    assert_learnt_alike(tmp_path / "with", tmp_path / "without", tolerance=2**-8)


@pytest.mark.slow
def test_compiled_trains_alike(train, no_dropout, tmp_path):
    for name in ("plain", "compiled"):
        settings = {"model": str(no_dropout), "ds_config": None}
        run = train(name, torch_compile=name == "compiled", **LARGE_STEPS | settings)
        assert run.returncode == 0, run.stderr[-3000:]
    assert_learnt_alike(tmp_path / "compiled", tmp_path / "plain")
    assert weights(tmp_path / "compiled").keys() == weights(tmp_path / "plain").keys()


def test_two_nodes(train, no_dropout, tmp_path):
    """Two launchers, each started by hand on its node, without ssh between them."""
    (tmp_path / "hostfile").write_text("first slots=1\nsecond slots=1\n")
    settings = LARGE_STEPS | {"model": str(no_dropout)}
    assert train("one", micro_batch_size=2, **settings).returncode == 0
    train("two", "--dry-run", micro_batch_size=1, **settings)  # writes its configuration
    both = [
        *(launcher()[0], "--hostfile", str(tmp_path / "hostfile"), "--no_ssh"),
        *("--master_addr", "127.0.0.1", "--master_port", free_port()),
    ]
    script = ["cli_training.py", "-cfg", str(tmp_path / "two.json")]
    pipes = {"stdout": subprocess.PIPE, "stderr": subprocess.STDOUT, "text": True}
    nodes = [
        subprocess.Popen([*both, "--node_rank", str(rank), *script], cwd=ROOT, **pipes)
        for rank in range(2)
    ]
    said = [node.communicate(timeout=300)[0] for node in nodes]
    assert [node.returncode for node in nodes] == [0, 0], "\n".join(said)[-5000:]
    assert_learnt_alike(tmp_path / "two", tmp_path / "one")


def test_lora_is_merged_at_the_end(tiny_model, train, tmp_path):
    values = {"lora_rank": 2, "save_steps": 4, "save_total_limit": None, "max_steps": 8}
    run = train("lora", **values, lr=1e-2)
    assert run.returncode == 0, run.stderr[-3000:]
    before, after = load_file(tiny_model / "model.safetensors"), weights(tmp_path / "lora")
    assert before.keys() == after.keys()
    embedding = "transformer.wte.weight"
    n = len(before[embedding])
    assert torch.equal(after[embedding][:n], before[embedding])  # of the added tokens alone
    changed = {name for name in after if not torch.equal(after[name], before[name])}
    assert changed == {embedding} | {
        f"transformer.h.{block}.{part}.weight"
        for block in range(2)
        for part in ("attn.c_attn", "attn.c_proj", "mlp.c_fc", "mlp.c_proj")
    }
    held_out = [line["eval_loss"] for line in metrics(tmp_path / "lora") if "eval_loss" in line]
    assert held_out[-1] < held_out[0]
    adapter = tmp_path / "lora/checkpoints/checkpoint-4/adapter_model.safetensors"
    assert adapter.is_file()
    (tmp_path / "lora/trained_model/training.json").unlink()
    shutil.rmtree(tmp_path / "lora/checkpoints/checkpoint-8")
    again = train("lora", **values, lr=1e-2)
    assert again.returncode == 0, again.stderr[-3000:]
    assert_same(weights(tmp_path / "lora"), after)

    refused = train("x", lora_rank=2, unfreeze_last_n=1)
    assert refused.returncode == 2
    assert "lora_rank: does not go with unfreeze_last_n" in refused.stderr
    refused = train("x", lora_rank=2, ds_config=str(ROOT / "DS_configs/zero3_several_gpus.json"))
    assert refused.returncode == 2
    assert "ZeRO stage 3 does not go with lora_rank" in refused.stderr


def test_a_folder_that_is_no_run_is_left_alone(train, tmp_path, tiny_model):
    before = {path.name: path.read_bytes() for path in tiny_model.iterdir()}
    run = train("x", "--overwrite", output_dir=str(tiny_model))
    assert run.returncode == 2
    assert "is no run folder but holds config.json" in run.stderr
    assert {path.name: path.read_bytes() for path in tiny_model.iterdir()} == before


def test_evaluation_is_exact(tiny_model, tmp_path):
    from utils import NLP_model

    nlp = NLP_model(TrainConfig(model=str(tiny_model), max_length=128, output_dir=str(tmp_path)))
    frame = postings(7)
    figures = nlp.evaluate(frame)
    nats = tokens = 0
    data = nlp.test_set(frame)
    for row in (data[i] for i in range(7)):
        ids, labels = (torch.tensor([row[name]]) for name in ("input_ids", "labels"))
        with torch.no_grad():
            loss = nlp.model(input_ids=ids, labels=labels).loss
        n = sum(label != -100 for label in row["labels"])
        nats, tokens = nats + float(loss) * n, tokens + n
    n_bytes = sum(len(text.encode()) for text in frame["text"])
    assert figures["eval_nats_per_byte"] == pytest.approx(nats / n_bytes, rel=1e-5)
    assert figures["eval_loss"] == pytest.approx(nats / tokens, rel=1e-5)
    assert figures["eval_perplexity"] == pytest.approx(math.exp(nats / tokens), rel=1e-4)


def test_nlp_model_in_one_process(tiny_model, tmp_path, monkeypatch):
    """Evaluate, train under DeepSpeed, evaluate, generate, save, load: as in a notebook."""
    from utils import NLP_model

    for name in ("MASTER_ADDR", "MASTER_PORT", "RANK", "LOCAL_RANK", "WORLD_SIZE"):
        monkeypatch.delenv(name, raising=False)
    config = {"model": str(tiny_model), "ds_config": ZERO_2, "max_length": 128, "max_steps": 6}
    config["half_precision"] = False  # so that what is written before and after saving is the same
    nlp = NLP_model(config | {"output_dir": str(tmp_path / "run"), "lr": 1e-3, "epochs": 1})
    frame = postings(12)
    before = nlp.evaluate(frame)["eval_nats_per_byte"]
    assert nlp.unfreeze_last_n(1) > 0
    after = nlp.train(frame, frame)["eval_nats_per_byte"]
    assert nlp.trainer.is_deepspeed_enabled
    assert list((tmp_path / "run/tensorboard").rglob("events.*"))
    assert after < before
    part = nlp.evaluate(frame.head(6))["eval_nats_per_byte"]
    settings = {"max_length": 60, "num_return_sequences": 2, "seed": 3}
    written = nlp.generate(["Cook"], [["soup"]], **settings)
    assert written.columns.tolist() == POSTING_COLUMNS
    assert len(written) == 2
    nlp.save(str(tmp_path / "saved"))
    loaded = NLP_model.load(str(tmp_path / "saved"))
    again = loaded.generate(["Cook"], [["soup"]], **settings)
    assert again["text"].equals(written["text"])
    assert loaded.evaluate(frame)["eval_nats_per_byte"] == pytest.approx(after, rel=1e-5)
    alone = loaded.evaluate(frame.head(6))["eval_nats_per_byte"]
    assert part == pytest.approx(alone, rel=1e-5)


def test_a_deepspeed_file_that_says_something_else(train, tmp_path):
    """Both files can say it, and the train JSON decides."""
    file = tmp_path / "own.json"
    content = {
        **{"train_batch_size": 8, "gradient_accumulation_steps": "auto", "gradient_clipping": 1},
        **{"fp16": {"enabled": True}, "bf16": {"enabled": False}},
        "scheduler": {"type": "WarmupLR", "params": {"warmup_max_lr": 5e-5}},
    }
    file.write_text(json.dumps(content))
    for arguments in ([], ["--dry-run"], ["--estimate"]):
        run = train("run", *arguments, ds_config=str(file))
        assert run.returncode == 2
        assert run.stderr.splitlines() == [
            f"error: {file}: 3 problems",
            '  train_batch_size = 8  expected "auto" or, as in this training, 2',
            "  scheduler.params.warmup_max_lr = 5e-05"
            '  expected "auto" or, as in this training, 0.001',
            '  fp16.enabled = true  expected "auto" or, as in this training, false',
        ]
    # Of a GPU elsewhere only the table says whether it computes bf16.
    elsewhere = ["--estimate", "--vram", "12"]
    run = train("run", *elsewhere, ds_config=str(file), half_precision=True)
    assert "2 problems" in run.stderr
    assert not (tmp_path / "run").exists()


def test_settings_are_checked_before_an_old_run_is_cleared(train, tmp_path):
    (tmp_path / "run/checkpoints").mkdir(parents=True)
    (tmp_path / "run/run.json").write_text("{}")
    run = train("run", "--overwrite", early_stopping=2, test=None)
    assert run.returncode == 2
    assert "early_stopping: needs a test table" in run.stderr
    run = train("run", "--overwrite", report_to=["comet_ml"])
    assert run.returncode == 2
    assert "report_to: comet_ml: not installed" in run.stderr
    assert (tmp_path / "run/checkpoints").is_dir()


def test_a_short_deepspeed_file_leaves_the_rest_to_the_configuration(tmp_path):
    from jobgen.common.deepspeed_config import deepspeed_settings

    file = tmp_path / "short.json"
    file.write_text(json.dumps({"optimizer": {"type": "AdamW"}, "scheduler": {"type": "WarmupLR"}}))
    content = deepspeed_settings(TrainConfig(ds_config=str(file)), "fp32")
    assert content["gradient_clipping"] == content["train_batch_size"] == "auto"
    assert set(content["optimizer"]["params"].values()) == {"auto"}
    assert content["scheduler"]["params"] == {"warmup_max_lr": "auto", "warmup_num_steps": "auto"}
    assert content["zero_optimization"] == {"stage": 0}


def test_another_number_of_processes_is_refused(tables, tmp_path, monkeypatch):
    from jobgen.training import run_folder

    config = TrainConfig(train=str(tables[0]), output_dir=str(tmp_path / "run"), ds_config=ZERO_2)
    (tmp_path / "run").mkdir()
    record = {"decides": run_folder._decides(config)}
    (tmp_path / "run/run.json").write_text(json.dumps(record))
    assert run_folder.should_resume(config, resume=False, overwrite=False)
    monkeypatch.setenv("WORLD_SIZE", "2")
    with pytest.raises(InputError, match="processes: 1 before, 2 now"):
        run_folder.should_resume(config, resume=False, overwrite=False)
    with pytest.raises(InputError, match="with ZeRO stage 2 in 1 process.*stage 2 in 2 process"):
        run_folder.should_resume(config, resume=True, overwrite=False)
    assert not run_folder.should_resume(config, resume=False, overwrite=True)
    alone = config.model_copy(update={"ds_config": None})
    with pytest.raises(InputError, match="cannot resume without DeepSpeed"):
        run_folder.should_resume(alone, resume=True, overwrite=False)
    monkeypatch.setenv("WORLD_SIZE", "1")
    assert run_folder.should_resume(config, resume=True, overwrite=False)


@needs_original
def test_rows_of_the_originals_pickle_that_do_not_fit(train, tmp_path):
    source = str(ORIGINAL / "input_data/test_128_500.pkl")
    run = train("original", train=source, test=source, max_steps=1, eval_rows=2, max_length=128)
    # Its postings have at least 128 words: none fits, and that is said.
    assert run.returncode == 2
    assert "none of the 454 rows fits into 128 tokens" in run.stderr


@needs_original
def test_the_originals_files_train(tiny_model, tmp_path):
    """Its train JSON, DeepSpeed JSON (ZeRO-3, offload) and pickle; compiles cpu_adam."""
    from transformers import GPT2Config, GPT2LMHeadModel

    from jobgen.models.loading import load_tokenizer

    folder = tmp_path / "gpt2-tiny"
    load_tokenizer(tiny_model).save_pretrained(folder)
    tokenizer = load_tokenizer(folder)
    GPT2LMHeadModel(
        GPT2Config(vocab_size=len(tokenizer), n_positions=4096, n_embd=16, n_layer=2, n_head=2)
    ).save_pretrained(folder)
    pickle = str(ORIGINAL / "input_data/test_128_500.pkl")
    overrides = {
        "train": pickle,
        "test": pickle,
        "model": str(folder),
        "ds_config": str(ORIGINAL / "DS_configs/ds3_config_cpu.json"),
        "unfreeze_last_n": 2,
        "max_length": 3000,
        "max_steps": 2,
        "eval_rows": 2,
        "output_dir": str(tmp_path / "run"),
    }
    arguments = [part for item in overrides.items() for part in ("--set", "{}={}".format(*item))]
    config = ORIGINAL / "train_configs/train_cfg_gpt2-l.json"
    run = run_script(*launcher(), "cli_training.py", "-cfg", str(config), *arguments)
    assert run.returncode == 0, run.stdout[-2000:] + run.stderr[-3000:]
    saved = weights(tmp_path / "run")
    assert min(tensor.numel() for tensor in saved.values()) > 0
    assert saved["transformer.wte.weight"].shape[0] == len(tokenizer)


FP16_ON_A_CPU = """
import sys
from deepspeed.accelerator import get_accelerator
from jobgen.training import arguments
get_accelerator().is_fp16_supported = lambda: True  # it would be, but slowly
arguments.precision_of = lambda config: "fp16"
import cli_training
from jobgen.common.cli import run
sys.argv = ["cli_training.py", "-cfg", sys.argv[1]]
run(cli_training.main)
"""


def test_steps_that_overflow_are_reported(train, tmp_path):
    zero = {
        "fp16": {"enabled": "auto", "initial_scale_power": 40},
        "zero_optimization": {"stage": 2},
    }
    auto = ("train_batch_size", "train_micro_batch_size_per_gpu", "gradient_accumulation_steps")
    file = tmp_path / "fp16.json"
    file.write_text(json.dumps(zero | dict.fromkeys(auto, "auto")))
    settings = {"max_steps": 7, "half_precision": True, "test": None, "ds_config": str(file)}
    assert train("run", "--dry-run", **settings).returncode == 0  # writes its configuration
    run = run_script(sys.executable, "-c", FP16_ON_A_CPU, str(tmp_path / "run.json"))
    assert run.returncode == 0, run.stderr[-3000:]
    assert run.stdout.count("steps changed nothing") == 1
    assert "warning: step 5: the last 5 steps changed nothing, because fp16" in run.stdout


@pytest.mark.skipif(sys.platform != "linux", reason="PyTorch asks for huge pages on Linux only")
@pytest.mark.parametrize("asked", [None, "0"])
def test_large_blocks_start_at_a_page(asked, monkeypatch):
    """Huge pages are asked for before PyTorch's first tensor, in a script's order of imports."""
    monkeypatch.delenv("THP_MEM_ALLOC_ENABLE", raising=False)  # jobgen has set it here
    if asked is not None:
        monkeypatch.setenv("THP_MEM_ALLOC_ENABLE", asked)
    imports = (
        "import mmap; from jobgen.training import memory, summary, trainer; import torch, utils"
    )
    place = "torch.empty(2**24).data_ptr() % mmap.PAGESIZE"
    command = [sys.executable, "-c", f"{imports}; print({place})"]
    done = subprocess.run(command, cwd=ROOT, capture_output=True, text=True)
    assert done.returncode == 0, done.stderr[-3000:]
    assert (int(done.stdout.split()[-1]) == 0) == (asked is None)
