"""Which keywords a posting mentions: word for word, by stems, by meaning."""

import re
from collections.abc import Callable, Sequence
from functools import lru_cache

import numpy as np
import snowballstemmer

from jobgen.text.ngrams import WORD

_STEMMER = snowballstemmer.stemmer("english")
# A clause ends at a line's end, at punctuation before a space, and at a dash, bullet or opening
# bracket after a space. `Node.js`, `C++` and `A/B-testing` are not cut.
_CLAUSE_END = re.compile(r"[\r\n]|[.,;:!?()\[\]\"“”…|]+(?!\S)|(?<!\S)[-–—*•·(\[\"“]+|—")
# A paraphrase may need some more words than the keyword. With fewer words it says less:
# `maintenance` is similar to `planned maintenance`, but also to its opposite.
_MORE_WORDS = 2
# No phrase begins or ends with one of these words.
_FUNCTION_WORDS = frozenset(
    "a all also am an and any are as at be been being both but by can could did do does each every"
    " for from had has have he her here his i if in into is it its just may me might more most must"
    " my no nor not of on onto or other our ours over shall she should so some such than that the"
    " their them there these they this those to too under up us very was we were what when where"
    " which while who whom whose will with would you your yours".split()
)


def covered_exactly(text: str, keywords: Sequence[str]) -> list[bool]:
    r"""Which keywords stand in the text word for word, letter case and whitespace aside.

    A keyword must not be a part of a longer word: `C` is not found in `CSS`, nor in `C++`.

    >>> covered_exactly("Python and C++\non Linux", ["python", "C", "C++ on linux"])
    [True, False, True]
    """
    one_line = " ".join(text.lower().split())
    patterns = [re.escape(" ".join(keyword.lower().split())) for keyword in keywords]
    return [bool(re.search(rf"(?<![\w+#]){p}(?![\w+#])", one_line)) for p in patterns]


def covered_by_stems(text: str, keywords: Sequence[str]) -> list[bool]:
    """Which keywords' stems stand in the text one after another; punctuation does not count.

    Stems are those of Porter's second algorithm for English (`snowballstemmer`). A keyword without
    a letter or digit must occur in the text as it is.

    >>> covered_by_stems("You'll be developing algorithms in C++.", ["Develop algorithm", "C"])
    [True, False]
    """
    text_stems = f" {' '.join(stems(text))} "
    covered = []
    for keyword in keywords:
        keyword_stems = " ".join(stems(keyword))
        covered.append(
            f" {keyword_stems} " in text_stems if keyword_stems else keyword.strip() in text
        )
    return covered


def covered_by_meaning(
    text: str,
    keywords: Sequence[str],
    embed: Callable[[Sequence[str]], np.ndarray],
    threshold: float = 0.56,
) -> list[bool]:
    """Which keywords the text mentions, by their stems or in other words.

    The text mentions a keyword in other words if one of its phrases, of as many words as the
    keyword or up to two more, is similar to it. The similarity is the mean of two cosines with the
    keyword: the phrase's own, and that of the clause around it, because a `spark` may be one of
    `spark plugs`. The threshold was chosen on labelled pairs (half "fit" of
    `tests/text/keyword_pairs.json`). Opposites and siblings are similar, too: `primary school` and
    `secondary school`, `backend development` and `frontend development`. A third of what is found
    beyond the stems in hard pairs is wrong.

    Args:
        text: a posting.
        keywords: the keywords that it should mention.
        embed: function from phrases to unit vectors, (len(phrases), d); called at most once. The
            threshold is meant for `Embedder(locate(OFFLINE_EMBEDDER), "auto", max_tokens=256,
            cache=None)` of `jobgen.data.embeddings`, `jobgen.models.hub` and
            `jobgen.common.config`.
        threshold: least similarity of a mention, -1 to 1.
    """
    covered = covered_by_stems(text, keywords)
    open_rows = [i for i, is_covered in enumerate(covered) if not is_covered and stems(keywords[i])]
    lengths = np.array([len(keywords[i].split()) for i in open_rows], int)
    phrase_sizes = sorted({n + more for n in set(lengths) for more in range(_MORE_WORDS + 1)})
    phrases = _phrases(text, phrase_sizes)
    if not phrases:
        return covered

    # 1. Embed all different keywords, phrases and clauses at once.
    texts = [keywords[i] for i in open_rows]
    texts += [name for phrase, clause, _ in phrases for name in (phrase, clause)]
    row_of = {name: row for row, name in enumerate(dict.fromkeys(texts))}
    vectors = embed(list(row_of))

    # 2. Compare each phrase in its clause with each keyword.
    rows = np.array([[row_of[phrase], row_of[clause]] for phrase, clause, _ in phrases])
    in_context = (vectors[rows[:, 0]] + vectors[rows[:, 1]]) / 2  # (phrases, d)
    keyword_vectors = vectors[[row_of[keywords[i]] for i in open_rows]]
    similarity = in_context @ keyword_vectors.T  # (phrases, open keywords)

    # 3. A phrase counts only for keywords whose number of words fits to its own.
    more_words = np.array([size for _, _, size in phrases])[:, None] - lengths
    similarity[(more_words < 0) | (more_words > _MORE_WORDS)] = -np.inf
    for i, best in zip(open_rows, similarity.max(axis=0), strict=True):
        covered[i] = bool(best >= threshold)
    return covered


def _phrases(text: str, sizes: Sequence[int]) -> list[tuple[str, str, int]]:
    """Phrases within one clause, each once: (phrase, its clause, number of words).

    >>> [phrase for phrase, _, _ in _phrases("You work in IT support, at night.", [1, 2])]
    ['work', 'IT', 'support', 'IT support', 'night']
    """
    phrases: dict[tuple[str, str, int], None] = {}  # a set that keeps its order
    for piece in _CLAUSE_END.split(text):
        words = piece.split()
        clause = " ".join(words)
        # The pronoun `It` at the start of a sentence is a function word; `IT` is not.
        has_content = [
            word[0].lower() + word[1:] not in _FUNCTION_WORDS and bool(WORD.search(word))
            for word in words
        ]
        for size in sizes:
            for start in range(len(words) - size + 1):
                if has_content[start] and has_content[start + size - 1]:
                    phrases[" ".join(words[start : start + size]), clause, size] = None
    return list(phrases)


def stems(text: str) -> list[str]:
    """The stems of a text's words, in order.

    >>> stems("Neural networks (NLP/C++)")
    ['neural', 'network', 'nlp', 'c++']
    """
    return [_stem(word.lower()) for word in WORD.findall(text)]


@lru_cache(maxsize=2**17)
def _stem(word: str) -> str:
    return _STEMMER.stemWord(word)


def missing_keywords(text: str, keywords: Sequence[str]) -> list[str]:
    """The keywords that the text does not mention, by stems."""
    covered = covered_by_stems(text, keywords)
    return [word for word, is_covered in zip(keywords, covered, strict=True) if not is_covered]


def keyword_spans(text: str, keywords: Sequence[str]) -> list[tuple[int, int]]:
    """Where the keywords stand in a text, by stems: first character and the one after the last.

    >>> keyword_spans("We develop in C++ and C.", ["C++", "developing"])
    [(14, 17), (3, 10)]
    """
    words = [match.span() for match in WORD.finditer(text)]
    text_stems = stems(text)
    spans: list[tuple[int, int]] = []
    for keyword in keywords:
        keyword_stems = stems(keyword)
        if keyword_stems:
            n = len(keyword_stems)
            for first in range(len(text_stems) - n + 1):
                if text_stems[first : first + n] == keyword_stems:
                    spans.append((words[first][0], words[first + n - 1][1]))
        elif keyword.strip():
            pattern = re.escape(keyword.strip())
            spans += [match.span() for match in re.finditer(pattern, text)]
    return spans
