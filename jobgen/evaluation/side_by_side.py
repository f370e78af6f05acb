"""Texts of several sets for the same prompts, with keywords and memorized spans marked."""

from collections.abc import Sequence
from typing import TypedDict

import numpy as np
import pandas as pd

from jobgen.evaluation.metrics import REAL
from jobgen.text.coverage import keyword_spans, missing_keywords
from jobgen.text.memorized import MemorizationIndex

_SHOWN_CHARACTERS = 20_000  # of a text on the page


class Piece(TypedDict):
    """A piece of a text: in a keyword or not, memorized or not."""

    text: str
    keyword: bool
    memorized: bool


class ShownText(TypedDict):
    """A text of a set; `set` also names the title of a real posting if it is another."""

    set: str
    missing: list[str]
    pieces: list[Piece]
    is_cut: bool


class ShownPrompt(TypedDict):
    """A prompt, and a text of each set that has one."""

    title: str
    keywords: list[str]
    texts: list[ShownText]


def texts_side_by_side(
    sets: dict[str, pd.DataFrame], index: MemorizationIndex | None, shown: int
) -> list[ShownPrompt]:
    """The prompts that most sets have, with their texts, in the order of the first set.

    A prompt without a real posting gets the one that mentions most of its keywords.

    Args:
        sets: all sets by their names, the real postings among them.
        index: finds memorized spans; None: none are marked.
        shown: number of prompts, at most.
    """
    prompts: dict[tuple[str, tuple[str, ...]], dict[str, str]] = {}
    for name, frame in sets.items():
        if {"title", "keywords"} <= set(frame):
            rows = frame[["title", "keywords", "text"]].itertuples(index=False)
            for title, keywords, text in rows:
                prompts.setdefault((title, tuple(keywords)), {}).setdefault(name, text)
    generated = [prompt for prompt, texts in prompts.items() if set(texts) != {REAL}]
    most_frequent = sorted(generated, key=lambda prompt: -len(prompts[prompt]))[:shown]
    shown_prompts = []
    for title, keywords in most_frequent:
        texts = dict(prompts[title, keywords])
        if REAL not in texts and keywords:
            texts |= _nearest_real(sets[REAL], keywords)
        shown_texts = [
            ShownText(
                set=name,
                missing=missing_keywords(text, keywords),
                pieces=cut_into_pieces(text[:_SHOWN_CHARACTERS], keywords, index),
                is_cut=len(text) > _SHOWN_CHARACTERS,
            )
            for name, text in texts.items()
        ]
        prompt = ShownPrompt(title=title, keywords=list(keywords), texts=shown_texts)
        shown_prompts.append(prompt)
    return shown_prompts


def _nearest_real(real: pd.DataFrame, keywords: tuple[str, ...]) -> dict[str, str]:
    """The real posting that mentions most of the keywords, the shortest if there are several."""
    order = [(len(missing_keywords(text, keywords)), len(text)) for text in real["text"]]
    row = min(range(len(order)), key=order.__getitem__)
    title = f": {real['title'].iloc[row]}" if "title" in real else ""
    return {f"{REAL}{title}": real["text"].iloc[row]}


def cut_into_pieces(
    text: str, keywords: Sequence[str], index: MemorizationIndex | None
) -> list[Piece]:
    """A text, cut where keywords and memorized spans begin and end."""
    in_keyword = _mark(text, keyword_spans(text, keywords))
    in_memorized = _mark(text, index.spans(text) if index else [])
    changes = np.diff(in_keyword) | np.diff(in_memorized)
    edges = [0, *(np.flatnonzero(changes) + 1).tolist(), len(text)]
    return [
        Piece(text=text[a:b], keyword=bool(in_keyword[a]), memorized=bool(in_memorized[a]))
        for a, b in zip(edges, edges[1:], strict=False)
        if a < b
    ]


def _mark(text: str, spans: Sequence[tuple[int, int]]) -> np.ndarray:
    """Which characters lie in a span, (len(text),)."""
    flags = np.zeros(len(text), bool)
    for start, end in spans:
        flags[start:end] = True
    return flags
