"""Checkpoints are valid or not used at all, and interrupted runs resume to the same result."""

import contextlib
import json
import math
import os
import pty
import random
import re
import resource
import shutil
import signal
import subprocess
import sys
import time
from dataclasses import replace
from pathlib import Path

import pandas as pd
import pytest
import torch
from conftest import ROOT, assert_same, launcher, metrics, run_script, weights
from safetensors.torch import load_file, save_file

from jobgen.common.cli import stop_signals
from jobgen.common.config import TrainConfig
from jobgen.common.errors import InputError
from jobgen.training import run_folder
from jobgen.training.checkpoints import (
    commit_checkpoint,
    find_corruption,
    latest_valid_checkpoint,
    remove_checkpoints_after,
    rotate,
    staging_folder,
    step_of,
)

STEADY = {"max_steps": 24, "save_steps": 2, "eval_steps": 8, "save_total_limit": 2}


def checkpoint(run: Path, step: int) -> Path:
    folder = run / "checkpoints"
    written = staging_folder(folder) / f"checkpoint-{step}"
    (written / "global_step").mkdir(parents=True)
    (written / "model.bin").write_bytes(os.urandom(1000))
    (written / "global_step" / "optimizer.bin").write_bytes(os.urandom(1000))
    return commit_checkpoint(written, folder)


def test_a_damaged_checkpoint_is_named_and_the_one_before_is_used(tmp_path, capsys):
    assert latest_valid_checkpoint(tmp_path) is None
    first, second, third = (checkpoint(tmp_path, step) for step in (8, 9, 10))
    assert find_corruption(third) is None
    assert latest_valid_checkpoint(tmp_path) == third
    content = (third / "model.bin").read_bytes()
    (third / "model.bin").write_bytes(content[:-1])
    assert latest_valid_checkpoint(tmp_path) == second
    assert f"{third} cannot be used: model.bin was altered or cut off" in capsys.readouterr().out
    (third / "model.bin").write_bytes(content)
    assert latest_valid_checkpoint(tmp_path) == third
    (third / "global_step" / "optimizer.bin").unlink()
    (second / "checksums.json").unlink()
    assert latest_valid_checkpoint(tmp_path) == first
    said = capsys.readouterr().out
    assert "checkpoint-10 cannot be used: global_step/optimizer.bin is missing" in said
    assert "checkpoint-9 cannot be used: has no checksums.json" in said
    (third / "checksums.json").write_text("[]")
    shutil.copytree(first, first.with_name("checkpoint-12-mine"))
    assert latest_valid_checkpoint(tmp_path) == first
    assert "checkpoint-10 cannot be used: its checksums.json names no" in capsys.readouterr().out
    (first / "checksums.json").write_bytes(b"\xff\xfe")
    assert latest_valid_checkpoint(tmp_path) is None
    rotate(third.parent, 2, best=first)
    assert not second.exists()
    rotate(third.parent, 1, best=third.with_name("checkpoint-3"))
    assert not first.exists()
    checkpoint(tmp_path, 8)
    remove_checkpoints_after(third.parent, 8)
    assert sorted(path.name for path in third.parent.glob("checkpoint-*")) == [
        *("checkpoint-12-mine", "checkpoint-8")
    ]


def is_newer(path: Path, moment: float) -> bool:
    try:
        return path.stat().st_mtime > moment
    except FileNotFoundError:
        return False


def logged(run: Path, since: float) -> int:
    """The newest step in the log of a training that was started at a moment; -1: none."""
    log = run / "metrics.jsonl"
    lines = log.read_text().splitlines(keepends=True) if is_newer(log, since) else []
    return max((json.loads(line)["step"] for line in lines if line.endswith("\n")), default=-1)


def being_saved(run: Path, since: float) -> int:
    """The step whose checkpoint it has begun to write; -1: none."""
    try:
        written = list((run / "checkpoints" / ".writing").glob("checkpoint-*"))
    except FileNotFoundError:  # it was moved into place meanwhile
        written = []
    return max((int(step_of(path)) for path in written if is_newer(path, since)), default=-1)


def being_exported(run: Path, since: float) -> int:
    """1: the exported model is written, 2: it was checked."""
    written = run / ".trained_model"
    return is_newer(written, since) + is_newer(written / "README.md", since)


class Disturbed:
    """A training that is started again and again, beside one that nobody disturbed."""

    def __init__(self, train, folder: Path, start: tuple[str, ...], **values):
        whole = train("whole", launcher=start, **STEADY | values)
        assert whole.returncode == 0, whole.stderr[-3000:]
        self.whole, self.run = folder / "whole", folder / "run"
        config = json.loads((folder / "whole.json").read_text()) | {"output_dir": str(self.run)}
        (folder / "run.json").write_text(json.dumps(config))
        program = [*start] or [sys.executable]
        self.command = [*program, "cli_training.py", "-cfg", str(folder / "run.json")]

    def signal_at(self, number: int, reached, step: int, delay: float = 0) -> str | None:
        """Start it; send all its processes a signal so long after it has reached a step.

        Returns:
            What it said; None: it came to its end before, and was cleared away.
        """
        begun, pipes = time.time(), {"stdout": subprocess.PIPE, "stderr": subprocess.STDOUT}
        process = subprocess.Popen(
            self.command, cwd=ROOT, start_new_session=True, text=True, **pipes
        )
        while process.poll() is None and reached(self.run, begun) < step:
            time.sleep(0.001)
        time.sleep(delay)
        hit = process.poll() is None
        if hit:
            os.killpg(process.pid, number)
        said = process.communicate(timeout=120)[0]
        if not hit:
            self.assert_like_the_whole(process.returncode, said)
            shutil.rmtree(self.run)
        return said if hit else None

    def finish(self) -> None:
        last = run_script(*self.command)
        self.assert_like_the_whole(last.returncode, last.stderr)

    def assert_like_the_whole(self, status: int, said: str) -> None:
        assert status == 0 or "holds a finished run" in said, said[-3000:]
        assert_same(weights(self.run), weights(self.whole))
        figures = [  # no step and no evaluation is missing, and none stands there twice
            [
                (line["step"], line.get("loss"), line.get("eval_loss"))
                for line in metrics(run)
                if "loss" in line or "eval_loss" in line
            ]
            for run in (self.whole, self.run)
        ]
        assert figures[1] == figures[0]


def test_killed_at_random_moments_and_started_again(train, tmp_path):
    """The final weights are those of a run that nobody disturbed, bit for bit."""
    training, draw = Disturbed(train, tmp_path, ()), random.Random(5)
    kill, stop = signal.SIGKILL, signal.SIGINT
    # All over the course, by turns in a step and in a checkpoint; at last in the export.
    steps = sorted(draw.sample(range(1, STEADY["max_steps"]), 8))
    moments = [(kill, being_saved if i % 2 else logged, step) for i, step in enumerate(steps)]
    moments += [(kill, being_exported, 1), (stop, being_exported, 1), (kill, being_exported, 2)]
    newest, in_a_save = set(), 0
    while moments:
        number, reached, step = moments[0]
        # Ctrl-C, which leaves no traceback, when a fresh process checks the exported model.
        delay = 1 if number == stop else draw.uniform(0, 0.1)
        said = training.signal_at(number, reached, step, delay)
        if said is None:  # too late; once more
            continue
        moments.pop(0)
        if number == stop:
            assert (
                "interrupted. The training is complete. The same command exports the model" in said
            )
            assert "Traceback" not in said
        newest.add(latest_valid_checkpoint(training.run))
        in_a_save += bool(list((training.run / "checkpoints" / ".writing").glob("*")))
    training.finish()
    assert len(newest) >= 4
    assert in_a_save


def test_two_processes_killed_stopped_and_started_again(train, tables, tmp_path):
    """Ctrl-C in an evaluation, two kills; the launcher ends what has not ended by itself."""
    pd.concat([pd.read_pickle(tables[1])] * 40).to_pickle(tables[1])
    training = Disturbed(train, tmp_path, launcher("--num_accelerators", "2"))
    said = training.signal_at(signal.SIGINT, logged, 8)
    assert "stopping after this step, with a checkpoint" in said
    assert f"Kept: {training.run / 'checkpoints' / 'checkpoint-8'}." in said
    evaluated = [line["step"] for line in metrics(training.run) if "eval_loss" in line]
    assert evaluated == [0]
    for reached, step in ((logged, 11), (being_saved, 18)):
        assert training.signal_at(signal.SIGKILL, reached, step) is not None
    training.finish()


@pytest.mark.slow
def test_two_processes_killed_ten_times(train, tmp_path):
    training = Disturbed(train, tmp_path, launcher("--num_accelerators", "2"))
    draw = random.Random(6)
    for i, step in enumerate(sorted(draw.sample(range(1, STEADY["max_steps"]), 10))):
        reached = being_saved if i % 2 else logged
        while training.signal_at(signal.SIGKILL, reached, step, draw.uniform(0, 0.1)) is None:
            pass  # too late; once more
    training.finish()


@pytest.mark.parametrize("told", [True, False])
def test_a_lost_terminal(tiny_model, tables, tmp_path, told):
    """Its training is told by SIGHUP, or by what it prints being refused; it saves and ends."""
    run, many = tmp_path / "run", 100_000
    config = {"train": str(tables[0]), "model": str(tiny_model), "output_dir": str(run)}
    config |= {"max_length": 128, "max_steps": many, "save_steps": many, "logging_steps": 1}
    (tmp_path / "run.json").write_text(json.dumps(config))
    command = [sys.executable, "cli_training.py", "-cfg", str(tmp_path / "run.json")]
    ours, its = pty.openpty()
    pipes = dict.fromkeys(("stdin", "stdout", "stderr"), its)

    def heed_sighup() -> None:  # also where the tests themselves run under nohup
        signal.signal(signal.SIGHUP, signal.SIG_DFL)

    process = subprocess.Popen(
        command, cwd=ROOT, start_new_session=True, preexec_fn=heed_sighup, **pipes
    )
    os.close(its)
    os.set_blocking(ours, False)
    while logged(run, 0) < 5:
        assert process.poll() is None
        time.sleep(0.05)
        with contextlib.suppress(BlockingIOError):
            os.read(ours, 2**16)  # or it would wait for us
    if told:
        os.killpg(process.pid, signal.SIGHUP)
    os.close(ours)
    assert process.wait(timeout=120) == 1
    assert int(step_of(latest_valid_checkpoint(run))) >= 5


@pytest.mark.parametrize(("before", "number"), [(signal.SIG_IGN, 2), (signal.SIG_DFL, 3)])
def test_nohup_is_heeded(before, number):
    ours = signal.signal(signal.SIGHUP, before)
    try:
        assert len(stop_signals()) == number
    finally:
        signal.signal(signal.SIGHUP, ours)


def test_a_full_disk(train, tmp_path):
    """A file that may not grow is refused by the system as one that has no room."""
    assert train("run", **STEADY | {"max_steps": 2}).returncode == 0
    run, more = tmp_path / "run", ["--resume", "--set", "max_steps=4"]
    command = [sys.executable, "cli_training.py", "-cfg", str(tmp_path / "run.json"), *more]
    # The exported model lacks what pads the vocabulary, so it is smaller than a checkpoint's.
    of_model = (run / "trained_model/model.safetensors").stat().st_size - 1000

    def assert_refused(what: str, limit: int) -> None:
        def no_room() -> None:
            signal.signal(signal.SIGXFSZ, signal.SIG_IGN)
            resource.setrlimit(resource.RLIMIT_FSIZE, (limit, limit))

        refused = run_script(*command, preexec_fn=no_room)
        assert refused.returncode == 2, refused.stderr[-3000:]
        assert f"{what} cannot be written (" in refused.stderr
        assert "the same command resumes from the latest one" in refused.stderr
        assert "Traceback" not in refused.stderr

    assert_refused(f"error: {run}: the run", 4000)  # what TensorBoard shows
    assert_refused("a checkpoint", of_model)
    assert [path.name for path in (run / "checkpoints").iterdir()] == ["checkpoint-2"]
    assert latest_valid_checkpoint(run).name == "checkpoint-2"
    # The training is complete, and only the plot, then only the exported model finds no room.
    (run / "loss.png").unlink()
    (run / "loss.png").symlink_to("/dev/full")
    assert_refused("the run", resource.RLIM_INFINITY)
    assert latest_valid_checkpoint(run).name == "checkpoint-4"
    (run / "loss.png").unlink()
    assert_refused("the trained model", of_model)
    assert not (run / ".trained_model").exists()
    assert run_script(*command).returncode == 0
    assert (run / "trained_model/training.json").is_file()


def test_a_loss_that_is_not_finite(train, tiny_model, tmp_path):
    folder = shutil.copytree(tiny_model, tmp_path / "model")
    weights = load_file(folder / "model.safetensors")
    weights["transformer.wpe.weight"][20:] = math.nan  # beyond what is tried when it is loaded
    save_file(weights, folder / "model.safetensors", metadata={"format": "pt"})
    run = train("run", model=str(folder), max_steps=3)
    assert run.returncode == 2, run.stderr[-3000:]
    assert re.search(
        r"error: step \d+: the loss became NaN or infinite on rows \d+, \d+ of", run.stderr
    )
    assert "Traceback" not in run.stderr


def test_another_configuration_is_refused_unless_asked_for(
    train, tables, tiny_model, no_dropout, tmp_path
):
    first = train("run", **STEADY)
    assert first.returncode == 0, first.stderr[-3000:]
    records = [tmp_path / "run" / name for name in ("run.json", "trained_model/training.json")]
    contents = [path.read_bytes() for path in records]
    other = train("run", "--resume", **STEADY | {"model": str(no_dropout)})
    assert other.returncode == 2
    assert "cannot resume with other weights" in other.stderr
    assert f"model: '{tiny_model}' before, '{no_dropout}' now" in other.stderr
    assert [path.read_bytes() for path in records] == contents

    records[1].unlink()  # as if it had been killed just then
    config = TrainConfig(**json.loads((tmp_path / "run/config.json").read_text()))

    def refusal(resume: bool, **changes) -> str:
        with pytest.raises(InputError) as refused:
            run_folder.should_resume(config.model_copy(update=changes), resume, overwrite=False)
        return str(refused.value)

    said = refusal(resume=False, lr=2e-3, logging_steps=2)
    assert "holds an unfinished run that differs" in said
    assert "lr: 0.001 before, 0.002 now" in said
    assert "logging_steps" not in said
    assert "lora_rank: None before, 2 now" in refusal(resume=True, lora_rank=2, lr=2e-3)
    before = tables[0].read_bytes()
    pd.read_pickle(tables[0]).head(10).to_pickle(tables[0])
    assert "train: its content differs" in refusal(resume=False)
    tables[0].write_bytes(before)
    record = json.loads(records[0].read_text())
    del record["decides"]["optimizer"]  # as if it were older than this field
    records[0].write_text(json.dumps(record))
    assert run_folder.should_resume(config, resume=False, overwrite=False)
    assert "optimizer: 'adamw' before, 'adamw_8bit' now" in refusal(
        resume=True, optimizer="adamw_8bit"
    )
    more = train("run", "--resume", **STEADY | {"lr": 2e-3, "max_steps": 25})
    assert more.returncode == 0
    assert "resumes with a change: lr: 0.001 before, 0.002 now" in more.stdout
    assert records[1].is_file()


def test_a_model_of_another_size_is_refused(tmp_path):
    """It has the same name; nothing of the record changes."""
    config = TrainConfig(output_dir=str(tmp_path))
    (tmp_path / "run.json").write_text('{"parameters": 1000}')
    (tmp_path / "trained_model").mkdir()
    (tmp_path / "trained_model/training.json").touch()
    with pytest.raises(InputError, match="had 1,000 parameters, and now has 6"):
        run_folder.start_run(config, torch.nn.Linear(2, 2), None, None, fresh=False)
    assert (tmp_path / "trained_model/training.json").exists()
    assert (tmp_path / "run.json").read_text() == '{"parameters": 1000}'


def test_two_at_once_are_refused(train, tmp_path):
    from filelock import FileLock

    (tmp_path / "run").mkdir()
    with FileLock(tmp_path / "run" / ".lock"):
        run = train("run")
    assert run.returncode == 2
    assert "is in use by another training" in run.stderr


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
    assert find_corruption(kept) is None
    exported, best_weights = weights(tmp_path / "run"), load_file(kept / "model.safetensors")
    # A checkpoint embeds a padded vocabulary.
    rows = {name: best_weights[name][: len(tensor)] for name, tensor in exported.items()}
    assert_same(exported, rows)
    record = json.loads((tmp_path / "run/trained_model/training.json").read_text())
    assert record["held_out"]["after"]["eval_nats_per_byte"] == held_out[best]


def test_an_export_that_is_not_the_trained_model_is_found_out(tiny_model, tiny_tokenizer, tmp_path):
    from jobgen.models.loading import load_model
    from jobgen.training.export_check import (
        Probe,
        check_in_fresh_process,
        find_export_errors,
    )

    model = load_model(tiny_model, tiny_tokenizer, dtype=torch.float32).eval()
    ids, added = torch.arange(20)[None], tiny_tokenizer.get_added_vocab()
    with torch.no_grad():
        logits = model(input_ids=ids).logits.numpy()
    probe = Probe(ids.numpy(), logits, added, tolerance=1e-3)

    def faults() -> list[str]:
        model.save_pretrained(tmp_path)
        tiny_tokenizer.save_pretrained(tmp_path)
        return find_export_errors(tmp_path, probe)

    assert faults() == []
    other = replace(probe, added=added | {"<|SEP|>": 3})
    (wrong,) = check_in_fresh_process(tmp_path, other)
    assert "its added tokens are" in wrong
    (tmp_path / "config.json").unlink()
    with pytest.raises(RuntimeError, match="could not be read by a fresh process"):
        check_in_fresh_process(tmp_path, probe)
    with torch.no_grad():
        weight = model.transformer.h[0].mlp.c_fc.weight
        weight += torch.randn_like(weight)
    assert "its logits differ by" in faults()[0]
    model.resize_token_embeddings(len(tiny_tokenizer) + 3)
    assert "but the tokenizer has" in faults()[0]
