"""Nothing is lost: checkpoints that are whole or do not count, and runs that go on."""

import json
import os
import random
import re
import resource
import shutil
import signal
import subprocess
import sys
import time
from pathlib import Path

import pandas as pd
import pytest
from conftest import ROOT, assert_same, launcher, metrics, run_script, weights
from safetensors.torch import load_file

from jobgen.checkpoints import (
    damage,
    move_into_place,
    newest_whole,
    remove_later,
    rotate,
    writing_place,
)

STEADY = {"max_steps": 24, "save_steps": 2, "eval_steps": 8, "save_total_limit": 2}


def checkpoint(run: Path, step: int) -> Path:
    folder = run / "checkpoints"
    written = writing_place(folder) / f"checkpoint-{step}"
    (written / "global_step").mkdir(parents=True)
    (written / "model.bin").write_bytes(os.urandom(1000))
    (written / "global_step" / "optimizer.bin").write_bytes(os.urandom(1000))
    return move_into_place(written, folder)


def test_a_damaged_checkpoint_is_named_and_the_one_before_is_used(tmp_path, capsys):
    assert newest_whole(tmp_path) is None
    first, second, third = (checkpoint(tmp_path, step) for step in (8, 9, 10))
    assert damage(third) is None
    assert newest_whole(tmp_path) == third
    content = (third / "model.bin").read_bytes()
    (third / "model.bin").write_bytes(content[:-1])
    assert newest_whole(tmp_path) == second
    assert f"{third} cannot be used: model.bin was altered or cut off" in capsys.readouterr().out
    (third / "model.bin").write_bytes(content)
    assert newest_whole(tmp_path) == third
    (third / "global_step" / "optimizer.bin").unlink()
    (second / "checksums.json").unlink()
    assert newest_whole(tmp_path) == first
    said = capsys.readouterr().out
    assert "checkpoint-10 cannot be used: global_step/optimizer.bin is missing" in said
    assert "checkpoint-9 cannot be used: has no checksums.json" in said
    (third / "checksums.json").write_text("[]")
    shutil.copytree(first, first.with_name("checkpoint-12-mine"))
    assert newest_whole(tmp_path) == first
    assert "checkpoint-10 cannot be used: its checksums.json names no" in capsys.readouterr().out
    (first / "checksums.json").write_bytes(b"\xff\xfe")
    assert newest_whole(tmp_path) is None
    rotate(third.parent, 2, best=first)
    assert not second.exists()
    rotate(third.parent, 1, best=third.with_name("checkpoint-3"))
    assert not first.exists()
    checkpoint(tmp_path, 8)
    remove_later(third.parent, 8)
    assert sorted(path.name for path in third.parent.glob("checkpoint-*")) == [
        *("checkpoint-12-mine", "checkpoint-8")
    ]


def is_newer(folder: Path, moment: float) -> bool:
    try:
        return folder.stat().st_mtime > moment
    except FileNotFoundError:
        return False


@pytest.mark.parametrize("processes", [1, pytest.param(2, marks=pytest.mark.slow)])
def test_killed_at_random_moments_and_started_again(train, tmp_path, processes):
    """The final weights are those of a run that nobody disturbed, bit for bit."""
    start = launcher("--num_accelerators", str(processes)) if processes > 1 else ()
    kills = 10 if processes == 1 else 3
    whole = train("whole", launcher=start, **STEADY)
    assert whole.returncode == 0, whole.stderr[-3000:]
    took = time.monotonic()
    assert train("killed", "--dry-run", launcher=start, **STEADY).returncode == 0
    took = time.monotonic() - took
    command = [*start, "cli_training.py", "-cfg", str(tmp_path / "killed.json")]
    if not start:
        command = [sys.executable, *command]
    draw, run = random.Random(5), tmp_path / "killed"
    writing, done, while_writing = run / "checkpoints" / ".writing", 0, 0
    while done < kills:
        start_time = time.time()
        process = subprocess.Popen(
            command, cwd=ROOT, start_new_session=True, stdout=subprocess.PIPE, stderr=-2, text=True
        )
        # Every third kill comes while a checkpoint is written, the others anywhere.
        in_write = done % 3 == 0
        until = start_time + (10 * took if in_write else took + draw.uniform(0, took))
        while process.poll() is None and time.time() < until:
            if in_write and is_newer(writing, start_time):
                while_writing += 1
                time.sleep(draw.uniform(0, 0.05))
                break
            time.sleep(0.001)
        is_killed = process.poll() is None
        if is_killed:
            os.killpg(process.pid, signal.SIGKILL)
        said = process.communicate()[0]
        if is_killed:
            done += 1
        else:  # it came to its end before; the next kills hit another one
            assert process.returncode == 0 or "holds a finished run" in said, said[-3000:]
            assert_same(weights(run), weights(tmp_path / "whole"))
            shutil.rmtree(run)
    assert while_writing
    last = train("killed", launcher=start, **STEADY)
    assert last.returncode == 0 or "holds a finished run" in last.stderr, last.stderr[-3000:]
    assert_same(weights(run), weights(tmp_path / "whole"))
    logged = [  # no evaluation is missing, and none stands there twice
        [line["step"] for line in metrics(tmp_path / name) if "eval_loss" in line]
        for name in ("whole", "killed")
    ]
    assert logged[0] == logged[1]


def test_a_full_disk(train, tmp_path):
    """A file that may not grow is refused by the system as one that has no room."""
    assert train("run", **STEADY | {"max_steps": 2}).returncode == 0
    command = [sys.executable, "cli_training.py", "-cfg", str(tmp_path / "run.json")]
    # The exported model lacks what pads the vocabulary, so it is smaller than a checkpoint's.
    limit = (tmp_path / "run/trained_model/model.safetensors").stat().st_size - 1000

    def no_room() -> None:
        signal.signal(signal.SIGXFSZ, signal.SIG_IGN)
        resource.setrlimit(resource.RLIMIT_FSIZE, (limit, limit))

    more = ["--resume", "--set", "max_steps=4"]
    run = run_script(*command, *more, preexec_fn=no_room)
    assert run.returncode == 2, run.stderr[-3000:]
    assert "a checkpoint cannot be written (" in run.stderr
    assert "the same command goes on from the newest" in run.stderr
    assert "Traceback" not in run.stderr
    folder = tmp_path / "run/checkpoints"
    assert [path.name for path in folder.iterdir()] == ["checkpoint-2"]
    assert newest_whole(tmp_path / "run") == folder / "checkpoint-2"
    assert run_script(*command, *more).returncode == 0

    # All is trained, and only the exported model finds no room.
    (tmp_path / "run/trained_model/training.json").unlink()
    again = [*command, "--set", "max_steps=4"]
    run = run_script(*again, preexec_fn=no_room)
    assert run.returncode == 2, run.stderr[-3000:]
    assert "the trained model cannot be written (" in run.stderr
    assert "Traceback" not in run.stderr
    assert not (tmp_path / "run/.trained_model").exists()
    assert run_script(*again).returncode == 0
    assert (tmp_path / "run/trained_model/training.json").is_file()


def test_a_loss_that_is_no_number(train, tmp_path):
    run = train("run", lr=1e30, max_steps=30, warmup_steps=0, max_grad_norm=0)
    assert run.returncode == 2, run.stderr[-3000:]
    assert re.search(r"error: step \d+: the loss is not a number, of rows \d+, \d+ of", run.stderr)
    assert "Traceback" not in run.stderr


def test_another_configuration_is_refused_unless_asked_for(train, tables, tmp_path):
    first = train("run", **STEADY)
    assert first.returncode == 0, first.stderr[-3000:]
    (tmp_path / "run/trained_model/training.json").unlink()  # as if it had been killed just then
    other = train("run", **STEADY | {"lr": 2e-3, "logging_steps": 2})
    assert other.returncode == 2
    assert "holds an unfinished run that differs" in other.stderr
    assert "lr: 0.001 there, 0.002 now" in other.stderr
    assert "logging_steps" not in other.stderr
    before = tables[0].read_bytes()
    pd.read_pickle(tables[0]).head(10).to_pickle(tables[0])
    other = train("run", **STEADY)
    assert other.returncode == 2
    assert "train: its content differs" in other.stderr
    tables[0].write_bytes(before)
    other = train("run", "--resume", **STEADY | {"lora_rank": 2, "lr": 2e-3})
    assert other.returncode == 2
    assert "cannot go on with other weights" in other.stderr
    assert "lora_rank: None there, 2 now" in other.stderr
    same = train("run", **STEADY)
    assert same.returncode == 0
    assert "training.json" in [path.name for path in (tmp_path / "run/trained_model").iterdir()]
    more = train("run", "--resume", **STEADY | {"lr": 2e-3, "max_steps": 25})
    assert more.returncode == 0
    assert "goes on with a change: lr: 0.001 there, 0.002 now" in more.stdout


def test_two_at_once_are_refused(train, tmp_path):
    from filelock import FileLock

    (tmp_path / "run").mkdir()
    with FileLock(tmp_path / "run" / ".lock"):
        run = train("run")
    assert run.returncode == 2
    assert "another training is at work there" in run.stderr


def test_the_best_weights_are_kept_and_a_worse_course_is_stopped(train, tmp_path):
    """A learning rate far too high: the first evaluation is the best."""
    values = {"lr": 1.0, "eval_steps": 1, "save_steps": 100, "max_steps": 40, "warmup_steps": 0}
    run = train("run", early_stopping=3, **values)
    assert run.returncode == 0, run.stderr[-3000:]
    held_out = {
        line["step"]: line["eval_nats_per_byte"]
        for line in metrics(tmp_path / "run")
        if line["step"] and "eval_nats_per_byte" in line
    }
    best = min(held_out, key=held_out.get)
    assert max(held_out) == best + 3
    kept = tmp_path / "run" / "checkpoints" / f"checkpoint-{best}"
    assert damage(kept) is None
    exported, best_weights = weights(tmp_path / "run"), load_file(kept / "model.safetensors")
    # A checkpoint embeds a padded vocabulary.
    rows = {name: best_weights[name][: len(tensor)] for name, tensor in exported.items()}
    assert_same(exported, rows)
    record = json.loads((tmp_path / "run/trained_model/training.json").read_text())
    assert record["held_out"]["after"]["eval_nats_per_byte"] == held_out[best]


def test_an_export_that_is_not_the_trained_model_is_found_out(tiny_model, tiny_tokenizer, tmp_path):
    import torch

    from jobgen.export import Probe, faults_of
    from jobgen.models import load_model

    model = load_model(tiny_model, tiny_tokenizer, dtype=torch.float32).eval()
    ids = torch.arange(20)[None]
    with torch.no_grad():
        probe = Probe(ids.numpy(), model(input_ids=ids).logits.numpy(), tolerance=1e-3)
    added = tiny_tokenizer.get_added_vocab()

    def faults() -> list[str]:
        model.save_pretrained(tmp_path)
        tiny_tokenizer.save_pretrained(tmp_path)
        return faults_of(tmp_path, probe, added)

    assert faults() == []
    assert "its added tokens are" in faults_of(tmp_path, probe, added | {"<|SEP|>": 3})[0]
    with torch.no_grad():
        weight = model.transformer.h[0].mlp.c_fc.weight
        weight += torch.randn_like(weight)
    assert "its logits differ by" in faults()[0]
    model.resize_token_embeddings(len(tiny_tokenizer) + 3)
    assert "and the tokenizer has" in faults()[0]
