"""Tables of postings and their checks: sources, prepared tables, prompts, postings to evaluate."""

import ast
from typing import Any

import numpy as np
import pandas as pd

from jobgen.common.errors import InputError
from jobgen.data.reading import Source, has_fixed_columns, read_chunks, shown
from jobgen.data.reading.cells import fault_of
from jobgen.data.reading.columns import missing_columns
from jobgen.text.characters import unescape_formula

# Columns of the CSVs that cli_generate_text.py writes, by which they are recognized.
_OF_GENERATED = {"id", "title", "text", "seed", "nats_per_token"}
_BAD_ROWS_ADVICE = "repair them, or leave them out: cli_prepare_data.py --set bad_rows=drop"
_MOST_FAULTS, _MOST_ROWS = 20, 10  # kinds that a message names, and rows of each
# Columns of prepared and generated tables, which must not occur twice; others are not used.
_USED = ("title", "text", "keywords", "kws", "finished")


def read_table(path: str, encoding: str = "auto") -> pd.DataFrame:
    """Read a whole table; the ending of its name decides the format.

    Args:
        path: a file, or another location that `jobgen.data.reading` knows.
        encoding: that of a text format; "auto" to find it.

    Returns:
        The columns as they are; cells of text formats are `str`, empty ones too.

    Raises:
        InputError: the file is missing, corrupt or in the wrong encoding, its format is unknown,
            it has a row that cannot be read, or none, or a column twice that is used.
    """
    frames = [chunk.frame for chunk in read_chunks(Source(path, encoding=encoding))]
    repeated = frames[0].columns.duplicated()
    if used := [name for name in frames[0].columns[repeated] if name in _USED]:
        raise InputError(path, f'column "{used[0]}" occurs twice')
    if repeated.any():  # frames with the same name twice can hardly be joined
        frames = [frame.loc[:, ~frame.columns.duplicated()] for frame in frames]
    return pd.concat(frames, ignore_index=True)


def check_readable(source: Source, columns: dict[str, str | list[str]]) -> None:
    """Check the format and the columns of a table by its first rows.

    Raises:
        InputError: as `read_chunks`; or a column is missing.
    """
    first_rows = next(read_chunks(source, chunk_rows=100, drop_bad=True)).frame
    # An object can lack keys that others have; only the whole file will tell.
    if has_fixed_columns(source) and (problems := missing_columns(first_rows.columns, columns)):
        raise InputError(shown(source), problems)


def find_faults(frame: pd.DataFrame) -> dict[int, list[str]]:
    """Find the rows whose title or text cannot be used.

    Returns:
        Label of a row in the index -> what is wrong with it.
    """
    faults: dict[int, list[str]] = {}
    for column in ("title", "text"):
        for row, cell in zip(frame.index, frame[column], strict=True):
            if fault := fault_of(cell):
                faults.setdefault(row, []).append(f"{fault} {column}")
    return faults


class FaultyRows:
    """The rows of a table that cannot be used: the first of each kind, and numbers of all.

    It does not grow with the table.
    """

    def __init__(self) -> None:
        self._first: dict[str, list[str]] = {}  # what is wrong -> rows with it
        self._counts: dict[str, int] = {}
        self._n_others = 0

    def __bool__(self) -> bool:
        """Whether there are any."""
        return bool(self._counts)

    def add(self, fault: str, row: str) -> None:
        """Take a row with a fault; it has a number from 1, as a text."""
        if fault not in self._counts and len(self._counts) == _MOST_FAULTS:
            self._n_others += 1
            return
        self._counts[fault] = self._counts.get(fault, 0) + 1
        rows = self._first.setdefault(fault, [])
        if len(rows) < _MOST_ROWS:
            rows.append(row)

    def refuse(self, where: str) -> None:
        """Name the rows.

        Args:
            where: the table, for the message.

        Raises:
            InputError: there are such rows.
        """
        problems = []
        for fault, count in self._counts.items():
            row_numbers = ", ".join(self._first[fault]) + (", ..." if count > _MOST_ROWS else "")
            problems.append(f"{count} rows with {fault}: row {row_numbers}")
        if self._n_others:
            problems.append(f"{self._n_others} rows with other faults")
        if problems:
            raise InputError(where, [*problems, _BAD_ROWS_ADVICE])


def read_prepared(path: str) -> pd.DataFrame:
    """Read a prepared table, or one of the original project's pickles.

    Returns:
        Columns `title: str`, `keywords: list[str]`, `text: str`.

    Raises:
        InputError: it cannot be read, lacks a column, or holds invalid cells.
    """
    table = read_table(path)
    missing = [name for name in ("title", "keywords", "text") if name not in table]
    if missing:
        raise InputError(
            path,
            f"no column {', '.join(missing)}; its columns are: "
            f"{', '.join(map(str, table.columns))}; cli_prepare_data.py makes such a table",
        )
    keywords = table["keywords"].reset_index(drop=True)
    for row_number, cell in enumerate(keywords, 1):
        if not _is_list_of_texts(cell):
            raise InputError(path, f"keywords of row {row_number} are not a list of texts")
    frame = table[["title", "text"]].astype(object).reset_index(drop=True)
    faulty = FaultyRows()
    for row, row_faults in find_faults(frame).items():
        for fault in row_faults:
            faulty.add(fault, str(row + 1))
    faulty.refuse(path)
    frame.insert(1, "keywords", keywords.map(list))
    return frame


def read_postings(path: str) -> pd.DataFrame:
    """Read postings of any origin, to evaluate them.

    Returns:
        Columns `text: str` and, as far as the table has them, `title: str`, `keywords: list[str]`
        (`kws` in the original project's files) and `finished: bool`. A cell that is no text
        becomes an empty text.

    Raises:
        InputError: it cannot be read, or has no column "text".
    """
    table = _unescaped(read_table(path))
    if "keywords" not in table:
        table = table.rename(columns={"kws": "keywords"})
    _require_column(path, table, "text")
    frame = pd.DataFrame({"text": [text_or_empty(cell) for cell in table["text"]]})
    if "title" in table:
        frame["title"] = [text_or_empty(cell) for cell in table["title"]]
    if "keywords" in table:
        frame["keywords"] = [_keywords_of(cell) for cell in table["keywords"]]
    if "finished" in table:
        frame["finished"] = [str(cell).lower() == "true" for cell in table["finished"]]
    return frame


def read_prompts(path: str) -> list[tuple[str, str | list[str]]]:
    """Read titles and keywords to generate from, in the order of the table.

    Returns:
        A title and its keywords for each row; keywords are a list, or one text as it stands in the
        table, or an empty text if there are none.

    Raises:
        InputError: it cannot be read, or a row has no title.
    """
    table = _unescaped(read_table(path))
    _require_column(path, table, "title")
    keywords_column = table["keywords"] if "keywords" in table else [""] * len(table)
    prompts = []
    for row_number, (title, keywords) in enumerate(
        zip(table["title"], keywords_column, strict=True), start=1
    ):
        if not isinstance(title, str) or not title.strip():
            raise InputError(path, f"row {row_number} has no title")
        if not (isinstance(keywords, str) or _is_list_of_texts(keywords)):
            keywords = ""
        prompts.append((title, keywords))
    return prompts


def _unescaped(table: pd.DataFrame) -> pd.DataFrame:
    """A table of generated postings without the apostrophes before formulas; others as they are."""
    if not set(table.columns) >= _OF_GENERATED:
        return table
    return table.map(lambda cell: unescape_formula(cell) if isinstance(cell, str) else cell)


def _require_column(path: str, table: pd.DataFrame, name: str) -> None:
    if name not in table:
        columns = ", ".join(map(str, table.columns))
        raise InputError(path, f'no column "{name}"; its columns are: {columns}')


def text_or_empty(cell: Any) -> str:
    """A cell's text without lone surrogates; an empty one if the cell holds something else."""
    return cell.encode("utf-8", "replace").decode() if isinstance(cell, str) else ""


def _keywords_of(cell: Any) -> list[str]:
    """A cell's keywords: a list, or a text that shows a list or separates them by commas."""
    if isinstance(cell, str):
        cell = _parse_list(cell) or cell.split(",")
    if not _is_list_of_texts(cell):
        return []
    keywords = [text_or_empty(keyword).strip() for keyword in cell]
    return [keyword for keyword in keywords if keyword]


def _parse_list(cell: str) -> list[str] | None:
    """A list as pandas writes it into a CSV: `['night shifts', 'first aid']`."""
    if not cell.startswith("["):
        return None
    try:
        content = ast.literal_eval(cell)
    except (ValueError, SyntaxError):
        return None
    return content if _is_list_of_texts(content) else None


def _is_list_of_texts(cell: Any) -> bool:
    # A list read from Parquet is an array.
    is_list = isinstance(cell, list | tuple | np.ndarray)
    return is_list and all(isinstance(item, str) for item in cell)
