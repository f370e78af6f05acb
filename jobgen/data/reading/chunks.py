"""What is read, and what comes of it: the source of a table, and chunks of its rows."""

from dataclasses import dataclass
from typing import Any, NamedTuple

import pandas as pd


@dataclass(frozen=True)
class Source:
    """Where a table of postings is and how it is read.

    Attributes:
        location: file, pattern, folder, database URL or id of a data set.
        table: sheet of a workbook, member of a zip, list of a JSON file, table or query of a
            database, split of a data set; None for the only one.
        encoding: encoding of text formats, or "auto".
        separator: character between the cells of separated text; None to find it.
    """

    location: str
    table: str | None = None
    encoding: str = "auto"
    separator: str | None = None


class TableChunk(NamedTuple):
    """Some consecutive rows of a table.

    Attributes:
        frame: the rows under the table's own names of columns; its index is the number of each row
            in its file, from 1.
        share_read: how much of the whole source has been read when they are complete, 0 to 1; 0
            where that is not known.
        file: name of the file within a source of several, None if the source is one table.
        faults: number of a row that could not be read -> why; such rows are not in the frame.
    """

    frame: pd.DataFrame
    share_read: float
    file: str | None
    faults: dict[int, str]


class RowCollector:
    """Numbers rows as they are read, and makes chunks of them.

    Args:
        chunk_rows: number of rows, those that cannot be read included, that fill a chunk.
        columns: names of the cells of each row; None where rows are dictionaries.
    """

    def __init__(self, chunk_rows: int, columns: list[str] | None = None):
        self._chunk_rows, self._columns = chunk_rows, columns
        self._n_rows = 0
        self._rows: list[Any] = []
        self._numbers: list[int] = []
        self._faults: dict[int, str] = {}

    def add(self, row: Any) -> None:
        """Take the next row."""
        self._n_rows += 1
        self._rows.append(row)
        self._numbers.append(self._n_rows)

    def add_fault(self, reason: str) -> None:
        """Take the next row as one that cannot be read."""
        self._n_rows += 1
        self._faults[self._n_rows] = reason

    def is_full(self) -> bool:
        """Whether the rows fill a chunk."""
        return len(self._rows) + len(self._faults) >= self._chunk_rows

    def take(self, share_read: float) -> TableChunk:
        """The chunk of all rows since the last one."""
        index = pd.Index(self._numbers, dtype="int64")
        frame = pd.DataFrame(self._rows, index=index, columns=self._columns, dtype=object)
        chunk = TableChunk(frame, share_read, None, self._faults)
        self._rows, self._numbers, self._faults = [], [], {}
        return chunk
