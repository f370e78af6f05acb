"""The Hugging Face Trainer for postings: exact losses, valid checkpoints, orderly stops.

transformers has no public hook for much of this, so that some private methods are overridden; each
override names the test that fails without it.
"""

import math
import os
from pathlib import Path
from typing import Any

import numpy as np
import torch
from accelerate.state import AcceleratorState
from deepspeed.runtime.chunked_cross_entropy import ChunkedCausalLMLoss, chunked_cross_entropy
from peft import PeftModel
from torch.optim.lr_scheduler import LambdaLR
from transformers import (
    EvalPrediction,
    ProgressCallback,
    Trainer,
    TrainerCallback,
    TrainingArguments,
)

from jobgen.common.config import TrainConfig
from jobgen.common.distributed import any_process
from jobgen.common.errors import InputError
from jobgen.common.logging import logger, without_progress_bars
from jobgen.training.callbacks import (
    CausalityCheck,
    EpochCounter,
    EvaluationStopped,
    MetricsLog,
    ProgressBars,
    SkippedStepsWarning,
    StopEarly,
    StopOnSignal,
    evaluated_steps,
)
from jobgen.training.checkpoints import (
    STAGING,
    checkpoints_folder,
    commit_checkpoint,
    find_corruption,
    list_checkpoints,
    remove_checkpoints_after,
    report_write_errors,
    rotate,
    staging_folder,
    step_of,
)
from jobgen.training.dataset import IGNORED, PostingDataset, SimilarLengthSampler

_AGAINST_OVERFLOW = (
    "A lower lr, more warmup_steps or a lower max_grad_norm can help, and half_precision=false"
    " where a GPU has no bf16; --resume continues from the latest valid checkpoint with such a"
    " change"
)


class PostingTrainer(Trainer):
    """Trainer whose batches hold postings of similar length and whose evaluation is exact.

    Logits are computed only at positions that have a label (and a few more, to keep sizes round),
    and the loss never holds more than one copy of them (DeepSpeed's chunked cross-entropy).

    Args:
        model: the causal language model, possibly with adapters.
        arguments: the settings that `training_arguments` made.
        config: the training configuration.
        tokenizer: the tokenizer that is saved with every checkpoint.
        train_dataset: the training set; None where only an evaluation is wanted.
        test_dataset: the held-out set; None to train without evaluation.
    """

    train_dataset: Any
    eval_dataset: Any
    optimizer: Any
    lr_scheduler: Any

    def __init__(
        self,
        model: Any,
        arguments: TrainingArguments,
        config: TrainConfig,
        tokenizer: Any,
        train_dataset: PostingDataset | None,
        test_dataset: PostingDataset | None,
    ):
        self.run_dir, self.config = Path(config.output_dir), config
        self.stop_on_signal = StopOnSignal(self)
        callbacks: list[TrainerCallback] = []
        if train_dataset:
            callbacks += [MetricsLog(self.run_dir), EpochCounter(train_dataset)]
            callbacks += [self.stop_on_signal, SkippedStepsWarning(self), CausalityCheck(self)]
            # Intervals are in steps, so that evaluation and checkpoint of a step are due together.
            # Were the evaluation due at the end of an epoch, after the checkpoint of its last step,
            # a training that is killed between the two would lose it.
            epoch = config.steps_per_epoch(len(train_dataset), arguments.world_size)
            arguments.save_strategy, arguments.save_steps = "steps", config.save_steps or epoch
            arguments.eval_strategy, arguments.eval_steps = "steps", config.eval_steps or epoch
        if test_dataset is None:
            arguments.eval_strategy = "no"
        elif train_dataset:
            callbacks.append(StopEarly(self))
            arguments.metric_for_best_model = "eval_nats_per_byte"
            arguments.greater_is_better = False
            # Set here, because TrainingArguments demands that every evaluated step is saved. This
            # Trainer saves an evaluated step when it is the best so far.
            arguments.load_best_model_at_end = config.keep_best
        # accelerate remembers, in a global state and a variable, whether the last Trainer of this
        # process had a DeepSpeed engine.
        AcceleratorState._reset_state()
        os.environ["ACCELERATE_USE_DEEPSPEED"] = str(bool(arguments.deepspeed)).lower()
        # The TensorBoard callback reads this when the Trainer creates it.
        os.environ["TENSORBOARD_LOGGING_DIR"] = str(self.run_dir / "tensorboard")
        plain = model.get_base_model() if isinstance(model, PeftModel) else model
        plain.loss_function = ChunkedCausalLMLoss()
        self._update_hooks: list[Any] = []
        datasets = [dataset for dataset in (train_dataset, test_dataset) if dataset is not None]
        super().__init__(
            model=model,
            args=arguments,
            train_dataset=train_dataset,
            eval_dataset=test_dataset,
            processing_class=tokenizer,
            data_collator=datasets[0].collate,
            compute_metrics=self._held_out_metrics,
            callbacks=callbacks,
        )
        if self.is_deepspeed_enabled:
            # accelerate would adopt this value from the DeepSpeed file, but with a warning.
            self.accelerator.gradient_accumulation_steps = arguments.gradient_accumulation_steps
        if self.pop_callback(ProgressCallback):  # there is none outside a terminal
            self.add_callback(ProgressBars(self))

    def train(self, checkpoint: Path | None = None) -> None:  # type: ignore[override]
        """Train; an interruption ends with a message that says how to resume.

        Args:
            checkpoint: the checkpoint to resume from; None to start from the beginning.

        Raises:
            KeyboardInterrupt: the training was stopped by a signal.
        """
        resumed = int(step_of(checkpoint)) if checkpoint else 0
        if self.is_world_process_zero():
            remove_checkpoints_after(checkpoints_folder(self.run_dir), resumed)
        try:
            with self.stop_on_signal.listening():
                super().train(resume_from_checkpoint=str(checkpoint) if checkpoint else None)
                if self.is_asked_to_stop():
                    raise KeyboardInterrupt
        except KeyboardInterrupt:
            kept = list_checkpoints(checkpoints_folder(self.run_dir))
            raise KeyboardInterrupt(
                f"Kept: {kept[-1]}. The same command goes on from there, without --overwrite."
                if kept
                else "No checkpoint was written yet."
            ) from None
        finally:
            for hook in self._update_hooks:
                hook.remove()

    def is_asked_to_stop(self) -> bool:
        """Whether any process received a stop signal; all of them have to call this.

        A signal reaches the processes at different moments, and they must stop at the same step.
        """
        return any_process(self.stop_on_signal.asked_at is not None, self.args.device)

    # Without this override a resumed training skips the evaluation that its interruption abandoned
    # (test_recipe.py: test_stopped_in_an_evaluation), and keeps the intervals of the checkpoint
    # instead of the configured ones (test_resuming_with_other_settings).
    def _init_training_state(self, max_steps: int, *args: Any) -> tuple[int, int]:
        epoch_and_batches = super()._init_training_state(max_steps, *args)
        state = self.state
        state.compute_steps(self.args, max_steps)  # the checkpoint brought intervals of its own
        is_due = state.global_step % state.eval_steps == 0 or state.global_step >= max_steps
        is_missing = is_due and state.global_step not in evaluated_steps(state)
        # True before the very first step, and after an interrupted evaluation.
        self.args.eval_on_start = self.eval_dataset is not None and is_missing
        return epoch_and_batches

    def create_optimizer(self, model: Any = None) -> torch.optim.Optimizer:
        """Create the configured optimizer, which may step within the backward pass."""
        optimizer = super().create_optimizer(model)
        if self.config.optimizer != "adamw":
            logger.info("the first step compiles the optimizer, which takes a minute ...")
        if self.config.optimizer == "adamw_8bit_in_backward":
            self._update_hooks = update_in_backward(optimizer)
        return optimizer

    # A step within the backward pass leaves no gradients, and without this override their norm is
    # logged as 0 (test_recipe.py: test_8_bit_adamw_learns_as_adamw_does).
    def _get_grad_norm(self, model: Any, grad_norm: Any = None) -> Any:
        return None if self._update_hooks else super()._get_grad_norm(model, grad_norm)

    def create_scheduler(self, num_training_steps: int, optimizer: Any = None) -> Any:
        """Create the scheduler, and remember the optimizer's configured settings for a resume."""
        scheduler = super().create_scheduler(num_training_steps, optimizer)
        names = ("initial_lr", "weight_decay", "eps")
        self._configured = [
            {name: group[name] for name in names if name in group}
            for group in (optimizer or self.optimizer).param_groups
        ]
        return scheduler

    # A checkpoint brings the learning rate, weight decay and epsilon it was trained with; without
    # this override a resume with other ones keeps the old ones
    # (test_recipe.py: test_resuming_with_other_settings).
    def _load_optimizer_and_scheduler(self, checkpoint: str | None) -> None:
        super()._load_optimizer_and_scheduler(checkpoint)
        groups = self.optimizer.param_groups
        for group, configured in zip(groups, self._configured, strict=True):
            group.update(configured)
        # The loaded scheduler has set the rate of the next step already, by the old schedule.
        scheduler = getattr(self.lr_scheduler, "scheduler", self.lr_scheduler)
        if isinstance(scheduler, LambdaLR):
            scheduler.base_lrs = [group["initial_lr"] for group in groups]
            scheduler._last_lr = [
                lr * schedule(scheduler.last_epoch)
                for lr, schedule in zip(scheduler.base_lrs, scheduler.lr_lambdas, strict=True)
            ]
            for group, lr in zip(groups, scheduler._last_lr, strict=True):
                group["lr"] = lr
        elif hasattr(scheduler, "last_batch_iteration"):  # the scheduler of a DeepSpeed file
            scheduler.step(scheduler.last_batch_iteration)

    def is_over(self) -> bool:
        """Whether all steps are done, or `early_stopping` evaluations in a row were not the best.

        This follows from the log alone, so that it holds for a resumed training too.
        """
        history = [line for line in self.state.log_history if line["step"] and "eval_loss" in line]
        nats = [line["eval_nats_per_byte"] for line in history]
        patience = self.config.early_stopping
        since_best = len(nats) - 1 - nats.index(min(nats)) if nats else 0
        return self.state.global_step >= self.state.max_steps or (
            patience is not None and since_best >= patience
        )

    def mean_loss(self) -> float:
        """Mean loss of this process since the last logged one."""
        return float(self._tr_loss) / max(1, self.state.global_step - self._globalstep_last_logged)

    # A training that was interrupted after its last step must not take another one
    # (test_recipe.py: test_a_training_that_was_stopped_early_stays_stopped).
    def _run_epoch(self, *args: Any, **kwargs: Any) -> None:
        if self.is_over():
            self.control.should_training_stop = True
        else:
            super()._run_epoch(*args, **kwargs)

    # transformers' own sampling by length (`group_by_length`) cannot be resumed, and leaves batches
    # sorted: see `SimilarLengthSampler`.
    def _get_train_sampler(self, train_dataset: Any = None) -> Any:
        # All rows of an optimizer step are of similar length, however many processes share them.
        args = self.args
        step = args.per_device_train_batch_size * args.gradient_accumulation_steps * args.world_size
        return SimilarLengthSampler(self.train_dataset, step)

    def training_step(self, model: Any, inputs: dict[str, torch.Tensor], *args: Any) -> Any:
        """Train on a batch, whose `rows` name the rows of the table for an error message.

        Raises:
            InputError: the loss is NaN or infinite.
        """
        rows = inputs.pop("rows").tolist()
        loss = super().training_step(model, inputs, *args)
        if any_process(not torch.isfinite(loss), self.args.device):
            rows = self.accelerator.gather(torch.tensor(rows, device=self.args.device)).tolist()
            raise InputError(
                f"step {self.state.global_step + 1}",
                f"the loss became NaN or infinite on rows {', '.join(map(str, rows))} of the"
                f" training table (the first row is 0). {_AGAINST_OVERFLOW}",
            )
        return loss

    def prediction_step(
        self, model: Any, inputs: dict[str, torch.Tensor], *args: Any, **kwargs: Any
    ) -> tuple[torch.Tensor, torch.Tensor, torch.Tensor]:
        """Evaluate a batch.

        Returns:
            Mean loss of the batch; nats of each row, (B,); labeled tokens of each row, (B,).

        Raises:
            EvaluationStopped: the training was asked to stop.
        """
        if self.is_asked_to_stop():
            raise EvaluationStopped
        inputs = self._prepare_inputs(inputs)
        del inputs["rows"]
        with torch.no_grad():
            output = model(**inputs)
        keep, targets = inputs["logits_to_keep"], inputs["shift_labels"]
        tokens = (inputs["labels"][:, 1:] != IGNORED).sum(dim=1)
        return output.loss, nats_per_row(output.logits, targets, keep), tokens

    def _held_out_metrics(self, prediction: EvalPrediction) -> dict[str, float]:
        """Metrics of the whole held-out set, from the nats and tokens of its rows."""
        nats, tokens = np.sum(prediction.predictions), np.sum(prediction.label_ids)
        nats_per_byte = float(nats / self.eval_dataset.n_bytes)
        return {
            "nats_per_byte": nats_per_byte,
            "bits_per_byte": nats_per_byte / math.log(2),
            "nats_per_token": float(nats / tokens),
            "perplexity": float(math.exp(min(nats / tokens, 700))),
        }

    def evaluation_loop(self, *args: Any, **kwargs: Any) -> Any:
        """Evaluate; `eval_loss` is the mean over tokens instead of the mean of batch means."""
        # A loader draws from the global random state, on which the trained weights would depend
        # (test_recipe.py: test_evaluations_change_no_weights).
        with torch.random.fork_rng():
            output: Any = super().evaluation_loop(*args, **kwargs)
        output.metrics["eval_loss"] = output.metrics["eval_nats_per_token"]
        return output

    # When a resumed training makes up an abandoned evaluation, the checkpoint it started from is
    # saved again with the result (test_recipe.py: test_stopped_in_an_evaluation).
    def _evaluate(self, trial: Any, ignore_keys: Any, skip_scheduler: bool = False) -> Any:
        metrics = super()._evaluate(trial, ignore_keys, skip_scheduler)
        # Only the evaluation before the first step of this process skips the scheduler.
        if skip_scheduler and self.state.global_step:
            self._determine_best_metric(metrics, trial)
            folder = checkpoints_folder(self.run_dir) / f"checkpoint-{self.state.global_step}"
            # The Trainer restores the random state later, and it has to be saved again here.
            self._load_rng_state(str(folder))
            self._save_checkpoint(self.model_wrapped, trial)
        return metrics

    # A stopped evaluation must not cost its step, which is due to be saved only after it
    # (test_recipe.py: test_stopped_in_an_evaluation).
    def _maybe_log_save_evaluate(
        self, tr_loss: Any, grad_norm: Any, model: Any, *args: Any, **kwargs: Any
    ) -> None:
        try:
            super()._maybe_log_save_evaluate(tr_loss, grad_norm, model, *args, **kwargs)
        except EvaluationStopped:
            self._save_checkpoint(model, trial=None)
            raise

    def evaluate_on(self, test_set: PostingDataset) -> dict[str, float]:
        """Held-out metrics of another set than that of the training."""
        # Its bytes are what the figures are divided by.
        own_set, self.eval_dataset = self.eval_dataset, test_set
        try:
            return self.evaluate()
        finally:
            self.eval_dataset = own_set

    def final_figures(self) -> dict[str, float]:
        """Held-out metrics of the final weights, evaluated again only if they never were."""
        final: int | None = self.state.global_step
        if self.args.load_best_model_at_end and self.state.best_model_checkpoint:
            final = self.state.best_global_step
        for line in reversed(self.state.log_history):
            if "eval_loss" in line and line["step"] == final:
                return {name: value for name, value in line.items() if name.startswith("eval_")}
        return self.evaluate()

    # The best weights are saved at once, whether or not a checkpoint is due, since save_steps and
    # eval_steps are independent of each other
    # (test_checkpoints.py: test_the_best_weights_are_kept_and_a_worse_course_is_stopped).
    def _determine_best_metric(self, metrics: dict[str, float], trial: Any) -> bool:
        is_best = super()._determine_best_metric(metrics, trial)
        if is_best and self.args.load_best_model_at_end:
            self.control.should_save = True
        return is_best

    # A corrupted checkpoint would be exported, or end a finished training in a traceback
    # (test_recipe.py: test_a_corrupted_best_checkpoint_is_not_loaded).
    def _load_best_model(self) -> None:
        corruption = find_corruption(Path(str(self.state.best_model_checkpoint)))
        if corruption is None:
            super()._load_best_model()
        else:
            logger.warning(f"{self.state.best_model_checkpoint} cannot be used: {corruption}")
            self.state.best_model_checkpoint = None  # so the last weights are kept

    # A checkpoint is written beside its place, then moved there, and never with NaN weights
    # (test_recipe.py: test_weights_that_are_not_finite_are_not_saved; test_checkpoints.py:
    # test_killed_at_random_moments_and_started_again, test_a_full_disk).
    def _save_checkpoint(self, model: Any, trial: Any) -> None:
        """Save a checkpoint whole or not at all, see `jobgen.training.checkpoints`.

        Raises:
            InputError: a weight is not finite, or the checkpoint cannot be written.
        """
        args, state = self.args, self.state
        finite = all(bool(local_shard(weight).isfinite().all()) for weight in model.parameters())
        if any_process(not finite, args.device):
            raise InputError(
                f"step {state.global_step}",
                "weights became NaN after a non-finite gradient; they are not saved."
                f" {_AGAINST_OVERFLOW}",
            )
        folder = checkpoints_folder(self.run_dir)
        staging = folder / STAGING
        is_main = self.is_world_process_zero()
        with report_write_errors(staging, "a checkpoint"), without_progress_bars():
            if is_main:
                staging_folder(folder)
            self.accelerator.wait_for_everyone()
            args.output_dir = str(staging)
            try:
                super()._save_checkpoint(model, trial)
            finally:
                args.output_dir = str(folder)
            self.accelerator.wait_for_everyone()
            name = f"checkpoint-{state.global_step}"
            best = folder / f"checkpoint-{state.best_global_step}"
            # The state must name the place where the checkpoint will be, not the staging folder.
            if best.name == name or best.is_dir():
                state.best_model_checkpoint = str(best)
            if is_main:
                written = staging / name
                state.save_to_json(str(written / "trainer_state.json"))
                commit_checkpoint(written, folder)
                rotate(folder, self.config.save_total_limit, best)
        self.accelerator.wait_for_everyone()


def update_in_backward(optimizer: torch.optim.Optimizer) -> list[Any]:
    """Update each weight as soon as its gradient is computed, and drop it (Lv et al. 2023, LOMO).

    The optimizer step after the backward pass then finds nothing to do.

    Args:
        optimizer: the optimizer whose weights are updated in this way.

    Returns:
        The hooks that do this, to be removed after the training.
    """

    def update(weight: torch.Tensor) -> None:
        optimizer.step()  # updates every weight that has a gradient: only this one
        weight.grad = None

    weights = [weight for group in optimizer.param_groups for weight in group["params"]]
    return [weight.register_post_accumulate_grad_hook(update) for weight in weights]


def local_shard(weight: torch.Tensor) -> torch.Tensor:
    """What this process holds of a weight: all of it, or under ZeRO-3 its shard."""
    if not hasattr(weight, "ds_tensor"):
        return weight
    partitioned: Any = weight  # DeepSpeed adds attributes to it
    shard = partitioned.ds_tensor.flatten()
    start = torch.distributed.get_rank(partitioned.ds_process_group) * shard.numel()
    return shard[: max(0, partitioned.ds_numel - start)]  # the rest is uninitialized padding


@torch.no_grad()
def nats_per_row(logits: torch.Tensor, targets: torch.Tensor, keep: torch.Tensor) -> torch.Tensor:
    """Cross-entropy of each row, summed over its labeled tokens.

    Args:
        logits: (N, V), the logits of the positions that are kept.
        targets: (N,), the labels of these positions; `IGNORED` ones count as 0.
        keep: (B, T), true at these N positions.

    Returns:
        (B,), float64, in nats.
    """
    nats = chunked_cross_entropy(logits, targets, reduction="none").double()
    total = torch.zeros(len(keep), dtype=torch.float64, device=nats.device)
    return total.index_add_(0, keep.nonzero()[:, 0], nats)
