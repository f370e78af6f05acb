"""The Hugging Face Trainer with DeepSpeed's engine, set up for postings."""

import contextlib
import ctypes
import json
import math
import os
import shutil
import socket
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import torch
from accelerate.state import AcceleratorState
from torch.nn.functional import cross_entropy
from transformers import EvalPrediction, Trainer, TrainerCallback, TrainingArguments

from jobgen.cli import say
from jobgen.config import TrainConfig
from jobgen.config_file import read_json
from jobgen.dataset import IGNORED, PostingDataset, SimilarLengthSampler
from jobgen.deepspeed_config import compiled_ops
from jobgen.errors import InputError
from jobgen.frames import write_whole


def set_single_process_environment() -> None:
    """Give torch.distributed what a launcher would, where it is absent: one process (Jupyter)."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        free_port = probe.getsockname()[1]
    alone = {"MASTER_ADDR": "127.0.0.1", "MASTER_PORT": str(free_port)}
    alone |= {"RANK": "0", "LOCAL_RANK": "0", "WORLD_SIZE": "1"}
    for name, value in alone.items():
        os.environ.setdefault(name, value)


def keep_freed_memory() -> None:
    """Let glibc reuse large blocks instead of returning them to the system after each operation.

    On a CPU the logits and their gradients are blocks of hundreds of megabytes; mapping and zeroing
    their pages anew took about a quarter of each step. Does nothing without glibc. See mallopt(3).
    """
    trim_threshold, mmap_max = -1, -4
    with contextlib.suppress(OSError, AttributeError):
        libc = ctypes.CDLL("libc.so.6")
        libc.mallopt(mmap_max, 0)
        libc.mallopt(trim_threshold, 2**31 - 1)


def half_precision() -> str | None:
    """The 16-bit format of this machine's GPU, bf16 or fp16; None without a GPU."""
    if not torch.cuda.is_available():
        return None
    return "bf16" if torch.cuda.is_bf16_supported() else "fp16"


def deepspeed_settings(config: TrainConfig) -> dict[str, Any] | None:
    """The content of the DeepSpeed JSON, None without one.

    Raises:
        InputError: it demands a precision in which this machine does not train.
    """
    if not config.ds_config:
        return None
    content = read_json(config.ds_config)
    precision = half_precision() if config.half_precision else None
    for name in ("fp16", "bf16"):
        if content.get(name, {}).get("enabled") is True and precision != name:
            raise InputError(
                config.ds_config,
                f'{name}.enabled is true, but this machine trains in {precision or "fp32"}; "auto"'
                " takes what the machine has",
            )
    if "scheduler" in content:
        say(f"note: {config.ds_config}: its scheduler takes the place of lr_schedule")
    return content


def training_arguments(config: TrainConfig) -> TrainingArguments:
    """Translate the train JSON, and hand over the DeepSpeed JSON it names.

    Under DeepSpeed this also starts the process group, and from then on models load the way its
    ZeRO stage needs.
    """
    precision = half_precision() if config.half_precision else None
    deepspeed = deepspeed_settings(config)
    if deepspeed:
        set_single_process_environment()
        _announce_compilation(compiled_ops(deepspeed, torch.cuda.is_available()))
    if not torch.cuda.is_available():
        keep_freed_memory()
    run = Path(config.output_dir)
    os.environ["TENSORBOARD_LOGGING_DIR"] = str(run / "tensorboard")
    values = dict(
        output_dir=str(run / "checkpoints"),
        deepspeed=deepspeed,
        use_cpu=not torch.cuda.is_available(),
        num_train_epochs=config.epochs,
        max_steps=config.max_steps or -1,
        learning_rate=config.lr,
        lr_scheduler_type=config.lr_schedule,
        warmup_steps=config.warmup_steps,
        weight_decay=config.weight_decay,
        adam_epsilon=config.eps,
        max_grad_norm=config.max_grad_norm,
        per_device_train_batch_size=config.micro_batch_size,
        per_device_eval_batch_size=config.micro_batch_size,
        gradient_accumulation_steps=config.gradient_accumulation_steps,
        activation_checkpointing=config.gradient_checkpointing,
        bf16=precision == "bf16",
        fp16=precision == "fp16",
        eval_strategy="steps" if config.eval_steps else "epoch",
        eval_steps=config.eval_steps,
        eval_on_start=True,
        logging_steps=config.logging_steps,
        save_strategy="steps" if config.save_steps else "epoch",
        save_steps=config.save_steps or 500,
        save_total_limit=config.save_total_limit,
        report_to=config.report_to,
        seed=config.seed,
        dataloader_pin_memory=torch.cuda.is_available(),
        remove_unused_columns=False,
        label_names=["labels"],
    )
    # Set by an earlier training of this process, it would bring DeepSpeed into this one too.
    os.environ.pop("ACCELERATE_USE_DEEPSPEED", None)
    try:
        if deepspeed:
            from deepspeed import init_distributed

            # On a CPU accelerate starts torch's process group alone, and ZeRO-3 would partition for
            # one process.
            init_distributed(verbose=False)
        return TrainingArguments(**values)
    except torch.distributed.DistNetworkError:
        port = os.environ["MASTER_PORT"]
        raise InputError(
            "launcher",
            f"port {port} cannot be used, another training may be running; choose one with"
            " deepspeed --master_port N cli_training.py ...",
        ) from None


def evaluation_arguments(config: TrainConfig) -> TrainingArguments:
    """Arguments for an evaluation without training.

    DeepSpeed's engine evaluates untrained weights under ZeRO-3 only; otherwise it is left out.
    """
    zero = read_json(config.ds_config).get("zero_optimization", {}) if config.ds_config else {}
    if zero.get("stage") != 3:
        config = config.model_copy(update={"ds_config": None})
    return training_arguments(config)


class PostingTrainer(Trainer):
    """Trainer whose batches hold postings of similar length and whose evaluation is exact.

    Args:
        model: causal LM.
        arguments: from `training_arguments`.
        tokenizer: saved with every checkpoint.
        train_dataset: None where only an evaluation is wanted.
        test_dataset: None where nothing is held out.
        run_dir: run folder, where `metrics.jsonl` grows.
    """

    def __init__(
        self,
        model: Any,
        arguments: TrainingArguments,
        tokenizer: Any,
        train_dataset: PostingDataset | None,
        test_dataset: PostingDataset | None,
        run_dir: Path,
    ):
        if test_dataset is None:
            arguments.eval_strategy, arguments.eval_on_start = "no", False
        # A global state and a variable remember whether this process's last Trainer had an engine.
        AcceleratorState._reset_state()
        os.environ["ACCELERATE_USE_DEEPSPEED"] = str(bool(arguments.deepspeed)).lower()
        super().__init__(
            model=model,
            args=arguments,
            train_dataset=train_dataset,
            eval_dataset=test_dataset,
            processing_class=tokenizer,
            data_collator=(train_dataset or test_dataset).collate,
            compute_metrics=self._held_out_figures,
            preprocess_logits_for_metrics=nats_per_row,
            callbacks=[_RunLog(run_dir)] + ([_Epochs(train_dataset)] if train_dataset else []),
        )

    def _get_train_sampler(self, train_dataset: PostingDataset | None = None) -> Any:
        # Rows of one optimizer step are of similar length, however many processes share them.
        args = self.args
        step = args.per_device_train_batch_size * args.gradient_accumulation_steps * args.world_size
        return SimilarLengthSampler(self.train_dataset, step)

    def _held_out_figures(self, prediction: EvalPrediction) -> dict[str, float]:
        nats, tokens = prediction.predictions.sum(axis=0)
        return {
            "nats_per_byte": float(nats / self.eval_dataset.n_bytes),
            "nats_per_token": float(nats / tokens),
            "perplexity": float(math.exp(min(nats / tokens, 700))),
        }

    def evaluation_loop(self, *args: Any, **kwargs: Any) -> Any:
        """The Trainer's, with the mean over tokens in place of the mean of batch means."""
        output = super().evaluation_loop(*args, **kwargs)
        output.metrics["eval_loss"] = output.metrics["eval_nats_per_token"]
        return output

    def final_figures(self) -> dict[str, float]:
        """Held-out figures after the last step, measured anew only if it was not evaluated."""
        for line in reversed(self.state.log_history):
            if "eval_loss" in line and line["step"] == self.state.global_step:
                return {name: value for name, value in line.items() if name.startswith("eval_")}
        return self.evaluate()


@torch.no_grad()
def nats_per_row(logits: torch.Tensor, labels: torch.Tensor) -> torch.Tensor:
    """Summed cross-entropy of each row.

    Args:
        logits: (B, T, V), of the positions t that predict labels at t + 1.
        labels: (B, T), -100 where nothing counts.

    Returns:
        (B, 2), float64: nats, and number of tokens that count.
    """
    nats = [
        cross_entropy(row[:-1].float(), target[1:], ignore_index=IGNORED, reduction="sum")
        for row, target in zip(logits, labels, strict=True)
    ]
    return torch.stack([torch.stack(nats), (labels[:, 1:] != IGNORED).sum(dim=1)], dim=1).double()


def last_checkpoint(run_dir: Path) -> str:
    """The newest checkpoint of a run.

    Raises:
        InputError: there is none.
    """
    from transformers.trainer_utils import get_last_checkpoint

    folder = run_dir / "checkpoints"
    checkpoint = get_last_checkpoint(str(folder)) if folder.is_dir() else None
    if checkpoint is None:
        raise InputError(str(run_dir), "holds no checkpoint to resume from; run without --resume")
    return checkpoint


@contextlib.contextmanager
def resume_hint(run_dir: Path) -> Iterator[None]:
    """Let Ctrl-C end with a line that says what is kept and how to go on."""
    try:
        yield
    except KeyboardInterrupt:
        try:
            kept = f"Kept: {last_checkpoint(run_dir)}; go on with --resume."
        except InputError:
            kept = "No checkpoint was written yet."
        raise KeyboardInterrupt(kept) from None


class _Epochs(TrainerCallback):
    """Tells the dataset which epoch it is; also right after a resume in its middle."""

    def __init__(self, dataset: PostingDataset):
        self.dataset = dataset

    def on_epoch_begin(self, args, state, control, train_dataloader=None, **kwargs):
        updates = math.ceil(len(train_dataloader) / args.gradient_accumulation_steps)
        self.dataset.epoch = state.global_step // updates


class _RunLog(TrainerCallback):
    """Appends every logged figure to metrics.jsonl as one line."""

    def __init__(self, run_dir: Path):
        self.path = run_dir / "metrics.jsonl"

    def on_train_begin(self, args, state, control, **kwargs):
        """Forget what an earlier run logged, after a resume only what is beyond its checkpoint."""
        if state.is_world_process_zero and self.path.is_file():
            lines = self.path.read_text(encoding="utf-8").splitlines(keepends=True)
            resumed = state.global_step  # 0 at a fresh start
            kept = [line for line in lines if resumed and json.loads(line)["step"] <= resumed]
            write_whole(self.path, lambda place: place.write_text("".join(kept), encoding="utf-8"))

    def on_log(self, args, state, control, logs=None, **kwargs):
        if state.is_world_process_zero:
            self.path.parent.mkdir(parents=True, exist_ok=True)
            line = {"step": state.global_step, "epoch": state.epoch, "time": time.time(), **logs}
            with self.path.open("a", encoding="utf-8") as file:
                file.write(json.dumps(line) + "\n")


def _announce_compilation(ops: list[str]) -> None:
    """Say that DeepSpeed is about to compile, which takes a minute or two and is silent.

    Raises:
        InputError: there is no C++ compiler.
    """
    from torch.utils.cpp_extension import _get_build_directory, get_cxx_compiler

    for op in ops:
        folder = Path(_get_build_directory(op, verbose=False))
        if (folder / f"{op}.so").is_file():
            continue
        if shutil.which(get_cxx_compiler()) is None:
            raise InputError(
                "C++ compiler",
                f"DeepSpeed compiles {op}, and {get_cxx_compiler()} is not installed; install g++,"
                " or train without DeepSpeed: --set ds_config=null",
            )
        say(f"DeepSpeed compiles {op} at its first use; this takes a minute or two, once ...")
        if (folder / "lock").exists():
            say(f"  another process seems to be at it; if there is none, delete {folder / 'lock'}")
