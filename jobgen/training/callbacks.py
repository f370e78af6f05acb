"""Texts that a model writes while it is trained, so that more than its loss can be watched."""

import contextlib
import json
import math
import os
import signal
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any, Protocol

import pandas as pd
from transformers import TrainerCallback, TrainerState

from jobgen.common.cli import forget_terminal, stop_signals
from jobgen.common.distributed import is_main_process
from jobgen.common.files import read_metrics, write_whole
from jobgen.common.logging import say
from jobgen.training.checkpoints import report_write_errors
from jobgen.training.dataset import PostingDataset

PROMPTS = 4  # the first ones held out


class StoppableTrainer(Protocol):
    """What the callbacks ask of their Trainer."""

    accelerator: Any
    is_in_train: bool
    model: Any

    def is_asked_to_stop(self) -> bool:
        """Whether a signal has asked any process to stop."""

    def is_over(self) -> bool:
        """Whether no further step is wanted."""

    def log(self, logs: dict[str, float]) -> None:
        """Record figures with the present step."""


class SampleCallback(TrainerCallback):
    """Logs, after every so many evaluations, the figures of texts for the first held-out prompts.

    Args:
        trainer: whose evaluations count.
        prompts: the held-out postings.
        write: titles and lists of keywords -> `NLP_model.generate`'s table.
        every: evaluations.
    """

    def __init__(
        self,
        trainer: StoppableTrainer,
        prompts: PostingDataset,
        write: Callable[[list[str], list[list[str]]], pd.DataFrame],
        every: int,
    ):
        self.trainer, self.write, self.every = trainer, write, every
        rows = range(min(PROMPTS, len(prompts)))
        self.titles = [prompts.titles[row] for row in rows]
        self.keywords = [prompts.drawn_keywords(row) for row in rows]

    def on_evaluate(self, args, state, control, **kwargs):
        """Write and log; nothing outside a training, or where it is asked to stop."""
        due = self.trainer.is_in_train and len(evaluated_steps(state)) % self.every == 0
        if not due or self.trainer.is_asked_to_stop():
            return
        training = self.trainer.model.training
        self.trainer.log(sample_metrics(self.write(self.titles, self.keywords)))
        self.trainer.model.train(training)


def sample_metrics(postings: pd.DataFrame) -> dict[str, float]:
    """Means over the texts; of coverage, the share of all keywords."""
    asked = postings["keywords"].str.len().sum()
    coverage = {"generated_coverage": float(postings["covered"].sum() / asked)} if asked else {}
    return coverage | {
        "generated_finished": float(postings["finished"].mean()),
        "generated_repetition": float(postings["repetition"].mean()),
        "generated_memorized_words": float(postings["memorized_words"].mean()),
        "generated_memorized_share": float(postings["memorized_share"].mean()),
    }


# A launcher answers Ctrl-C with a SIGTERM on top of it; what comes later is asked for anew.
_SAME_REQUEST_SECONDS = 1.0


# fp16 steps skipped in a row that are reported: a loss scale of 2**16 that was 2**5 too large.
_MANY_SKIPPED = 5


def evaluated_steps(state: TrainerState) -> set[int]:
    """The steps after which there was an evaluation."""
    return {line["step"] for line in state.log_history if "eval_loss" in line}


class EvaluationStopped(KeyboardInterrupt):
    """An evaluation ends before its time."""


class StopOnSignal(TrainerCallback):
    """After Ctrl-C, SIGTERM or SIGHUP: the step is done, a checkpoint saved, the training ended.

    An evaluation is left to the training that goes on. A second Ctrl-C ends all at once. Does
    nothing outside the main thread, where Python knows no signals.
    """

    def __init__(self, trainer: StoppableTrainer):
        self.trainer = trainer
        self.asked_at: float | None = None
        self.stopping = False

    @contextmanager
    def listening(self) -> Iterator[None]:
        """Take the signals over for a while."""
        before = {}
        if threading.current_thread() is threading.main_thread():
            for number in stop_signals():
                before[number] = signal.signal(number, self._ask)
        try:
            yield
        finally:
            self.asked_at = None
            for number, handler in before.items():
                signal.signal(number, handler)

    def _ask(self, number: int, frame: object) -> None:
        now = time.monotonic()
        if self.asked_at is None:
            self.asked_at = now
            if is_main_process():  # not by print, in which the signal may have come
                with contextlib.suppress(OSError):  # the terminal may be lost
                    os.write(1, b"\nstopping after this step, with a checkpoint; Ctrl-C: at once\n")
        elif number == signal.SIGINT and now - self.asked_at > _SAME_REQUEST_SECONDS:
            raise KeyboardInterrupt
        if number == signal.SIGHUP:
            forget_terminal()

    def on_step_end(self, args, state, control, **kwargs):
        if self.trainer.is_asked_to_stop():
            self.stopping = control.should_save = True

    def on_save(self, args, state, control, **kwargs):
        if self.stopping:
            raise KeyboardInterrupt


class StopEarly(TrainerCallback):
    """Ends a training whose evaluations no longer improve (`early_stopping`)."""

    def __init__(self, trainer: StoppableTrainer):
        self.trainer = trainer

    def on_evaluate(self, args, state, control, **kwargs):
        control.should_training_stop |= bool(state.global_step) and self.trainer.is_over()


class SkippedSteps(TrainerCallback):
    """Says when fp16 gradients overflow step after step, so that nothing is learnt.

    A few skipped steps are how the loss scale is found.
    """

    def __init__(self, trainer: StoppableTrainer):
        self.trainer, self.in_a_row = trainer, 0

    def on_step_end(self, args, state, control, **kwargs):
        skipped = args.fp16 and self.trainer.accelerator.optimizer_step_was_skipped
        self.in_a_row = self.in_a_row + 1 if skipped else 0
        if self.in_a_row and self.in_a_row % _MANY_SKIPPED == 0:
            say(
                f"warning: step {state.global_step}: the last {self.in_a_row} steps changed"
                " nothing, because fp16 gradients overflowed. A lower lr or more warmup_steps can"
                " help, and in the DeepSpeed file a lower fp16.initial_scale_power; a GPU with"
                " bf16, or half_precision=false, has no such limit"
            )


class Epochs(TrainerCallback):
    """Tells the dataset which epoch it is; also right after a resume in its middle."""

    def __init__(self, dataset: PostingDataset):
        self.dataset = dataset

    def on_epoch_begin(self, args, state, control, train_dataloader=None, **kwargs):
        updates = math.ceil(len(train_dataloader) / args.gradient_accumulation_steps)
        self.dataset.epoch = state.global_step // updates


class RunLog(TrainerCallback):
    """Appends every logged figure to metrics.jsonl as one line."""

    def __init__(self, run_dir: Path):
        self.run_dir, self.path = run_dir, run_dir / "metrics.jsonl"

    def on_train_begin(self, args, state, control, **kwargs):
        """Forget what an earlier run logged, after a resume only what its checkpoint lacks."""
        if state.is_world_process_zero and self.path.is_file():
            resumed = state.global_step  # 0 at a fresh start
            lines = read_metrics(self.run_dir) if resumed else []
            known = evaluated_steps(state)
            kept = "".join(
                json.dumps(line) + "\n"
                for line in lines
                if line["step"] <= resumed and ("eval_loss" not in line or line["step"] in known)
            )
            write_whole(self.path, lambda place: place.write_text(kept, encoding="utf-8"))

    def on_log(self, args, state, control, logs=None, **kwargs):
        if state.is_world_process_zero:
            self.path.parent.mkdir(parents=True, exist_ok=True)
            line = {"step": state.global_step, "epoch": state.epoch, "time": time.time(), **logs}
            with report_write_errors(self.path, self.path.name):
                with self.path.open("a", encoding="utf-8") as file:
                    file.write(json.dumps(line) + "\n")
