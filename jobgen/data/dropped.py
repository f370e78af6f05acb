"""The rows of a source that are in neither table, and why."""

from collections.abc import Iterable
from pathlib import Path
from typing import Any

import pandas as pd

from jobgen.common.files import read_arrays
from jobgen.data.chunk_store import ChunkStore
from jobgen.text.characters import escape_formula

NEAR_DUPLICATE = "near-duplicate of another posting"


def read_dropped(store: ChunkStore, further: Iterable[pd.DataFrame]) -> pd.DataFrame:
    """All rows of the source that were left out, in its order, each with its reason.

    Args:
        store: store in which all stages are complete.
        further: frames of rows that were left out after the stages, with a column `reason`.
    """
    stages = ("unusable", "empty", "long")
    parts = [store.read(stage, chunk) for stage in stages for chunk in store.chunks(stage)]
    measured = [store.read("measured", chunk) for chunk in store.chunks("measured")]
    rows = pd.concat(measured, ignore_index=True)
    groups = read_arrays(store.file("groups.npz"))
    is_kept, labels = groups["is_kept"], groups["near_duplicates"]
    kept_row = dict(zip(labels[is_kept], rows.index[is_kept], strict=True))
    copies = rows[~is_kept]
    originals = rows.loc[[kept_row[label] for label in labels[~is_kept]]]
    reasons = [f"near-duplicate of row {_place(row)}" for row in originals.to_dict("records")]
    parts += [copies.assign(reason=reasons), *further]
    place = ["file", "row"] if "file" in rows else ["row"]
    dropped = pd.concat([part[[*place, "title", "reason"]] for part in parts], ignore_index=True)
    return dropped.sort_values(place, kind="stable", ignore_index=True)


def _place(row: dict[str, Any]) -> str:
    return f"{row['row']} of {row['file']}" if "file" in row else str(row["row"])


def write_dropped(frame: pd.DataFrame, path: Path) -> None:
    """Write a table for people: no cell of it is a formula to a spreadsheet."""
    texts = frame.select_dtypes(exclude="number").columns
    escaped = {name: frame[name].map(escape_formula) for name in texts}
    frame.assign(**escaped).to_csv(path, index=False)
