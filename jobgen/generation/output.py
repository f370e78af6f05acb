"""The CSV of generated postings, to which whole rows are appended, each of them once."""

import csv
import io
import math
import os
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import astuple
from pathlib import Path

from filelock import FileLock
from tqdm import tqdm

from jobgen.common.distributed import (
    broadcast_from_main,
    gather_on_main,
    gather_rounds,
    is_main_process,
    join_process_group,
    leave_process_group,
    process_count,
    process_rank,
)
from jobgen.common.errors import InputError
from jobgen.common.logging import say
from jobgen.generation.generator import Generator
from jobgen.generation.posting import POSTING_COLUMNS, Posting
from jobgen.generation.requests import NumberedPrompt


def read_posting_ids(path: Path) -> set[str]:
    """The ids that a CSV of postings holds, after a row cut off by a crash was removed.

    Raises:
        InputError: the file holds something else, or is damaged.
    """
    if not path.exists():
        return set()
    try:
        with _locked(path), path.open("r+b") as file:
            return _read_ids(path, file)
    except OSError as error:
        raise InputError(str(path), f"cannot be read: {error.strerror}") from None


def _read_ids(path: Path, file: io.BufferedRandom) -> set[str]:
    """The ids of an open file, cut back to its last whole row."""
    ids: set[str] = set()
    whole, row, quotes, number = 0, [], 0, 0
    for line in file:
        row.append(line)
        quotes += line.count(b'"')
        if quotes % 2 or not line.endswith(b"\n"):
            continue  # within a text, or cut off
        try:
            cells = next(csv.reader([b"".join(row).decode()], strict=True), [])
        except (UnicodeDecodeError, csv.Error):
            cells = []
        if number == 0 and cells != POSTING_COLUMNS:
            break
        if len(cells) != len(POSTING_COLUMNS):
            raise InputError(
                str(path), f"row {number} is damaged; repair it, or choose another output_name"
            )
        if number:
            ids.add(cells[0])
        whole += sum(map(len, row))
        row, number = [], number + 1
    if number == 0 and not _begins_header(row):
        header = b"".join(row)[:80].decode(errors="replace").splitlines()
        raise InputError(
            str(path),
            f"exists with other columns ({header[0] if header else ''}); expected"
            f" {', '.join(POSTING_COLUMNS)}; choose another output_name",
        )
    file.truncate(whole)
    return ids


def _begins_header(lines: list[bytes]) -> bool:
    return _header().startswith(b"".join(lines))


def _header() -> bytes:
    return (",".join(POSTING_COLUMNS) + "\n").encode()


def append_postings(path: Path, postings: Sequence[Posting]) -> int:
    """Append the rows that are not there yet, in one write; returns how many.

    Raises:
        InputError: the file cannot be written, or is none of postings.
    """
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        with _locked(path), path.open("a+b") as file:
            file.seek(0)
            there = _read_ids(path, file)
            new = [posting for posting in postings if posting.id not in there]
            rows = io.StringIO(newline="")
            writer = csv.writer(rows, lineterminator="\n", quoting=csv.QUOTE_ALL)
            writer.writerows(map(_cells, new))
            file.seek(0, os.SEEK_END)
            header = _header() if file.tell() == 0 else b""
            file.write(header + rows.getvalue().encode("utf-8"))
            file.flush()
            os.fsync(file.fileno())
    except OSError as error:
        raise InputError(str(path), f"cannot be written: {error.strerror}") from None
    return len(new)


@contextmanager
def _locked(path: Path) -> Iterator[None]:
    with FileLock(path.with_name(f".{path.name}.lock")):
        yield


def _cells(posting: Posting) -> list[object]:
    def cell(value: object) -> object:
        if isinstance(value, list):
            return ", ".join(value)
        return f"{value:.4f}" if isinstance(value, float) else value

    return [cell(value) for value in astuple(posting)]


def generate_missing(
    generator: Generator, prompts: Sequence[NumberedPrompt], path: Path, there: set[str]
) -> None:
    """Append to a CSV what it does not have yet; all processes of a launcher take part.

    Args:
        generator: of this process.
        prompts: all of them.
        path: of the CSV.
        there: the ids that it holds.

    Raises:
        KeyboardInterrupt: with what was written by then.
    """
    join_process_group()
    missing = [prompt for prompt in prompts if not there.issuperset(generator.posting_ids(*prompt))]
    if done := len(prompts) - len(missing):
        say(f"{done} of {len(prompts)} prompts are in {path} already")
    groups = broadcast_from_main(generator.groups(missing, process_count()))
    mine = groups[process_rank() :: process_count()]
    total, written = sum(map(len, mine)) * generator.candidates, 0
    silent = not total or not is_main_process()
    try:
        with tqdm(total=total, desc="writing", unit=" texts", disable=silent) as progress:
            texts = generator.generate(mine, progress=progress.update)
            rounds = math.ceil(len(groups) / process_count())
            for postings in gather_rounds(texts, rounds):
                if is_main_process():
                    written += append_postings(path, postings)
    except KeyboardInterrupt:
        raise KeyboardInterrupt(
            f"{written} postings were written. The same command goes on from there."
        ) from None
    if copies := sum(gather_on_main(generator.copies)):
        say(f"{copies} texts were left out: copies of training postings")
    say(f"{written} postings appended to {path}")
    leave_process_group()
