"""Read files of tables in chunks: CSV, TSV, JSON, JSON lines, Parquet, pickle."""

import codecs
import contextlib
import csv
import itertools
import json
import os
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any, NamedTuple, TextIO

import numpy as np
import pandas as pd
import pyarrow.parquet

from jobgen.common.errors import InputError
from jobgen.data.safe_pickle import load_pickle

# Of a table in plain containers, so many times its cells may be empty.
_MOST_EMPTY = 100

FORMATS = ".csv, .tsv, .json, .jsonl, .parquet, .pkl"
# Delimiters of a CSV, the likelier first, and the rows by which the right one is found.
_DELIMITERS, _TRIED_ROWS = {",": "commas", "\t": "tabs", ";": "semicolons", "|": "bars"}, 50


class TableChunk(NamedTuple):
    """Some consecutive rows of a table.

    Attributes:
        frame: the rows, under the table's own names of columns.
        share_read: how much of the file had been read when they were complete, 0 to 1.
    """

    frame: pd.DataFrame
    share_read: float


def read_chunks(
    path: str, encoding: str = "utf-8", chunk_rows: int = 10_000, drop_ragged: bool = False
) -> Iterator[TableChunk]:
    """Read a table in chunks; only a pickle and a JSON array are loaded whole.

    Args:
        path: a file whose name ends in one of `FORMATS`.
        encoding: the encoding of a text format; UTF-8 may start with a byte order mark.
        chunk_rows: number of rows in each chunk but the last.
        drop_ragged: whether the cells of a row that has more or fewer than the header are taken for
            missing; otherwise there must be no such row.

    Raises:
        InputError: as `jobgen.data.tables.read_table`, once the faulty chunk is reached.
    """
    readers: dict[str, Callable[[], Iterator[TableChunk]]] = {
        ".csv": lambda: _read_separated(path, encoding, chunk_rows, drop_ragged),
        ".tsv": lambda: _read_separated(path, encoding, chunk_rows, drop_ragged),
        ".json": lambda: _read_json(path, encoding, chunk_rows),
        ".jsonl": lambda: _read_json_lines(path, encoding, chunk_rows),
        ".parquet": lambda: _read_parquet(path, chunk_rows),
        ".pkl": lambda: _read_pickle(path, chunk_rows),
    }
    suffix = Path(path).suffix.lower()
    if suffix not in readers:
        raise InputError(path, f'unknown format "{suffix}", expected {FORMATS}')
    if not Path(path).is_file():
        raise InputError(path, "no such file")
    is_empty = True
    for chunk in readers[suffix]():
        columns = chunk.frame.columns
        repeated = columns[columns.duplicated()]
        if len(repeated):
            raise InputError(path, f'column "{repeated[0]}" occurs twice')
        if not chunk.frame.empty:
            is_empty = False
            yield chunk
    if is_empty:
        raise InputError(path, "the table is empty")


def _read_separated(
    path: str, encoding: str, chunk_rows: int, drop_ragged: bool
) -> Iterator[TableChunk]:
    csv.field_size_limit(2**31 - 1)
    delimiter = _delimiter(path, encoding)
    lines = _TextLines(path, encoding, newline="")
    reader = csv.reader(_refuse_nul(path, lines), delimiter=delimiter, strict=True)
    header: list[str] = []
    rows: list[list[str | None]] = []
    row_number = 0
    try:
        for row in filter(None, reader):
            if not header:
                header = [name.strip() for name in row]
                continue
            row_number += 1
            if len(row) != len(header) and not drop_ragged:
                raise InputError(
                    path,
                    f"row {row_number} has {len(row)} cells, the header {len(header)}; cells with"
                    f" {_DELIMITERS[delimiter]} need quotation marks",
                )
            rows.append([*row] if len(row) == len(header) else [None] * len(header))
            if len(rows) == chunk_rows:
                yield TableChunk(pd.DataFrame(rows, columns=header, dtype=object), lines.share_read)
                rows = []
    except csv.Error as error:
        raise InputError(path, f"line {reader.line_num}: {error}") from None
    yield TableChunk(pd.DataFrame(rows, columns=header, dtype=object), lines.share_read)


def _delimiter(path: str, encoding: str) -> str:
    """The delimiter with which the most of the first rows have as many cells as the header."""
    if path.lower().endswith(".tsv"):
        return "\t"

    def whole_rows(delimiter: str) -> int:
        lines = _TextLines(path, encoding, newline="")
        rows = filter(None, csv.reader(_refuse_nul(path, lines), delimiter=delimiter, strict=True))
        n_cells, whole = 0, 0
        with contextlib.suppress(csv.Error):
            for row in itertools.islice(rows, _TRIED_ROWS):
                n_cells = n_cells or len(row)
                whole += len(row) == n_cells > 1
        return whole

    return max(_DELIMITERS, key=whole_rows)


def _refuse_nul(path: str, lines: "_TextLines") -> Iterator[str]:
    for number, line in enumerate(lines, 1):
        if "\0" in line:
            # The csv module would end the cell here and lose the rest of it.
            raise InputError(
                path, f"NUL character in line {number}; is it UTF-16? set encoding=utf-16"
            )
        yield line


def _read_json(path: str, encoding: str, chunk_rows: int) -> Iterator[TableChunk]:
    """A list of objects, or an object that holds one; or an object on each line."""
    text = "".join(_TextLines(path, encoding, newline="\n"))
    try:
        content = json.loads(text)
    except (ValueError, RecursionError) as error:
        first, *others = text.split("\n", 1)
        if not (first.lstrip().startswith("{") and others):
            raise InputError(path, f"invalid JSON: {str(error).split(';')[0]}") from None
        yield from _read_json_lines(path, encoding, chunk_rows)
        return
    if isinstance(content, dict):
        lists = {key: value for key, value in content.items() if _is_list_of_objects(value)}
        if len(lists) != 1:
            found = ", ".join(map(repr, lists)) or "none"
            raise InputError(path, f"expected an object with one list of objects; it has {found}")
        (content,) = lists.values()
    if not _is_list_of_objects(content):
        raise InputError(path, f"expected a list of objects, got {type(content).__name__}")
    for start in range(0, len(content), chunk_rows):
        rows = content[start : start + chunk_rows]
        yield TableChunk(pd.DataFrame(rows, dtype=object), (start + len(rows)) / len(content))


def _is_list_of_objects(value: Any) -> bool:
    return isinstance(value, list) and bool(value) and all(isinstance(row, dict) for row in value)


def _read_json_lines(path: str, encoding: str, chunk_rows: int) -> Iterator[TableChunk]:
    lines = _TextLines(path, encoding, newline="\n")
    rows: list[dict[str, Any]] = []
    for number, line in enumerate(lines, 1):
        if line.strip():
            try:
                row = json.loads(line)
            except json.JSONDecodeError as error:
                position = f"line {number}, column {error.colno}"
                raise InputError(path, f"{position}: {error.msg}") from None
            except (ValueError, RecursionError) as error:  # too many digits or levels
                raise InputError(path, f"line {number}: {str(error).split(';')[0]}") from None
            if not isinstance(row, dict):
                raise InputError(path, f"line {number}: expected an object {{...}}")
            rows.append(row)
            if len(rows) == chunk_rows:
                yield TableChunk(pd.DataFrame(rows, dtype=object), lines.share_read)
                rows = []
    yield TableChunk(pd.DataFrame(rows, dtype=object), lines.share_read)


class _TextLines:
    """The lines of a text file, decoded as they are read."""

    def __init__(self, path: str, encoding: str, newline: str):
        self.path, self.encoding, self.newline = path, encoding, newline
        self._file: TextIO | None = None

    @property
    def share_read(self) -> float:
        """How much of the file has been read, 0 to 1."""
        if self._file is None:
            return 0.0
        if self._file.closed:
            return 1.0
        # The text layer cannot tell its position while it is iterated; the bytes below it can.
        return self._file.buffer.tell() / max(os.fstat(self._file.fileno()).st_size, 1)

    def __iter__(self) -> Iterator[str]:
        codec = "utf-8-sig" if self.encoding.lower() == "utf-8" else self.encoding
        try:
            with open(self.path, encoding=codec, newline=self.newline) as self._file:
                yield from self._file
        except LookupError:
            raise InputError(
                self.path, f'unknown encoding "{self.encoding}", such as utf-8 or cp1252'
            ) from None
        except UnicodeError:
            raise InputError(
                self.path,
                f"not {self.encoding} at {_undecodable_position(self.path, codec)};"
                " cli_prepare_data.py reads others: --set encoding=...",
            ) from None
        except OSError as error:
            raise InputError(self.path, f"cannot be read: {error.strerror}") from None


def _undecodable_position(path: str, codec: str) -> str:
    """Where a file stops being text of an encoding."""
    decoder = codecs.getincrementaldecoder(codec)()
    line, block_start = 1, 0
    with open(path, "rb") as file:
        while True:
            pending = decoder.getstate()[0]
            block = file.read(2**20)
            try:
                decoder.decode(block, final=not block)
            except UnicodeError as error:
                offset = getattr(error, "start", 0)
                line += (pending + block).count(b"\n", len(pending), offset)
                return f"line {line}, byte {block_start - len(pending) + offset}"
            if not block:
                return f"line {line}"
            line += block.count(b"\n")
            block_start += len(block)


def _read_parquet(path: str, chunk_rows: int) -> Iterator[TableChunk]:
    try:
        with pyarrow.parquet.ParquetFile(path) as file:
            # First without rows, so that the columns of an empty table are checked as well.
            yield TableChunk(file.schema_arrow.empty_table().to_pandas(), 0.0)
            rows_read = 0
            for batch in file.iter_batches(batch_size=chunk_rows):
                rows_read += batch.num_rows
                frame = batch.to_pandas(integer_object_nulls=True)
                yield TableChunk(frame, rows_read / file.metadata.num_rows)
    except (OSError, ValueError) as error:
        raise InputError(path, f"not a Parquet file: {error}") from None


def _read_pickle(path: str, chunk_rows: int) -> Iterator[TableChunk]:
    table = load_pickle(path)
    if not isinstance(table, pd.DataFrame):
        table = _frame_from_containers(path, table)
    n_rows = max(len(table), 1)
    for start in range(0, n_rows, chunk_rows):
        end = min(start + chunk_rows, n_rows)
        yield TableChunk(table.iloc[start:end], end / n_rows)


def _frame_from_containers(path: str, content: Any) -> pd.DataFrame:
    """A DataFrame of the original project's `{"title": {i: str}, ...}`, or of a list of rows."""
    lines = list(content.values()) if isinstance(content, dict) else content
    if isinstance(lines, list):
        labels = [_labels_of(line) for line in lines]
        given = sum(map(len, labels))
        cells = len(lines) * len(set().union(*labels))
        if cells > _MOST_EMPTY * given + 10**6:
            raise InputError(path, f"rows without common columns: {given} of {cells} cells")
    try:
        return pd.DataFrame(content, dtype=object).rename(columns=str)
    except Exception:  # what pandas raises depends on what it meets
        raise InputError(
            path, f"holds a {type(content).__name__}, which is no table of rows and columns"
        ) from None


def _labels_of(line: Any) -> Any:
    """The names of the cells of a row or column: those of a dictionary, or their numbers."""
    if isinstance(line, dict | pd.Series):
        return line.keys()
    return range(len(line)) if isinstance(line, list | tuple | np.ndarray) else ()
