"""The Hugging Face Trainer, made for postings: exact losses, whole checkpoints, orderly stops."""

import math
import os
from pathlib import Path
from typing import Any

import torch
from accelerate.state import AcceleratorState
from deepspeed.runtime.chunked_cross_entropy import ChunkedCausalLMLoss, chunked_cross_entropy
from peft import PeftModel
from torch.optim.lr_scheduler import LambdaLR
from transformers import (
    EvalPrediction,
    Trainer,
    TrainerCallback,
    TrainingArguments,
)

from jobgen.common.config import TrainConfig
from jobgen.common.distributed import any_process
from jobgen.common.errors import InputError
from jobgen.common.logging import say
from jobgen.training.callbacks import (
    Epochs,
    EvaluationStopped,
    RunLog,
    SkippedSteps,
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
    " where a GPU has no bf16; --resume goes on from the newest checkpoint with such a change"
)


class PostingTrainer(Trainer):
    """Trainer whose batches hold postings of similar length and whose evaluation is exact.

    Logits are computed only where a label asks for them, and at a few other positions, and the loss
    never holds more than one copy of them (DeepSpeed's chunked cross-entropy).

    Args:
        model: causal LM.
        arguments: from `training_arguments`.
        config: of the training.
        tokenizer: saved with every checkpoint.
        train_dataset: None where only an evaluation is wanted.
        test_dataset: None where nothing is held out.
    """

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
            callbacks += [RunLog(self.run_dir), Epochs(train_dataset)]
            callbacks += [self.stop_on_signal, SkippedSteps(self)]
            # In steps, so that whatever is due is done at once: an evaluation at the end of an
            # epoch, apart from the checkpoint of its last step, could be lost between them.
            epoch = config.steps_per_epoch(len(train_dataset), arguments.world_size)
            arguments.save_strategy, arguments.save_steps = "steps", config.save_steps or epoch
            arguments.eval_strategy, arguments.eval_steps = "steps", config.eval_steps or epoch
        if test_dataset is None:
            arguments.eval_strategy = "no"
        elif train_dataset:
            callbacks.append(StopEarly(self))
            arguments.metric_for_best_model = "eval_nats_per_byte"
            arguments.greater_is_better = False
            # Set here: the arguments themselves demand that every evaluated step is saved, and
            # this Trainer saves one when it is the best.
            arguments.load_best_model_at_end = config.keep_best
        # A global state and a variable remember whether this process's last Trainer had an engine.
        AcceleratorState._reset_state()
        os.environ["ACCELERATE_USE_DEEPSPEED"] = str(bool(arguments.deepspeed)).lower()
        # Read when the Trainer makes its callbacks.
        os.environ["TENSORBOARD_LOGGING_DIR"] = str(self.run_dir / "tensorboard")
        plain = model.get_base_model() if isinstance(model, PeftModel) else model
        plain.loss_function = ChunkedCausalLMLoss()
        self._update_hooks: list[Any] = []
        super().__init__(
            model=model,
            args=arguments,
            train_dataset=train_dataset,
            eval_dataset=test_dataset,
            processing_class=tokenizer,
            data_collator=(train_dataset or test_dataset).collate,
            compute_metrics=self._held_out_figures,
            callbacks=callbacks,
        )

    def train(self, checkpoint: Path | None = None) -> None:
        """The Trainer's; an interruption ends with a line that says how to go on.

        Args:
            checkpoint: to go on from; None: from the start.
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
        """Whether any process has got a signal, which reaches them at different moments."""
        return any_process(self.stop_on_signal.asked_at is not None, self.args.device)

    def _init_training_state(self, max_steps: int, *args: Any) -> tuple[int, int]:
        trained = super()._init_training_state(max_steps, *args)
        state = self.state
        state.compute_steps(self.args, max_steps)  # a checkpoint brings the intervals of its own
        is_due = state.global_step % state.eval_steps == 0 or state.global_step >= max_steps
        is_missing = is_due and state.global_step not in evaluated_steps(state)
        # Before the first step, and where an interrupted training has left it out.
        self.args.eval_on_start = self.eval_dataset is not None and is_missing
        return trained

    def create_optimizer(self, model: Any = None) -> torch.optim.Optimizer:
        """The Trainer's; where the configuration says so, it steps within the backward pass."""
        optimizer = super().create_optimizer(model)
        if self.config.optimizer != "adamw":
            say("the first step compiles the optimizer, which takes a minute ...")
        if self.config.optimizer == "adamw_8bit_in_backward":
            self._update_hooks = update_in_backward(optimizer)
        return optimizer

    def _get_grad_norm(self, model: Any, grad_norm: Any = None) -> Any:
        """The Trainer's; None where the step within the backward pass leaves no gradients."""
        return None if self._update_hooks else super()._get_grad_norm(model, grad_norm)

    def create_scheduler(self, num_training_steps: int, optimizer: Any = None) -> Any:
        """The Trainer's; keeps what the configuration says of the optimizer."""
        scheduler = super().create_scheduler(num_training_steps, optimizer)
        names = ("initial_lr", "weight_decay", "eps")
        self._configured = [
            {name: group[name] for name in names if name in group}
            for group in (optimizer or self.optimizer).param_groups
        ]
        return scheduler

    def _load_optimizer_and_scheduler(self, checkpoint: str | None) -> None:
        """The Trainer's; a checkpoint brings the settings of its own, and those of now count."""
        super()._load_optimizer_and_scheduler(checkpoint)
        groups = self.optimizer.param_groups
        for group, configured in zip(groups, self._configured, strict=True):
            group.update(configured)
        # The next step is the first of the new course: its rate was set by the old one.
        scheduler = getattr(self.lr_scheduler, "scheduler", self.lr_scheduler)
        if isinstance(scheduler, LambdaLR):
            scheduler.base_lrs = [group["initial_lr"] for group in groups]
            scheduler._last_lr = [
                lr * course(scheduler.last_epoch)
                for lr, course in zip(scheduler.base_lrs, scheduler.lr_lambdas, strict=True)
            ]
            for group, lr in zip(groups, scheduler._last_lr, strict=True):
                group["lr"] = lr
        elif hasattr(scheduler, "last_batch_iteration"):  # of a DeepSpeed file
            scheduler.step(scheduler.last_batch_iteration)

    def is_over(self) -> bool:
        """Whether all steps are done, or too many evaluations were not the best."""
        history = [line for line in self.state.log_history if line["step"] and "eval_loss" in line]
        figures = [line["eval_nats_per_byte"] for line in history]
        patience = self.config.early_stopping
        since_best = len(figures) - 1 - figures.index(min(figures)) if figures else 0
        return self.state.global_step >= self.state.max_steps or (
            patience is not None and since_best >= patience
        )

    def _run_epoch(self, *args: Any, **kwargs: Any) -> None:
        if self.is_over():  # a run that was interrupted after its last step
            self.control.should_training_stop = True
        else:
            super()._run_epoch(*args, **kwargs)

    def _get_train_sampler(self, train_dataset: PostingDataset | None = None) -> Any:
        # Rows of one optimizer step are of similar length, however many processes share them.
        args = self.args
        step = args.per_device_train_batch_size * args.gradient_accumulation_steps * args.world_size
        return SimilarLengthSampler(self.train_dataset, step)

    def training_step(self, model: Any, inputs: dict[str, torch.Tensor], *args: Any) -> Any:
        """The Trainer's, for batches that name their rows.

        Raises:
            InputError: the loss is not a number.
        """
        rows = inputs.pop("rows").tolist()
        loss = super().training_step(model, inputs, *args)
        if any_process(not torch.isfinite(loss), self.args.device):
            rows = self.accelerator.gather(torch.tensor(rows, device=self.args.device)).tolist()
            raise InputError(
                f"step {self.state.global_step + 1}",
                f"the loss is not a number, of rows {', '.join(map(str, rows))} of the training"
                f" table (the first is 0). {_AGAINST_OVERFLOW}",
            )
        return loss

    def prediction_step(
        self, model: Any, inputs: dict[str, torch.Tensor], *args: Any, **kwargs: Any
    ) -> tuple[torch.Tensor, torch.Tensor, torch.Tensor]:
        """Mean loss of a batch; nats, (B,), and labelled tokens, (B,), of each row.

        Raises:
            EvaluationStopped: that was asked for.
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

    def _held_out_figures(self, prediction: EvalPrediction) -> dict[str, float]:
        nats, tokens = prediction.predictions.sum(), prediction.label_ids.sum()
        return {
            "nats_per_byte": float(nats / self.eval_dataset.n_bytes),
            "nats_per_token": float(nats / tokens),
            "perplexity": float(math.exp(min(nats / tokens, 700))),
        }

    def evaluation_loop(self, *args: Any, **kwargs: Any) -> Any:
        """The Trainer's, with the mean over tokens in place of the mean of batch means."""
        # Loaders draw from the random state, and a resumed training does not evaluate again.
        with torch.random.fork_rng():
            output = super().evaluation_loop(*args, **kwargs)
        output.metrics["eval_loss"] = output.metrics["eval_nats_per_token"]
        return output

    def _evaluate(self, trial: Any, ignore_keys: Any, skip_scheduler: bool = False) -> Any:
        """The Trainer's; an evaluation that a checkpoint lacks is added to it."""
        metrics = super()._evaluate(trial, ignore_keys, skip_scheduler)
        if skip_scheduler and self.state.global_step:  # as only the one before all steps does
            self._determine_best_metric(metrics, trial)
            folder = Path(self.args.output_dir) / f"checkpoint-{self.state.global_step}"
            self._load_rng_state(str(folder))  # the training will do so later
            self._save_checkpoint(self.model_wrapped, trial)
        return metrics

    def _maybe_log_save_evaluate(
        self, tr_loss: Any, grad_norm: Any, model: Any, *args: Any, **kwargs: Any
    ) -> None:
        """The Trainer's; where an evaluation is stopped, its step is saved without it."""
        try:
            super()._maybe_log_save_evaluate(tr_loss, grad_norm, model, *args, **kwargs)
        except EvaluationStopped:
            self._save_checkpoint(model, trial=None)
            raise

    def final_figures(self) -> dict[str, float]:
        """Held-out figures of the final weights, measured anew only if they were not evaluated."""
        final = self.state.global_step
        if self.args.load_best_model_at_end and self.state.best_model_checkpoint:
            final = self.state.best_global_step
        for line in reversed(self.state.log_history):
            if "eval_loss" in line and line["step"] == final:
                return {name: value for name, value in line.items() if name.startswith("eval_")}
        return self.evaluate()

    def _determine_best_metric(self, metrics: dict[str, float], trial: Any) -> bool:
        is_best = super()._determine_best_metric(metrics, trial)
        if is_best and self.args.load_best_model_at_end:
            self.control.should_save = True
        return is_best

    def _load_best_model(self) -> None:
        wrong = find_corruption(Path(self.state.best_model_checkpoint))
        if wrong is None:
            super()._load_best_model()
        else:
            say(f"warning: {self.state.best_model_checkpoint} cannot be used: {wrong}")
            self.state.best_model_checkpoint = None  # the last weights stay

    def _save_checkpoint(self, model: Any, trial: Any) -> None:
        """The Trainer's, but whole or not at all (jobgen.checkpoints).

        Raises:
            InputError: there are weights that are not numbers; or it cannot be written.
        """
        args, state = self.args, self.state
        finite = all(bool(local_shard(weight).isfinite().all()) for weight in model.parameters())
        if any_process(not finite, args.device):
            raise InputError(
                f"step {state.global_step}",
                "the weights are no numbers any more, since a gradient was none; they are not"
                f" saved. {_AGAINST_OVERFLOW}",
            )
        folder = Path(args.output_dir)
        place = folder / STAGING
        is_main = self.is_world_process_zero()
        with report_write_errors(place, "a checkpoint"):
            if is_main:
                staging_folder(folder)
            self.accelerator.wait_for_everyone()
            args.output_dir = str(place)
            try:
                super()._save_checkpoint(model, trial)
            finally:
                args.output_dir = str(folder)
            self.accelerator.wait_for_everyone()
            name = f"checkpoint-{state.global_step}"
            best = folder / f"checkpoint-{state.best_global_step}"
            if best.name == name or best.is_dir():  # where it will be, not where it was written
                state.best_model_checkpoint = str(best)
            if is_main:
                written = place / name
                state.save_to_json(str(written / "trainer_state.json"))
                commit_checkpoint(written, folder)
                rotate(folder, self.config.save_total_limit, best)
        self.accelerator.wait_for_everyone()


def update_in_backward(optimizer: torch.optim.Optimizer) -> list[Any]:
    """Update each weight as soon as its gradient is there, and drop that (Lv et al. 2023, LOMO).

    The step after the backward pass then finds nothing to do.

    Returns:
        The hooks that do it, to be removed after the training.
    """

    def update(weight: torch.Tensor) -> None:
        optimizer.step()  # of all weights that have a gradient: this one
        weight.grad = None

    weights = [weight for group in optimizer.param_groups for weight in group["params"]]
    return [weight.register_post_accumulate_grad_hook(update) for weight in weights]


def local_shard(weight: torch.Tensor) -> torch.Tensor:
    """What this process holds of a weight: all of it, or under ZeRO-3 its share."""
    if not hasattr(weight, "ds_tensor"):
        return weight
    share = weight.ds_tensor.flatten()
    start = torch.distributed.get_rank(weight.ds_process_group) * share.numel()
    return share[: max(0, weight.ds_numel - start)]  # behind it may be padding that nobody wrote


@torch.no_grad()
def nats_per_row(logits: torch.Tensor, targets: torch.Tensor, keep: torch.Tensor) -> torch.Tensor:
    """Summed cross-entropy of each row.

    Args:
        logits: (N, V), of the positions to keep.
        targets: (N,), the labels of these positions; `IGNORED` ones count nothing.
        keep: (B, T), true at these N positions.

    Returns:
        (B,), float64, in nats.
    """
    nats = chunked_cross_entropy(logits, targets, reduction="none").double()
    total = torch.zeros(len(keep), dtype=torch.float64, device=nats.device)
    return total.index_add_(0, keep.nonzero()[:, 0], nats)
