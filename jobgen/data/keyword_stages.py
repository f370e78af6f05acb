"""The stages that give the kept postings their keywords.

Functions named `..._chunk` run in workers and see one chunk only, so any number of workers gives
the same result. The other functions see all rows.
"""

from collections.abc import Callable
from functools import partial
from typing import Any

import numpy as np
import pandas as pd

from jobgen.common.config import PrepareConfig
from jobgen.common.files import read_arrays, write_arrays, write_json
from jobgen.data.chunk_store import ChunkStore
from jobgen.data.context import (
    PipelineContext,
    batches,
    corpus_in,
    embedder_of,
    keyword_classifier,
    rows_of,
    rows_per_chunk,
    run_in_workers,
    standing_in,
    tokenizer_in,
)
from jobgen.data.keywords.extraction import Background, example_phrases, extract_keywords
from jobgen.data.keywords.names import find_names, without_company
from jobgen.data.keywords.phrases import corpus_of, phrase_counts
from jobgen.data.keywords.statements import without_statements
from jobgen.data.parallel import release_workers
from jobgen.data.standing import without_standing
from jobgen.models.sequence import count_tokens


def check_embedder(context: PipelineContext) -> None:
    """Load the embedding model once, so that a wrong one is reported before all the cleaning.

    Raises:
        InputError: it cannot be used.
    """
    embedder_of(context)


def embed_sample(context: PipelineContext) -> None:
    """Embed the postings of the sample in which phrases are counted."""
    n_postings = rows_per_chunk(context.store, sample_rows(context.config, context.store))
    run_in_workers(context, "sample", "embedding a sample", embed_sample_chunk, n_postings)


def sample_rows(config: PrepareConfig, store: ChunkStore) -> np.ndarray:
    """Mark the rows of the sample, evenly spaced among the kept ones; (n,), true or false."""
    is_kept = read_arrays(store.file("groups.npz"))["is_kept"]
    kept = np.flatnonzero(is_kept)
    n = min(config.corpus_rows, len(kept))
    is_sample = np.zeros(len(is_kept), bool)
    is_sample[kept[np.linspace(0, len(kept) - 1, n).astype(int)]] = True
    return is_sample


def embed_sample_chunk(context: PipelineContext, chunk: int) -> None:
    """Embed the sampled postings of a chunk; with those of the first, the example phrases.

    Every worker needs the examples later, and finds them in the cache then.
    """
    store, embedder = context.store, embedder_of(context)
    is_sample = sample_rows(context.config, store)[rows_of(store, chunk)]
    rows = store.read("measured", chunk)[is_sample].reset_index(drop=True)
    texts = _contents(store, rows)
    vectors = []
    for batch in batches(texts):
        vectors.append(embedder(batch))
        store.add_progress(len(batch))
    if chunk == store.chunks("measured")[0]:
        embedder(example_phrases()[0])
    store.write_arrays("sample", chunk, vectors=np.concatenate(vectors))
    columns = [name for name in ("language", "company") if name in rows]
    store.write("sample", chunk, rows[columns].assign(text=texts))


def count_phrases(context: PipelineContext) -> None:
    """Count the phrases of the sample, for the workers to read."""
    store = context.store
    corpus_file = store.file("corpus.json")
    if corpus_file.is_file():
        return
    chunks = store.chunks("sample")
    sample = pd.concat([store.read("sample", chunk) for chunk in chunks], ignore_index=True)
    names = find_names(sample["text"], sample["company"] if "company" in sample else ())
    write_json(store.file("names.json"), sorted(names))
    n_postings = store.rows_by_chunk("sample")
    run_in_workers(context, "phrases", "counting phrases", count_phrases_chunk, n_postings)
    vectors = [store.read_arrays("sample", chunk)["vectors"] for chunk in chunks]
    write_arrays(store.file("sample.npz"), vectors=np.concatenate(vectors))
    corpus = corpus_of(len(sample), names, map(partial(_read_counts, store), chunks))
    write_json(corpus_file, vars(corpus) | {"names": sorted(names)})


def count_phrases_chunk(context: PipelineContext, chunk: int) -> None:
    """Count the phrases of the sampled postings of a chunk.

    The worker then knows the parts of speech of most words, which takes nearly all of the time.
    """
    store = context.store
    names = frozenset(store.read_json("names.json"))
    sample = store.read("sample", chunk)
    counts = phrase_counts(sample["text"], context.config.ngram_max, names, sample["language"])
    store.add_progress(len(sample))
    rows = [(phrase, n, n_whole) for phrase, (n, n_whole) in counts.items()]
    store.write("phrases", chunk, pd.DataFrame(rows, columns=["phrase", "documents", "whole"]))


def _contents(store: ChunkStore, rows: pd.DataFrame) -> list[str]:
    """What of each posting can give keywords.

    Neither standing sentences, nor statements on equal opportunity, nor its company's name.
    """
    standing = standing_in(store)
    texts = [without_statements(without_standing(text, standing)) for text in rows["text"]]
    if "company" not in rows:
        return texts
    return [without_company(*pair) for pair in zip(texts, rows["company"], strict=True)]


def _read_counts(store: ChunkStore, chunk: int) -> dict[str, tuple[int, int]]:
    counts = store.read("phrases", chunk)
    numbers = zip(counts["documents"].tolist(), counts["whole"].tolist(), strict=True)
    return dict(zip(counts["phrase"], numbers, strict=True))


def add_keywords(context: PipelineContext) -> None:
    """Extract the keywords of all kept postings."""
    is_kept = read_arrays(context.store.file("groups.npz"))["is_kept"]
    n_postings = rows_per_chunk(context.store, is_kept)
    run_in_workers(context, "keywords", "keywords", add_keywords_chunk, n_postings)
    release_workers()  # their memory is needed for the whole table


def add_keywords_chunk(context: PipelineContext, chunk: int) -> None:
    """Extract the keywords of the kept postings of a chunk, and count the tokens."""
    store = context.store
    groups = read_arrays(store.file("groups.npz"))
    chunk_slice = rows_of(store, chunk)
    is_kept = groups["is_kept"][chunk_slice]
    rows = store.read("measured", chunk)[is_kept].reset_index(drop=True)
    extract = _extractor(context)
    languages = list(rows["language"])
    keywords: list[list[str]] = []
    scores: list[list[float]] = []
    for batch in batches(_contents(store, rows)):
        batch_languages = languages[len(keywords) : len(keywords) + len(batch)]
        batch_keywords, batch_scores = extract(batch, languages=batch_languages)
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
    keyworded["n_tokens"] = count_tokens(keyworded, tokenizer_in(context.model))
    for name in ("row", "file"):
        if name in rows:
            keyworded[name] = rows[name]
    keyworded["split_group"] = groups["split_groups"][chunk_slice][is_kept]
    store.write("keywords", chunk, keyworded)


def _extractor(context: PipelineContext) -> Callable[..., tuple[list, list]]:
    """What gives texts their keywords and scores; it takes the texts and their `languages`."""
    config, embedder = context.config, embedder_of(context)
    settings: dict[str, Any] = {
        "top_n": config.num_keywords,
        "ngram_range": (config.ngram_min, config.ngram_max),
        "diversity": config.diversity,
    }
    if config.extractor == "keybert":
        from jobgen.data.keywords.keybert_extraction import (
            extract_with_keybert,  # takes its time to import
        )

        return partial(extract_with_keybert, embed=embedder.compute, **settings)
    corpus, vectors = corpus_in(context.store)
    background = Background(corpus, vectors, keyword_classifier(embedder))
    return partial(extract_keywords, embed=embedder, background=background, **settings)
