"""Where a training is to run: on which device, and with how much memory and disk."""

import math
import os
import shutil
from dataclasses import dataclass
from pathlib import Path

import psutil
import torch

from jobgen.common.config import TrainConfig
from jobgen.common.distributed import process_count
from jobgen.training.arguments import precision_of

# Where the kernel says how much memory a container may use (cgroups version 2 and 1).
_CONTAINER_LIMITS = (
    "/sys/fs/cgroup/memory.max",
    "/sys/fs/cgroup/memory/memory.limit_in_bytes",
)


@dataclass(frozen=True)
class Target:
    """Where the training is to run.

    Attributes:
        name: name of the device, for messages.
        device: bytes of one GPU's memory; on a CPU, the machine's memory per process.
        host: bytes of the memory of the machine beside its GPUs.
        disk: free bytes for the run folder; infinite where they are not known.
        on_gpu: whether the device is a GPU.
        half: whether the training computes in 16 bits.
        processes: number of processes of the training.
        local_processes: number of these processes that share the machine.
    """

    name: str
    device: float
    host: float
    disk: float
    on_gpu: bool
    half: bool
    processes: int
    local_processes: int


def find_target(config: TrainConfig, vram: float | None, ram: float | None) -> Target:
    """Describe this machine, or another one.

    Args:
        config: the training configuration.
        vram: GiB of the GPU that the training is to have; None for this machine's GPU, or its CPU
            if it has none.
        ram: GiB of another machine's memory, whose disk is not known; None for this machine and
            its disk.
    """
    processes = process_count()
    local_processes = int(os.environ.get("LOCAL_SIZE", processes))  # from DeepSpeed's launcher
    host = _machine_memory() if ram is None else ram * 2**30
    disk = _disk_for_run(Path(config.output_dir)) if ram is None else math.inf
    on_gpu = vram is not None or torch.cuda.is_available()
    half = config.half_precision if vram is not None else precision_of(config) != "fp32"
    if vram is not None:
        name, device = f"a GPU of {vram:g} GiB", vram * 2**30
    elif on_gpu:
        name, device = torch.cuda.get_device_name(), torch.cuda.mem_get_info()[1]
    else:
        name = "this machine's CPU" if ram is None else f"a machine of {ram:g} GiB"
        device = host / local_processes
    return Target(name, device, host, disk, on_gpu, half, processes, local_processes)


def _disk_for_run(run: Path) -> int:
    """Bytes that a run folder can have: what is free, and what an old run there takes now."""
    existing = next(path for path in (run, *run.absolute().parents) if path.exists())
    old_run = sum(path.stat().st_size for path in run.rglob("*") if path.is_file())
    return shutil.disk_usage(existing).free + old_run


def _machine_memory() -> int:
    """Bytes of memory that this machine, or the container we run in, has."""
    limits = [psutil.virtual_memory().total]
    for path in map(Path, _CONTAINER_LIMITS):
        if path.is_file() and (limit := path.read_text().strip()).isdigit():  # otherwise "max"
            limits.append(int(limit))
    return min(limits)
