"""Words and n-grams of a text, as tuples and as hashes."""

import hashlib
import re
from collections.abc import Sequence
from functools import lru_cache

import numpy as np

SEQUENCE = 8  # words; a run of eight rarely repeats unless it was copied


WORD = re.compile(r"\w[\w+#]*")


@lru_cache(maxsize=2**17)
def _word_hash(word: str) -> int:
    # Python's own hash differs from process to process.
    digest = hashlib.blake2b(word.encode("utf-8", "surrogatepass"), digest_size=8).digest()
    return int.from_bytes(digest, "little")


def mix_hashes(parts: list[np.ndarray]) -> np.ndarray:
    """One 64-bit hash of several columns of numbers; their order counts."""
    mixed = np.zeros(len(parts[0]), np.uint64)
    for part in parts:
        mixed = mixed * np.uint64(0x9E3779B97F4A7C15) + part
        mixed ^= mixed >> np.uint64(32)
    return mixed * np.uint64(0xFF51AFD7ED558CCD)


def word_hashes(text: str, n: int = SEQUENCE) -> np.ndarray:
    """Hashes of all runs of n words, case and punctuation aside.

    Returns:
        (runs,), uint64, sorted, distinct. A text of fewer than n words is one run.

    >>> len(word_hashes("We hire C++ developers. We hire!", n=2))
    4
    >>> word_hashes("Night shifts", n=8) == word_hashes("night SHIFTS!", n=8)
    array([ True])
    """
    return np.unique(sequence_hashes(text, n))


def sequence_hashes(text: str, n: int = SEQUENCE) -> np.ndarray:
    """`word_hashes` in the order of the text, those that come again included."""
    words = [word.lower() for word in WORD.findall(text)]
    hashes = np.fromiter(map(_word_hash, words), np.uint64, len(words))
    n = min(n, len(words))
    runs = len(words) - n + 1
    return mix_hashes([np.zeros(runs, np.uint64), *(hashes[k : k + runs] for k in range(n))])


def count_words(texts: Sequence[str]) -> int:
    """Words of all texts, as they are counted for runs of words."""
    return sum(len(WORD.findall(text)) for text in texts)


def repetition(text: str, n: int = 4) -> float:
    """Share of a text's runs of n words that stood in it before.

    >>> repetition("we hire you we hire you", n=3)
    0.25
    """
    runs = ngrams(text, n)
    return 1 - len(set(runs)) / len(runs) if runs else 0.0


def ngrams(text: str, n: int) -> list[tuple[str, ...]]:
    """The n-grams of a text in its order, in small letters."""
    words = WORD.findall(text.lower())
    return list(zip(*(words[k:] for k in range(n)), strict=False))
