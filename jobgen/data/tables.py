"""Read and write tables of postings."""

import ast
import codecs
import csv
import json
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pyarrow.parquet

from jobgen.common.errors import InputError
from jobgen.data.safe_pickle import load_pickle

_BAD_ROWS_ADVICE = "mend them, or leave them out: cli_prepare_data.py --set bad_rows=drop"
FORMATS = ".csv, .tsv, .jsonl, .parquet, .pkl"


def read_table(path: str, encoding: str = "utf-8") -> pd.DataFrame:
    """Read a whole table by the ending of its name.

    Returns:
        The columns as they are; cells of text formats are `str`, also empty ones.

    Raises:
        InputError: missing, unknown format, wrong encoding, damaged, or without a row.
    """
    chunks = list(read_chunks(path, encoding))
    return chunks[0] if len(chunks) == 1 else pd.concat(chunks, ignore_index=True)


def read_chunks(path: str, encoding: str = "utf-8", rows: int = 10_000) -> Iterator[pd.DataFrame]:
    """Read a table in pieces of so many rows; only a pickle is read whole.

    Raises:
        InputError: as `read_table`, as soon as the piece with the fault is reached.
    """
    readers: dict[str, Callable[[], Iterator[pd.DataFrame]]] = {
        ".csv": lambda: _read_separated(path, encoding, rows),
        ".tsv": lambda: _read_separated(path, encoding, rows),
        ".jsonl": lambda: _read_json_lines(path, encoding, rows),
        ".parquet": lambda: _read_parquet(path, rows),
        ".pkl": lambda: _read_pickle(path, rows),
    }
    suffix = Path(path).suffix.lower()
    if suffix not in readers:
        raise InputError(path, f'unknown format "{suffix}", expected {FORMATS}')
    if not Path(path).is_file():
        raise InputError(path, "no such file")
    is_empty = True
    for chunk in readers[suffix]():
        is_empty &= chunk.empty
        twice = chunk.columns[chunk.columns.duplicated()]
        if len(twice):
            raise InputError(path, f'column "{twice[0]}" stands there twice')
        if not chunk.empty:
            yield chunk
    if is_empty:
        raise InputError(path, "the table is empty")


def check_readable(path: str, encoding: str, columns: dict[str, str]) -> None:
    """Say at once what is wrong with the start of a table: its format, its columns.

    Raises:
        InputError: as `read_chunks` and `rename_columns`.
    """
    start = next(read_chunks(path, encoding, rows=100))
    # Objects of JSON lines can lack what others have; the whole file will tell.
    if not path.lower().endswith(".jsonl"):
        rename_columns(start, path, columns)


def rename_columns(table: pd.DataFrame, path: str, columns: dict[str, str]) -> pd.DataFrame:
    """The columns named, under our names, rows numbered anew.

    Raises:
        InputError: a column is absent.
    """
    absent = [name for name in columns.values() if name not in table]
    if absent:
        known = ", ".join(map(str, table.columns))
        raise InputError(path, [f'no column "{name}"; its columns are: {known}' for name in absent])
    frame = pd.DataFrame({ours: table[theirs].astype(object) for ours, theirs in columns.items()})
    return frame.reset_index(drop=True)


def find_invalid_rows(frame: pd.DataFrame) -> dict[str, list[int]]:
    """What makes a title or text unusable -> the rows with that fault."""
    faults: dict[str, list[int]] = {}
    for name in ("title", "text"):
        for row, cell in zip(frame.index, frame[name], strict=True):
            if not isinstance(cell, str) or not cell.strip():
                faults.setdefault(f"no {name}", []).append(row)
            elif "\0" in cell:
                faults.setdefault(f"NUL characters in the {name}", []).append(row)
            elif not _is_unicode(cell):
                fault = f"half characters (lone surrogates) in the {name}"
                faults.setdefault(fault, []).append(row)
    return faults


def refuse_invalid_rows(path: str, faults: dict[str, list[int]]) -> None:
    """Name the rows that cannot be used, counted from 1.

    Raises:
        InputError: there are some.
    """
    problems = []
    for fault, rows in faults.items():
        shown = ", ".join(str(row + 1) for row in rows[:10]) + (", ..." if len(rows) > 10 else "")
        problems.append(f"{len(rows)} rows with {fault}: row {shown}")
    if problems:
        raise InputError(path, [*problems, _BAD_ROWS_ADVICE])


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
    frame = rename_columns(table, path, {"title": "title", "text": "text"})
    refuse_invalid_rows(path, find_invalid_rows(frame))
    frame.insert(1, "keywords", keywords.map(list))
    return frame


def read_postings(path: str) -> pd.DataFrame:
    """Read postings of any origin, to be judged.

    Returns:
        Columns `text: str`; as far as the table has them `title: str`, `keywords: list[str]` (the
        original project's `kws`) and `finished: bool`. What is no text is an empty one.

    Raises:
        InputError: it cannot be read, or has no column "text".
    """
    table = read_table(path)
    if "keywords" not in table:
        table = table.rename(columns={"kws": "keywords"})
    if "text" not in table:
        columns = ", ".join(map(str, table.columns))
        raise InputError(path, f'no column "text"; its columns are: {columns}')

    def text(cell: Any) -> str:
        return cell.encode("utf-8", "replace").decode() if isinstance(cell, str) else ""

    def words(cell: Any) -> list[str]:
        if isinstance(cell, str):
            cell = _written_list(cell) or cell.split(",")
        found = [text(word).strip() for word in cell] if _is_list_of_texts(cell) else []
        return [word for word in found if word]

    frame = pd.DataFrame({"text": [text(cell) for cell in table["text"]]})
    if "title" in table:
        frame["title"] = [text(cell) for cell in table["title"]]
    if "keywords" in table:
        frame["keywords"] = [words(cell) for cell in table["keywords"]]
    if "finished" in table:
        frame["finished"] = [str(cell).lower() == "true" for cell in table["finished"]]
    return frame


def read_prompts(path: str) -> list[tuple[str, str | list[str]]]:
    """Titles and keywords of a table, in its order; keywords may be missing, or one text.

    Raises:
        InputError: it cannot be read, or a row has no title.
    """
    table = read_table(path)
    if "title" not in table:
        columns = ", ".join(map(str, table.columns))
        raise InputError(path, f'no column "title"; its columns are: {columns}')
    titles = table["title"]
    keywords = table["keywords"] if "keywords" in table else [""] * len(table)
    prompts = []
    for row, (title, words) in enumerate(zip(titles, keywords, strict=True), start=1):
        if not isinstance(title, str) or not title.strip():
            raise InputError(path, f"row {row} has no title")
        if not (isinstance(words, str) or _is_list_of_texts(words)):
            words = ""
        prompts.append((title, words))
    return prompts


def _read_separated(path: str, encoding: str, rows: int) -> Iterator[pd.DataFrame]:
    csv.field_size_limit(2**31 - 1)
    separator = _separator(path, encoding)
    lines = _lines(path, encoding, newline="")
    reader = csv.reader(_without_nul(path, lines), delimiter=separator, strict=True)
    header: list[str] = []
    cells: list[list[str]] = []
    number = 0
    try:
        for row in filter(None, reader):
            if not header:
                header = [name.strip() for name in row]
                continue
            number += 1
            if len(row) != len(header):
                raise InputError(
                    path,
                    f"row {number} has {len(row)} cells, the header {len(header)}; cells with"
                    f" {'commas' if separator == ',' else 'tabs'} need quotation marks",
                )
            cells.append(row)
            if len(cells) == rows:
                yield pd.DataFrame(cells, columns=header, dtype=object)
                cells = []
    except csv.Error as error:
        raise InputError(path, f"line {reader.line_num}: {error}") from None
    yield pd.DataFrame(cells, columns=header, dtype=object)


def _separator(path: str, encoding: str) -> str:
    """Tab or comma; the original project's files of generated texts are .csv and have tabs."""
    header = next(_lines(path, encoding, newline=""), "")
    if path.lower().endswith(".tsv") or ("\t" in header and "," not in header):
        return "\t"
    return ","


def _without_nul(path: str, lines: Iterator[str]) -> Iterator[str]:
    for number, line in enumerate(lines, 1):
        if "\0" in line:
            # The parser would end the cell there and lose its rest.
            raise InputError(
                path, f"NUL character in line {number}; is it UTF-16? set encoding=utf-16"
            )
        yield line


def _read_json_lines(path: str, encoding: str, rows: int) -> Iterator[pd.DataFrame]:
    objects = []
    for number, line in enumerate(_lines(path, encoding, newline="\n"), 1):
        if line.strip():
            try:
                row = json.loads(line)
            except json.JSONDecodeError as error:
                where = f"line {number}, column {error.colno}"
                raise InputError(path, f"{where}: {error.msg}") from None
            if not isinstance(row, dict):
                raise InputError(path, f"line {number}: expected an object {{...}}")
            objects.append(row)
            if len(objects) == rows:
                yield pd.DataFrame(objects, dtype=object)
                objects = []
    yield pd.DataFrame(objects, dtype=object)


def _lines(path: str, encoding: str, newline: str) -> Iterator[str]:
    """Lines of a text file, decoded as they are read."""
    codec = "utf-8-sig" if encoding.lower() == "utf-8" else encoding
    try:
        with open(path, encoding=codec, newline=newline) as file:
            yield from file
    except LookupError:
        raise InputError(path, f'unknown encoding "{encoding}", such as utf-8 or cp1252') from None
    except UnicodeError:
        raise InputError(
            path,
            f"not {encoding} at {_undecodable_place(path, codec)}; cli_prepare_data.py reads"
            " others: --set encoding=...",
        ) from None
    except OSError as error:
        raise InputError(path, f"cannot be read: {error.strerror}") from None


def _undecodable_place(path: str, codec: str) -> str:
    """Where a file stops being text of an encoding."""
    decoder = codecs.getincrementaldecoder(codec)()
    line, start = 1, 0
    with open(path, "rb") as file:
        while True:
            pending = decoder.getstate()[0]
            block = file.read(2**20)
            try:
                decoder.decode(block, final=not block)
            except UnicodeError as error:
                at = getattr(error, "start", 0)
                line += (pending + block).count(b"\n", len(pending), at)
                return f"line {line}, byte {start - len(pending) + at}"
            if not block:
                return f"line {line}"
            line += block.count(b"\n")
            start += len(block)


def _read_parquet(path: str, rows: int) -> Iterator[pd.DataFrame]:
    try:
        with pyarrow.parquet.ParquetFile(path) as file:
            yield file.schema_arrow.empty_table().to_pandas()
            for batch in file.iter_batches(batch_size=rows):
                yield batch.to_pandas(integer_object_nulls=True)
    except (OSError, ValueError) as error:
        raise InputError(path, f"not a Parquet file: {error}") from None


def _read_pickle(path: str, rows: int) -> Iterator[pd.DataFrame]:
    table = load_pickle(path)
    if not isinstance(table, pd.DataFrame):
        table = _frame_of_containers(path, table)
    for start in range(0, max(len(table), 1), rows):
        yield table.iloc[start : start + rows]


def _frame_of_containers(path: str, content: Any) -> pd.DataFrame:
    """The original's `{"title": {i: str}, ...}`, or a list of rows."""
    try:
        return pd.DataFrame(content).rename(columns=str)
    except (ValueError, TypeError):
        raise InputError(
            path, f"holds a {type(content).__name__} that is no table of rows and columns"
        ) from None


def _is_unicode(text: str) -> bool:
    return not any("\ud800" <= letter <= "\udfff" for letter in text)


def _written_list(cell: str) -> list[str] | None:
    """A list as pandas writes it into a CSV: `['night shifts', 'first aid']`."""
    if not cell.startswith("["):
        return None
    try:
        content = ast.literal_eval(cell)
    except (ValueError, SyntaxError):
        return None
    return content if _is_list_of_texts(content) else None


def _is_list_of_texts(cell: Any) -> bool:
    # Parquet gives lists back as arrays.
    is_list = isinstance(cell, list | tuple | np.ndarray)
    return is_list and all(isinstance(word, str) for word in cell)
