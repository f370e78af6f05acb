"""The CSV of generated postings: whole rows are appended to it, each of them once."""

import csv
import io
import math
import os
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import astuple
from pathlib import Path
from typing import IO, TYPE_CHECKING

from filelock import FileLock

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
from jobgen.common.logging import logger
from jobgen.generation.posting import POSTING_COLUMNS, Posting
from jobgen.generation.progress import GenerationProgress
from jobgen.generation.requests import NumberedPrompt
from jobgen.text.characters import escape_formula

if TYPE_CHECKING:  # it imports torch, and a CSV or a prompt that is wrong is to be told at once
    from jobgen.generation.generator import Generator


def read_posting_ids(path: Path) -> set[str]:
    """The ids in a CSV of postings; a row that a crash has cut off is removed from the file.

    Raises:
        InputError: the file holds something else, or is corrupted.
    """
    if not path.exists():
        return set()
    try:
        with _locked(path), path.open("r+b") as file:
            return _read_ids(path, file)
    except OSError as error:
        raise InputError(str(path), f"cannot be read: {error.strerror}") from None


def _read_ids(path: Path, file: IO[bytes]) -> set[str]:
    """The ids in an open file, which is cut back to its last whole row."""
    ids: set[str] = set()
    n_rows, n_bytes = 0, 0  # of whole rows
    lines: list[bytes] = []  # of the next row, which may be several
    quotes = 0
    for line in file:
        lines.append(line)
        quotes += line.count(b'"')
        if quotes % 2 or not line.endswith(b"\n"):
            continue  # the row goes on in the next line, or is cut off
        try:
            cells = next(csv.reader([b"".join(lines).decode()], strict=True), [])
        except (UnicodeDecodeError, csv.Error):
            cells = []
        if n_rows == 0 and cells != POSTING_COLUMNS:
            break
        if len(cells) != len(POSTING_COLUMNS):
            raise InputError(
                str(path), f"row {n_rows} is damaged; repair it, or choose another output_name"
            )
        if n_rows:
            ids.add(cells[0])
        n_bytes += sum(map(len, lines))
        n_rows, lines = n_rows + 1, []
    if n_rows == 0 and not _begins_header(lines):
        header = b"".join(lines)[:80].decode(errors="replace").splitlines()
        raise InputError(
            str(path),
            f"exists with other columns ({header[0] if header else ''}); expected"
            f" {', '.join(POSTING_COLUMNS)}; choose another output_name",
        )
    file.truncate(n_bytes)
    return ids


def _begins_header(lines: list[bytes]) -> bool:
    return _header().startswith(b"".join(lines))


def _header() -> bytes:
    return (",".join(POSTING_COLUMNS) + "\n").encode()


def append_postings(path: Path, postings: Sequence[Posting], escape_formulas: bool = True) -> int:
    """Append the postings that the file does not have yet, in one write; returns how many.

    Args:
        path: the CSV.
        postings: the postings, in the order of their rows.
        escape_formulas: whether a spreadsheet must not compute a cell.

    Raises:
        InputError: the file cannot be written, or is no CSV of postings.
    """
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        with _locked(path), path.open("a+b") as file:
            file.seek(0)
            existing = _read_ids(path, file)
            new = [posting for posting in postings if posting.id not in existing]
            rows = io.StringIO(newline="")
            writer = csv.writer(rows, lineterminator="\n", quoting=csv.QUOTE_ALL)
            writer.writerows(_cells(posting, escape_formulas) for posting in new)
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


def _cells(posting: Posting, escape_formulas: bool) -> list[object]:
    def cell(value: object) -> object:
        if isinstance(value, list):
            value = ", ".join(value)
        if isinstance(value, str):
            return escape_formula(value, escape_formulas)
        return f"{value:.4f}" if isinstance(value, float) else value

    return [cell(value) for value in astuple(posting)]


def generate_missing(
    generator: "Generator", prompts: Sequence[NumberedPrompt], path: Path, existing: set[str]
) -> None:
    """Write the postings that a CSV does not have yet; all processes of a launcher take part.

    Args:
        generator: the generator of this process.
        prompts: all prompts.
        path: the CSV.
        existing: the ids in the CSV.

    Raises:
        KeyboardInterrupt: names the number of postings that were written before it.
    """
    # 1. Divide what is missing among the processes.
    join_process_group()
    missing = [
        prompt for prompt in prompts if not existing.issuperset(generator.posting_ids(*prompt))
    ]
    if done := len(prompts) - len(missing):
        logger.info(f"{done} of {len(prompts)} prompts are in {path} already")
    groups = broadcast_from_main(generator.groups(missing, process_count()))
    own_groups = groups[process_rank() :: process_count()]
    # 2. Write it; the main process appends what each round of groups gave.
    texts, written = sum(map(len, own_groups)) * generator.candidates, 0
    is_silent = not texts or not is_main_process()
    try:
        with GenerationProgress(texts, is_silent) as progress:
            postings_of_groups = generator.generate(
                own_groups, on_tokens=progress.add_tokens, on_texts=progress.add_texts
            )
            rounds = math.ceil(len(groups) / process_count())
            for postings in gather_rounds(postings_of_groups, rounds):
                if is_main_process():
                    written += append_postings(path, postings, generator.config.escape_formulas)
    except KeyboardInterrupt:
        raise KeyboardInterrupt(
            f"{written} postings were written. Run the same command again to continue."
        ) from None
    # 3. Report.
    if memorized := sum(gather_on_main(generator.memorized)):
        logger.info(f"{memorized} texts were left out: memorized from training postings")
    logger.info(f"{written} postings appended to {path}")
    leave_process_group()
