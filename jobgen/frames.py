"""Read and write tables of postings."""

import csv
import io
import json
import os
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd

from jobgen.errors import InputError
from jobgen.pickles import load_pickle

_BAD_ROWS_ADVICE = "mend them, or leave them out: cli_prepare_data.py --set bad_rows=drop"
FORMATS = ".csv, .tsv, .jsonl, .parquet, .pkl"


def read_table(path: str, encoding: str = "utf-8") -> pd.DataFrame:
    """Read a table by the ending of its name.

    Returns:
        The columns as they are; cells of text formats are `str`, also empty ones.

    Raises:
        InputError: missing, unknown format, wrong encoding, damaged, or without a row.
    """
    readers: dict[str, Callable[[], Any]] = {
        ".csv": lambda: _read_separated(path, ",", encoding),
        ".tsv": lambda: _read_separated(path, "\t", encoding),
        ".jsonl": lambda: _read_json_lines(path, encoding),
        ".parquet": lambda: _read_parquet(path),
        ".pkl": lambda: load_pickle(path),
    }
    suffix = Path(path).suffix.lower()
    if suffix not in readers:
        raise InputError(path, f'unknown format "{suffix}", expected {FORMATS}')
    if not Path(path).is_file():
        raise InputError(path, "no such file")
    table = readers[suffix]()
    if not isinstance(table, pd.DataFrame):
        table = _frame_of_containers(path, table)
    if table.empty:
        raise InputError(path, "the table is empty")
    twice = table.columns[table.columns.duplicated()]
    if len(twice):
        raise InputError(path, f'column "{twice[0]}" stands there twice')
    return table


def select_columns(
    table: pd.DataFrame, path: str, columns: dict[str, str], bad_rows: str
) -> tuple[pd.DataFrame, int]:
    """Take the columns that hold the postings, and check each cell.

    Args:
        table: as read.
        path: for the messages.
        columns: our name -> the table's name.
        bad_rows: "stop" raises on rows that cannot be used, "drop" leaves them out.

    Returns:
        A frame with our column names, rows numbered anew, and the number of rows dropped.
    """
    absent = [name for name in columns.values() if name not in table]
    if absent:
        known = ", ".join(map(str, table.columns))
        raise InputError(path, [f'no column "{name}"; its columns are: {known}' for name in absent])
    frame = pd.DataFrame({ours: table[theirs].astype(object) for ours, theirs in columns.items()})
    frame = frame.reset_index(drop=True)
    problems, bad = [], pd.Series(False, index=frame.index)
    for name in columns:
        missing = frame[name].map(lambda cell: not isinstance(cell, str) or not cell.strip())
        nul = frame[name].map(lambda cell: isinstance(cell, str) and "\0" in cell)
        broken = frame[name].map(lambda cell: isinstance(cell, str) and not _is_unicode(cell))
        bad |= missing | nul | broken
        for rows, fault in (
            (missing, f"no {name}"),
            (nul, f"NUL characters in the {name}"),
            (broken, f"half characters (lone surrogates) in the {name}"),
        ):
            if rows.any():
                numbers = (frame.index[rows] + 1).tolist()
                shown = ", ".join(map(str, numbers[:10])) + (", ..." if len(numbers) > 10 else "")
                problems.append(f"{len(numbers)} rows with {fault}: row {shown}")
    if problems and bad_rows == "stop":
        raise InputError(path, [*problems, _BAD_ROWS_ADVICE])
    return frame[~bad].reset_index(drop=True), int(bad.sum())


def read_prepared(path: str) -> pd.DataFrame:
    """Read a prepared table, or one of the original project's pickles.

    Returns:
        Columns `title: str`, `keywords: list[str]`, `text: str`.
    """
    table = read_table(path)
    columns = {name: name for name in ("title", "keywords", "text")}
    absent = [name for name in columns if name not in table]
    if absent:
        raise InputError(
            path,
            f"no column {', '.join(absent)}; its columns are: {', '.join(map(str, table.columns))};"
            " cli_prepare_data.py makes such a table",
        )
    keywords = table["keywords"].reset_index(drop=True)
    wrong = [i + 1 for i, cell in enumerate(keywords) if not _is_list_of_texts(cell)]
    if wrong:
        raise InputError(path, f"keywords of row {wrong[0]} are not a list of texts")
    frame, _ = select_columns(table, path, {"title": "title", "text": "text"}, "stop")
    frame.insert(1, "keywords", keywords.map(list))
    return frame


def write_whole(path: Path, write: Callable[[Path], None]) -> None:
    """Write a file beside its place, then move it there: readers never see half of it."""
    partial = path.with_name(f".{path.name}.partial")
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        write(partial)
        os.replace(partial, path)
    except OSError as error:
        raise InputError(str(path), f"cannot be written: {error.strerror}") from None
    finally:
        partial.unlink(missing_ok=True)


def write_json(path: Path, content: Any) -> None:
    """Write a JSON file whole."""
    text = json.dumps(content, indent=2, ensure_ascii=False) + "\n"
    write_whole(path, lambda place: place.write_text(text, encoding="utf-8"))


def check_writable(folder: str) -> None:
    """Say at once that a folder cannot be written; it is not made yet."""
    there = next(part for part in (Path(folder), *Path(folder).absolute().parents) if part.exists())
    probe = there / f".writable-{os.getpid()}"
    try:
        probe.touch()
        probe.unlink()
    except OSError as error:
        raise InputError(folder, f"cannot be written: {error.strerror}") from None


def _read_separated(path: str, separator: str, encoding: str) -> pd.DataFrame:
    text = _decode(path, encoding)
    if "\0" in text:
        # The parser would end the cell there and lose its rest.
        line = text.count("\n", 0, text.index("\0")) + 1
        raise InputError(path, f"NUL character in line {line}; is it UTF-16? set encoding=utf-16")
    csv.field_size_limit(2**31 - 1)
    reader = csv.reader(io.StringIO(text, newline=""), delimiter=separator, strict=True)
    try:
        header, *rows = [row for row in reader if row] or [[]]
    except csv.Error as error:
        raise InputError(path, f"line {reader.line_num}: {error}") from None
    for number, row in enumerate(rows, 1):
        if len(row) != len(header):
            raise InputError(
                path,
                f"row {number} has {len(row)} cells, the header {len(header)}; cells with"
                f" {'commas' if separator == ',' else 'tabs'} need quotation marks",
            )
    return pd.DataFrame(rows, columns=header, dtype=object)


def _read_json_lines(path: str, encoding: str) -> pd.DataFrame:
    rows = []
    for number, line in enumerate(_decode(path, encoding).split("\n"), 1):
        if line.strip():
            try:
                row = json.loads(line)
            except json.JSONDecodeError as error:
                where = f"line {number}, column {error.colno}"
                raise InputError(path, f"{where}: {error.msg}") from None
            if not isinstance(row, dict):
                raise InputError(path, f"line {number}: expected an object {{...}}")
            rows.append(row)
    return pd.DataFrame(rows, dtype=object)


def _decode(path: str, encoding: str) -> str:
    content = Path(path).read_bytes()
    try:
        return content.decode("utf-8-sig" if encoding.lower() == "utf-8" else encoding)
    except LookupError:
        raise InputError(path, f'unknown encoding "{encoding}", such as utf-8 or cp1252') from None
    except UnicodeError as error:
        start = getattr(error, "start", 0)
        line = content.count(b"\n", 0, start) + 1
        raise InputError(
            path,
            f"not {encoding} at line {line}, byte {start}; cli_prepare_data.py reads others:"
            " --set encoding=...",
        ) from None


def _read_parquet(path: str) -> pd.DataFrame:
    try:
        return pd.read_parquet(path)
    except (OSError, ValueError) as error:
        raise InputError(path, f"not a Parquet file: {error}") from None


def _frame_of_containers(path: str, content: Any) -> pd.DataFrame:
    """The original's `{"title": {i: str}, ...}`, or a list of rows."""
    try:
        return pd.DataFrame(content)
    except (ValueError, TypeError):
        raise InputError(
            path, f"holds a {type(content).__name__} that is no table of rows and columns"
        ) from None


def _is_unicode(text: str) -> bool:
    return not any("\ud800" <= letter <= "\udfff" for letter in text)


def _is_list_of_texts(cell: Any) -> bool:
    # Parquet gives lists back as arrays.
    is_list = isinstance(cell, list | tuple | np.ndarray)
    return is_list and all(isinstance(word, str) for word in cell)
