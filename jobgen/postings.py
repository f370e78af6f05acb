"""The CSV of generated postings, to which whole rows are appended, each of them once."""

import csv
import io
import os
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import astuple, dataclass, fields
from pathlib import Path

from filelock import FileLock

from jobgen.errors import InputError


@dataclass(frozen=True)
class Posting:
    """A posting that was written; its fields are the columns of the CSV.

    Attributes:
        id: of this text: what it was written for, with which settings, and its number.
        title: of the prompt.
        keywords: of the prompt.
        text: what was written, cleaned.
        seed: of the sampling.
        model: that wrote it.
        finished: whether it ended by itself, within the length limit.
        covered: how many of the keywords it mentions, by stems.
        missing: the others.
        nats_per_token: negative log-likelihood under the model, without guidance.
        repetition: share of its runs of four words that stood in it before.
        copied_words: longest run of words copied from the training texts; None: not known.
        copied_share: share of its runs of eight words that stand there; None: not known.
        nearest_row: number of the training posting it shares most with; None: with none.
        masculine: gender-coded words (jobgen.wording).
        feminine: the same.
    """

    id: str
    title: str
    keywords: list[str]
    text: str
    seed: int
    model: str
    finished: bool
    covered: int
    missing: list[str]
    nats_per_token: float
    repetition: float
    copied_words: int | None
    copied_share: float | None
    nearest_row: int | None
    masculine: int
    feminine: int


POSTING_COLUMNS = [field.name for field in fields(Posting)]


def open_postings(path: Path) -> set[str]:
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
