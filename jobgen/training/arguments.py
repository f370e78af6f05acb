"""The settings of a training, as the Trainer and DeepSpeed understand them."""

import contextlib
import ctypes
import os
import shutil
import time
from pathlib import Path
from typing import Any

import torch
from transformers import TrainingArguments
from transformers.integrations import get_available_reporting_integrations

from jobgen.common.config import TrainConfig
from jobgen.common.deepspeed_config import compiled_ops, deepspeed_settings
from jobgen.common.distributed import process_count, set_single_process_environment
from jobgen.common.errors import InputError
from jobgen.common.files import read_json
from jobgen.common.logging import say
from jobgen.models.loading import ATTENTION_DROPOUT, computes_bfloat16
from jobgen.training.checkpoints import checkpoints_folder

# How long a process may hold the lock of an operation that DeepSpeed compiles: to see that it is
# up to date, and to compile it.
_SECONDS_TO_LOOK, _SECONDS_TO_COMPILE = 20, 600


def keep_freed_memory(model: Any) -> None:
    """Let glibc reuse large blocks instead of returning them to the system after each operation.

    On a CPU the logits and their gradients are blocks of hundreds of megabytes; mapping and zeroing
    their pages anew took about a quarter of each step. Does nothing without glibc, see mallopt(3).
    """
    kept = kept_when_freed(model.config)
    if not kept:
        return
    trim_threshold, mmap_max = -1, -4
    with contextlib.suppress(OSError, AttributeError):
        libc = ctypes.CDLL("libc.so.6")
        libc.mallopt(mmap_max, 0)
        libc.mallopt(trim_threshold, kept)


def kept_when_freed(config: Any) -> int:
    """Bytes of it that are kept for a model of this (Hugging Face) configuration, at most.

    None with dropout in its attention (GPT-2): on a CPU that takes matrices of (T, T), whose holes,
    of another size for each T, made the process a quarter larger.
    """
    has_dropout = any(getattr(config, name, None) for name in ATTENTION_DROPOUT)
    return 0 if has_dropout else 2**31 - 1  # the most that mallopt takes


def precision_of(config: TrainConfig) -> str:
    """What this machine trains in: bf16, fp16 or fp32."""
    if not config.half_precision:
        return "fp32"
    on_gpu = torch.cuda.is_available()
    if computes_bfloat16(torch.device("cuda" if on_gpu else "cpu")):
        return "bf16"
    return "fp16" if on_gpu else "fp32"


def loads_bfloat16(config: TrainConfig) -> bool:
    """Whether the weights are in bf16 from the start, as 8-bit AdamW takes them.

    Otherwise they are loaded in float32; DeepSpeed makes 16-bit copies of its own.
    """
    return config.optimizer != "adamw" and precision_of(config) == "bf16"


def check_settings(config: TrainConfig, precision: str | None) -> None:
    """What can be known to be wrong before anything is loaded or written.

    Args:
        config: of the training.
        precision: as for `deepspeed_settings`.

    Raises:
        InputError: two settings do not go together, or a tracker is not installed.
    """
    deepspeed_settings(config, precision)
    _check_optimizer(config, precision)
    for name in ("early_stopping", "generate_every"):
        if getattr(config, name) and config.test is None:
            raise InputError(name, "needs a test table; name one, or set it to null")
    missing = set(config.report_to) - set(get_available_reporting_integrations())
    if missing:
        names = ", ".join(sorted(missing))
        raise InputError(
            "report_to", f"{names}: not installed; install it with pip, or leave it out"
        )


def _check_optimizer(config: TrainConfig, precision: str | None) -> None:
    """What AdamW in 8 bits does not go with.

    Raises:
        InputError: the first of it.
    """
    if config.optimizer == "adamw":
        return
    if precision == "fp16":
        raise InputError(
            "optimizer",
            f'"{config.optimizer}" needs a GPU that computes bf16, which this one does not; take'
            " adamw, with ds_config=DS_configs/zero2_offload_12gb.json for little GPU memory",
        )
    # Each process would round its own copy of the weights, by its own random numbers.
    alone = {"processes of the launcher": (process_count(), 1)}
    if config.optimizer == "adamw_8bit_in_backward":
        alone |= {
            "max_grad_norm": (config.max_grad_norm, 0),
            "gradient_accumulation_steps": (config.gradient_accumulation_steps, 1),
        }
    wrong = [
        f'{name} = {value}  expected {wanted} with optimizer "{config.optimizer}"'
        for name, (value, wanted) in alone.items()
        if value != wanted
    ]
    if wrong:
        raise InputError("optimizer", wrong)
    _require_compiler(f"PyTorch compiles {config.optimizer}", "take optimizer=adamw")


def _require_compiler(why: str, otherwise: str) -> None:
    from torch.utils.cpp_extension import get_cxx_compiler

    if shutil.which(get_cxx_compiler()) is None:
        raise InputError(
            "C++ compiler",
            f"{why}, and {get_cxx_compiler()} is not installed; install g++, or {otherwise}",
        )


def training_arguments(config: TrainConfig) -> TrainingArguments:
    """Translate the train JSON, and hand over the DeepSpeed JSON it names.

    Under DeepSpeed this also starts the process group, and from then on models load the way its
    ZeRO stage needs.
    """
    precision = precision_of(config)
    deepspeed = deepspeed_settings(config, precision)
    _check_optimizer(config, precision)
    if deepspeed:
        if "scheduler" in deepspeed:
            say(f"note: {config.ds_config}: its scheduler takes the place of lr_schedule")
        set_single_process_environment()
        _announce_compilation(compiled_ops(deepspeed, torch.cuda.is_available()))
    run = Path(config.output_dir)
    values = dict(
        output_dir=str(checkpoints_folder(run)),
        deepspeed=deepspeed,
        use_cpu=not torch.cuda.is_available(),
        num_train_epochs=config.epochs,
        max_steps=config.max_steps or -1,
        learning_rate=config.lr,
        lr_scheduler_type=config.lr_schedule,
        warmup_steps=config.warmup_steps,
        weight_decay=config.weight_decay,
        adam_epsilon=config.eps,
        optim="adamw_torch_fused" if config.optimizer == "adamw" else "adamw_torch_8bit",
        optim_args=None if config.optimizer == "adamw" else "bf16_stochastic_round=True",
        max_grad_norm=config.max_grad_norm,
        per_device_train_batch_size=config.micro_batch_size,
        per_device_eval_batch_size=config.micro_batch_size,
        gradient_accumulation_steps=config.gradient_accumulation_steps,
        activation_checkpointing=config.gradient_checkpointing,
        torch_compile=config.torch_compile,
        # Weights in bf16 are computed with as they are; a GPU's autocast would go back to float32.
        bf16=precision == "bf16" and not loads_bfloat16(config),
        fp16=precision == "fp16",
        logging_steps=config.logging_steps,
        logging_nan_inf_filter=False,
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
            _start_process_group()
        arguments = TrainingArguments(**values)
    except torch.distributed.DistNetworkError:
        port = os.environ["MASTER_PORT"]
        raise InputError(
            "launcher",
            f"port {port} cannot be used, another training may be running; choose one with"
            " deepspeed --master_port N cli_training.py ...",
        ) from None
    if arguments.n_gpu > 1:
        say(f"note: one of {arguments.n_gpu} GPUs is used; the deepspeed launcher uses them all")
        arguments._n_gpu = 1  # the Trainer's DataParallel would cut our batches into wrong pieces
    return arguments


def _start_process_group() -> None:
    """Start DeepSpeed's process group, without the shared memory of its inference.

    On a CPU it would map that (DeepSpeed 0.19.8, csrc/cpu/comm/shm.cpp) where LOCAL_SIZE says that
    all processes are on this machine. No training uses it, and nothing would remove it: it would
    stay in /dev/shm, and the next run on this port would open it with what is left in it.
    """
    from deepspeed import init_distributed

    local_size = os.environ.pop("LOCAL_SIZE", None)
    # On a CPU accelerate starts torch's process group alone, and ZeRO-3 would partition for one
    # process.
    init_distributed(verbose=False)
    if local_size is not None:
        os.environ["LOCAL_SIZE"] = local_size


def evaluation_arguments(config: TrainConfig, place: str) -> TrainingArguments:
    """Arguments for an evaluation without training, whose Trainer makes its folder in `place`.

    DeepSpeed's engine evaluates untrained weights under ZeRO-3 only; otherwise it is left out.
    """
    zero = read_json(config.ds_config).get("zero_optimization", {}) if config.ds_config else {}
    changes: dict[str, Any] = {"output_dir": place, "report_to": []}
    if zero.get("stage") != 3:
        changes["ds_config"] = None
    return training_arguments(config.model_copy(update=changes))


def _announce_compilation(ops: list[str]) -> None:
    """Say that DeepSpeed is about to compile, which takes a minute or two and is silent.

    Raises:
        InputError: there is no C++ compiler.
    """
    from torch.utils.cpp_extension import _get_build_directory

    for op in ops:
        folder = Path(_get_build_directory(op, verbose=False))
        is_built = (folder / f"{op}.so").is_file()
        _await_lock(folder / "lock", _SECONDS_TO_LOOK if is_built else _SECONDS_TO_COMPILE)
        if is_built:
            continue
        _require_compiler(
            f"DeepSpeed compiles {op}", "train without DeepSpeed: --set ds_config=null"
        )
        say(f"DeepSpeed compiles {op} at its first use; this takes a minute or two, once ...")


def _await_lock(lock: Path, seconds: float) -> None:
    """Wait while another process compiles, but not for one that was killed at it.

    PyTorch would wait for ever: its lock is a file that stays.
    """
    told = False
    with contextlib.suppress(FileNotFoundError):
        while time.time() - lock.stat().st_mtime < seconds:
            if not told:
                say(f"waiting for another process that holds {lock} ...")
            told = True
            time.sleep(0.2)
        say(f"note: {lock} was left by a process that was killed; removed")
        lock.unlink()
