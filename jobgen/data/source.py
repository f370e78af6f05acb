"""The first stage of a preparation: from the source to chunks of checked rows."""

from typing import Any

import pandas as pd

from jobgen.common.config import PrepareConfig
from jobgen.common.errors import InputError, TableError
from jobgen.common.files import write_json
from jobgen.data.chunk_store import ChunkStore
from jobgen.data.progress import progress_bar
from jobgen.data.readers import read_chunks
from jobgen.data.tables import find_invalid_rows, refuse_invalid_rows, rename_columns


def split_source(config: PrepareConfig, store: ChunkStore) -> None:
    """Read the source once, check each row, and write its chunks into the store.

    Raises:
        TableError: the table cannot be read, or has rows that cannot be used.
    """
    counts_file = store.file("source.json")
    if counts_file.is_file():
        return
    try:
        counts = _split_source(config, store)
    except InputError as error:
        raise TableError(error.where, error.problems) from None
    write_json(counts_file, counts)


def _split_source(config: PrepareConfig, store: ChunkStore) -> dict[str, int]:
    faults: dict[str, list[int]] = {}
    n_read = 0
    drop_ragged = config.bad_rows == "drop"
    chunks = read_chunks(config.source, config.encoding, config.chunk_rows, drop_ragged)
    with progress_bar("reading the source", total=None) as bar:
        for chunk, (table, share_read) in enumerate(chunks):
            if config.source.lower().endswith((".json", ".jsonl")):
                # An object can lack a key, and so can all objects of a chunk.
                columns = dict.fromkeys([*table, *config.columns().values()])
                table = table.reindex(columns=list(columns))
            rows = rename_columns(table, config.source, config.columns())
            chunk_faults = find_invalid_rows(rows)
            for fault, row_numbers in chunk_faults.items():
                faults.setdefault(fault, []).extend(n_read + row for row in row_numbers)
            n_read += len(rows)
            bar.total = round(n_read / share_read)  # an estimate, until all of the file is read
            bar.update(len(rows))
            if chunk_faults and config.bad_rows == "stop":
                continue
            unusable = {row for row_numbers in chunk_faults.values() for row in row_numbers}
            rows = rows.drop(index=list(unusable))
            if "group" in rows:
                rows["group"] = [_group_name(value, config) for value in rows["group"]]
            store.write("source", chunk, rows.reset_index(drop=True))
    if config.bad_rows == "stop":
        refuse_invalid_rows(config.source, faults)
    n_unusable = len({row for row_numbers in faults.values() for row in row_numbers})
    return {"read": n_read, "unusable": n_unusable}


def _group_name(value: Any, config: PrepareConfig) -> str | None:
    if not pd.api.types.is_scalar(value):
        raise InputError(
            config.source,
            f'column "{config.group_by}" (group_by) holds {value!r:.60}, not a single value',
        )
    return None if pd.isna(value) else str(value).encode("utf-8", "replace").decode()
