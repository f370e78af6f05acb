"""Tables in Parquet and pickles."""

from collections.abc import Iterator
from typing import Any

import numpy as np
import pandas as pd
import pyarrow.parquet

from jobgen.common.errors import InputError
from jobgen.data.reading.chunks import TableChunk
from jobgen.data.reading.contents import Content
from jobgen.data.safe_pickle import load_pickle

# Of a table in plain containers, so many times its cells may be empty.
_MOST_EMPTY = 100


def read_parquet(content: Content, chunk_rows: int) -> Iterator[TableChunk]:
    """Read Parquet.

    Args:
        content: the bytes of the file.
        chunk_rows: number of rows in each chunk but the last.

    Raises:
        InputError: it is no Parquet.
    """
    try:
        with content.open_seekable() as opened, pyarrow.parquet.ParquetFile(opened) as file:
            # First without rows, so that the columns of an empty table are checked as well.
            empty = file.schema_arrow.empty_table()
            yield TableChunk(empty.to_pandas(ignore_metadata=True), 0.0, None, {})
            rows_read = 0
            for batch in file.iter_batches(batch_size=chunk_rows):
                batch.validate(full=True)  # texts that are not UTF-8 would fail later
                frame = _frame_of_batch(batch)
                frame.index = pd.RangeIndex(rows_read + 1, rows_read + 1 + len(frame))
                rows_read += batch.num_rows
                yield TableChunk(frame, rows_read / file.metadata.num_rows, None, {})
    except (OSError, ValueError, NotImplementedError) as error:  # the last: lists of far dates
        raise InputError(content.where, f"not a Parquet file: {error}") from None


def _frame_of_batch(batch: Any) -> pd.DataFrame:
    """The rows of a batch; columns with values that Python lacks, such as far dates, are texts."""
    try:
        return batch.to_pandas(integer_object_nulls=True, ignore_metadata=True)
    except (ValueError, OverflowError):
        columns = {}
        for number, column in enumerate(batch.columns):
            try:
                cells = column.to_pandas(integer_object_nulls=True)
            except (ValueError, OverflowError):
                cells = column.cast("string").to_pandas()
            columns[number] = cells
        return pd.DataFrame(columns).set_axis(batch.schema.names, axis=1)


def read_pickle(content: Content, chunk_rows: int) -> Iterator[TableChunk]:
    """Read a pickled table, which is loaded whole.

    Args:
        content: the file, which must not be packed.
        chunk_rows: number of rows in each chunk but the last.

    Raises:
        InputError: it holds anything else than a table.
    """
    if content.is_packed:
        raise InputError(content.where, "a pickle is not read from an archive; unpack it first")
    table = load_pickle(content.path)
    if not isinstance(table, pd.DataFrame):
        table = _frame_from_containers(content.where, table)
    n_rows = max(len(table), 1)
    table.index = pd.RangeIndex(1, 1 + len(table))
    for start in range(0, n_rows, chunk_rows):
        end = min(start + chunk_rows, n_rows)
        yield TableChunk(table.iloc[start:end], end / n_rows, None, {})


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
