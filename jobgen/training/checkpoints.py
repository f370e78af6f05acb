"""Checkpoints that are valid only when they are complete.

A checkpoint is written in the folder `.writing`: its files are flushed to the disk, their SHA-256
checksums are stored beside them, and the folder is moved to its place. A folder without checksums,
or whose files do not match them, is not a valid checkpoint, and the one before it is used.
"""

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
from jobgen.common.files import hash_file, is_disk_full, sync, sync_path
from jobgen.common.logging import logger

CHECKSUMS = "checksums.json"
STAGING = ".writing"  # the folder in which a checkpoint is written before it is valid


def checkpoints_folder(run: Path) -> Path:
    """The folder of a run's checkpoints."""
    return run / "checkpoints"


def staging_folder(folder: Path) -> Path:
    """Make the empty folder in which a checkpoint is written before it is valid.

    Args:
        folder: the folder of the checkpoints.
    """
    staging = folder / STAGING
    shutil.rmtree(staging, ignore_errors=True)  # an interrupted training may have left files
    staging.mkdir(parents=True)
    return staging


def commit_checkpoint(written: Path, folder: Path) -> Path:
    """Add checksums to a written checkpoint, flush it to the disk, and move it into the folder.

    Args:
        written: the checkpoint in its staging folder.
        folder: the folder of the checkpoints.

    Returns:
        The checkpoint in its final place.
    """
    files = sorted(path for path in written.rglob("*") if path.is_file())
    checksums = {str(path.relative_to(written)): hash_file(str(path)) for path in files}
    (written / CHECKSUMS).write_text(json.dumps(checksums, indent=1), encoding="utf-8")
    sync(written)
    checkpoint, replaced = folder / written.name, folder / ".replaced"
    shutil.rmtree(replaced, ignore_errors=True)
    if checkpoint.exists():  # an earlier one of the same step
        os.replace(checkpoint, replaced)
    os.replace(written, checkpoint)
    sync_path(folder)
    shutil.rmtree(replaced, ignore_errors=True)
    return checkpoint


def list_checkpoints(folder: Path) -> list[Path]:
    """The checkpoints of a folder, valid or not, the oldest first; copies by other names are not.

    Args:
        folder: the folder of the checkpoints.
    """
    checkpoints = [path for path in folder.glob("checkpoint-*") if step_of(path).isdigit()]
    return sorted(checkpoints, key=lambda path: int(step_of(path)))


def step_of(checkpoint: Path) -> str:
    """The step in a checkpoint's name, as text."""
    return checkpoint.name.removeprefix("checkpoint-")


def remove_checkpoints_after(folder: Path, step: int) -> None:
    """Remove the checkpoints after a step: those of an earlier training, and corrupted ones."""
    for path in list_checkpoints(folder):
        if int(step_of(path)) > step:
            shutil.rmtree(path)


def rotate(folder: Path, limit: int | None, best: Path) -> None:
    """Remove the oldest checkpoints beyond a limit, but neither the newest nor the best one.

    Args:
        folder: the folder of the checkpoints.
        limit: the number of checkpoints to keep; None to keep all.
        best: the best checkpoint; it need not exist.
    """
    newest_first = list_checkpoints(folder)[::-1]
    kept = newest_first[:1] + [path for path in newest_first[1:] if path == best]
    others = [path for path in newest_first if path not in kept]
    if limit:
        for path in others[max(0, limit - len(kept)) :]:
            shutil.rmtree(path)


def find_corruption(checkpoint: Path) -> str | None:
    """Describe how a checkpoint is corrupted; None if it is valid."""
    try:
        checksums = json.loads((checkpoint / CHECKSUMS).read_text(encoding="utf-8"))
    except FileNotFoundError:
        return f"has no {CHECKSUMS}, so it was not written completely"
    except (OSError, ValueError, UnicodeDecodeError) as error:
        return f"its {CHECKSUMS} cannot be read ({error})"
    if not isinstance(checksums, dict) or not checksums:
        return f"its {CHECKSUMS} names no files"
    for name, expected in checksums.items():
        path = checkpoint / name
        if not path.is_file():
            return f"{name} is missing"
        try:
            checksum = hash_file(str(path))
        except OSError as error:
            return f"{name} cannot be read ({error.strerror})"
        if checksum != expected:
            return f"{name} was altered or cut off"
    return None


def latest_valid_checkpoint(run: Path) -> Path | None:
    """The latest valid checkpoint of a run; warns about later ones that are corrupted.

    Args:
        run: the run folder.

    Returns:
        None if there is no valid checkpoint.
    """
    for path in reversed(list_checkpoints(checkpoints_folder(run))):
        corruption = find_corruption(path)
        if corruption is None:
            return path
        logger.warning(f"{path} cannot be used: {corruption}")
    return None


@contextmanager
def report_write_errors(path: Path, what: str) -> Iterator[None]:
    """Turn a full disk, and any other failure to write, into a message.

    Args:
        path: the folder or file that is written; after a failure a folder is removed.
        what: the name of this folder or file in the message.

    Raises:
        InputError: it could not be written.
    """
    try:
        yield
    except InputError:  # the problem is described already
        shutil.rmtree(path, ignore_errors=True)
        raise
    except Exception as error:
        # torch reports a failed write as a plain RuntimeError, tokenizers as a plain Exception.
        signs = ("PytorchStreamWriter", "inline_container", "unexpected pos", "(os error ")
        is_known = isinstance(error, OSError | SafetensorError)
        if not is_known and not any(sign in str(error) for sign in signs):
            raise
        shutil.rmtree(path, ignore_errors=True)
        raise _write_error(path.parent, what, error) from None


@contextmanager
def report_disk_full(run: Path) -> Iterator[None]:
    """Turn a full disk, wherever a training runs into it, into a message.

    Args:
        run: the run folder.

    Raises:
        InputError: the disk had no room for a file.
    """

    def report_in_thread(failure: threading.ExceptHookArgs) -> None:
        # A tracker that writes in a thread raises the same error again at its next call.
        if not is_disk_full(failure.exc_value):
            previous_hook(failure)

    previous_hook, threading.excepthook = threading.excepthook, report_in_thread
    try:
        yield
    except OSError as error:
        if not is_disk_full(error):
            raise
        raise _write_error(run, "the run", error) from None
    finally:
        threading.excepthook = previous_hook


def _write_error(folder: Path, what: str, error: Exception) -> InputError:
    """The message for something in a folder that cannot be written."""
    existing = next(path for path in (folder, *folder.parents) if path.exists())
    free = shutil.disk_usage(existing).free / 2**30
    reason = str(error).splitlines()[0]
    problem = InputError(
        str(folder),
        f"{what} cannot be written ({reason}); {free:.1f} GiB are free. Valid checkpoints"
        " are kept: once there is more room, the same command resumes from the latest one,"
        " without --overwrite",
    )
    if not is_main_process():  # the main process waits for this one and cannot report the error
        print(f"error: {problem}", file=sys.stderr, flush=True)
    return problem
