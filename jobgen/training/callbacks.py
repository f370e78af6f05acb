"""The Trainer's callbacks: signals, early stopping, overflow warnings, the log, progress, samples.

`StopOnSignal` ends a training in order after Ctrl-C, `StopEarly` ends one that no longer improves,
`SkippedStepsWarning` reports fp16 steps that change nothing, `EpochCounter` tells the dataset its
epoch, `MetricsLog` writes metrics.jsonl, `ProgressBars` shows steps and evaluations in a terminal,
`SampleCallback` generates postings during the training, and `CausalityCheck` refuses a model that
sees what it is to predict.
"""

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
from tqdm import tqdm
from transformers import TrainerCallback, TrainerState
from transformers.integrations.deepspeed import is_deepspeed_zero3_enabled

from jobgen.common.cli import SAME_REQUEST_SECONDS, forget_terminal, stop_signals
from jobgen.common.distributed import is_main_process
from jobgen.common.files import read_metrics, write_whole
from jobgen.common.logging import logger
from jobgen.models.causality import check_causal
from jobgen.training.checkpoints import report_write_errors
from jobgen.training.dataset import PostingDataset

_SAMPLES = 4  # held-out postings whose title and keywords a model generates from
# A warning is due after this many skipped fp16 steps in a row: each halves the loss scale, so by
# then the scale was at least 2**5 too large.
_MANY_SKIPPED = 5
# Endings of logged names that metrics.jsonl keeps, but that are not shown in a terminal.
_STATISTICS = ("_flos", "_runtime", "_per_second")


class ObservedTrainer(Protocol):
    """What the callbacks use of their Trainer."""

    accelerator: Any
    is_in_train: bool
    model: Any

    def is_asked_to_stop(self) -> bool:
        """Whether any process received a stop signal."""

    def is_over(self) -> bool:
        """Whether no further step is wanted."""

    def mean_loss(self) -> float:
        """Mean loss of this process since the last logged one."""

    def log(self, logs: dict[str, float]) -> None:
        """Record metrics under the current step."""


def evaluated_steps(state: TrainerState) -> set[int]:
    """The steps after which the model was evaluated."""
    return {int(line["step"]) for line in state.log_history if "eval_loss" in line}


class EvaluationStopped(KeyboardInterrupt):
    """An evaluation was abandoned because the training was asked to stop."""


class StopOnSignal(TrainerCallback):
    """Ends a training in order after Ctrl-C, SIGTERM or SIGHUP.

    The current step is finished and a checkpoint saved. An evaluation in progress is abandoned; the
    resumed training makes it up. A second Ctrl-C ends everything at once. Outside the main thread,
    where Python delivers no signals, this callback does nothing.

    Args:
        trainer: the Trainer that asks all processes whether one received a signal.
    """

    def __init__(self, trainer: ObservedTrainer):
        self.trainer = trainer
        self.asked_at: float | None = None
        self.stopping = False

    @contextmanager
    def listening(self) -> Iterator[None]:
        """Handle the stop signals within this context, and restore their handlers after it."""
        previous = {}
        if threading.current_thread() is threading.main_thread():
            for number in stop_signals():
                previous[number] = signal.signal(number, self._ask)
        try:
            yield
        finally:
            self.asked_at = None
            for number, handler in previous.items():
                signal.signal(number, handler)

    def _ask(self, number: int, frame: object) -> None:
        now = time.monotonic()
        if self.asked_at is None:
            self.asked_at = now
            if is_main_process():  # os.write, because the signal may have interrupted a print
                with contextlib.suppress(OSError):  # the terminal may be lost
                    os.write(1, b"\nstopping after this step, with a checkpoint; Ctrl-C: at once\n")
        elif number == signal.SIGINT and now - self.asked_at > SAME_REQUEST_SECONDS:
            raise KeyboardInterrupt
        if number == signal.SIGHUP:
            forget_terminal()

    def on_step_end(self, args, state, control, **kwargs):
        if self.trainer.is_asked_to_stop():
            self.stopping = control.should_save = True

    def on_save(self, args, state, control, **kwargs):
        if self.stopping:
            raise KeyboardInterrupt


class CausalityCheck(TrainerCallback):
    """Refuses a model that does not write from left to right, where loading it could not tell.

    Under ZeRO-3 the weights come together in DeepSpeed's engine only.

    Args:
        trainer: the Trainer that holds the engine.
    """

    def __init__(self, trainer: Any):
        self.trainer = trainer

    def on_train_begin(self, args, state, control, **kwargs):
        if is_deepspeed_zero3_enabled():
            trainer = self.trainer
            check_causal(trainer.model, trainer.config.model, forward=trainer.model_wrapped)


class StopEarly(TrainerCallback):
    """Ends a training whose evaluations no longer improve (`early_stopping`).

    With transformers' `EarlyStoppingCallback`, a training that was stopped early and is started
    again, because its export was interrupted, takes further steps, also when the callback's state
    is restored from the checkpoint
    (test_recipe.py: test_a_training_that_was_stopped_early_stays_stopped).

    Args:
        trainer: the Trainer that judges the evaluations.
    """

    def __init__(self, trainer: ObservedTrainer):
        self.trainer = trainer

    def on_evaluate(self, args, state, control, **kwargs):
        control.should_training_stop |= bool(state.global_step) and self.trainer.is_over()


class SkippedStepsWarning(TrainerCallback):
    """Warns when fp16 gradients overflow step after step, so that nothing is learned.

    A few skipped steps are normal: that is how the loss scale is found.

    Args:
        trainer: the Trainer whose accelerator knows whether a step was skipped.
    """

    def __init__(self, trainer: ObservedTrainer):
        self.trainer, self.in_a_row = trainer, 0

    def on_step_end(self, args, state, control, **kwargs):
        skipped = args.fp16 and self.trainer.accelerator.optimizer_step_was_skipped
        self.in_a_row = self.in_a_row + 1 if skipped else 0
        if self.in_a_row and self.in_a_row % _MANY_SKIPPED == 0:
            logger.warning(
                f"step {state.global_step}: the last {self.in_a_row} steps changed"
                " nothing, because fp16 gradients overflowed. A lower lr or more warmup_steps can"
                " help, and in the DeepSpeed file a lower fp16.initial_scale_power; a GPU with"
                " bf16, or half_precision=false, has no such limit"
            )


class EpochCounter(TrainerCallback):
    """Tells the dataset which epoch it is in, also when a training resumes in the middle of one.

    Args:
        dataset: the training set, which draws the keywords of each epoch.
    """

    def __init__(self, dataset: PostingDataset):
        self.dataset = dataset

    def on_epoch_begin(self, args, state, control, train_dataloader=None, **kwargs):
        steps_per_epoch = math.ceil(len(train_dataloader) / args.gradient_accumulation_steps)
        self.dataset.epoch = state.global_step // steps_per_epoch


class MetricsLog(TrainerCallback):
    """Appends everything the Trainer logs to metrics.jsonl, one line per call.

    Args:
        run_dir: the run folder.
    """

    def __init__(self, run_dir: Path):
        self.run_dir, self.path = run_dir, run_dir / "metrics.jsonl"

    def on_train_begin(self, args, state, control, **kwargs):
        """Drop the lines of an earlier run, or after a resume those that its checkpoint lacks."""
        if state.is_world_process_zero and self.path.is_file():
            resumed = state.global_step  # 0 at a fresh start
            lines = read_metrics(self.run_dir) if resumed else []
            evaluated = evaluated_steps(state)
            kept = "".join(
                json.dumps(line) + "\n"
                for line in lines
                if line["step"] <= resumed
                and ("eval_loss" not in line or line["step"] in evaluated)
            )
            write_whole(self.path, lambda path: path.write_text(kept, encoding="utf-8"))

    def on_log(self, args, state, control, logs=None, **kwargs):
        if state.is_world_process_zero:
            self.path.parent.mkdir(parents=True, exist_ok=True)
            line = {"step": state.global_step, "epoch": state.epoch, "time": time.time(), **logs}
            with report_write_errors(self.path, self.path.name):
                with self.path.open("a", encoding="utf-8") as file:
                    file.write(json.dumps(line) + "\n")


class ProgressBars(TrainerCallback):
    """Shows two bars in a terminal: optimizer steps with their loss, and batches of an evaluation.

    transformers' own bar shows no loss between log lines, and its rate counts the evaluation before
    the first step. The environment variable TQDM_DISABLE turns the bars off, the log lines stay.

    Args:
        trainer: the Trainer whose loss is shown.
    """

    def __init__(self, trainer: ObservedTrainer):
        self.trainer = trainer
        self.steps: tqdm | None = None
        self.batches: tqdm | None = None

    def on_step_begin(self, args, state, control, **kwargs):
        if self.steps is None and state.is_world_process_zero:
            done, total = state.global_step, state.max_steps
            self.steps = tqdm(
                desc="training", unit="step", initial=done, total=total, dynamic_ncols=True
            )

    def on_step_end(self, args, state, control, **kwargs):
        if self.steps is not None:
            self.steps.set_postfix(loss=f"{self.trainer.mean_loss():.4f}", refresh=False)
            self.steps.update()

    def on_prediction_step(self, args, state, control, eval_dataloader=None, **kwargs):
        if self.batches is None and state.is_world_process_zero:
            total = len(eval_dataloader)
            self.batches = tqdm(
                desc="evaluation", unit="batch", total=total, leave=False, dynamic_ncols=True
            )
        if self.batches is not None:
            self.batches.update()

    def on_evaluate(self, args, state, control, **kwargs):
        if self.batches is not None:
            self.batches.close()
            self.batches = None

    def on_log(self, args, state, control, logs=None, **kwargs):
        if state.is_world_process_zero:
            shown = [
                f"{name} {value:.4g}"
                for name, value in logs.items()
                if not name.endswith(_STATISTICS)
            ]
            tqdm.write(f"step {state.global_step}: {', '.join(shown)}")

    def on_train_end(self, args, state, control, **kwargs):
        if self.steps is not None:
            self.steps.close()
            self.steps = None


class SampleCallback(TrainerCallback):
    """Generates samples every N evaluations and logs their metrics, beside the loss.

    Args:
        trainer: the Trainer whose evaluations are counted.
        prompts: the held-out postings; samples are generated from the first four.
        write: generates from titles and lists of keywords; returns `NLP_model.generate`'s table.
        every: number of evaluations from one generation to the next.
    """

    def __init__(
        self,
        trainer: ObservedTrainer,
        prompts: PostingDataset,
        write: Callable[[list[str], list[list[str]]], pd.DataFrame],
        every: int,
    ):
        self.trainer, self.write, self.every = trainer, write, every
        rows = range(min(_SAMPLES, len(prompts)))
        self.titles = [prompts.titles[row] for row in rows]
        self.keywords = [prompts.drawn_keywords(row) for row in rows]

    def on_evaluate(self, args, state, control, **kwargs):
        """Generate and log, but only within a training that nobody asked to stop."""
        due = self.trainer.is_in_train and len(evaluated_steps(state)) % self.every == 0
        if not due or self.trainer.is_asked_to_stop():
            return
        was_training = self.trainer.model.training
        self.trainer.log(sample_metrics(self.write(self.titles, self.keywords)))
        self.trainer.model.train(was_training)


def sample_metrics(postings: pd.DataFrame) -> dict[str, float]:
    """Means over the samples; for coverage, the share of all their keywords that were mentioned.

    Args:
        postings: `NLP_model.generate`'s table.

    Returns:
        Names that start with `generated_`; no coverage where no keywords were asked for.
    """
    asked = postings["keywords"].str.len().sum()
    coverage = {"generated_coverage": float(postings["covered"].sum() / asked)} if asked else {}
    return coverage | {
        "generated_finished": float(postings["finished"].mean()),
        "generated_repetition": float(postings["repetition"].mean()),
        "generated_memorized_words": float(postings["memorized_words"].mean()),
        "generated_memorized_share": float(postings["memorized_share"].mean()),
    }
