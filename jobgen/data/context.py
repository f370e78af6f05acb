"""What every stage of a preparation has to know, and how a stage runs on all chunks."""

import functools
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from jobgen.common.config import MOST_TOKENS, PrepareConfig
from jobgen.common.files import hash_folder, read_arrays
from jobgen.data.chunk_store import ChunkStore
from jobgen.data.embeddings import Embedder
from jobgen.data.keywords.extraction import train_keyword_classifier
from jobgen.data.keywords.phrases import Corpus
from jobgen.data.parallel import for_each_chunk
from jobgen.data.progress import polled_bar
from jobgen.data.vocabulary import Vocabulary
from jobgen.models.hub import WEIGHTS, locate, user_cache
from jobgen.models.loading import check_positions, load_tokenizer, positions

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
        positions: the most tokens that the model reads; None: it has no limit.
        longest: number of tokens above which a posting is left out at once.
        engine: what runs the workers, "processes" or "ray".
    """

    config: PrepareConfig
    model: Path
    embedder: Path
    cache: Path | None
    store: ChunkStore
    positions: int | None
    longest: int
    engine: str = "processes"


def open_context(
    config: PrepareConfig, store: ChunkStore, engine: str, trainable: int | None = None
) -> PipelineContext:
    """Find the models, and make the store depend on them.

    Args:
        config: configuration of the preparation.
        store: store of the intermediate results.
        engine: what runs the workers, "processes" or "ray".
        trainable: number of tokens of a posting that the training has memory for; None: no limit.

    Raises:
        InputError: a model cannot be found, or reads fewer tokens than `max_length`.
    """
    model = locate(config.model, config.cache_dir, weights=False)
    limit = positions(model)
    if config.max_length != "auto":
        check_positions("max_length", config.max_length, limit, config.model)
    embedder = locate(config.embedder, config.cache_dir)
    cache = user_cache(config.cache_dir).resolve() if config.embedding_cache else None
    if config.max_length == "auto":
        longest = min(limit or MOST_TOKENS, trainable or MOST_TOKENS)
    else:
        longest = config.max_length
    store.depend_on([hash_folder(model, but=WEIGHTS), hash_folder(embedder), str(longest)])
    return PipelineContext(
        config, model.resolve(), embedder.resolve(), cache, store, limit, longest, engine
    )


def run_in_workers(
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
        call = functools.partial(_run_with_models, function, context)
        for_each_chunk(call, remaining, context.engine, context.config.workers)


def _run_with_models(
    function: Callable[[PipelineContext, int], None], context: PipelineContext, chunk: int
) -> None:
    """Run a function on a chunk, in a worker that has all models.

    joblib replaces a worker whose memory has grown by 300 MB since its first call; so the first
    call of any stage loads what the later stages need.
    """
    tokenizer_in(context.model)
    embedder_of(context)
    function(context, chunk)


def batches(texts: list[str]) -> Iterator[list[str]]:
    """Batches of texts; a single empty one if there are none."""
    for start in range(0, max(len(texts), 1), _BATCH_ROWS):
        yield texts[start : start + _BATCH_ROWS]


def rows_of(store: ChunkStore, chunk: int) -> slice:
    """Where the measured rows of a chunk stand among those of the whole table."""
    chunk_rows = read_arrays(store.file("groups.npz"))["chunk_rows"]
    position = store.chunks("measured").index(chunk)
    start = int(chunk_rows[:position].sum())
    return slice(start, start + int(chunk_rows[position]))


def rows_per_chunk(store: ChunkStore, is_selected: np.ndarray) -> dict[int, int]:
    """Chunk -> number of its measured rows that are selected; those of the whole table are given.

    Args:
        store: the chunk store.
        is_selected: (n,), true or false.
    """
    chunk_rows = read_arrays(store.file("groups.npz"))["chunk_rows"]
    ends = np.cumsum(chunk_rows)
    n_selected_before = np.concatenate([[0], np.cumsum(is_selected)])
    counts = n_selected_before[ends] - n_selected_before[ends - chunk_rows]
    return dict(zip(store.chunks("measured"), counts.tolist(), strict=True))


def embedder_of(context: PipelineContext) -> Embedder:
    """The embedding model; a worker loads it once for all its chunks."""
    config, cache = context.config, context.cache or context.store.folder
    return _load_embedder(
        context.embedder, config.embedder_precision, config.embedder_max_length, cache
    )


def read_corpus(store: ChunkStore) -> tuple[Corpus, np.ndarray]:
    """Read what `count_phrases` has written: the counts, and (n, d) embeddings of the sample."""
    corpus = store.read_json("corpus.json")
    corpus["names"] = frozenset(corpus["names"])
    return Corpus(**corpus), read_arrays(store.file("sample.npz"))["vectors"]


def read_vocabulary(store: ChunkStore) -> Vocabulary:
    """Read what `count_words` has written."""
    content = store.read_json("vocabulary.json")
    return Vocabulary(**content | {"languages": tuple(content["languages"])})


def read_standing(store: ChunkStore) -> frozenset[int]:
    """Read the hashes of the standing sentences that `find_standing_sentences` has written."""
    return frozenset(sentence["key"] for sentence in store.read_json("standing.json"))


# A worker loads these once for all its chunks.
tokenizer_in = functools.lru_cache(maxsize=1)(load_tokenizer)
_load_embedder = functools.lru_cache(maxsize=1)(Embedder)
corpus_in = functools.lru_cache(maxsize=1)(read_corpus)
vocabulary_in = functools.lru_cache(maxsize=1)(read_vocabulary)
standing_in = functools.lru_cache(maxsize=1)(read_standing)
keyword_classifier = functools.lru_cache(maxsize=1)(train_keyword_classifier)
