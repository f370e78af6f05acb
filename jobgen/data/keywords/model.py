"""How likely a phrase of a posting is a keyword, learned from what people marked in postings.

A logistic regression on what can be read off a phrase, the words beside it and the counts of the
table, without embedding anything. Its features are words, parts of words and classes, hashed into
a fixed number of columns (feature hashing, Weinberger et al. 2009), so that the file of its
coefficients holds no word. `benchmarks/fit_keywords.py` fits them to SkillSpan (Zhang et al. 2022).
"""

import functools
import re
from collections.abc import Iterable, Sequence
from math import log2
from pathlib import Path
from typing import NamedTuple

import numpy as np
from scipy.sparse import csr_matrix
from sklearn.feature_extraction import FeatureHasher
from sklearn.preprocessing import normalize
from wordfreq import zipf_frequency

from jobgen.data.keywords.phrases import Corpus, Phrase

COEFFICIENTS = Path(__file__).with_name("model.npz")
N_COLUMNS = 2**14
_NGRAMS = (3, 4, 5)  # letters
_CLASS_WEIGHT, _NEIGHBOR_WEIGHT = 0.5, 0.3
_hasher = FeatureHasher(N_COLUMNS, input_type="string", dtype=np.float64)
_NEIGHBOR = re.compile(r"[\w+#]+|[^\w\s]")
_REACH = 40  # characters on either side of a phrase that its neighbors are looked for in
_TECHNICAL = re.compile(r"[a-z][A-Z]|[+#./\d]")


class KeywordModel(NamedTuple):
    """The fitted coefficients.

    Attributes:
        of_words: (N_COLUMNS,), of the words and parts of words of a phrase.
        of_context: (N_COLUMNS,), of its form, its neighbors and its counts.
        of_examples: of the score that the classifier of the example phrases gives.
        intercept: the constant.
    """

    of_words: np.ndarray
    of_context: np.ndarray
    of_examples: float
    intercept: float


@functools.cache
def keyword_model() -> KeywordModel:
    """Load the fitted coefficients."""
    with np.load(COEFFICIENTS) as arrays:
        hashed, scalars = arrays["hashed"].astype(np.float64), arrays["scalars"]
    return KeywordModel(hashed[0], hashed[1], float(scalars[0]), float(scalars[1]))


def score_words(keys: Sequence[str]) -> np.ndarray:
    """What the words of n phrases in lower case say of them, in log odds, (n,)."""
    model = keyword_model()
    return word_features(keys) @ model.of_words + model.intercept


def score_contexts(text: str, phrases: dict[str, Phrase], corpus: Corpus) -> np.ndarray:
    """What the places of the n phrases of a posting say of them, in log odds, (n,)."""
    return context_features(text, phrases, corpus) @ keyword_model().of_context


def word_features(keys: Sequence[str]) -> csr_matrix:
    """Features of n phrases in lower case, whatever posting they stand in, (n, N_COLUMNS)."""
    parts = _hashed(map(_parts, keys))
    if keys:
        parts = normalize(parts)
    return parts + _CLASS_WEIGHT * _hashed(map(_words, keys))


def context_features(text: str, phrases: dict[str, Phrase], corpus: Corpus) -> csr_matrix:
    """Features of the n phrases of a posting in their places, (n, N_COLUMNS)."""
    forms = _hashed(_form(text, key, phrase, corpus) for key, phrase in phrases.items())
    neighbors = _hashed(_neighbors(text, phrase) for phrase in phrases.values())
    return _CLASS_WEIGHT * forms + _NEIGHBOR_WEIGHT * neighbors


def _hashed(features: Iterable[list[str]]) -> csr_matrix:
    rows = list(features)
    return _hasher.transform(rows) if rows else csr_matrix((0, N_COLUMNS))


def _parts(key: str) -> list[str]:
    return [
        padded[start : start + n]
        for padded in (f" {word} " for word in key.split(" "))
        for n in _NGRAMS
        for start in range(max(len(padded) - n + 1, 1))
    ]


def _words(key: str) -> list[str]:
    words = key.split(" ")
    # Zipf frequencies: 7 for `the`, 3 for one in a million words, 0 for an unknown word.
    frequencies = [zipf_frequency(word, "en") for word in words]
    return [
        *(f"word {word}" for word in words),
        f"last {words[-1]}",
        f"words {len(words)}",
        f"letters {min(len(key) // 4, 8)}",
        f"rarest {len(words)} {2 * min(frequencies):.0f}",
        f"commonest {2 * max(frequencies):.0f}",
        f"frequency of last {2 * frequencies[-1]:.0f}",
    ]


def _form(text: str, key: str, phrase: Phrase, corpus: Corpus) -> list[str]:
    documents = corpus.documents.get(key, 1)
    whole_share = corpus.whole.get(key, 1) / documents
    line_start = text.rfind("\n", 0, phrase.start) + 1
    line_end = text.find("\n", phrase.start)
    line_length = (line_end if line_end >= 0 else len(text)) - line_start
    if phrase.text.islower():
        case = "lower"
    elif phrase.text.isupper():
        case = "upper"
    else:
        case = "title" if phrase.text.istitle() else "mixed"
    n_words = key.count(" ") + 1
    return [
        f"whole {phrase.whole} {n_words}",
        f"ends {phrase.ends} {n_words}",
        f"whole share {whole_share:.1f}",
        f"duty {phrase.duty}",
        f"postings {log2(documents):.0f}",
        f"share of postings {log2(documents / max(corpus.n_texts, 1)):.0f}",
        f"case {case} {n_words}",
        f"technical {bool(_TECHNICAL.search(phrase.text))}",
        f"line {log2(1 + line_length):.0f}",
        f"place {10 * phrase.start // (len(text) + 1)}",
        f"again {text.count(phrase.text) > 1}",
    ]


def _neighbors(text: str, phrase: Phrase) -> list[str]:
    end = phrase.start + len(phrase.text)
    before = text[max(phrase.start - _REACH, 0) : phrase.start].rpartition("\n")[2].lower()
    after = text[end : end + _REACH].partition("\n")[0].lower()
    left = ["^", "^", *_NEIGHBOR.findall(before)][-2:]
    right = [*_NEIGHBOR.findall(after), "$", "$"][:2]
    return [f"-1 {left[1]}", f"-2 {left[0]}", f"+1 {right[0]}", f"+2 {right[1]}"]
