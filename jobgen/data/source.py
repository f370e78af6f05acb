"""The first stage of a preparation: from the source to chunks of checked rows."""

from typing import Any

import pandas as pd

from jobgen.common.config import PrepareConfig
from jobgen.common.errors import InputError, TableError
from jobgen.common.files import write_json
from jobgen.common.logging import logger
from jobgen.data.chunk_store import ChunkStore
from jobgen.data.progress import progress_bar
from jobgen.data.reading import Source, TableChunk, encoding_of, read_chunks, shown
from jobgen.data.reading.columns import missing_columns, select_columns
from jobgen.data.tables import FaultyRows, find_faults, text_or_empty


def source_of(config: PrepareConfig) -> Source:
    """The source that a configuration names."""
    return Source(config.source, config.table, config.encoding, config.separator)


def split_source(config: PrepareConfig, store: ChunkStore, most_rows: int | None = None) -> None:
    """Read the source once, check each row, and write its chunks into the store.

    The stage "source" has the columns `row`, its number in its file from 1, `file` if the source
    has several, `title`, `text`, `group` where rows are grouped, and `company` where that column is
    given; "unusable", for chunks that
    have such rows, `row`, `file`, `title`, `text` and `reason`; their cells that are no text are
    empty.

    Args:
        config: configuration of the preparation.
        store: where the chunks are written.
        most_rows: number of rows after which the reading ends, for a preview, in which unusable
            rows are never refused; None for all.

    Raises:
        TableError: the table cannot be read, or has rows that cannot be used.
    """
    counts_file = store.file("source.json")
    if counts_file.is_file():
        return
    try:
        counts = _Splitter(config, store, most_rows).split()
    except InputError as error:
        raise TableError(error.where, error.problems) from None
    write_json(counts_file, counts)


class _Splitter:
    """One pass over the source.

    Args:
        config: configuration of the preparation.
        store: where the chunks are written.
        most_rows: number of rows after which the reading ends; None for all.
    """

    def __init__(self, config: PrepareConfig, store: ChunkStore, most_rows: int | None):
        self._config, self._store, self._most_rows = config, store, most_rows
        self._source = source_of(config)
        self._refuses = config.bad_rows == "stop" and most_rows is None
        self._columns_seen: list[Any] = []  # of the file that is being read
        self._faulty = FaultyRows()  # if they are refused
        self._pending: list[tuple[pd.DataFrame, pd.DataFrame]] = []  # usable and unusable rows
        self._n_chunks = self._n_read = self._n_unusable = self._n_named = 0

    def split(self) -> dict[str, Any]:
        """Read all rows, and return the counts."""
        files: list[str | None] = []
        chunk_rows = min(self._config.chunk_rows, self._most_rows or self._config.chunk_rows)
        with progress_bar("reading the source", total=None) as bar:
            for chunk in read_chunks(self._source, chunk_rows, drop_bad=True):
                if not files or chunk.file != files[-1]:
                    if files:
                        self._check_columns(files[-1])
                    files.append(chunk.file)
                chunk = self._first_rows(chunk)
                n_rows = len(chunk.frame) + len(chunk.faults)
                self._n_read += n_rows
                if chunk.share_read:
                    bar.total = round(self._n_read / chunk.share_read)  # an estimate until the end
                bar.update(n_rows)
                self._take(chunk)
                if self._n_read == self._most_rows:
                    break
            self._check_columns(files[-1])
        if self._refuses:
            self._faulty.refuse(shown(self._source))
        self._write()
        if self._config.company_column is not None and not self._n_named:
            logger.warning(
                f'column "{self._config.company_column}" (company_column) of'
                f" {shown(self._source)} holds no name in any row: no company is left out of the"
                " keywords"
            )
        return {
            "read": self._n_read,
            "unusable": self._n_unusable,
            "encoding": encoding_of(self._source),
            "files": len(files),
        }

    def _first_rows(self, chunk: TableChunk) -> TableChunk:
        """A chunk without the rows that are too many for a preview."""
        if self._most_rows is None:
            return chunk
        numbers = sorted([*chunk.frame.index, *chunk.faults])
        kept = set(numbers[: self._most_rows - self._n_read])
        return chunk._replace(
            frame=chunk.frame[chunk.frame.index.isin(kept)],
            faults={row: fault for row, fault in chunk.faults.items() if row in kept},
        )

    def _check_columns(self, file: str | None) -> None:
        """Refuse a file that lacks a column, or has it twice; in JSON each object has its own."""
        problems = missing_columns(self._columns_seen, self._config.columns())
        if self._columns_seen and problems:
            raise InputError(file or shown(self._source), problems)
        self._columns_seen = []

    def _take(self, chunk: TableChunk) -> None:
        """Part the rows of a chunk that can be used from the others, and write full chunks."""
        known = set(self._columns_seen)
        self._columns_seen += [name for name in chunk.frame.columns if name not in known]
        rows = select_columns(chunk.frame, self._config.columns())
        faults = {row: [fault] for row, fault in chunk.faults.items()} | find_faults(rows)
        self._n_unusable += len(faults)
        if self._refuses:
            for row, row_faults in sorted(faults.items()):
                for fault in row_faults:
                    label = str(row) if chunk.file is None else f"{row} of {chunk.file}"
                    self._faulty.add(fault, label)
            if self._faulty:
                return  # nothing will be written; the rows that follow are only checked
        usable = rows[~rows.index.isin(list(faults))]
        if "group" in usable:
            groups = [self._group_name(value) for value in usable["group"]]
            usable = usable.assign(group=pd.Series(groups, usable.index, dtype=object))
        if "company" in usable:
            names = [_name_or_empty(cell) for cell in usable["company"]]
            self._n_named += sum(name != "" for name in names)
            usable = usable.assign(company=pd.Series(names, usable.index, dtype=object))
        columns = [rows["title"].to_dict(), rows["text"].to_dict()]
        told = [
            (row, *(text_or_empty(cells.get(row)) for cells in columns), ", ".join(faults[row]))
            for row in sorted(faults)
        ]
        unusable = pd.DataFrame(told, columns=["row", "title", "text", "reason"]).set_index("row")
        self._add(_numbered(usable, chunk.file), _numbered(unusable, chunk.file))

    def _add(self, usable: pd.DataFrame, unusable: pd.DataFrame) -> None:
        """Put rows into the next chunk of the store; small files share one."""
        n_pending = sum(len(part) for pair in self._pending for part in pair)
        if n_pending and n_pending + len(usable) + len(unusable) > self._config.chunk_rows:
            self._write()
        self._pending.append((usable, unusable))

    def _write(self) -> None:
        """Write the pending rows as a chunk."""
        usable, unusable = (
            pd.concat(p, ignore_index=True) for p in zip(*self._pending, strict=True)
        )
        self._store.write("source", self._n_chunks, usable)
        if len(unusable):
            self._store.write("unusable", self._n_chunks, unusable)
        self._pending = []
        self._n_chunks += 1

    def _group_name(self, value: Any) -> str | None:
        if not pd.api.types.is_scalar(value):
            raise InputError(
                shown(self._source),
                f'column "{self._config.group_by}" (group_by) holds {value!r:.60}, not a single'
                " value",
            )
        return None if pd.isna(value) else text_or_empty(str(value))


def _name_or_empty(cell: Any) -> str:
    """The text of a cell, if it has a letter: numbers of companies are no names."""
    name = text_or_empty(cell).strip()
    return name if any(map(str.isalpha, name)) else ""


def _numbered(rows: pd.DataFrame, file: str | None) -> pd.DataFrame:
    """Rows with their numbers and, if there are several files, the name of theirs."""
    numbered = rows.assign(row=rows.index.astype("int64"))
    if file is not None:
        numbered = numbered.assign(file=file)
    return numbered[["row", *(["file"] if file is not None else []), *rows.columns]]
