"""Weights, gradients, optimizer states and buffers of a training with DeepSpeed's ZeRO."""

from typing import Any

from deepspeed.runtime.zero.config import DeepSpeedZeroConfig

from jobgen.common.deepspeed_config import (
    offloads_optimizer,
    offloads_weights,
    overlaps_communication,
    zero_size,
    zero_stage,
)
from jobgen.training.memory.fake_model import FakeModel
from jobgen.training.memory.target import Target


def zero_states(
    ds_config: dict[str, Any], model: FakeModel, target: Target, accumulates: bool
) -> tuple[dict[str, float], dict[str, float]]:
    """Bytes of a process's states, by item.

    Args:
        ds_config: the parsed DeepSpeed JSON.
        model: the model of the training.
        target: where the training is to run.
        accumulates: whether the gradients of several batches are added up before a step.

    Returns:
        What is on the device, and what is offloaded to the host.
    """
    stage, offloads = zero_stage(ds_config), offloads_optimizer(ds_config)
    weights, trained = model.parameters
    processes, element = target.processes, 2 if target.half else 4
    device: dict[str, float] = {
        "weights": element * weights / (processes if stage == 3 else 1),
        "gradients": element * trained / (processes if stage >= 2 else 1),
        "optimizer": _optimizer_bytes(stage, offloads, target.half)
        * trained
        / (processes if stage >= 1 else 1),
    }
    host: dict[str, float] = {}
    if stage >= 1:
        # Gradients are reduced in buckets, two of them if communication overlaps computation.
        bucket = _size(ds_config, model, "reduce_bucket_size")
        if not target.on_gpu:  # pages that are never written take no memory
            bucket = min(bucket, trained)
        buckets = (2 if overlaps_communication(ds_config) else 1) * bucket
        if processes > 1 and stage < 3:
            buckets += min(_size(ds_config, model, "allgather_bucket_size"), weights)
        device["buckets"] = element * buckets
    if stage == 3:
        live = _size(ds_config, model, "stage3_max_live_parameters", "max_live_parameters")
        device["gathered weights"] = element * min(live, weights)
    if offloads:
        host["optimizer"] = device.pop("optimizer")
        if stage >= 2:  # gradients leave the device with the buckets
            gradients = device.pop("gradients")
            if stage == 3 or accumulates:
                host["gradients"] = gradients
        if stage < 3:
            host["new weights"] = element * trained / processes
    if offloads_weights(ds_config):
        host["weights"] = device.pop("weights")
    return device, host


def _optimizer_bytes(stage: int, offloads: bool, half: bool) -> int:
    """Bytes of the optimizer's states per trained weight."""
    if not half and stage == 0:
        return 8  # both moments in float32, beside the weight and its gradient
    if not half and stage == 3 and not offloads:
        return 12  # and another copy of the weight
    return 16  # and another copy of the gradient


def _size(
    ds_config: dict[str, Any], model: FakeModel, name: str, field: str | None = None
) -> float:
    """A size of the ZeRO block in elements, or the value that fills it in.

    Args:
        ds_config: the parsed DeepSpeed JSON.
        model: the model of the training.
        name: the key of the size.
        field: the name of its field in DeepSpeed's configuration class, if that differs.
    """
    size = zero_size(ds_config, name)
    if isinstance(size, float):
        return size
    if name == "reduce_bucket_size" and size == "auto":
        return model.config.hidden_size**2  # as transformers fills it in
    return float(getattr(DeepSpeedZeroConfig(), field or name))
