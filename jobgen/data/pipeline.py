"""The stages of the preparation, in the order of the data.

    source -> `split_source` -> rows -> `clean_chunk` -> clean rows -> `group_rows` -> split groups
           -> `embed_sample_chunk`, `count_phrases` -> corpus -> `add_keywords_chunk` -> keywords
           -> `assemble_tables` -> train, test

Functions named `..._chunk` read one file of the chunk store and write the next one. They do not
look at other chunks, so any number of workers gives the same result. The others see all rows.
"""

import functools
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
from jobgen.common.errors import InputError, TableError
from jobgen.common.files import read_arrays, write_arrays, write_json, write_whole
from jobgen.data.chunk_store import ChunkStore, versions
from jobgen.data.cleaning import clean_text, clean_title
from jobgen.data.embeddings import Embedder
from jobgen.data.keywords import (
    Background,
    example_phrases,
    extract_keywords,
    train_keyword_classifier,
)
from jobgen.data.near_duplicates import minhash_signature, near_duplicate_groups, overlap_groups
from jobgen.data.phrases import Corpus, build_corpus
from jobgen.data.splitting import group_counts, join_groups, split_groups, value_groups
from jobgen.data.tables import find_invalid_rows, read_chunks, refuse_invalid_rows, rename_columns
from jobgen.models.loading import load_tokenizer
from jobgen.models.sequence import count_tokens, escape_frame
from jobgen.text.ngrams import ngram_hashes

# Rows of which one shares more than this with another go to one side. The promise is that no test
# posting shares more than half; 0.4 keeps it however words are told apart.
OVERLAP = 0.4


@dataclass(frozen=True)
class PipelineContext:
    """What every worker is told.

    Attributes:
        config: of the preparation.
        model: folder of the model whose tokenizer counts.
        embedder: folder of the embedding model.
        cache: folder for embeddings that later runs find again; None: the work folder takes them.
        work: the folder of the unfinished work.
    """

    config: PrepareConfig
    model: Path
    embedder: Path
    cache: Path | None
    store: ChunkStore


def split_source(config: PrepareConfig, store: ChunkStore) -> None:
    """Read the source once, check each row, and put the chunks into the work folder.

    Raises:
        TableError: the table cannot be read, or has rows that cannot be used.
    """
    done = store.file("source.json")
    if done.is_file():
        return
    try:
        counts = _split_source(config, store)
    except InputError as error:
        raise TableError(error.where, error.problems) from None
    write_json(done, counts)


def _split_source(config: PrepareConfig, store: ChunkStore) -> dict[str, int]:
    faults: dict[str, list[int]] = {}
    read = 0
    for chunk, table in enumerate(read_chunks(config.source, config.encoding, config.chunk_rows)):
        if config.source.lower().endswith(".jsonl"):
            # Objects can lack a key, and so can all of a chunk.
            table = table.reindex(columns=[*dict.fromkeys([*table, *config.columns().values()])])
        rows = rename_columns(table, config.source, config.columns())
        wrong = find_invalid_rows(rows)
        for fault, found in wrong.items():
            faults.setdefault(fault, []).extend(read + row for row in found)
        read += len(rows)
        if wrong and config.bad_rows == "stop":
            continue
        rows = rows.drop(index=list({row for found in wrong.values() for row in found}))
        if "group" in rows:
            rows["group"] = [_group_name(value, config) for value in rows["group"]]
        store.write("source", chunk, rows.reset_index(drop=True))
    if config.bad_rows == "stop":
        refuse_invalid_rows(config.source, faults)
    unusable = len({row for found in faults.values() for row in found})
    return {"read": read, "unusable": unusable}


def _group_name(value: Any, config: PrepareConfig) -> str | None:
    if not pd.api.types.is_scalar(value):
        raise InputError(
            config.source, f'column "{config.group_by}" (group_by) holds {value!r:.60}, no value'
        )
    return None if pd.isna(value) else str(value).encode("utf-8", "replace").decode()


def check_embedder(context: PipelineContext) -> None:
    """Load the embedding model once, so that a wrong one is reported before all the cleaning.

    Raises:
        InputError: it cannot be used.
    """
    _embedder(context)


def clean_chunk(context: PipelineContext, chunk: int) -> None:
    """Apply the cleaning rules, break up special tokens, drop what cannot be used."""
    config, tokenizer = context.config, _tokenizer(context.model)
    rows = context.store.read("source", chunk)
    rows["title"] = [clean_title(title, config.personal_data) for title in rows["title"]]
    cleaned: Counter[str] = Counter()
    places: Counter[str] = Counter()
    texts = []
    for text in rows["text"]:
        text, fired = clean_text(text, config.personal_data)
        texts.append(text)
        places.update(fired)
        cleaned.update({rule: int(n > 0) for rule, n in fired.items()})
    rows["text"] = texts
    filled = (rows["title"] != "") & (rows["text"] != "")
    rows, special_tokens = escape_frame(rows[filled], tokenizer)
    # What is too long even without keywords need not be looked at any further.
    n_tokens = np.array(count_tokens(rows.assign(keywords=[[]] * len(rows)), tokenizer), int)
    fits = n_tokens <= config.max_length
    rows = rows[fits].reset_index(drop=True)
    hashes = [ngram_hashes(text) for text in rows["text"]]
    context.store.write_arrays(
        "copies",
        chunk,
        signatures=np.array([minhash_signature(text) for text in rows["text"]], np.uint32),
        hashes=np.concatenate([np.zeros(0, np.uint64), *hashes]),
        lengths=np.array([len(row) for row in hashes], np.int64),
        n_tokens=n_tokens[fits],
    )
    report = {
        "kept": len(rows),
        "empty": int((~filled).sum()),
        "too_long": int((~fits).sum()),
        "special_tokens": special_tokens,
        "postings_cleaned": cleaned,
        "places_cleaned": places,
    }
    context.store.write_counts("clean", chunk, report)
    context.store.write("clean", chunk, rows)


def group_rows(config: PrepareConfig, store: ChunkStore) -> None:
    """Find copies, and what must not stand on both sides of the split."""
    done = store.file("groups.npz")
    if done.is_file():
        return
    parts = [store.read_arrays("copies", chunk) for chunk in store.chunks("clean")]
    signatures = [part.pop("signatures") for part in parts]
    signatures = np.concatenate([rows for rows in signatures if len(rows)])
    lengths = np.concatenate([part["lengths"] for part in parts])
    hashes = np.empty(lengths.sum(), np.uint64)
    start = 0
    for part in parts:  # one array, without a second copy of all of them
        hashes[start : start + len(part["hashes"])] = part["hashes"]
        start += len(part.pop("hashes"))
    copies = near_duplicate_groups(signatures, config.near_duplicate_similarity)
    related = near_duplicate_groups(signatures, config.related_similarity)
    del signatures
    offsets = np.concatenate([[0], np.cumsum(lengths)])
    sides = overlap_groups(hashes, offsets, join_groups(copies, related), OVERLAP)
    if config.group_by is not None:
        values = [store.read("clean", chunk)["group"] for chunk in store.chunks("clean")]
        sides = join_groups(sides, value_groups(pd.concat(values, ignore_index=True)))
    is_kept = np.ones(len(copies), bool)
    if config.duplicates == "keep_one":
        is_short = np.concatenate([part["n_tokens"] for part in parts]) < config.min_length
        is_kept = first_of_each(copies, is_short)
    write_arrays(
        done,
        copies=copies,
        sides=sides,
        is_kept=is_kept,
        chunk_rows=np.array([len(part["lengths"]) for part in parts]),
    )


def first_of_each(groups: np.ndarray, is_short: np.ndarray) -> np.ndarray:
    """The row of each group that is kept: the first, or the first that is long enough.

    >>> first_of_each(np.array([0, 1, 0, 1]), np.array([True, False, False, False]))
    array([False,  True,  True, False])
    """
    order = np.lexsort((is_short, groups))  # stable: rows alike stay in their order
    is_first = np.diff(groups[order], prepend=-1) != 0
    is_kept = np.zeros(len(groups), bool)
    is_kept[order[is_first]] = True
    return is_kept


def sample_rows(config: PrepareConfig, store: ChunkStore) -> np.ndarray:
    """Which rows, evenly spread over the kept ones, phrases are counted in; (n,), true or false."""
    is_kept = read_arrays(store.file("groups.npz"))["is_kept"]
    kept = np.flatnonzero(is_kept)
    n = min(config.corpus_rows, len(kept))
    is_sample = np.zeros(len(is_kept), bool)
    is_sample[kept[np.linspace(0, len(kept) - 1, n).astype(int)]] = True
    return is_sample


def embed_sample_chunk(context: PipelineContext, chunk: int) -> None:
    """Embed the sampled postings of a chunk."""
    is_sample = sample_rows(context.config, context.store)[_rows_of(context.store, chunk)]
    texts = context.store.read("clean", chunk)["text"][is_sample].reset_index(drop=True)
    vectors = _embedder(context)(list(texts))
    context.store.write_arrays("sample", chunk, vectors=vectors)
    context.store.write("sample", chunk, texts.to_frame())


def count_phrases(context: PipelineContext) -> None:
    """Count phrases in the sample, for the workers to read."""
    store, done = context.store, context.store.file("corpus.json")
    if done.is_file():
        return
    _embedder(context)(example_phrases()[0])  # once for all workers
    chunks = store.chunks("sample")
    vectors = [store.read_arrays("sample", chunk)["vectors"] for chunk in chunks]
    write_arrays(store.file("sample.npz"), vectors=np.concatenate(vectors))
    texts = [text for chunk in chunks for text in store.read("sample", chunk)["text"]]
    corpus = build_corpus(texts, context.config.ngram_max)
    write_json(done, vars(corpus) | {"names": sorted(corpus.names)})


def read_corpus(store: ChunkStore) -> tuple[Corpus, np.ndarray]:
    """What `count_phrases` has written: the counts, and (n, d) embeddings of the sample."""
    corpus = json.loads(store.file("corpus.json").read_text(encoding="utf-8"))
    corpus["names"] = frozenset(corpus["names"])
    return Corpus(**corpus), read_arrays(store.file("sample.npz"))["vectors"]


def add_keywords_chunk(context: PipelineContext, chunk: int) -> None:
    """Extract the keywords of the kept postings of a chunk, and count their tokens."""
    config = context.config
    groups = read_arrays(context.store.file("groups.npz"))
    place = _rows_of(context.store, chunk)
    is_kept = groups["is_kept"][place]
    rows = context.store.read("clean", chunk)[is_kept].reset_index(drop=True)
    embedder = _embedder(context)
    keywords, scores = extract_keywords(
        list(rows["text"]),
        embedder,
        Background(*_read_corpus(context.store), _learn_kind(embedder)),
        top_n=config.keywords,
        ngram_range=(config.ngram_min, config.ngram_max),
        diversity=config.diversity,
    )
    keyworded = pd.DataFrame(
        {
            "title": rows["title"],
            "keywords": keywords,
            "keyword_scores": scores,
            "text": rows["text"],
        }
    )
    keyworded["n_tokens"] = count_tokens(keyworded, _tokenizer(context.model))
    keyworded["side"] = groups["sides"][place][is_kept]
    context.store.write("keywords", chunk, keyworded)


@dataclass
class Prepared:
    """The two tables and what became of the rows."""

    train: pd.DataFrame
    test: pd.DataFrame
    manifest: dict[str, Any]


def assemble_tables(config: PrepareConfig, store: ChunkStore, source_sha256: str) -> Prepared:
    """Filter by length, split, and sum up for the manifest.

    Raises:
        TableError: no row is left, or all are one group.
    """
    rows, dropped = _kept_rows(config, store)
    copies, sides = (read_arrays(store.file("groups.npz"))[name] for name in ("copies", "sides"))
    is_test = split_groups(rows.pop("side").to_numpy(), config.test_share, config.seed)
    order = np.random.default_rng(config.seed).permutation(len(rows))
    train, test = (
        rows.iloc[order[is_test[order] == side]].reset_index(drop=True) for side in (False, True)
    )
    reports = store.read_counts("clean")
    manifest = {
        "source": config.source,
        "source_sha256": source_sha256,
        "rows_in": json.loads(store.file("source.json").read_text(encoding="utf-8"))["read"],
        "rows_dropped": dropped,
        "rows_out": {"train": len(train), "test": len(test)},
        "groups": {"copies": group_counts(copies), "one side": group_counts(sides)},
        "special_tokens_escaped": sum(report["special_tokens"] for report in reports),
        "postings_cleaned": _total(report["postings_cleaned"] for report in reports),
        "places_cleaned": _total(report["places_cleaned"] for report in reports),
        "tokenizer": config.model,
        "seed": config.seed,
        "configuration": config.model_dump(),
        "versions": versions(),
    }
    return Prepared(train, test, manifest)


def write_prepared(prepared: Prepared, store: ChunkStore, folder: Path, name: str) -> None:
    """Write the tables and the manifest, in place of older ones of the same name.

    All is written before anything is replaced, and no manifest stands beside tables of two runs.
    """
    manifest = folder / f"manifest_{name}.json"
    frames = {"train": prepared.train, "test": prepared.test}
    for part, frame in frames.items():
        write_whole(store.file(f"{part}.pkl"), frame.to_pickle)
    manifest.unlink(missing_ok=True)
    for part in frames:
        os.replace(store.file(f"{part}.pkl"), folder / f"{part}_{name}.pkl")
    write_json(manifest, prepared.manifest)


def refuse_empty(config: PrepareConfig, store: ChunkStore) -> None:
    """Stop where cleaning and the longest length have left nothing.

    Raises:
        TableError: with the reasons counted.
    """
    if not any(report["kept"] for report in store.read_counts("clean")):
        _refuse_empty(config, store, _dropped_early(store))


def _kept_rows(config: PrepareConfig, store: ChunkStore) -> tuple[pd.DataFrame, dict[str, int]]:
    """All rows of the right length, and the numbers of the others by reason."""
    dropped = _dropped_early(store)
    is_kept = read_arrays(store.file("groups.npz"))["is_kept"]
    dropped["copy of another posting"] = int((~is_kept).sum())
    chunks = [store.read("keywords", chunk) for chunk in store.chunks("keywords")]
    rows = pd.concat([chunk for chunk in chunks if len(chunk)], ignore_index=True)
    dropped["too short"] = int((rows["n_tokens"] < config.min_length).sum())
    dropped["too long"] += int((rows["n_tokens"] > config.max_length).sum())
    rows = rows[rows["n_tokens"].between(config.min_length, config.max_length)]
    if rows.empty:
        _refuse_empty(config, store, dropped)
    # Built anew, lists from Parquet's arrays and equal words from one object each: a pickle shows
    # what was one chunk and what was one object.
    one: dict[str, str] = {}
    columns = {name: column.tolist() for name, column in rows.items()}
    columns["keywords"] = [[one.setdefault(w, w) for w in words] for words in columns["keywords"]]
    columns["keyword_scores"] = [scores.tolist() for scores in columns["keyword_scores"]]
    return pd.DataFrame(columns), dropped


def _dropped_early(store: ChunkStore) -> dict[str, int]:
    """Rows dropped by reason, as far as that is known after the cleaning."""
    source = json.loads(store.file("source.json").read_text(encoding="utf-8"))
    reports = store.read_counts("clean")
    return {
        "no title or text, or NUL characters": source["unusable"],
        "empty after cleaning": sum(report["empty"] for report in reports),
        "copy of another posting": 0,
        "too short": 0,
        "too long": sum(report["too_long"] for report in reports),
    }


def _refuse_empty(config: PrepareConfig, store: ChunkStore, dropped: dict[str, int]) -> None:
    read = json.loads(store.file("source.json").read_text(encoding="utf-8"))["read"]
    reasons = ", ".join(f"{n} {reason}" for reason, n in dropped.items() if n)
    raise TableError(
        config.source,
        f"every one of the {read} rows was dropped: {reasons}; kept are {config.min_length} to"
        f" {config.max_length} tokens",
    )


def _total(counts: Iterable[dict[str, int]]) -> dict[str, int]:
    total: Counter[str] = Counter()
    for part in counts:
        total.update(part)
    return dict(total)


def _rows_of(store: ChunkStore, chunk: int) -> slice:
    """Where the clean rows of a chunk stand among those of the whole table."""
    lengths = read_arrays(store.file("groups.npz"))["chunk_rows"]
    place = store.chunks("clean").index(chunk)
    start = int(lengths[:place].sum())
    return slice(start, start + int(lengths[place]))


def _embedder(context: PipelineContext) -> Embedder:
    config, cache = context.config, context.cache or context.store.folder
    return _load_embedder(
        context.embedder, config.embedder_precision, config.embedder_max_length, cache
    )


# A worker loads these once for all its chunks.
_tokenizer = functools.lru_cache(maxsize=1)(load_tokenizer)
_load_embedder = functools.lru_cache(maxsize=1)(Embedder)
_read_corpus = functools.lru_cache(maxsize=1)(read_corpus)
_learn_kind = functools.lru_cache(maxsize=1)(train_keyword_classifier)
