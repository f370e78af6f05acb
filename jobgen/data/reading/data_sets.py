"""Data sets of the `datasets` library: of the hub by their id, or saved in a folder."""

from collections.abc import Iterator
from typing import Any

import datasets
import pandas as pd

from jobgen.common.errors import InputError
from jobgen.data.reading.chunks import Source, TableChunk


def read_data_set(source: Source, is_saved: bool, chunk_rows: int) -> Iterator[TableChunk]:
    """Read a split.

    Args:
        source: id or folder, and the split; without one "train", or the only one.
        is_saved: whether the location is a folder that `save_to_disk` has written.
        chunk_rows: number of rows in each chunk but the last.

    Raises:
        InputError: there is no such data set or split.
    """
    where = source.location
    found = _load_saved(where) if is_saved else _load_from_hub(where)
    if isinstance(found, dict):
        splits = list(found)
        split = source.table or ("train" if "train" in found else splits[0])
        if split not in found or (source.table is None and split != "train" and len(splits) > 1):
            asked = f'no split "{split}"' if source.table else "several splits"
            raise InputError(where, f"{asked}; pick one by table=NAME: {', '.join(splits)}")
        found = found[split]
    elif source.table not in (None, str(found.split)):
        raise InputError(where, f'no split "{source.table}"; it is a single table, without splits')
    n_read = 0
    for batch in found.with_format("arrow").iter(batch_size=chunk_rows):
        index = pd.RangeIndex(n_read + 1, n_read + 1 + batch.num_rows)
        n_read += batch.num_rows
        frame = pd.DataFrame(batch.to_pydict(), index=index, dtype=object)
        yield TableChunk(frame, n_read / len(found), None, {})


def _load_saved(folder: str) -> Any:
    try:
        return datasets.load_from_disk(folder)
    except Exception as error:  # what it raises depends on what is damaged
        raise InputError(folder, f"no complete data set: {_first_line(error)}") from None


def _load_from_hub(name: str) -> Any:
    try:
        return datasets.load_dataset(name)
    except Exception as error:  # the network, the hub, the files there: each raises its own
        raise InputError(
            name,
            "no such file or folder, and no data set of this name can be loaded from the Hugging"
            f" Face Hub: {_first_line(error)}",
        ) from None


def _first_line(error: Exception) -> str:
    return (str(error).strip() or type(error).__name__).splitlines()[0][:200]
