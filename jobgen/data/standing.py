"""Standing sentences: word for word the same in many postings of a table, whatever the job.

A newspaper's request to mention it, a statement on equal opportunity, a site's own advertisement:
they say nothing about a job. So they give no keywords and relate no postings, and a setting
removes them.
"""

import hashlib
import re
from collections.abc import Iterable, Iterator
from typing import NamedTuple

import numpy as np

# The end of a sentence within a line.
_SENTENCE_END = re.compile(r"(?<=[.!?])[ ]+(?=[^\W_a-z]|[\[(\"“'])")
# Shorter sentences, and longer lines without an end, are headings: every posting may have them.
_FEWEST_WORDS, _FEWEST_WORDS_UNENDED = 4, 7
# Postings of so many different titles must have it.
_FEWEST_TITLES = 3


class StandingSentence(NamedTuple):
    """A sentence that stands in many postings.

    Attributes:
        text: the sentence as it first occurs.
        postings: number of postings that have it.
        key: its hash, of `sentence_keys`.
    """

    text: str
    postings: int
    key: int


def sentence_spans(text: str) -> Iterator[tuple[int, int]]:
    r"""Start and end of each sentence that could be a standing one, without its bullet.

    >>> text = "Tasks:\n• You repair all our bikes. Write to us."
    >>> [text[start:end] for start, end in sentence_spans(text)]
    ['You repair all our bikes.']
    """
    start_of_line = 0
    for line in text.split("\n"):
        start = start_of_line + (2 if line.startswith("• ") else 0)
        end_of_line = start_of_line + len(line)
        ends = [match.span() for match in _SENTENCE_END.finditer(text, start, end_of_line)]
        for end, next_start in [*ends, (end_of_line, end_of_line)]:
            sentence = text[start:end]
            fewest = _FEWEST_WORDS if sentence.endswith((".", "!", "?")) else _FEWEST_WORDS_UNENDED
            if sentence.count(" ") + 1 >= fewest and not sentence.endswith(":"):
                yield start, end
            start = next_start
        start_of_line = end_of_line + 1


def sentence_keys(text: str) -> list[int]:
    """The hashes of a posting's sentences, each once; letter case does not count."""
    return list({_key(text[start:end]) for start, end in sentence_spans(text)})


def title_key(title: str) -> int:
    """The hash of a title; letter case does not count."""
    return _key(title)


def find_standing(
    keys: np.ndarray, titles: np.ndarray, n_postings: int, share: float
) -> np.ndarray:
    """Find the sentences that stand in more than a share of the postings.

    Args:
        keys: (n,), hashes of the sentences of all postings, each once for a posting.
        titles: (n,), for each of them the hash of its posting's title.
        n_postings: number of postings of the table.
        share: least share of the postings.

    Returns:
        (m, 2), the hash of each standing sentence and the number of its postings.
    """
    sentences, counts = np.unique(keys, return_counts=True)
    pairs = np.unique(np.stack([keys, titles], axis=1), axis=0)
    n_titles = np.unique(pairs[:, 0], return_counts=True)[1]  # both are sorted by sentence
    is_standing = (n_titles >= _FEWEST_TITLES) & (counts > share * n_postings)
    return np.stack([sentences[is_standing], counts[is_standing].astype(np.uint64)], axis=1)


def find_texts(keys: Iterable[int], texts: Iterable[str]) -> dict[int, str]:
    """The sentences of these hashes, as they first occur in the texts."""
    missing, found = set(keys), {}
    for text in texts:
        if not missing:
            break
        for start, end in sentence_spans(text):
            key = _key(text[start:end])
            if key in missing:
                missing.remove(key)
                found[key] = text[start:end]
    return found


def without_standing(text: str, standing: frozenset[int]) -> str:
    """A posting without its standing sentences; lines that are empty then vanish.

    Args:
        text: a clean posting.
        standing: hashes of the standing sentences.

    Returns:
        The rest; the whole text if nothing would be left.
    """
    if not standing:
        return text
    spans = [span for span in sentence_spans(text) if _key(text[slice(*span)]) in standing]
    if not spans:
        return text
    pieces, copied_to = [], 0
    for start, end in spans:
        pieces.append(text[copied_to:start])
        copied_to = end
    rest = "".join([*pieces, text[copied_to:]])
    lines = [re.sub(r" {2,}", " ", line).strip() for line in rest.split("\n")]
    rest = re.sub(r"\n{3,}", "\n\n", "\n".join(line for line in lines if line != "•")).strip()
    return rest or text


def _key(text: str) -> int:
    normal = " ".join(text.casefold().split())
    return int.from_bytes(hashlib.blake2b(normal.encode(), digest_size=8).digest())
