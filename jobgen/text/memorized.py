"""What a text has copied from the postings that its model learnt from.

The training texts are kept as hashes of their runs of eight words, beside the model's weights, so
that nobody needs the texts themselves to find a copy.
"""

from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path
from zipfile import BadZipFile

import numpy as np

from jobgen.common.errors import InputError
from jobgen.common.files import write_whole
from jobgen.text.ngrams import SEQUENCE, WORD, sequence_hashes, word_hashes

INDEX_FILE = "training_ngrams.npz"  # in a model folder


@dataclass(frozen=True)
class Memorized:
    """What a text has copied.

    Attributes:
        longest: words in a row of which each run of eight stands in the training texts.
        share: of its runs of eight words, those that stand there.
        nearest: number of the training text with the most of them, from 0; None: with any.
    """

    longest: int
    share: float
    nearest: int | None


class MemorizationIndex:
    """Runs of eight words of the training texts.

    Args:
        hashes: (S,), uint64, sorted.
        rows: (S,), uint32, the text that each stands in.
    """

    def __init__(self, hashes: np.ndarray, rows: np.ndarray):
        self.hashes, self.rows = hashes, rows

    @classmethod
    def of(cls, texts: Iterable[str], numbers: Iterable[int]) -> "MemorizationIndex":
        """Index texts, each by its number."""
        hashes = [word_hashes(text) for text in texts]
        rows = np.repeat(np.array(list(numbers), np.uint32), [len(part) for part in hashes])
        joined = np.concatenate([np.zeros(0, np.uint64), *hashes])
        order = np.argsort(joined, kind="stable")
        return cls(joined[order], rows[order])

    @classmethod
    def load(cls, folder: Path) -> "MemorizationIndex | None":
        """The index of a model folder; None: it has none.

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
                str(path), "is damaged; train again, or delete it to go without a check for copies"
            ) from None

    def save(self, folder: Path) -> None:
        """Write it into a model folder."""

        def write(place: Path) -> None:
            with place.open("wb") as file:  # by its name alone numpy would add an ending
                np.savez_compressed(file, hashes=self.hashes, rows=self.rows)

        write_whole(folder / INDEX_FILE, write)

    def check(self, text: str) -> Memorized:
        """Compare a text; one of fewer than eight words counts as one run."""
        first, end = self._places(text)
        found = end > first
        if not found.any():
            return Memorized(0, 0.0, None)
        starts, ends = _stretches(found)
        words = len(found) + SEQUENCE - 1 if len(found) > 1 else len(WORD.findall(text))
        longest = min(int((ends - starts).max()) + SEQUENCE - 1, words)
        rows = np.concatenate(
            [self.rows[a:b] for a, b in zip(first[found], end[found], strict=True)]
        )
        return Memorized(longest, float(found.mean()), int(np.bincount(rows).argmax()))

    def spans(self, text: str) -> list[tuple[int, int]]:
        """What of a text is copied: first character and the one after the last of each stretch."""
        first, end = self._places(text)
        words = [match.span() for match in WORD.finditer(text)]
        return [
            (words[a][0], words[min(b + SEQUENCE - 1, len(words)) - 1][1])
            for a, b in zip(*_stretches(end > first), strict=True)
        ]

    def _places(self, text: str) -> tuple[np.ndarray, np.ndarray]:
        """Where each run of eight words of a text begins and ends in the index."""
        # A text without a word has one run of none, and so has any other.
        runs = sequence_hashes(text) if WORD.search(text) else np.zeros(0, np.uint64)
        return np.searchsorted(self.hashes, runs, "left"), np.searchsorted(
            self.hashes, runs, "right"
        )


def _stretches(found: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """First position of each stretch of true values, and the one after its last."""
    edges = np.flatnonzero(np.diff(np.concatenate([[0], found.astype(np.int8), [0]])))
    return edges[::2], edges[1::2]
