"""The stages of the preparation: each takes a frame and returns the next one."""

import hashlib
import importlib.metadata
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import pandas as pd
from tqdm import tqdm

from jobgen.cleaning import clean_text, clean_title
from jobgen.config import PrepareConfig
from jobgen.dataset import count_tokens, neutralise_frame, split_rows
from jobgen.errors import InputError
from jobgen.keywords import extract_keywords, sentence_embedder

VERSIONED = ("pandas", "ftfy", "keybert", "sentence-transformers", "tokenizers", "transformers")


@dataclass
class Counts:
    """What happened to the rows: how many were read, changed and dropped."""

    read: int
    unusable: int = 0  # no title, no text, or NUL characters
    empty: int = 0  # nothing left after cleaning
    too_short: int = 0
    too_long: int = 0
    special_tokens: int = 0  # special-token strings neutralised, in all texts together
    cleaned: dict[str, int] = field(default_factory=dict)  # postings changed, by rule

    def dropped(self) -> dict[str, int]:
        """Rows dropped, by reason."""
        return {
            "no title or text, or NUL characters": self.unusable,
            "empty after cleaning": self.empty,
            "too short": self.too_short,
            "too long": self.too_long,
        }


def clean(rows: pd.DataFrame, tokenizer: Any, counts: Counts) -> pd.DataFrame:
    """Apply the cleaning rules to every title and text, and break up special tokens in them."""
    rows = rows.copy()
    rows["title"] = rows["title"].map(clean_title)
    texts = []
    for text in tqdm(rows["text"], desc="cleaning", unit=" postings"):
        text, fired = clean_text(text)
        texts.append(text)
        for rule, places in fired.items():
            counts.cleaned[rule] = counts.cleaned.get(rule, 0) + (places > 0)
    rows["text"] = texts
    filled = (rows["title"] != "") & (rows["text"] != "")
    counts.empty = int((~filled).sum())
    rows, counts.special_tokens = neutralise_frame(rows[filled].reset_index(drop=True), tokenizer)
    return rows


def drop_far_too_long(
    rows: pd.DataFrame, tokenizer: Any, config: PrepareConfig, counts: Counts
) -> pd.DataFrame:
    """Drop what is too long even without keywords, before the costly keywords are extracted."""
    n_tokens = count_tokens(rows.assign(keywords=[[]] * len(rows)), tokenizer)
    fits = [n <= config.max_tokens for n in n_tokens]
    counts.too_long = len(fits) - sum(fits)
    return refuse_empty(rows[fits], config, counts)


def add_keywords(rows: pd.DataFrame, embedder: Path, config: PrepareConfig) -> pd.DataFrame:
    """Extract the keywords of every posting."""
    keywords = extract_keywords(
        list(rows["text"]),
        sentence_embedder(str(embedder)),
        top_n=config.keywords,
        ngram_max=config.ngram_max,
        diversity=config.diversity,
    )
    return pd.DataFrame({"title": rows["title"], "keywords": keywords, "text": rows["text"]})


def filter_by_length(
    rows: pd.DataFrame, tokenizer: Any, config: PrepareConfig, counts: Counts
) -> pd.DataFrame:
    """Keep rows of min_tokens to max_tokens, counted over the whole rendered sequence."""
    rows = rows.assign(n_tokens=count_tokens(rows, tokenizer))
    counts.too_short = int((rows["n_tokens"] < config.min_tokens).sum())
    counts.too_long += int((rows["n_tokens"] > config.max_tokens).sum())
    kept = rows[rows["n_tokens"].between(config.min_tokens, config.max_tokens)]
    return refuse_empty(kept, config, counts)


def refuse_empty(rows: pd.DataFrame, config: PrepareConfig, counts: Counts) -> pd.DataFrame:
    """The rows, numbered anew.

    Raises:
        InputError: there are none; the message counts the reasons.
    """
    if rows.empty:
        reasons = ", ".join(f"{n} {reason}" for reason, n in counts.dropped().items() if n)
        raise InputError(
            config.source,
            f"every one of the {counts.read} rows was dropped: {reasons}; kept are"
            f" {config.min_tokens} to {config.max_tokens} tokens",
        )
    return rows.reset_index(drop=True)


def split(rows: pd.DataFrame, config: PrepareConfig) -> tuple[pd.DataFrame, pd.DataFrame]:
    """Split into train and test by seed."""
    return split_rows(rows, config.test_share, config.seed)


def manifest(
    config: PrepareConfig, counts: Counts, train: pd.DataFrame, test: pd.DataFrame
) -> dict[str, Any]:
    """What the two tables were made of and how, to be kept beside them."""
    return {
        "source": config.source,
        "source_sha256": hashlib.sha256(Path(config.source).read_bytes()).hexdigest(),
        "rows_in": counts.read,
        "rows_dropped": counts.dropped(),
        "rows_out": {"train": len(train), "test": len(test)},
        "special_tokens_neutralised": counts.special_tokens,
        "postings_cleaned": counts.cleaned,
        "tokenizer": config.model,
        "seed": config.seed,
        "configuration": config.model_dump(),
        "versions": {name: importlib.metadata.version(name) for name in VERSIONED},
    }
