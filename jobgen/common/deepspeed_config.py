"""DeepSpeed's JSON: its checks, its look-ups, and how the train JSON fills it in.

Every other module asks the functions of this one instead of reading the file's content itself.
"""

import difflib
import json
from typing import Any, Literal

from jobgen.common.config import TrainConfig
from jobgen.common.distributed import process_count
from jobgen.common.errors import InputError
from jobgen.common.files import read_json

# DeepSpeed 0.19.8 ignores a top-level key that it does not know, so that a typo goes unnoticed.
# These are the keys that its source reads (deepspeed/runtime/config.py and the modules it calls,
# constants.py for the names).
TOP_LEVEL_KEYS = frozenset(
    """
    train_batch_size train_micro_batch_size_per_gpu gradient_accumulation_steps
    managed_gradient_accumulation optimizer scheduler fp16 bf16 bfloat16 torch_autocast
    gradient_clipping gradient_allreduce_op prescale_gradients gradient_predivide_factor
    communication_data_type seq_parallel_communication_data_type zero_optimization
    zero_allow_untested_optimizer zero_force_ds_cpu_optimizer steps_per_print
    wall_clock_breakdown memory_breakdown dump_state disable_allgather disable_python_gc
    dataloader_drop_last log_level vocabulary_size use_data_before_expert_parallelism
    activation_checkpointing checkpoint data_types aio flops_profiler autotuning tensorboard wandb
    csv_monitor comet comms_logger pipeline hybrid_engine compile data_efficiency
    weight_quantization timers tensor_parallel autotp_size expert_parallel sequence_parallel_size
    datastates_ckpt
    """.split()
)
OBJECTS = {"optimizer", "scheduler", "fp16", "bf16", "zero_optimization"}
COUNTS = {"train_batch_size", "train_micro_batch_size_per_gpu", "gradient_accumulation_steps"}
ZERO_3_GATHER = (
    "stage3_gather_16bit_weights_on_model_save",
    "stage3_gather_fp16_weights_on_model_save",
)


def check_deepspeed_file(content: Any) -> list[str]:
    """Find the problems of a DeepSpeed JSON that DeepSpeed itself would not report.

    It silently ignores unknown top-level keys, and with ZeRO-3 it saves a model of empty tensors
    unless the weights are gathered. Otherwise only what this project reads is checked.

    Args:
        content: the parsed JSON.

    Returns:
        One line per problem; empty when the file can be used.
    """
    if not isinstance(content, dict):
        return [f"expected a JSON object {{...}}, got {type(content).__name__}"]
    problems = []
    for key in content.keys() - TOP_LEVEL_KEYS:
        close = difflib.get_close_matches(key, TOP_LEVEL_KEYS, n=1)
        hint = f'; did you mean "{close[0]}"?' if close else "; DeepSpeed has no such top-level key"
        problems.append(f"{key:<16} unknown key{hint}")
    for key in OBJECTS & content.keys():
        if not isinstance(content[key], dict):
            problems.append(f"{key:<16} expected an object {{...}}, got {json.dumps(content[key])}")
    for key in COUNTS & content.keys():
        value = content[key]
        if value != "auto" and (type(value) is not int or value < 1):
            problems.append(f'{key:<16} expected a whole number >= 1 or "auto", got {value!r:.60}')
    for key in {"optimizer", "scheduler"} & content.keys():
        block = content[key]
        if not isinstance(block, dict):
            continue  # named above
        if not isinstance(block.get("type"), str) or not isinstance(block.get("params", {}), dict):
            problems.append(f'{key:<16} expected {{"type": a name, "params": {{...}}}}')
    if problems:
        return problems
    zero = _zero(content)
    if zero_stage(content) not in (0, 1, 2, 3):
        problems.append(f"zero_optimization.stage = {json.dumps(zero['stage'])} expected 0 to 3")
    for device in ("offload_optimizer", "offload_param"):
        if not isinstance(zero.get(device, {}), dict):
            problems.append(f'zero_optimization.{device} expected an object {{"device": "cpu"}}')
    if zero_stage(content) == 3 and not any(zero.get(key) for key in ZERO_3_GATHER):
        problems.append(
            f'zero_optimization  stage 3 needs "{ZERO_3_GATHER[0]}": true to save its weights'
        )
    return problems


def _zero(content: dict[str, Any]) -> dict[str, Any]:
    return content.get("zero_optimization", {})


def zero_stage(content: dict[str, Any]) -> int:
    """The ZeRO stage of a DeepSpeed JSON, from 0 (nothing is partitioned) to 3."""
    return _zero(content).get("stage", 0)


def offloads_optimizer(content: dict[str, Any]) -> bool:
    """Whether the optimizer's states are kept in the memory of the machine or on its disk."""
    return _zero(content).get("offload_optimizer", {}).get("device", "none") != "none"


def offloads_weights(content: dict[str, Any]) -> bool:
    """Whether the weights are kept in the memory of the machine or on its disk."""
    return _zero(content).get("offload_param", {}).get("device", "none") != "none"


def overlaps_communication(content: dict[str, Any]) -> bool:
    """Whether gradients are reduced while the next ones are computed, as is usual in stage 3."""
    return _zero(content).get("overlap_comm", zero_stage(content) == 3)


def zero_size(content: dict[str, Any], name: str) -> float | Literal["auto"] | None:
    """A size of the ZeRO block, such as `reduce_bucket_size`.

    Args:
        content: the parsed DeepSpeed JSON.
        name: the key within `zero_optimization`.

    Returns:
        Number of elements; "auto" where the file says so; None where it does not name the size.
    """
    size = _zero(content).get(name)
    if size is None or size == "auto":
        return size
    return float(size)


def compiled_ops(content: dict[str, Any], on_gpu: bool) -> list[str]:
    """Names of DeepSpeed's builders of the C++ operations that it compiles at first use.

    Args:
        content: the parsed DeepSpeed JSON.
        on_gpu: whether the training runs on a GPU.
    """
    optimizer = content.get("optimizer", {})
    torch_adam = optimizer.get("params", {}).get("torch_adam", False)
    adam = optimizer.get("type", "").lower() in ("adam", "adamw") and not torch_adam
    ops = [] if on_gpu else ["ShareMemCommBuilder"]
    if offloads_optimizer(content) or (adam and not on_gpu):
        ops.append("CPUAdamBuilder")
    elif adam:
        ops.append("FusedAdamBuilder")
    return ops


def deepspeed_settings(config: TrainConfig, precision: str | None) -> dict[str, Any] | None:
    """The content of the DeepSpeed JSON, with "auto" for all that the train JSON decides.

    Args:
        config: the training configuration; it decides whatever both files can say.
        precision: "bf16", "fp16" or "fp32"; None where it is not known, on another machine.

    Returns:
        The completed content; None if the configuration names no DeepSpeed JSON.

    Raises:
        InputError: the file contradicts the configuration or the precision.
    """
    if not config.ds_config:
        return None
    content = read_json(config.ds_config)
    step = config.micro_batch_size * config.gradient_accumulation_steps
    ours: dict[str, Any] = {
        "train_micro_batch_size_per_gpu": config.micro_batch_size,
        "gradient_accumulation_steps": config.gradient_accumulation_steps,
        "train_batch_size": process_count() * step,
        "gradient_clipping": config.max_grad_norm,
    }
    optimizer, scheduler = (content.get(name, {}) for name in ("optimizer", "scheduler"))
    if optimizer.get("type", "").lower() in ("adam", "adamw"):
        ours |= {
            "optimizer.params.lr": config.lr,
            "optimizer.params.betas": [0.9, 0.999],  # as the Trainer sets them
            "optimizer.params.eps": config.eps,
            "optimizer.params.weight_decay": config.weight_decay,
        }
    if scheduler.get("type", "").startswith("Warmup"):
        ours["scheduler.params.warmup_num_steps"] = max(1, config.warmup_steps)
    if scheduler.get("type") in ("WarmupLR", "WarmupDecayLR"):
        ours["scheduler.params.warmup_max_lr"] = config.lr
    if scheduler.get("type") in ("WarmupDecayLR", "WarmupCosineLR"):
        ours["scheduler.params.total_num_steps"] = "auto"  # known once the table is read
    if precision is not None:
        ours |= {f"{name}.enabled": precision == name for name in ("fp16", "bf16")}
    problems = []
    for name, value in ours.items():
        *parents, key = name.split(".")
        block = content
        for parent in parents:
            block = block.setdefault(parent, {})
        theirs = block.setdefault(key, "auto")
        if theirs not in ("auto", value):
            problems.append(
                f'{name} = {json.dumps(theirs)}  expected "auto"'
                + ("" if value == "auto" else f" or, as in this training, {json.dumps(value)}")
            )
    if config.lora_rank is not None and zero_stage(content) == 3:
        problems.append(
            "ZeRO stage 3 does not go with lora_rank; use a file of stage 2, or lora_rank=null"
        )
    if config.optimizer != "adamw":
        problems.append(
            f'optimizer "{config.optimizer}" works without DeepSpeed only: ds_config=null'
        )
    if problems:
        raise InputError(config.ds_config, problems)
    content.setdefault("zero_optimization", {"stage": 0})
    return content
