"""The stages that make clean, measured postings of the rows of a source.

Functions named `..._chunk` run in workers and see one chunk only, so any number of workers gives
the same result. The other functions see all rows.
"""

from collections import Counter

import numpy as np
import pandas as pd

from jobgen.common.files import write_json
from jobgen.data.assembly import refuse_empty
from jobgen.data.cleaning import clean_text, clean_title
from jobgen.data.context import (
    PipelineContext,
    run_in_workers,
    standing_in,
    tokenizer_in,
    vocabulary_in,
)
from jobgen.data.languages import count_languages, languages_of_table, text_languages
from jobgen.data.near_duplicates import minhash_signature
from jobgen.data.progress import progress_bar
from jobgen.data.standing import (
    StandingSentence,
    find_standing,
    find_texts,
    sentence_keys,
    title_key,
    without_standing,
)
from jobgen.data.vocabulary import build_vocabulary
from jobgen.models.sequence import count_tokens, escape_frame
from jobgen.text.ngrams import ngram_hashes

# Postings whose languages are taken for those of the table.
_LANGUAGE_ROWS = 300


def count_words(context: PipelineContext) -> None:
    """Count the words of a sample of the source, for the workers to read."""
    store = context.store
    vocabulary_file = store.file("vocabulary.json")
    if vocabulary_file.is_file():
        return
    rows_by_chunk = store.rows_by_chunk("source")
    step = max(1, sum(rows_by_chunk.values()) // context.config.corpus_rows)
    texts: list[str] = []
    n_passed = 0
    for chunk, n_rows in rows_by_chunk.items():
        texts += list(store.read("source", chunk)["text"].iloc[-n_passed % step :: step])
        n_passed += n_rows
    with progress_bar("counting words", len(texts)) as bar:
        few = texts[:: max(1, len(texts) // _LANGUAGE_ROWS)]
        languages = languages_of_table(count_languages(few))
        vocabulary = build_vocabulary(texts, languages, bar.update)
    write_json(vocabulary_file, vars(vocabulary))


def clean_rows(context: PipelineContext) -> None:
    """Clean all postings.

    Raises:
        TableError: no posting is left.
    """
    n_postings = context.store.rows_by_chunk("source")
    run_in_workers(context, "clean", "cleaning", clean_chunk, n_postings)
    refuse_empty(context.config, context.store, "clean")


def clean_chunk(context: PipelineContext, chunk: int) -> None:
    """Apply the cleaning rules, and leave out postings of which nothing is left."""
    config, store = context.config, context.store
    vocabulary = vocabulary_in(store)
    rows = store.read("source", chunk)
    n_source_rows = len(rows)
    mode, regions = config.personal_data, config.regions
    rows["title"] = [clean_title(title, mode, regions) for title in rows["title"]]
    postings_cleaned: Counter[str] = Counter()
    places_cleaned: Counter[str] = Counter()
    texts = []
    for text in rows["text"]:
        text, changes = clean_text(text, mode, vocabulary, regions)
        texts.append(text)
        places_cleaned.update(changes)
        postings_cleaned.update({rule: int(n > 0) for rule, n in changes.items()})
    rows["text"] = texts
    is_filled = (rows["title"] != "") & (rows["text"] != "")
    _write_dropped(context, "empty", chunk, rows[~is_filled], "empty after cleaning")
    rows = rows[is_filled].reset_index(drop=True)
    languages = text_languages(rows["text"])
    # A text that is too short to tell is in the table's language, if it has one alone.
    usual = vocabulary.languages[0] if len(vocabulary.languages) == 1 else "en"
    rows["language"] = [language or usual for language in languages]
    keys = [sentence_keys(text) for text in rows["text"]]
    titles = np.array([title_key(title) for title in rows["title"]], np.uint64)
    store.write_arrays(
        "sentences",
        chunk,
        keys=np.array([key for row_keys in keys for key in row_keys], np.uint64),
        titles=np.repeat(titles, [len(row_keys) for row_keys in keys]),
    )
    counts = {
        "kept": len(rows),
        "empty": int((~is_filled).sum()),
        "languages": Counter(filter(None, languages)),
        "postings_cleaned": postings_cleaned,
        "places_cleaned": places_cleaned,
    }
    store.write_counts("clean", chunk, counts)
    store.write("clean", chunk, rows)
    store.add_progress(n_source_rows)


def find_standing_sentences(context: PipelineContext) -> None:
    """Find the sentences that stand in many postings, for the workers to read."""
    store = context.store
    standing_file = store.file("standing.json")
    if standing_file.is_file():
        return
    chunks = store.chunks("clean")
    arrays = [store.read_arrays("sentences", chunk) for chunk in chunks]
    found = find_standing(
        np.concatenate([part["keys"] for part in arrays]),
        np.concatenate([part["titles"] for part in arrays]),
        sum(store.rows_by_chunk("clean").values()),
        context.config.standing_share,
    )
    postings = {int(key): int(n) for key, n in found}
    all_texts = (text for chunk in chunks for text in store.read("clean", chunk)["text"])
    texts = find_texts(postings, all_texts)
    sentences = [StandingSentence(texts[key], n, key) for key, n in postings.items()]
    sentences.sort(key=lambda sentence: (-sentence.postings, sentence.text))
    write_json(standing_file, [sentence._asdict() for sentence in sentences])


def measure_rows(context: PipelineContext) -> None:
    """Count the tokens of all postings, and compute what near-duplicates are found by.

    Raises:
        TableError: no posting is left.
    """
    n_postings = context.store.rows_by_chunk("clean")
    run_in_workers(context, "measured", "measuring", measure_chunk, n_postings)
    refuse_empty(context.config, context.store, "measured")


def measure_chunk(context: PipelineContext, chunk: int) -> None:
    """Escape special tokens, leave out postings that are too long, compute their hashes."""
    config, store, tokenizer = context.config, context.store, tokenizer_in(context.model)
    standing = standing_in(store)
    rows = store.read("clean", chunk)
    n_clean_rows = len(rows)
    if config.standing_sentences == "remove":
        rows["text"] = [without_standing(text, standing) for text in rows["text"]]
    rows, special_tokens = escape_frame(rows, tokenizer)
    # A posting that is too long even without keywords needs no further work.
    n_tokens = np.array(count_tokens(rows.assign(keywords=[[]] * len(rows)), tokenizer), int)
    fits = n_tokens <= context.longest
    reasons = [f"too long: {n} tokens without keywords" for n in n_tokens[~fits]]
    _write_dropped(context, "long", chunk, rows[~fits], reasons)
    rows = rows[fits].reset_index(drop=True)
    contents = [without_standing(text, standing) for text in rows["text"]]
    hashes = [ngram_hashes(text) for text in contents]
    store.write_arrays(
        "hashes",
        chunk,
        signatures=np.array([minhash_signature(text) for text in contents], np.uint32),
        hashes=np.concatenate([np.zeros(0, np.uint64), *hashes]),
        lengths=np.array([len(row_hashes) for row_hashes in hashes], np.int64),
    )
    store.write_arrays("tokens", chunk, n_tokens=n_tokens[fits], n_tokens_too_long=n_tokens[~fits])
    counts = {"kept": len(rows), "too_long": int((~fits).sum()), "special_tokens": special_tokens}
    store.write_counts("measured", chunk, counts)
    store.write("measured", chunk, rows)
    store.add_progress(n_clean_rows)


def _write_dropped(
    context: PipelineContext, stage: str, chunk: int, rows: pd.DataFrame, reason: str | list[str]
) -> None:
    """Write which rows of a chunk are left out, and why; nothing if there are none."""
    if len(rows):
        columns = [name for name in ("row", "file", "title") if name in rows]
        context.store.write(stage, chunk, rows[columns].assign(reason=reason))
