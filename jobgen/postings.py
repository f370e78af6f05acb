"""The CSV of generated postings, to which whole rows are appended."""

import csv
import io
import os
from pathlib import Path
from typing import NamedTuple

from filelock import FileLock

from jobgen.errors import InputError
from jobgen.metrics import covered_keywords


class Posting(NamedTuple):
    """A posting that was written."""

    title: str
    keywords: list[str]
    text: str
    finished: bool  # ended by itself, within the length limit


# The columns of generated postings.
POSTING_COLUMNS = ["title", "keywords", "text", "seed", "model", "finished", "covered", "missing"]


def check_postings_file(path: Path) -> None:
    """Refuse to append to a file that holds something else."""
    if not path.exists():
        return
    with path.open(encoding="utf-8", errors="replace", newline="") as file:
        header = next(csv.reader(file), [])
    if header != POSTING_COLUMNS:
        raise InputError(
            str(path),
            f"exists with other columns ({', '.join(header)[:80]}); expected"
            f" {', '.join(POSTING_COLUMNS)}; choose another output_name",
        )


def append_postings(path: Path, postings: list[Posting], seed: int, model: str) -> None:
    """Append whole rows to a CSV, in one write, with a header if the file is new.

    Args:
        path: the CSV.
        postings: rows; `covered` and `missing` are worked out here.
        seed: of the sampling.
        model: that wrote them.
    """
    rows = io.StringIO(newline="")
    writer = csv.writer(rows, lineterminator="\n", quoting=csv.QUOTE_ALL)
    for posting in postings:
        covered = covered_keywords(posting.text, posting.keywords)
        missing = [word for word, found in zip(posting.keywords, covered, strict=True) if not found]
        writer.writerow(
            [posting.title, ", ".join(posting.keywords), posting.text, seed, model]
            + [posting.finished, sum(covered), ", ".join(missing)]
        )
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        with FileLock(path.with_name(f".{path.name}.lock")), path.open("ab") as file:
            header = ",".join(POSTING_COLUMNS) + "\n" if file.tell() == 0 else ""
            file.write((header + rows.getvalue()).encode("utf-8"))
            file.flush()
            os.fsync(file.fileno())
    except OSError as error:
        raise InputError(str(path), f"cannot be written: {error.strerror}") from None
