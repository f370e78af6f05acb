"""Tables of postings and their checks: sources, prepared tables, prompts, postings to evaluate."""

import ast
from typing import Any

import numpy as np
import pandas as pd

from jobgen.common.errors import InputError
from jobgen.data.readers import read_chunks
from jobgen.text.characters import unescape_formula

# Columns of the CSVs that cli_generate_text.py writes, by which they are recognized.
_OF_GENERATED = {"id", "title", "text", "seed", "nats_per_token"}
_BAD_ROWS_ADVICE = "repair them, or leave them out: cli_prepare_data.py --set bad_rows=drop"


def read_table(path: str, encoding: str = "utf-8") -> pd.DataFrame:
    """Read a whole table; the ending of its name decides the format.

    Returns:
        The columns as they are; cells of text formats are `str`, empty ones too.

    Raises:
        InputError: the file is missing, corrupt or in the wrong encoding, its format is unknown,
            or it has no row.
    """
    frames = [chunk.frame for chunk in read_chunks(path, encoding)]
    return frames[0] if len(frames) == 1 else pd.concat(frames, ignore_index=True)


def check_readable(path: str, encoding: str, columns: dict[str, str]) -> None:
    """Check the format and the columns of a table by its first rows.

    Raises:
        InputError: as `read_table` and `rename_columns`.
    """
    first_rows = next(read_chunks(path, encoding, chunk_rows=100, drop_ragged=True)).frame
    # An object can lack keys that others have; only the whole file will tell.
    if not path.lower().endswith((".json", ".jsonl")):
        rename_columns(first_rows, path, columns)


def rename_columns(table: pd.DataFrame, path: str, columns: dict[str, str]) -> pd.DataFrame:
    """Select columns and give them our names; rows are numbered from 0.

    Args:
        table: the table as it was read.
        path: the table's file, for the message.
        columns: our name -> the table's name.

    Raises:
        InputError: a column is missing.
    """
    missing = [name for name in columns.values() if name not in table]
    if missing:
        known = ", ".join(map(str, table.columns))
        raise InputError(
            path, [f'no column "{name}"; its columns are: {known}' for name in missing]
        )
    frame = pd.DataFrame({ours: table[theirs].astype(object) for ours, theirs in columns.items()})
    return frame.reset_index(drop=True)


def find_invalid_rows(frame: pd.DataFrame) -> dict[str, list[int]]:
    """Find the rows whose title or text cannot be used.

    Returns:
        Fault -> numbers of the rows that have it, from 0.
    """
    faults: dict[str, list[int]] = {}
    for column in ("title", "text"):
        for row, cell in zip(frame.index, frame[column], strict=True):
            if not isinstance(cell, str) or not cell.strip():
                faults.setdefault(f"no {column}", []).append(row)
            elif "\0" in cell:
                faults.setdefault(f"NUL characters in the {column}", []).append(row)
            elif not _is_unicode(cell):
                fault = f"half characters (lone surrogates) in the {column}"
                faults.setdefault(fault, []).append(row)
    return faults


def refuse_invalid_rows(path: str, faults: dict[str, list[int]]) -> None:
    """Name the rows that cannot be used, counted from 1.

    Args:
        path: the table's file, for the message.
        faults: the result of `find_invalid_rows`.

    Raises:
        InputError: there are such rows.
    """
    problems = []
    for fault, rows in faults.items():
        row_numbers = ", ".join(str(row + 1) for row in rows[:10])
        if len(rows) > 10:
            row_numbers += ", ..."
        problems.append(f"{len(rows)} rows with {fault}: row {row_numbers}")
    if problems:
        raise InputError(path, [*problems, _BAD_ROWS_ADVICE])


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
    frame = rename_columns(table, path, {"title": "title", "text": "text"})
    refuse_invalid_rows(path, find_invalid_rows(frame))
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


def _is_unicode(text: str) -> bool:
    return not any("\ud800" <= character <= "\udfff" for character in text)


def _is_list_of_texts(cell: Any) -> bool:
    # A list read from Parquet is an array.
    is_list = isinstance(cell, list | tuple | np.ndarray)
    return is_list and all(isinstance(item, str) for item in cell)
