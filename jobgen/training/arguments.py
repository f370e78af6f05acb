"""The training configuration, translated into the settings of the Trainer and DeepSpeed."""

import contextlib
import ctypes
import io
import os
import sys
import warnings
from pathlib import Path
from typing import Any

import torch
from pydantic import ValidationError
from transformers import TrainingArguments
from transformers.integrations import get_available_reporting_integrations

from jobgen.common.config import TrainConfig
from jobgen.common.deepspeed_config import compiled_ops, deepspeed_settings, zero_stage
from jobgen.common.distributed import process_count, set_single_process_environment
from jobgen.common.errors import InputError
from jobgen.common.files import read_json
from jobgen.common.logging import logger
from jobgen.models.loading import ATTENTION_DROPOUT, computes_bfloat16
from jobgen.training.checkpoints import checkpoints_folder
from jobgen.training.compilation import load_deepspeed_ops, require_compiler


def keep_freed_memory(model: Any) -> None:
    """Let glibc reuse large blocks instead of returning them to the system after each operation.

    On a CPU the logits and their gradients are blocks of hundreds of megabytes, and mapping and
    zeroing new pages for them took about a quarter of each step. Without glibc, see mallopt(3),
    this does nothing.

    Args:
        model: the model that is going to be trained.
    """
    limit = kept_when_freed(model.config)
    if not limit:
        return
    trim_threshold, mmap_max = -1, -4
    with contextlib.suppress(OSError, AttributeError):
        libc = ctypes.CDLL("libc.so.6")
        libc.mallopt(mmap_max, 0)
        libc.mallopt(trim_threshold, limit)


def kept_when_freed(config: Any) -> int:
    """How many bytes of freed memory the process keeps at most for later use.

    It keeps none for models with dropout in their attention, such as GPT-2. On a CPU those compute
    matrices of (T, T), whose freed blocks, of another size for each T, made the process a quarter
    larger.

    Args:
        config: the model's Hugging Face configuration.
    """
    has_dropout = any(getattr(config, name, None) for name in ATTENTION_DROPOUT)
    return 0 if has_dropout else 2**31 - 1  # the largest value that mallopt accepts


def precision_of(config: TrainConfig) -> str:
    """The precision in which this machine trains: "bf16", "fp16" or "fp32"."""
    if not config.half_precision:
        return "fp32"
    on_gpu = torch.cuda.is_available()
    if computes_bfloat16(torch.device("cuda" if on_gpu else "cpu")):
        return "bf16"
    return "fp16" if on_gpu else "fp32"


def loads_bfloat16(config: TrainConfig) -> bool:
    """Whether the weights are loaded in bf16, as 8-bit AdamW trains them.

    Otherwise they are loaded in float32, of which DeepSpeed makes 16-bit copies itself.
    """
    return config.optimizer != "adamw" and precision_of(config) == "bf16"


def check_settings(config: TrainConfig, precision: str | None) -> None:
    """Refuse settings that cannot work, before anything is loaded or written.

    Args:
        config: the training configuration.
        precision: "bf16", "fp16" or "fp32"; None where it is not known, on another machine.

    Raises:
        InputError: two settings contradict each other, or a tracker is not installed.
    """
    if settings := deepspeed_settings(config, precision):
        _check_blocks(str(config.ds_config), settings)
    _check_optimizer(config, precision)
    for name in ("early_stopping", "generate_every"):
        if getattr(config, name) and config.test is None:
            raise InputError(name, "needs a test table; set test, or set this option to null")
    missing = set(config.report_to) - set(get_available_reporting_integrations())
    if missing:
        names = ", ".join(sorted(missing))
        raise InputError(
            "report_to", f"{names}: not installed; install it with pip, or leave it out"
        )


def _check_blocks(path: str, settings: dict[str, Any]) -> None:
    """Refuse what DeepSpeed would refuse once the training has started.

    Args:
        path: the DeepSpeed JSON, for the message.
        settings: its completed content; the Trainer replaces what is "auto".

    Raises:
        InputError: a value has another type, or is out of its range.
    """
    from deepspeed.runtime.precision_config import DeepSpeedBF16Config, DeepSpeedFP16Config
    from deepspeed.runtime.zero.config import DeepSpeedZeroConfig

    blocks = {
        "bf16": DeepSpeedBF16Config,
        "fp16": DeepSpeedFP16Config,
        "zero_optimization": DeepSpeedZeroConfig,
    }
    problems = []
    for name, block in blocks.items():
        values = {key: value for key, value in settings.get(name, {}).items() if value != "auto"}
        try:
            block(**values)
        except ValidationError as error:
            problems += [
                f"{'.'.join([name, *map(str, entry['loc'])])}: {entry['msg']}"
                for entry in error.errors()
            ]
    if problems:
        raise InputError(path, problems)


def _check_optimizer(config: TrainConfig, precision: str | None) -> None:
    """Refuse settings that 8-bit AdamW cannot work with.

    Raises:
        InputError: with the settings and the values they need.
    """
    if config.optimizer == "adamw":
        return
    if precision == "fp16":
        raise InputError(
            "optimizer",
            f'"{config.optimizer}" needs a GPU that computes bf16, which this one does not; use'
            " adamw, with ds_config=DS_configs/zero2_offload_12gb.json for little GPU memory",
        )
    # Several processes would each round their copy of the weights by random numbers of their own.
    expected: dict[str, tuple[float, float]] = {"processes of the launcher": (process_count(), 1)}
    if config.optimizer == "adamw_8bit_in_backward":
        expected |= {
            "max_grad_norm": (config.max_grad_norm, 0),
            "gradient_accumulation_steps": (config.gradient_accumulation_steps, 1),
        }
    problems = [
        f'{name} = {value}  expected {needed} with optimizer "{config.optimizer}"'
        for name, (value, needed) in expected.items()
        if value != needed
    ]
    if problems:
        raise InputError("optimizer", problems)
    require_compiler(f"PyTorch compiles {config.optimizer}", "use optimizer=adamw")


def training_arguments(config: TrainConfig) -> TrainingArguments:
    """Translate the train JSON and the DeepSpeed JSON that it names into `TrainingArguments`.

    With DeepSpeed this also starts the process group, and from then on models are loaded the way
    its ZeRO stage needs.

    Raises:
        InputError: the two files contradict each other, or the launcher's port cannot be used.
    """
    precision = precision_of(config)
    deepspeed = deepspeed_settings(config, precision)
    _check_optimizer(config, precision)
    if deepspeed:
        if "scheduler" in deepspeed:
            logger.info(f"note: {config.ds_config}: its scheduler replaces lr_schedule")
        set_single_process_environment()
        load_deepspeed_ops(compiled_ops(deepspeed, torch.cuda.is_available()))
    values: dict[str, Any] = dict(
        output_dir=str(checkpoints_folder(Path(config.output_dir))),
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
        # Weights in bf16 need no autocast, which on a GPU would compute parts in float32 again.
        bf16=precision == "bf16" and not loads_bfloat16(config),
        fp16=precision == "fp16",
        logging_steps=config.logging_steps,
        logging_nan_inf_filter=False,
        report_to=config.report_to,
        seed=config.seed,
        dataloader_pin_memory=torch.cuda.is_available(),
        remove_unused_columns=False,
        label_names=["labels"],
        # By default the scripts' log level decides, which hides the bars in a terminal too.
        disable_tqdm=False if sys.stderr.isatty() else None,
    )
    # An earlier training of this process may have set it, which would enable DeepSpeed here too.
    os.environ.pop("ACCELERATE_USE_DEEPSPEED", None)
    try:
        if deepspeed:
            _start_process_group()
        with warnings.catch_warnings():  # accelerate says that it chose the number of threads
            warnings.filterwarnings("ignore", "OMP_NUM_THREADS/MKL_NUM_THREADS unset")
            arguments = TrainingArguments(**values)
    except torch.distributed.DistNetworkError:
        port = os.environ["MASTER_PORT"]
        raise InputError(
            "launcher",
            f"port {port} cannot be used, another training may be running; choose another with"
            " deepspeed --master_port N cli_training.py ...",
        ) from None
    if arguments.n_gpu > 1:
        logger.info(
            f"note: one of {arguments.n_gpu} GPUs is used; the deepspeed launcher uses them all"
        )
        arguments._n_gpu = 1  # DataParallel would split the logits to keep at the wrong places
    return arguments


def _start_process_group() -> None:
    """Start DeepSpeed's process group, without the shared memory of its inference kernels.

    On a CPU DeepSpeed maps that memory (0.19.8, csrc/cpu/comm/shm.cpp) if LOCAL_SIZE says that all
    processes are on this machine. No training uses it and nothing removes it: it would stay in
    /dev/shm, and the next run on this port would open it with its old content.
    """
    from deepspeed import init_distributed

    local_size = os.environ.pop("LOCAL_SIZE", None)
    # On a CPU accelerate would start torch's process group only, and ZeRO-3 would partition the
    # weights for a single process. DeepSpeed prints at each start that its operation was built.
    with contextlib.redirect_stdout(io.StringIO()):
        init_distributed(verbose=False)
    if local_size is not None:
        os.environ["LOCAL_SIZE"] = local_size


def evaluation_arguments(config: TrainConfig, output_dir: str) -> TrainingArguments:
    """Arguments for an evaluation without training.

    DeepSpeed's engine evaluates untrained weights under ZeRO-3 only, otherwise it is left out.

    Args:
        config: the training configuration.
        output_dir: the folder in which the Trainer may write.
    """
    changes: dict[str, Any] = {"output_dir": output_dir, "report_to": []}
    if config.ds_config and zero_stage(read_json(config.ds_config)) != 3:
        changes["ds_config"] = None
    return training_arguments(config.model_copy(update=changes))
