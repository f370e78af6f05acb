"""Files: written whole or not at all, brought to the disk, hashed."""

import difflib
import errno
import hashlib
import json
import os
import re
from collections.abc import Callable
from json.decoder import scanstring  # type: ignore[attr-defined]
from pathlib import Path
from typing import Any

import numpy as np

from jobgen.common.errors import InputError
from jobgen.common.logging import logger

# The disk is full, the file may not grow further, the quota is used up.
_DISK_FULL = (errno.ENOSPC, errno.EFBIG, errno.EDQUOT)
_COLON = re.compile(r"\s*:")  # after the name of a key in JSON


def hash_file(path: str) -> str:
    """SHA-256 of a file's bytes."""
    with open(path, "rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()


def hash_folder(folder: Path, but: tuple[str, ...] = ()) -> str:
    """SHA-256 of the names and contents of a folder's files, those of its folders included.

    Args:
        folder: caches of Python in it do not count.
        but: endings of names that do not count, such as ".safetensors".
    """
    files = sorted(path for path in folder.rglob("*") if path.is_file())
    kept = [p for p in files if "__pycache__" not in p.parts and not p.name.endswith(but)]
    told = [(str(path.relative_to(folder)), hash_file(str(path))) for path in kept]
    return hashlib.sha256(repr(told).encode()).hexdigest()


def write_whole(path: Path, write: Callable[[Path], Any]) -> None:
    """Write a temporary file and move it into place, so that readers never see half of it."""

    def write_into_folder(place: Path) -> None:
        place.parent.mkdir(parents=True, exist_ok=True)
        write(place)

    write_and_move(path.with_name(f".{path.name}.partial"), path, write_into_folder)


def write_and_move(place: Path, path: Path, write: Callable[[Path], Any]) -> None:
    """Write a temporary file, flush it to the disk, then move it to its path.

    Raises:
        InputError: it cannot be written; nothing of it is left.
    """
    try:
        write(place)
        with place.open("rb") as file:  # a machine that crashes must not leave an empty one
            os.fsync(file.fileno())
        os.replace(place, path)
    except OSError as error:
        raise InputError(str(path), f"cannot be written: {error.strerror}") from None
    finally:
        place.unlink(missing_ok=True)


def is_disk_full(error: BaseException | None) -> bool:
    """Whether a disk had no room, or a user no more quota."""
    return isinstance(error, OSError) and error.errno in _DISK_FULL


def write_json(path: Path, content: Any) -> None:
    """Write a JSON file whole."""
    text = json.dumps(content, indent=2, ensure_ascii=False) + "\n"
    write_whole(path, lambda place: place.write_text(text, encoding="utf-8"))


def check_writable(folder: str) -> None:
    """Say at once that a folder cannot be written; it is not made yet."""
    try:
        parts = (Path(folder), *Path(folder).absolute().parents)
        probe = next(part for part in parts if part.exists()) / f".writable-{os.getpid()}"
        probe.touch()
        probe.unlink()
    except OSError as error:
        raise InputError(folder, f"cannot be written: {error.strerror}") from None


def write_arrays(path: Path, **arrays: Any) -> None:
    """Write NumPy arrays into one file of an existing folder, whole."""

    def write(place: Path) -> None:
        with place.open("wb") as file:  # given a name, numpy would add an ending
            np.savez(file, **arrays)

    write_beside_others(path, write)


def read_arrays(path: Path) -> dict[str, np.ndarray]:
    """Read the arrays of a file."""
    with np.load(path) as arrays:
        return dict(arrays)


def write_beside_others(path: Path, write: Callable[[Path], Any]) -> None:
    """Write a file whole into an existing folder, even if another process writes it too.

    A worker can outlive a killed script and write what the next one writes: each process writes to
    a temporary file of its own, and a folder that was removed is not made again.
    """
    write_and_move(path.with_name(f".{path.name}.{os.getpid()}"), path, write)


def sync(folder: Path) -> None:
    """Bring a folder and all that is in it to the disk."""
    parts = sorted(folder.rglob("*"), key=Path.is_dir)  # files first
    for path in [*parts, folder]:
        sync_path(path)


def sync_path(path: Path) -> None:
    """Bring a file, or the entries of a folder, to the disk."""
    descriptor = os.open(path, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)


def read_metrics(run: Path) -> list[dict[str, Any]]:
    """The lines of metrics.jsonl; those that a crash has cut off or damaged are left out."""
    path, lines = run / "metrics.jsonl", []
    for number, text in enumerate(path.read_text("utf-8", errors="replace").splitlines(), 1):
        try:
            lines.append(json.loads(text))
        except json.JSONDecodeError:
            logger.warning(f"line {number} of {path} cannot be read, and is left out")
    return lines


def read_json(path: str, unique_keys: bool = False) -> Any:
    """Parse a JSON file; errors name the line and column.

    Args:
        path: the file; a byte order mark at its beginning is skipped.
        unique_keys: whether to refuse an object that has a key twice, whose last value would count.

    Raises:
        InputError: it cannot be read, or is no JSON.
    """
    try:
        text = Path(path).read_text(encoding="utf-8-sig")
    except FileNotFoundError:
        raise InputError(path, f"no such file{nearby(Path(path))}") from None
    except IsADirectoryError:
        raise InputError(path, "is a folder, expected a JSON file") from None
    except UnicodeDecodeError as error:
        raise InputError(path, f"not UTF-8 at byte {error.start}") from None
    except (OSError, ValueError) as error:  # ValueError: NUL in the name
        raise InputError(path, f"cannot be read: {getattr(error, 'strerror', error)}") from None
    try:
        content = json.loads(text)
        if unique_keys:
            _check_unique(path, text)
        return content
    except json.JSONDecodeError as error:
        where = f"line {error.lineno}, column {error.colno}"
        raise InputError(path, f"invalid JSON at {where}: {error.msg}") from None
    except RecursionError:
        raise InputError(path, "nested too deeply") from None
    except ValueError as error:  # an integer of thousands of digits
        raise InputError(path, f"invalid JSON: {str(error).split(';')[0]}") from None


def _check_unique(path: str, text: str) -> None:
    """Refuse keys that an object has twice.

    Args:
        path: the file, for the message.
        text: its content, which is valid JSON.
    """
    problems = []
    objects: list[dict[str, int]] = []  # of each open object or list the keys and their lines
    at, line, counted = 0, 1, 0
    while at < len(text):
        if text[at] in "{[":
            objects.append({})
        elif text[at] in "}]":
            objects.pop()
        elif text[at] == '"':
            line, counted = line + text.count("\n", counted, at), at
            key, end = scanstring(text, at + 1)
            if _COLON.match(text, end):
                if key in objects[-1]:
                    lines = f"line {objects[-1][key]} and line {line}"
                    problems.append(f"{json.dumps(key)} is given twice, in {lines}")
                objects[-1][key] = line
            at = end
            continue
        at += 1
    if problems:
        raise InputError(path, problems)


def nearby(path: Path) -> str:
    """What is there instead of a missing file, for its message; never the path itself."""
    if not path.parent.is_dir():
        return f"; the folder {path.parent} does not exist"
    try:
        others = sorted(e.name for e in path.parent.iterdir() if e.name != path.name)
    except OSError:  # the folder may not be listed
        return ""
    same_stem = [name for name in others if Path(name).stem.lower() == path.stem.lower()]
    names = [name for name in others if Path(name).suffix.lower() == path.suffix.lower()]
    by_lower = {name.lower(): name for name in names}
    close = difflib.get_close_matches(path.name.lower(), by_lower, n=1, cutoff=0.5)
    likely = same_stem or [by_lower[name] for name in close]
    if likely:
        return f'; did you mean "{path.parent / likely[0]}"?'
    if not names:
        return (
            f"; {path.parent} holds no {'other ' * path.is_symlink()}{path.suffix or 'such'} file"
        )
    return f"; {path.parent} holds {', '.join(names[:8])}{', ...' if len(names) > 8 else ''}"
