"""The processes that a launcher has started: what they tell each other."""

from collections.abc import Iterator
from datetime import timedelta
from typing import Any

import torch

from jobgen.cli import is_main_process, process_count

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
