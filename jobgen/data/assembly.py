"""The last stage of a preparation: from the keyworded chunks to two tables and a manifest."""

import functools
import os
from collections import Counter
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd

from jobgen.common.config import MOST_TOKENS, PrepareConfig
from jobgen.common.errors import TableError
from jobgen.common.files import read_arrays, write_json, write_whole
from jobgen.common.locations import without_password
from jobgen.data.chunk_store import ChunkStore, library_versions
from jobgen.data.context import PipelineContext
from jobgen.data.dropped import NEAR_DUPLICATE, read_dropped, write_dropped
from jobgen.data.grouping import read_lengths
from jobgen.data.lengths import length_advice, suitable_maximum
from jobgen.data.progress import progress_bar
from jobgen.data.splitting import group_counts, split_groups


@dataclass
class Prepared:
    """The two tables, and what became of all rows.

    Attributes:
        train: rows to train on.
        test: rows held out.
        dropped: columns `row`, `file` where the source has several, `title`, `reason`: every row
            of the source that is in neither table.
        n_tokens: (n,), lengths of all rows but copies, those of too short and too long ones
            included; of those that were too long from the start, with an estimate for keywords.
        manifest: source, numbers of rows, groups and changes, configuration, versions.
    """

    train: pd.DataFrame
    test: pd.DataFrame
    dropped: pd.DataFrame
    n_tokens: np.ndarray
    manifest: dict[str, Any]

    @property
    def name(self) -> str:
        """The ending of the tables' names: the limits of the length, such as "128_700"."""
        return f"{self.manifest['min_length']}_{self.manifest['max_length']}"


def assemble_tables(context: PipelineContext, source_sha256: str) -> Prepared:
    """Filter by length, split, and collect the numbers for the manifest.

    Args:
        context: with a store in which all stages are complete.
        source_sha256: hash of the source, for the manifest.

    Raises:
        TableError: no row is left, or all rows are one group.
    """
    config, store = context.config, context.store
    source = store.read_json("source.json")
    rows = _read_keyworded(store)
    n_tokens = _all_lengths(rows, store)
    max_length = config.max_length
    if max_length == "auto":
        max_length = suitable_maximum(n_tokens, context.longest)
    is_short = rows["n_tokens"] < config.min_length
    is_long = rows["n_tokens"] > max_length
    dropped = _dropped_by_cleaning(store)
    dropped[NEAR_DUPLICATE] = int((~read_arrays(store.file("groups.npz"))["is_kept"]).sum())
    dropped["too short"] = int(is_short.sum())
    dropped["too long"] += int(is_long.sum())
    advice = length_advice(n_tokens, config.min_length, max_length, *_limit(context))
    fits = rows[~is_short & ~is_long]
    if fits.empty:
        raise _all_dropped(config, store, dropped, advice)
    fits = _without_traces_of_chunks(fits)
    try:
        train, test = _split(fits, config)
    except TableError as error:
        numbers = f"of {source['read']} rows, dropped were: {_reasons(dropped) or 'none'}"
        problems = [*error.problems, numbers, *advice]
        raise TableError(without_password(config.source), problems) from None
    groups = read_arrays(store.file("groups.npz"))
    reports = store.read_counts("clean")
    languages = _total(report["languages"] for report in reports)
    manifest = {
        "source": without_password(config.source),
        "source_sha256": source_sha256,
        "encoding": source["encoding"],
        "files": source["files"],
        "rows_in": source["read"],
        "rows_dropped": dropped,
        "rows_out": {"train": len(train), "test": len(test)},
        "min_length": config.min_length,
        "max_length": max_length,
        "length_advice": advice,
        "languages": languages,
        "groups": {
            "near-duplicates": group_counts(groups["near_duplicates"]),
            "split groups": group_counts(groups["split_groups"]),
        },
        "special_tokens_escaped": sum(
            report["special_tokens"] for report in store.read_counts("measured")
        ),
        "postings_cleaned": _total(report["postings_cleaned"] for report in reports),
        "places_cleaned": _total(report["places_cleaned"] for report in reports),
        "standing_sentences": [
            {"postings": sentence["postings"], "text": sentence["text"]}
            for sentence in store.read_json("standing.json")
        ],
        "tokenizer": config.model,
        "seed": config.seed,
        "configuration": config.model_dump() | {"source": without_password(config.source)},
        "versions": library_versions(),
    }
    too_short = [f"too short: {n} tokens" for n in rows["n_tokens"][is_short]]
    too_long = [f"too long: {n} tokens" for n in rows["n_tokens"][is_long]]
    by_length = [rows[is_short].assign(reason=too_short), rows[is_long].assign(reason=too_long)]
    return Prepared(train, test, read_dropped(store, by_length), n_tokens, manifest)


def _limit(context: PipelineContext) -> tuple[int | None, str]:
    """The most tokens that `max_length` can be, and what limits it."""
    is_auto = context.config.max_length == "auto"
    if is_auto and context.longest != context.positions:
        return context.longest, "the training has memory for"
    return context.positions, "the model reads up to"


def _split(rows: pd.DataFrame, config: PrepareConfig) -> tuple[pd.DataFrame, pd.DataFrame]:
    """Training and test table, in an order that the seed decides."""
    is_test = split_groups(rows.pop("split_group").to_numpy(), config.test_share, config.seed)
    order = np.random.default_rng(config.seed).permutation(len(rows))
    train, test = (
        rows.iloc[order[part[order]]].reset_index(drop=True) for part in (~is_test, is_test)
    )
    return train, test


def _all_lengths(keyworded: pd.DataFrame, store: ChunkStore) -> np.ndarray:
    """Lengths of all rows but copies, in tokens, (n,).

    A row that was too long from the start got no keywords; theirs are taken to be as long as those
    of the others are on average.
    """
    is_kept = read_arrays(store.file("groups.npz"))["is_kept"]
    of_keywords = keyworded["n_tokens"].mean() - read_lengths(store)[is_kept].mean()
    too_long = _read_too_long(store) + round(of_keywords)
    return np.concatenate([keyworded["n_tokens"].to_numpy(), too_long])


def _read_too_long(store: ChunkStore) -> np.ndarray:
    """Lengths of the postings that were left out at once, without keywords, in tokens, (n,)."""
    chunks = store.chunks("measured")
    arrays = [store.read_arrays("tokens", chunk)["n_tokens_too_long"] for chunk in chunks]
    return np.concatenate(arrays)


def write_prepared(prepared: Prepared, store: ChunkStore, folder: Path) -> None:
    """Write tables, manifest and list of dropped rows, and replace older ones of the same name.

    Everything is written before anything is replaced, and a manifest never stands beside tables of
    different runs.

    Args:
        prepared: the tables and the manifest.
        store: folder for files that are not complete yet.
        folder: folder of the tables.
    """
    name = prepared.name
    manifest_file = folder / f"manifest_{name}.json"
    frames = {"train": prepared.train, "test": prepared.test}
    with progress_bar("writing", sum(map(len, frames.values()))) as bar:
        for split, frame in frames.items():
            write_whole(store.file(f"{split}.pkl"), frame.to_pickle)
            bar.update(len(frame))
    write_whole(store.file("dropped.csv"), functools.partial(write_dropped, prepared.dropped))
    manifest_file.unlink(missing_ok=True)
    for split in frames:
        os.replace(store.file(f"{split}.pkl"), folder / f"{split}_{name}.pkl")
    os.replace(store.file("dropped.csv"), folder / "dropped.csv")
    write_json(manifest_file, prepared.manifest)


def refuse_empty(config: PrepareConfig, store: ChunkStore, stage: str) -> None:
    """Stop if no row is left after a stage.

    Raises:
        TableError: with the number of rows for each reason.
    """
    if any(report["kept"] for report in store.read_counts(stage)):
        return
    advice = []
    if store.chunks("measured"):
        limit = config.max_length if config.max_length != "auto" else MOST_TOKENS
        advice = length_advice(_read_too_long(store), config.min_length, limit)
    raise _all_dropped(config, store, _dropped_by_cleaning(store), advice)


def _read_keyworded(store: ChunkStore) -> pd.DataFrame:
    """All rows that have keywords."""
    chunks = []
    n_rows = int(read_arrays(store.file("groups.npz"))["is_kept"].sum())
    with progress_bar("assembling", n_rows) as bar:
        for chunk in store.chunks("keywords"):
            chunks.append(store.read("keywords", chunk))
            bar.update(len(chunks[-1]))
    return pd.concat([chunk for chunk in chunks if len(chunk)], ignore_index=True)


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
    if "file" in columns:
        columns["file"] = [interned.setdefault(file, file) for file in columns["file"]]
    return pd.DataFrame(columns)


def _dropped_by_cleaning(store: ChunkStore) -> dict[str, int]:
    """Numbers of dropped rows by reason, as they are known before the keywords."""
    return {
        "unusable": store.read_json("source.json")["unusable"],
        "empty after cleaning": sum(report["empty"] for report in store.read_counts("clean")),
        NEAR_DUPLICATE: 0,
        "too short": 0,
        "too long": sum(report["too_long"] for report in store.read_counts("measured")),
    }


def _all_dropped(
    config: PrepareConfig, store: ChunkStore, dropped: dict[str, int], advice: list[str]
) -> TableError:
    kept = f"kept are {config.min_length} to {config.max_length} tokens"
    if config.max_length == "auto":
        kept = f"kept are at least {config.min_length} tokens"
    n_read = store.read_json("source.json")["read"]
    problem = f"every one of the {n_read} rows was dropped: {_reasons(dropped)}; {kept}"
    return TableError(without_password(config.source), [problem, *advice])


def _reasons(dropped: dict[str, int]) -> str:
    return ", ".join(f"{n} {reason}" for reason, n in dropped.items() if n)


def _total(counts: Iterable[dict[str, int]]) -> dict[str, int]:
    total: Counter[str] = Counter()
    for chunk_counts in counts:
        total.update(chunk_counts)
    return dict(total)
