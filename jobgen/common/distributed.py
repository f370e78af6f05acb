"""The processes that a launcher has started: what they tell each other."""

import os
from collections.abc import Iterator
from datetime import timedelta
from typing import Any

import torch
from transformers import TrainingArguments

_PATIENCE = timedelta(days=1)  # for a process that is still at work


def join_process_group() -> None:
    """Meet the other processes; without any, do nothing."""
    if process_count() > 1:
        torch.distributed.init_process_group("gloo", timeout=_PATIENCE)


def leave_process_group() -> None:
    """Wait for the other processes and take leave of them; without any, do nothing.

    A process that ends right after its last exchange may be aborted: a thread of gloo still holds
    the exchanged tensor, and wants Python's lock while Python ends. The launcher would then end the
    first process in the middle of its work.
    """
    if torch.distributed.is_initialized():
        torch.distributed.barrier()
        torch.distributed.destroy_process_group()


def as_the_first(thing: Any) -> Any:
    """What the first process has here."""
    things = [thing]
    if process_count() > 1:
        torch.distributed.broadcast_object_list(things)
    return things[0]


def gather(thing: Any) -> list[Any]:
    """What each process has here, in the order of their ranks; the others than the first: []."""
    if process_count() == 1:
        return [thing]
    things = [None] * process_count() if is_main_process() else None
    torch.distributed.gather_object(thing, things)
    return things or []


def in_order(mine: Iterator[list[Any]], rounds: int) -> Iterator[list[Any]]:
    """Join, round by round, the lists that each process makes; the others than the first: [].

    Args:
        mine: the lists of this process, one a round; it may have fewer.
        rounds: how many there are; the same in all processes.
    """
    for _ in range(rounds):
        yield [item for part in gather(next(mine, [])) for item in part]


def is_main_process() -> bool:
    """Whether this is the only process, or the first of those that the launcher started."""
    return process_rank() == 0


def process_rank() -> int:
    """The number of this process among those that the launcher started, from 0."""
    return int(os.environ.get("RANK", "0"))


def process_count() -> int:
    """How many processes the launcher started, on all nodes."""
    return int(os.environ.get("WORLD_SIZE", "1"))


def set_single_process_environment() -> None:
    """Give torch.distributed what a launcher would, where it is absent: one process (Jupyter)."""
    # Port 0: one that the system finds free. A script started from the notebook inherits all this,
    # and would not get a port that is taken.
    alone = {"MASTER_ADDR": "127.0.0.1", "MASTER_PORT": "0"}
    alone |= {"RANK": "0", "LOCAL_RANK": "0", "WORLD_SIZE": "1"}
    for name, value in alone.items():
        os.environ.setdefault(name, value)


def any_process(is_so: bool, args: TrainingArguments) -> bool:
    """Whether something is so in any of the processes; all of them have to ask."""
    if args.world_size == 1:
        return is_so
    flag = torch.tensor(int(is_so), device=args.device)
    torch.distributed.all_reduce(flag, torch.distributed.ReduceOp.MAX)
    return bool(flag)
