"""The stages of a preparation, in the order in which the data flows.

    source -> `split_source` -> rows             (jobgen.data.source)
           -> `clean_rows` -> clean rows
           -> `group_rows` -> split groups       (jobgen.data.grouping)
           -> `embed_sample`, `count_phrases` -> corpus
           -> `add_keywords` -> keywords
           -> `assemble_tables` -> train, test   (jobgen.data.assembly)

Each stage reads its input from the chunk store and writes its result there; what is complete is not
repeated. Functions named `..._chunk` run in workers and see one chunk only, so any number of
workers gives the same result. The other functions see all rows.
"""

import functools
import json
from collections import Counter
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import pandas as pd

from jobgen.common.config import PrepareConfig
from jobgen.common.files import read_arrays, write_arrays, write_json
from jobgen.data.assembly import refuse_empty
from jobgen.data.chunk_store import ChunkStore
from jobgen.data.cleaning import clean_text, clean_title
from jobgen.data.embeddings import Embedder
from jobgen.data.keywords import (
    Background,
    example_phrases,
    extract_keywords,
    train_keyword_classifier,
)
from jobgen.data.near_duplicates import minhash_signature
from jobgen.data.parallel import for_each_chunk, release_workers
from jobgen.data.phrases import Corpus, build_corpus
from jobgen.data.progress import polled_bar, progress_bar
from jobgen.models.loading import load_tokenizer
from jobgen.models.sequence import count_tokens, escape_frame
from jobgen.text.ngrams import ngram_hashes

# Postings that a worker embeds before it reports its progress: a second's work or a few.
_BATCH_ROWS = 32


@dataclass(frozen=True)
class PipelineContext:
    """What every worker has to know.

    Attributes:
        config: configuration of the preparation.
        model: folder of the model whose tokenizer counts the tokens.
        embedder: folder of the embedding model.
        cache: folder of embeddings for later runs; None to keep them in the chunk store.
        store: store of the intermediate results.
        engine: what runs the workers, "processes" or "ray".
    """

    config: PrepareConfig
    model: Path
    embedder: Path
    cache: Path | None
    store: ChunkStore
    engine: str = "processes"


def check_embedder(context: PipelineContext) -> None:
    """Load the embedding model once, so that a wrong one is reported before all the cleaning.

    Raises:
        InputError: it cannot be used.
    """
    _embedder(context)


def clean_rows(context: PipelineContext) -> None:
    """Clean all postings.

    Raises:
        TableError: no posting is left.
    """
    store = context.store
    n_postings = {chunk: store.n_rows("source", chunk) for chunk in store.chunks("source")}
    _run_in_workers(context, "clean", "cleaning", clean_chunk, n_postings)
    refuse_empty(context.config, store)


def clean_chunk(context: PipelineContext, chunk: int) -> None:
    """Apply the cleaning rules, escape special tokens, drop postings that cannot be used."""
    config, tokenizer = context.config, _tokenizer(context.model)
    rows = context.store.read("source", chunk)
    n_source_rows = len(rows)
    rows["title"] = [clean_title(title, config.personal_data) for title in rows["title"]]
    postings_cleaned: Counter[str] = Counter()
    places_cleaned: Counter[str] = Counter()
    texts = []
    for text in rows["text"]:
        text, changes = clean_text(text, config.personal_data)
        texts.append(text)
        places_cleaned.update(changes)
        postings_cleaned.update({rule: int(n > 0) for rule, n in changes.items()})
    rows["text"] = texts
    is_filled = (rows["title"] != "") & (rows["text"] != "")
    rows, special_tokens = escape_frame(rows[is_filled], tokenizer)
    # A posting that is too long even without keywords needs no further work.
    n_tokens = np.array(count_tokens(rows.assign(keywords=[[]] * len(rows)), tokenizer), int)
    fits = n_tokens <= config.max_length
    rows = rows[fits].reset_index(drop=True)
    hashes = [ngram_hashes(text) for text in rows["text"]]
    context.store.write_arrays(
        "hashes",
        chunk,
        signatures=np.array([minhash_signature(text) for text in rows["text"]], np.uint32),
        hashes=np.concatenate([np.zeros(0, np.uint64), *hashes]),
        lengths=np.array([len(row_hashes) for row_hashes in hashes], np.int64),
        n_tokens=n_tokens[fits],
    )
    counts = {
        "kept": len(rows),
        "empty": int((~is_filled).sum()),
        "too_long": int((~fits).sum()),
        "special_tokens": special_tokens,
        "postings_cleaned": postings_cleaned,
        "places_cleaned": places_cleaned,
    }
    context.store.write_counts("clean", chunk, counts)
    context.store.write("clean", chunk, rows)
    context.store.add_progress(n_source_rows)


def embed_sample(context: PipelineContext) -> None:
    """Embed the postings of the sample in which phrases are counted."""
    n_postings = _rows_per_chunk(context.store, sample_rows(context.config, context.store))
    _run_in_workers(context, "sample", "embedding a sample", embed_sample_chunk, n_postings)


def sample_rows(config: PrepareConfig, store: ChunkStore) -> np.ndarray:
    """Mark the rows of the sample, evenly spaced among the kept ones; (n,), true or false."""
    is_kept = read_arrays(store.file("groups.npz"))["is_kept"]
    kept = np.flatnonzero(is_kept)
    n = min(config.corpus_rows, len(kept))
    is_sample = np.zeros(len(is_kept), bool)
    is_sample[kept[np.linspace(0, len(kept) - 1, n).astype(int)]] = True
    return is_sample


def embed_sample_chunk(context: PipelineContext, chunk: int) -> None:
    """Embed the sampled postings of a chunk."""
    store, embedder = context.store, _embedder(context)
    is_sample = sample_rows(context.config, store)[_rows_of(store, chunk)]
    texts = store.read("clean", chunk)["text"][is_sample].reset_index(drop=True)
    vectors = []
    for batch in _batches(list(texts)):
        vectors.append(embedder(batch))
        store.add_progress(len(batch))
    store.write_arrays("sample", chunk, vectors=np.concatenate(vectors))
    store.write("sample", chunk, texts.to_frame())


def count_phrases(context: PipelineContext) -> None:
    """Count the phrases of the sample, for the workers to read."""
    store = context.store
    corpus_file = store.file("corpus.json")
    if corpus_file.is_file():
        return
    chunks = store.chunks("sample")
    texts = [text for chunk in chunks for text in store.read("sample", chunk)["text"]]
    with progress_bar("counting phrases", len(texts)) as bar:
        _embedder(context)(example_phrases()[0])  # here, so that only one process computes them
        vectors = [store.read_arrays("sample", chunk)["vectors"] for chunk in chunks]
        write_arrays(store.file("sample.npz"), vectors=np.concatenate(vectors))
        corpus = build_corpus(texts, context.config.ngram_max, bar.update)
    write_json(corpus_file, vars(corpus) | {"names": sorted(corpus.names)})


def read_corpus(store: ChunkStore) -> tuple[Corpus, np.ndarray]:
    """Read what `count_phrases` has written: the counts, and (n, d) embeddings of the sample."""
    corpus = json.loads(store.file("corpus.json").read_text(encoding="utf-8"))
    corpus["names"] = frozenset(corpus["names"])
    return Corpus(**corpus), read_arrays(store.file("sample.npz"))["vectors"]


def add_keywords(context: PipelineContext) -> None:
    """Extract the keywords of all kept postings."""
    is_kept = read_arrays(context.store.file("groups.npz"))["is_kept"]
    n_postings = _rows_per_chunk(context.store, is_kept)
    _run_in_workers(context, "keywords", "keywords", add_keywords_chunk, n_postings)
    release_workers()  # their memory is needed for the whole table


def add_keywords_chunk(context: PipelineContext, chunk: int) -> None:
    """Extract the keywords of the kept postings of a chunk, and count the tokens."""
    config, store, embedder = context.config, context.store, _embedder(context)
    groups = read_arrays(store.file("groups.npz"))
    chunk_slice = _rows_of(store, chunk)
    is_kept = groups["is_kept"][chunk_slice]
    rows = store.read("clean", chunk)[is_kept].reset_index(drop=True)
    corpus, sample_vectors = _read_corpus(store)
    background = Background(corpus, sample_vectors, _train_classifier(embedder))
    keywords: list[list[str]] = []
    scores: list[list[float]] = []
    for batch in _batches(list(rows["text"])):
        batch_keywords, batch_scores = extract_keywords(
            batch,
            embedder,
            background,
            top_n=config.num_keywords,
            ngram_range=(config.ngram_min, config.ngram_max),
            diversity=config.diversity,
        )
        keywords += batch_keywords
        scores += batch_scores
        store.add_progress(len(batch))
    keyworded = pd.DataFrame(
        {
            "title": rows["title"],
            "keywords": keywords,
            "keyword_scores": scores,
            "text": rows["text"],
        }
    )
    keyworded["n_tokens"] = count_tokens(keyworded, _tokenizer(context.model))
    keyworded["split_group"] = groups["split_groups"][chunk_slice][is_kept]
    store.write("keywords", chunk, keyworded)


def _run_in_workers(
    context: PipelineContext,
    stage: str,
    label: str,
    function: Callable[[PipelineContext, int], None],
    n_postings: dict[int, int],
) -> None:
    """Run a stage on all chunks for which it is not complete, with a progress bar.

    Args:
        context: passed to the function.
        stage: name of the stage in the chunk store.
        label: name of the stage on the bar.
        function: function for one chunk.
        n_postings: chunk -> number of its postings that the stage works on.
    """
    store = context.store
    complete = set(store.chunks(stage))
    remaining = [chunk for chunk in n_postings if chunk not in complete]
    n_done = sum(n_postings[chunk] for chunk in complete)
    store.reset_progress()
    with polled_bar(label, sum(n_postings.values()), n_done, store.progress):
        for_each_chunk(
            functools.partial(function, context), remaining, context.engine, context.config.workers
        )


def _batches(texts: list[str]) -> Iterator[list[str]]:
    """Batches of texts; a single empty one if there are none."""
    for start in range(0, max(len(texts), 1), _BATCH_ROWS):
        yield texts[start : start + _BATCH_ROWS]


def _rows_of(store: ChunkStore, chunk: int) -> slice:
    """Where the clean rows of a chunk stand among those of the whole table."""
    chunk_rows = read_arrays(store.file("groups.npz"))["chunk_rows"]
    position = store.chunks("clean").index(chunk)
    start = int(chunk_rows[:position].sum())
    return slice(start, start + int(chunk_rows[position]))


def _rows_per_chunk(store: ChunkStore, is_selected: np.ndarray) -> dict[int, int]:
    """Chunk -> number of its clean rows that are selected; those of the whole table are given."""
    chunk_rows = read_arrays(store.file("groups.npz"))["chunk_rows"]
    ends = np.cumsum(chunk_rows)
    n_selected_before = np.concatenate([[0], np.cumsum(is_selected)])
    counts = n_selected_before[ends] - n_selected_before[ends - chunk_rows]
    return dict(zip(store.chunks("clean"), counts.tolist(), strict=True))


def _embedder(context: PipelineContext) -> Embedder:
    config, cache = context.config, context.cache or context.store.folder
    return _load_embedder(
        context.embedder, config.embedder_precision, config.embedder_max_length, cache
    )


# A worker loads these once for all its chunks.
_tokenizer = functools.lru_cache(maxsize=1)(load_tokenizer)
_load_embedder = functools.lru_cache(maxsize=1)(Embedder)
_read_corpus = functools.lru_cache(maxsize=1)(read_corpus)
_train_classifier = functools.lru_cache(maxsize=1)(train_keyword_classifier)
