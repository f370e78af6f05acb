"""What a training compiles: DeepSpeed's C++ operations, once, at their first use."""

import os
import shutil
import sysconfig
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

from filelock import FileLock, Timeout

from jobgen.common.errors import InputError
from jobgen.common.logging import logger

# For how long the compilation of a program other than this one is waited for.
_SECONDS_TO_COMPILE = 600


def prefer_own_programs() -> None:
    """Put the programs of this environment first on PATH, among them ninja.

    DeepSpeed compiles with the ninja that PATH finds, and another version of it does not recognize
    what was compiled: a script that is called now with, now without an activated environment would
    compile for minutes each time.
    """
    own, others = sysconfig.get_path("scripts"), os.environ.get("PATH", "")
    if others.split(os.pathsep)[0] != own:
        os.environ["PATH"] = f"{own}{os.pathsep}{others}"


def require_compiler(why: str, otherwise: str) -> None:
    """Refuse to start without a C++ compiler.

    Args:
        why: what needs the compiler, for the message.
        otherwise: the setting that works without one.

    Raises:
        InputError: there is no compiler.
    """
    from torch.utils.cpp_extension import get_cxx_compiler

    if shutil.which(get_cxx_compiler()) is None:
        raise InputError(
            "C++ compiler",
            f"{why}, and {get_cxx_compiler()} is not installed; install g++, or {otherwise}",
        )


def load_deepspeed_ops(builders: list[str]) -> None:
    """Load DeepSpeed's C++ operations, compiling those that were not compiled before.

    DeepSpeed itself then uses what is loaded. One process compiles, the others wait for it.

    Args:
        builders: names of DeepSpeed's builders of the operations, such as "CPUAdamBuilder".

    Raises:
        InputError: an operation has to be compiled, and there is no C++ compiler.
    """
    from deepspeed.accelerator import get_accelerator
    from torch.utils.cpp_extension import _get_build_directory

    prefer_own_programs()
    for name in builders:
        builder = get_accelerator().create_op_builder(name)
        if builder is None or not builder.is_compatible(verbose=False):
            continue  # DeepSpeed does without it, or says what it lacks
        folder = Path(_get_build_directory(builder.name, verbose=False))
        with _one_process_at_a_time(folder):
            if not (folder / f"{builder.name}.so").is_file():
                require_compiler(
                    f"DeepSpeed compiles {builder.name}",
                    "train without DeepSpeed: --set ds_config=null",
                )
                logger.info(
                    f"DeepSpeed compiles {builder.name} at its first use, once; it takes a minute"
                    " or two ..."
                )
            builder.load(verbose=False)


@contextmanager
def _one_process_at_a_time(folder: Path) -> Iterator[None]:
    """Wait for another process that compiles, but not for one that was killed while it did.

    PyTorch's own lock is a file that stays when its process is killed, and PyTorch would wait for
    it forever. The operating system releases ours, and a mark that its process leaves while it
    compiles tells the next one that PyTorch's lock is of the dead.

    Args:
        folder: where PyTorch compiles the operation.
    """
    ours = FileLock(folder / "jobgen.lock")
    pytorchs, mark = folder / "lock", folder / "jobgen.compiles"
    try:
        ours.acquire(timeout=1)  # long enough to load what is compiled
    except Timeout:
        logger.info(f"waiting for another process that compiles in {folder} ...")
        ours.acquire()
    try:
        if mark.exists() and pytorchs.exists():
            logger.info(f"note: {pytorchs} was left by a process that was killed; it is removed")
            pytorchs.unlink(missing_ok=True)
        _await_other_programs(pytorchs)
        mark.touch()
        try:
            yield
        finally:  # PyTorch, too, gives its lock back unless it is killed
            mark.unlink()
    finally:
        ours.release()


def _await_other_programs(lock: Path) -> None:
    """Wait for a program other than this one that compiles the operation.

    Args:
        lock: PyTorch's lock of the operation; one that is old counts as left behind.
    """
    was_announced = False
    with suppress(FileNotFoundError):
        while 0 <= time.time() - lock.stat().st_mtime < _SECONDS_TO_COMPILE:
            if not was_announced:
                logger.info(f"waiting for another program that holds {lock} ...")
            was_announced = True
            time.sleep(0.2)
        logger.info(f"note: {lock} was left by a program that was killed; it is removed")
        lock.unlink()
