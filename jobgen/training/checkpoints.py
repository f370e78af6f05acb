"""Checkpoints that count only when they are whole.

A checkpoint is written in `.writing`, its files are brought to the disk, their SHA-256 sums are put
beside them, and the folder is moved to its place. A folder without these sums, or with other ones,
is no checkpoint; the one before it is used.
"""

import errno
import json
import os
import shutil
import sys
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from safetensors import SafetensorError

from jobgen.common.distributed import is_main_process
from jobgen.common.errors import InputError
from jobgen.common.files import hash_file, sync, sync_path
from jobgen.common.logging import say

CHECKSUMS = "checksums.json"
STAGING = ".writing"  # the folder of a checkpoint that does not count yet
# The disk is full, the file may not grow, the quota is used up.
_NO_ROOM = (errno.ENOSPC, errno.EFBIG, errno.EDQUOT)


def checkpoints_folder(run: Path) -> Path:
    """The folder of a run's checkpoints."""
    return run / "checkpoints"


def staging_folder(folder: Path) -> Path:
    """Where a checkpoint is written before it counts; what an interrupted one has left is gone."""
    place = folder / STAGING
    shutil.rmtree(place, ignore_errors=True)
    place.mkdir(parents=True)
    return place


def commit_checkpoint(written: Path, folder: Path) -> Path:
    """Bring a written checkpoint to the disk, add its sums, and move it into the folder."""
    files = sorted(path for path in written.rglob("*") if path.is_file())
    sums = {str(path.relative_to(written)): hash_file(path) for path in files}
    (written / CHECKSUMS).write_text(json.dumps(sums, indent=1), encoding="utf-8")
    sync(written)
    place, aside = folder / written.name, folder / ".replaced"
    shutil.rmtree(aside, ignore_errors=True)
    if place.exists():  # of the same step; it stays until the new one is there
        os.replace(place, aside)
    os.replace(written, place)
    sync_path(folder)
    shutil.rmtree(aside, ignore_errors=True)
    return place


def list_checkpoints(folder: Path) -> list[Path]:
    """The checkpoints of a folder, whole or not, the oldest first; copies by other names aside."""
    found = [path for path in folder.glob("checkpoint-*") if step_of(path).isdigit()]
    return sorted(found, key=lambda path: int(step_of(path)))


def step_of(checkpoint: Path) -> str:
    """The step in a checkpoint's name."""
    return checkpoint.name.removeprefix("checkpoint-")


def remove_checkpoints_after(folder: Path, step: int) -> None:
    """Remove the checkpoints after a step: those of an earlier training, and damaged ones."""
    for path in list_checkpoints(folder):
        if int(step_of(path)) > step:
            shutil.rmtree(path)


def rotate(folder: Path, limit: int | None, best: Path) -> None:
    """Remove the oldest checkpoints beyond a number, but neither the newest nor the best.

    Args:
        folder: of the checkpoints.
        limit: how many to keep; None: all.
        best: need not be there.
    """
    newest_first = list_checkpoints(folder)[::-1]
    kept = newest_first[:1] + [path for path in newest_first[1:] if path == best]
    others = [path for path in newest_first if path not in kept]
    if limit:
        for path in others[max(0, limit - len(kept)) :]:
            shutil.rmtree(path)


def find_corruption(checkpoint: Path) -> str | None:
    """What is wrong with a checkpoint; None: it is whole."""
    try:
        sums = json.loads((checkpoint / CHECKSUMS).read_text(encoding="utf-8"))
    except FileNotFoundError:
        return f"has no {CHECKSUMS}, so it was not written whole"
    except (OSError, ValueError, UnicodeDecodeError) as error:
        return f"its {CHECKSUMS} cannot be read ({error})"
    if not isinstance(sums, dict) or not sums:
        return f"its {CHECKSUMS} names no files"
    for name, expected in sums.items():
        path = checkpoint / name
        if not path.is_file():
            return f"{name} is missing"
        try:
            found = hash_file(path)
        except OSError as error:
            return f"{name} cannot be read ({error.strerror})"
        if found != expected:
            return f"{name} was altered or cut off"
    return None


def latest_valid_checkpoint(run: Path) -> Path | None:
    """The newest checkpoint of a run that is whole; names those that are not."""
    folder = checkpoints_folder(run)
    for path in reversed(list_checkpoints(folder)):
        wrong = find_corruption(path)
        if wrong is None:
            return path
        say(f"warning: {path} cannot be used: {wrong}")
    return None


@contextmanager
def report_write_errors(place: Path, what: str) -> Iterator[None]:
    """Turn a full disk, and whatever else keeps files from being written, into a message.

    Args:
        place: the folder or file that is written; a folder is removed then.
        what: its name for people.

    Raises:
        InputError: it could not be written.
    """
    try:
        yield
    except InputError:  # it says already what is wrong
        shutil.rmtree(place, ignore_errors=True)
        raise
    except (OSError, SafetensorError, RuntimeError) as error:
        # torch reports a failed write as a plain RuntimeError.
        of_torch = ("PytorchStreamWriter", "inline_container", "unexpected pos")
        if isinstance(error, RuntimeError) and not any(part in str(error) for part in of_torch):
            raise
        shutil.rmtree(place, ignore_errors=True)
        raise _refusal(place.parent, what, error) from None


@contextmanager
def report_disk_full(run: Path) -> Iterator[None]:
    """Turn a full disk, wherever a training meets it, into the message of `report_write_errors`.

    Args:
        run: the folder of the run.

    Raises:
        InputError: there was no room for a file.
    """

    def in_thread(failure: threading.ExceptHookArgs) -> None:
        # A tracker that writes in a thread raises the same error at its next call.
        if not _is_no_room(failure.exc_value):
            before(failure)

    before, threading.excepthook = threading.excepthook, in_thread
    try:
        yield
    except OSError as error:
        if not _is_no_room(error):
            raise
        raise _refusal(run, "the run", error) from None
    finally:
        threading.excepthook = before


def _is_no_room(error: BaseException | None) -> bool:
    return isinstance(error, OSError) and error.errno in _NO_ROOM


def _refusal(folder: Path, what: str, error: Exception) -> InputError:
    """What is said where something of a folder cannot be written."""
    there = next(path for path in (folder, *folder.parents) if path.exists())
    free = shutil.disk_usage(there).free / 1e9
    reason = str(error).splitlines()[0]
    problem = InputError(
        str(folder),
        f"{what} cannot be written ({reason}); {free:.1f} GB are free. Whole checkpoints"
        " are kept: with more room, the same command goes on from the newest, without"
        " --overwrite",
    )
    if not is_main_process():  # the others wait for this one, and will not say it
        print(f"error: {problem}", file=sys.stderr, flush=True)
    return problem
