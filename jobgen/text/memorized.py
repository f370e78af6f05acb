"""Memorized spans: what a text has copied from the postings that its model was trained on.

The training texts are kept as hashes of their 8-grams, beside the model's weights, so that nobody
needs the texts themselves to find a copy.
"""

from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path
from zipfile import BadZipFile

import numpy as np

from jobgen.common.errors import InputError
from jobgen.common.files import write_whole
from jobgen.text.ngrams import NGRAM_SIZE, WORD, ngram_hashes, ngram_hashes_in_order

INDEX_FILE = "training_ngrams.npz"  # in a model folder


@dataclass(frozen=True)
class Memorized:
    """How much of a text stands in the training texts.

    Attributes:
        longest: length in words of the longest span whose 8-grams all stand in training texts.
        share: share of the text's 8-grams that stand in training texts.
        nearest: number of the training text that shares most 8-grams with this one, from 0; None if
            no text shares any.
    """

    longest: int
    share: float
    nearest: int | None


class MemorizationIndex:
    """The 8-grams of the training texts.

    Args:
        hashes: (S,), uint64, sorted; the hash of each 8-gram of each text.
        rows: (S,), uint32, number of the text in which each stands.
    """

    def __init__(self, hashes: np.ndarray, rows: np.ndarray):
        self.hashes, self.rows = hashes, rows

    @classmethod
    def of(cls, texts: Iterable[str], numbers: Iterable[int]) -> "MemorizationIndex":
        """Index texts, each under its number."""
        text_hashes = [ngram_hashes(text) for text in texts]
        lengths = [len(hashes) for hashes in text_hashes]
        rows = np.repeat(np.array(list(numbers), np.uint32), lengths)
        hashes = np.concatenate([np.zeros(0, np.uint64), *text_hashes])
        order = np.argsort(hashes, kind="stable")
        return cls(hashes[order], rows[order])

    @classmethod
    def load(cls, folder: Path) -> "MemorizationIndex | None":
        """Read the index of a model folder; None if it has none.

        Raises:
            InputError: it cannot be read.
        """
        path = folder / INDEX_FILE
        if not path.is_file():
            return None
        try:
            with np.load(path, allow_pickle=False) as arrays:
                return cls(arrays["hashes"], arrays["rows"])
        except (OSError, ValueError, KeyError, EOFError, BadZipFile):
            raise InputError(
                str(path),
                "is corrupt; train again, or delete it to continue without a check for memorized"
                " spans",
            ) from None

    def save(self, folder: Path) -> None:
        """Write the index into a model folder."""

        def write(path: Path) -> None:
            with path.open("wb") as file:  # to a path, numpy would append an ending
                np.savez_compressed(file, hashes=self.hashes, rows=self.rows)

        write_whole(folder / INDEX_FILE, write)

    def check(self, text: str) -> Memorized:
        """Measure how much of a text is memorized; one of fewer than 8 words is a single n-gram."""
        starts, ends = self._index_ranges(text)
        is_memorized = ends > starts  # (n-grams of the text,)
        if not is_memorized.any():
            return Memorized(0, 0.0, None)
        n_ngrams = len(is_memorized)
        n_words = n_ngrams + NGRAM_SIZE - 1 if n_ngrams > 1 else len(WORD.findall(text))
        span_starts, span_ends = _runs_of_true(is_memorized)
        longest = int((span_ends - span_starts).max()) + NGRAM_SIZE - 1
        ranges = zip(starts[is_memorized], ends[is_memorized], strict=True)
        rows = np.concatenate([self.rows[start:end] for start, end in ranges])
        return Memorized(
            longest=min(longest, n_words),
            share=float(is_memorized.mean()),
            nearest=int(np.bincount(rows).argmax()),
        )

    def spans(self, text: str) -> list[tuple[int, int]]:
        """The memorized spans of a text: first character, and the one after the last."""
        starts, ends = self._index_ranges(text)
        words = [match.span() for match in WORD.finditer(text)]
        return [
            (words[first][0], words[min(end + NGRAM_SIZE - 1, len(words)) - 1][1])
            for first, end in zip(*_runs_of_true(ends > starts), strict=True)
        ]

    def _index_ranges(self, text: str) -> tuple[np.ndarray, np.ndarray]:
        """For each 8-gram of a text, where its entries in the index begin and end."""
        # A text without a word would have one empty n-gram, and match all others of its kind.
        hashes = ngram_hashes_in_order(text) if WORD.search(text) else np.zeros(0, np.uint64)
        starts = np.searchsorted(self.hashes, hashes, "left")
        ends = np.searchsorted(self.hashes, hashes, "right")
        return starts, ends


def _runs_of_true(flags: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """First position of each run of true values, and the position after its last."""
    edges = np.flatnonzero(np.diff(np.concatenate([[0], flags.astype(np.int8), [0]])))
    return edges[::2], edges[1::2]
