"""Words and n-grams of a text, as tuples and as hashes."""

import hashlib
import re
from collections.abc import Sequence
from functools import lru_cache

import numpy as np

NGRAM_SIZE = 8  # words; an 8-gram rarely occurs twice unless one text was copied from the other

WORD = re.compile(r"\w[\w+#]*")


def ngram_hashes(text: str, n: int = NGRAM_SIZE) -> np.ndarray:
    """Hashes of a text's distinct n-grams of words; case and punctuation do not count.

    Returns:
        (S,), uint64, sorted. A text of fewer than n words counts as a single n-gram.

    >>> len(ngram_hashes("We hire C++ developers. We hire!", n=2))
    4
    >>> ngram_hashes("Night shifts", n=8) == ngram_hashes("night SHIFTS!", n=8)
    array([ True])
    """
    return np.unique(ngram_hashes_in_order(text, n))


def ngram_hashes_in_order(text: str, n: int = NGRAM_SIZE) -> np.ndarray:
    """`ngram_hashes` in the order of the text, repeated n-grams included."""
    words = [word.lower() for word in WORD.findall(text)]
    hashes = np.fromiter(map(_word_hash, words), np.uint64, len(words))
    n = min(n, len(words))
    n_ngrams = len(words) - n + 1
    columns = [hashes[offset : offset + n_ngrams] for offset in range(n)]
    return mix_hashes([np.zeros(n_ngrams, np.uint64), *columns])


@lru_cache(maxsize=2**17)
def _word_hash(word: str) -> int:
    # Python's own hash differs from process to process.
    digest = hashlib.blake2b(word.encode("utf-8", "surrogatepass"), digest_size=8).digest()
    return int.from_bytes(digest, "little")


def mix_hashes(columns: list[np.ndarray]) -> np.ndarray:
    """Hash the rows of several columns of numbers, 64 bits each; the columns' order counts."""
    mixed = np.zeros(len(columns[0]), np.uint64)
    for column in columns:
        mixed = mixed * np.uint64(0x9E3779B97F4A7C15) + column
        mixed ^= mixed >> np.uint64(32)
    return mixed * np.uint64(0xFF51AFD7ED558CCD)


def count_words(texts: Sequence[str]) -> int:
    """Number of words in all texts, as n-grams count them."""
    return sum(len(WORD.findall(text)) for text in texts)


def repetition(text: str, n: int = 4) -> float:
    """Share of a text's n-grams that occurred earlier in it.

    >>> repetition("we hire you we hire you", n=3)
    0.25
    """
    text_ngrams = ngrams(text, n)
    return 1 - len(set(text_ngrams)) / len(text_ngrams) if text_ngrams else 0.0


def ngrams(text: str, n: int) -> list[tuple[str, ...]]:
    """The n-grams of a text in its order, in lower case."""
    words = WORD.findall(text.lower())
    return list(zip(*(words[offset:] for offset in range(n)), strict=False))
