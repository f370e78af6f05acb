"""Figures that say how good a posting is; each a pure function."""

import re
from collections.abc import Sequence
from functools import lru_cache

import snowballstemmer

_WORD = re.compile(r"\w[\w+#]*")
_STEMMER = snowballstemmer.stemmer("english")


def covered_exactly(text: str, keywords: Sequence[str]) -> list[bool]:
    r"""Which keywords stand in the text as they are, letter case and runs of blanks aside.

    A keyword must not be a part of a longer word: `C` is not found in `CSS`, nor in `C++`.

    >>> covered_exactly("Python and C++\non Linux", ["python", "C", "C++ on linux"])
    [True, False, True]
    """
    plain = " ".join(text.lower().split())
    words = [re.escape(" ".join(word.lower().split())) for word in keywords]
    return [bool(re.search(rf"(?<![\w+#]){word}(?![\w+#])", plain)) for word in words]


def covered_by_stems(text: str, keywords: Sequence[str]) -> list[bool]:
    """Which keywords' words stand in the text one after another, endings and punctuation aside.

    Stems are Porter's second algorithm for English (`snowballstemmer`). A keyword without a letter
    or digit is looked for as it is.

    >>> covered_by_stems("You'll be developing algorithms in C++.", ["Develop algorithm", "C"])
    [True, False]
    """
    written = f" {' '.join(stems(text))} "
    found = []
    for keyword in keywords:
        wanted = " ".join(stems(keyword))
        found.append(f" {wanted} " in written if wanted else keyword.strip() in text)
    return found


def stems(text: str) -> list[str]:
    """The stems of a text's words, in order.

    >>> stems("Neural networks (NLP/C++)")
    ['neural', 'network', 'nlp', 'c++']
    """
    return [_stem(word) for word in _WORD.findall(text.lower())]


@lru_cache(maxsize=2**17)
def _stem(word: str) -> str:
    return _STEMMER.stemWord(word)


def missing_keywords(text: str, keywords: Sequence[str]) -> list[str]:
    """The keywords that the text does not mention, by stems."""
    covered = covered_by_stems(text, keywords)
    return [word for word, found in zip(keywords, covered, strict=True) if not found]


def distinct_n(texts: Sequence[str], n: int) -> float:
    """Distinct runs of n words over all of them (Li et al. 2016); nan without any.

    >>> distinct_n(["a b a b"], 2)
    0.6666666666666666
    """
    runs = [run for text in texts for run in _runs(_WORD.findall(text.lower()), n)]
    return len(set(runs)) / len(runs) if runs else float("nan")


def repetition(text: str, n: int = 4) -> float:
    """Share of a text's runs of n words that stood in it before.

    >>> repetition("we hire you we hire you", n=3)
    0.25
    """
    runs = _runs(_WORD.findall(text.lower()), n)
    return 1 - len(set(runs)) / len(runs) if runs else 0.0


def _runs(words: list[str], n: int) -> list[tuple[str, ...]]:
    return list(zip(*(words[k:] for k in range(n)), strict=False))
