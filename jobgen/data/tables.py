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
_MOST_FAULTS = 20  # kinds of them that a message names


def read_table(path: str, encoding: str = "auto") -> pd.DataFrame:
    """Read a whole table; the ending of its name decides the format.

    Args:
        path: a file, or another location that `jobgen.data.reading` knows.
        encoding: that of a text format; "auto" to find it.

    Returns:
        The columns as they are; cells of text formats are `str`, empty ones too.

    Raises:
        InputError: the file is missing, corrupt or in the wrong encoding, its format is unknown,
            it has a row that cannot be read, or none.
    """
    frames = [chunk.frame for chunk in read_chunks(Source(path, encoding=encoding))]
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


def refuse_rows(where: str, faults: dict[str, list[str]]) -> None:
    """Name the rows that cannot be used.

    Args:
        where: the table, for the message.
        faults: what is wrong -> the rows with it, by their numbers from 1 as texts.

    Raises:
        InputError: there are such rows.
    """
    problems = []
    for fault, rows in list(faults.items())[:_MOST_FAULTS]:
        row_numbers = ", ".join(rows[:10]) + (", ..." if len(rows) > 10 else "")
        problems.append(f"{len(rows)} rows with {fault}: row {row_numbers}")
    if n_more := sum(map(len, list(faults.values())[_MOST_FAULTS:])):
        problems.append(f"{n_more} rows with other faults")
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
    faults: dict[str, list[str]] = {}
    for row, row_faults in find_faults(frame).items():
        for fault in row_faults:
            faults.setdefault(fault, []).append(str(row + 1))
    refuse_rows(path, faults)
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
    frame = pd.DataFrame({"text": [_text_of(cell) for cell in table["text"]]})
    if "title" in table:
        frame["title"] = [_text_of(cell) for cell in table["title"]]
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


def _text_of(cell: Any) -> str:
    """A cell's text without lone surrogates; an empty one if the cell holds something else."""
    return cell.encode("utf-8", "replace").decode() if isinstance(cell, str) else ""


def _keywords_of(cell: Any) -> list[str]:
    """A cell's keywords: a list, or a text that shows a list or separates them by commas."""
    if isinstance(cell, str):
        cell = _parse_list(cell) or cell.split(",")
    keywords = [_text_of(keyword).strip() for keyword in cell] if _is_list_of_texts(cell) else []
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
