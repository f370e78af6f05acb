"""The processes that a launcher has started: their ranks, and what they tell one another.

Importing this module does not import torch, so that a wrong file is reported at once.
"""

import os
from collections.abc import Iterator
from datetime import timedelta
from typing import Any, TypeVar

Thing = TypeVar("Thing")

_TIMEOUT = timedelta(days=1)  # for a process that is still at work


def process_rank() -> int:
    """The number of this process among those that the launcher started, from 0."""
    return int(os.environ.get("RANK", "0"))


def process_count() -> int:
    """How many processes the launcher started, on all nodes."""
    return int(os.environ.get("WORLD_SIZE", "1"))


def is_main_process() -> bool:
    """Whether this is the only process, or the first of those that the launcher started."""
    return process_rank() == 0


def set_single_process_environment() -> None:
    """Set the variables that a launcher would have set, for one process, as in a notebook."""
    # Port 0: one that the system finds free. A script started from the notebook inherits all this,
    # and would not get a port that is taken.
    alone = {"MASTER_ADDR": "127.0.0.1", "MASTER_PORT": "0"}
    alone |= {"RANK": "0", "LOCAL_RANK": "0", "WORLD_SIZE": "1"}
    for name, value in alone.items():
        os.environ.setdefault(name, value)


def join_process_group() -> None:
    """Meet the other processes; a process on its own does nothing."""
    if process_count() > 1:
        import torch

        torch.distributed.init_process_group("gloo", timeout=_TIMEOUT)


def leave_process_group() -> None:
    """Wait for the other processes, then leave the group; a process on its own does nothing.

    A process that ends right after its last exchange may be aborted: a thread of gloo still holds
    the exchanged tensor, and needs Python's lock while Python shuts down. The launcher would then
    kill the main process in the middle of its work.
    """
    import torch

    if torch.distributed.is_initialized():
        torch.distributed.barrier()
        torch.distributed.destroy_process_group()


def broadcast_from_main(thing: Thing) -> Thing:
    """Give every process what the main process has."""
    things = [thing]
    if process_count() > 1:
        import torch

        torch.distributed.broadcast_object_list(things)
    return things[0]


def gather_on_main(thing: Thing) -> list[Thing]:
    """Collect what each process has.

    Returns:
        On the main process one entry a process, in the order of their ranks; elsewhere [].
    """
    if process_count() == 1:
        return [thing]
    import torch

    things: list[Any] = [None] * process_count() if is_main_process() else []
    torch.distributed.gather_object(thing, things or None)
    return things


def gather_rounds(mine: Iterator[list[Thing]], rounds: int) -> Iterator[list[Thing]]:
    """Join the lists of all processes, round by round.

    Args:
        mine: the lists of this process, one a round; it may have fewer.
        rounds: number of rounds, the same in all processes.

    Yields:
        On the main process the joined list of each round; elsewhere [].
    """
    for _ in range(rounds):
        yield [item for part in gather_on_main(next(mine, [])) for item in part]


def any_process(flag: bool, device: Any) -> bool:
    """Whether the flag is set in any process; all of them have to call this.

    Args:
        flag: of this process.
        device: the `torch.device` on which its process group exchanges tensors.
    """
    if process_count() == 1:
        return flag
    import torch

    shared = torch.tensor(int(flag), device=device)
    torch.distributed.all_reduce(shared, torch.distributed.ReduceOp.MAX)
    return bool(shared)
