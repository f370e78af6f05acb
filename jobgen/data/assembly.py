"""The last stage of a preparation: from the keyworded chunks to two tables and a manifest."""

import json
import os
from collections import Counter
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd

from jobgen.common.config import PrepareConfig
from jobgen.common.errors import TableError
from jobgen.common.files import read_arrays, write_json, write_whole
from jobgen.data.chunk_store import ChunkStore, library_versions
from jobgen.data.progress import progress_bar
from jobgen.data.splitting import group_counts, split_groups

_NEAR_DUPLICATE = "near-duplicate of another posting"


@dataclass
class Prepared:
    """The two tables, and what became of all rows.

    Attributes:
        train: rows to train on.
        test: rows held out.
        manifest: source, numbers of rows, groups and changes, configuration, versions.
    """

    train: pd.DataFrame
    test: pd.DataFrame
    manifest: dict[str, Any]


def assemble_tables(config: PrepareConfig, store: ChunkStore, source_sha256: str) -> Prepared:
    """Filter by length, split, and collect the numbers for the manifest.

    Args:
        config: configuration of the preparation.
        store: store in which all stages are complete.
        source_sha256: hash of the source, for the manifest.

    Raises:
        TableError: no row is left, or all rows are one group.
    """
    rows, dropped = _rows_of_right_length(config, store)
    is_test = split_groups(rows.pop("split_group").to_numpy(), config.test_share, config.seed)
    order = np.random.default_rng(config.seed).permutation(len(rows))
    train = rows.iloc[order[~is_test[order]]].reset_index(drop=True)
    test = rows.iloc[order[is_test[order]]].reset_index(drop=True)
    groups = read_arrays(store.file("groups.npz"))
    reports = store.read_counts("clean")
    manifest = {
        "source": config.source,
        "source_sha256": source_sha256,
        "rows_in": _source_counts(store)["read"],
        "rows_dropped": dropped,
        "rows_out": {"train": len(train), "test": len(test)},
        "groups": {
            "near-duplicates": group_counts(groups["near_duplicates"]),
            "split groups": group_counts(groups["split_groups"]),
        },
        "special_tokens_escaped": sum(report["special_tokens"] for report in reports),
        "postings_cleaned": _total(report["postings_cleaned"] for report in reports),
        "places_cleaned": _total(report["places_cleaned"] for report in reports),
        "tokenizer": config.model,
        "seed": config.seed,
        "configuration": config.model_dump(),
        "versions": library_versions(),
    }
    return Prepared(train, test, manifest)


def write_prepared(prepared: Prepared, store: ChunkStore, folder: Path, name: str) -> None:
    """Write the tables and the manifest, and replace older ones of the same name.

    Everything is written before anything is replaced, and a manifest never stands beside tables of
    different runs.

    Args:
        prepared: the tables and the manifest.
        store: folder for files that are not complete yet.
        folder: folder of the tables.
        name: ending of their names, such as "128_700".
    """
    manifest_file = folder / f"manifest_{name}.json"
    frames = {"train": prepared.train, "test": prepared.test}
    with progress_bar("writing", sum(map(len, frames.values()))) as bar:
        for split, frame in frames.items():
            write_whole(store.file(f"{split}.pkl"), frame.to_pickle)
            bar.update(len(frame))
    manifest_file.unlink(missing_ok=True)
    for split in frames:
        os.replace(store.file(f"{split}.pkl"), folder / f"{split}_{name}.pkl")
    write_json(manifest_file, prepared.manifest)


def refuse_empty(config: PrepareConfig, store: ChunkStore) -> None:
    """Stop if no row is left after the cleaning.

    Raises:
        TableError: with the number of rows for each reason.
    """
    if not any(report["kept"] for report in store.read_counts("clean")):
        raise _all_dropped(config, store, _dropped_by_cleaning(store))


def _rows_of_right_length(
    config: PrepareConfig, store: ChunkStore
) -> tuple[pd.DataFrame, dict[str, int]]:
    """All rows of the right length, and the numbers of the others by reason."""
    is_kept = read_arrays(store.file("groups.npz"))["is_kept"]
    chunks = []
    with progress_bar("assembling", int(is_kept.sum())) as bar:
        for chunk in store.chunks("keywords"):
            chunks.append(store.read("keywords", chunk))
            bar.update(len(chunks[-1]))
    rows = pd.concat([chunk for chunk in chunks if len(chunk)], ignore_index=True)
    dropped = _dropped_by_cleaning(store)
    dropped[_NEAR_DUPLICATE] = int((~is_kept).sum())
    dropped["too short"] = int((rows["n_tokens"] < config.min_length).sum())
    dropped["too long"] += int((rows["n_tokens"] > config.max_length).sum())
    rows = rows[rows["n_tokens"].between(config.min_length, config.max_length)]
    if rows.empty:
        raise _all_dropped(config, store, dropped)
    return _without_traces_of_chunks(rows), dropped


def _without_traces_of_chunks(rows: pd.DataFrame) -> pd.DataFrame:
    """Rebuild a table, so that its pickle does not depend on the chunks it was read from.

    A pickle shows which values are one object, and which column was one block. So lists are made
    from Parquet's arrays, and equal keywords become one object.
    """
    columns = {name: column.tolist() for name, column in rows.items()}
    interned: dict[str, str] = {}
    columns["keywords"] = [
        [interned.setdefault(keyword, keyword) for keyword in keywords]
        for keywords in columns["keywords"]
    ]
    columns["keyword_scores"] = [scores.tolist() for scores in columns["keyword_scores"]]
    return pd.DataFrame(columns)


def _dropped_by_cleaning(store: ChunkStore) -> dict[str, int]:
    """Numbers of dropped rows by reason, as they are known after the cleaning."""
    reports = store.read_counts("clean")
    return {
        "no title or text, or NUL characters": _source_counts(store)["unusable"],
        "empty after cleaning": sum(report["empty"] for report in reports),
        _NEAR_DUPLICATE: 0,
        "too short": 0,
        "too long": sum(report["too_long"] for report in reports),
    }


def _all_dropped(config: PrepareConfig, store: ChunkStore, dropped: dict[str, int]) -> TableError:
    reasons = ", ".join(f"{n} {reason}" for reason, n in dropped.items() if n)
    return TableError(
        config.source,
        f"every one of the {_source_counts(store)['read']} rows was dropped: {reasons}; kept are"
        f" {config.min_length} to {config.max_length} tokens",
    )


def _source_counts(store: ChunkStore) -> dict[str, int]:
    """Numbers of rows that were read and that were unusable."""
    return json.loads(store.file("source.json").read_text(encoding="utf-8"))


def _total(counts: Iterable[dict[str, int]]) -> dict[str, int]:
    total: Counter[str] = Counter()
    for chunk_counts in counts:
        total.update(chunk_counts)
    return dict(total)
