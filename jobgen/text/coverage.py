"""Which keywords a posting mentions: word for word, by stems, by meaning."""

import re
from collections.abc import Callable, Sequence
from functools import lru_cache

import numpy as np
import snowballstemmer

from jobgen.text.ngrams import WORD

_STEMMER = snowballstemmer.stemmer("english")
# Where a clause ends: at a line's end, at punctuation before a blank, at a dash, bullet or opening
# bracket after one. `Node.js`, `C++` and `A/B-testing` have none.
_CLAUSE_END = re.compile(r"[\r\n]|[.,;:!?()\[\]\"“”…|]+(?!\S)|(?<!\S)[-–—*•·(\[\"“]+|—")
# A paraphrase may need some more words than the keyword. With fewer it says less: `maintenance`
# is near to `planned maintenance`, but also to its contrary.
_MORE_WORDS = 2
# No phrase begins or ends with one of these.
_FUNCTION_WORDS = frozenset(
    "a all also am an and any are as at be been being both but by can could did do does each every"
    " for from had has have he her here his i if in into is it its just may me might more most must"
    " my no nor not of on onto or other our ours over shall she should so some such than that the"
    " their them there these they this those to too under up us very was we were what when where"
    " which while who whom whose will with would you your yours".split()
)


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


def covered_by_meaning(
    text: str,
    keywords: Sequence[str],
    embed: Callable[[Sequence[str]], np.ndarray],
    threshold: float = 0.56,
) -> list[bool]:
    """Which keywords the text mentions by their stems or in other words.

    In other words: a phrase of the text, which has as many words as the keyword or up to two more,
    is near to it. Nearness is the mean of two cosine similarities with the keyword: the phrase's,
    and that of the clause around it, for a `spark` may be one of `spark plugs`. The threshold was
    chosen on labelled pairs (`tests/text/keyword_pairs.json`, half "fit"). Opposites and siblings
    are close to each other, too: `primary school` and `secondary school`, `backend development` and
    `frontend development`. Of what it finds in hard pairs beyond the stems, a third is wrong.

    Args:
        text: a posting.
        keywords: those that it should mention.
        embed: phrases -> unit vectors, (len(phrases), d); called at most once. The threshold is for
            `Embedder(locate(OFFLINE_EMBEDDER), "auto", max_tokens=256, cache=None)` of
            `jobgen.embeddings`, `jobgen.models` and `jobgen.config`.
        threshold: least nearness, -1 to 1.
    """
    covered = covered_by_stems(text, keywords)
    sought = [i for i, found in enumerate(covered) if not found and stems(keywords[i])]
    lengths = np.array([len(keywords[i].split()) for i in sought], int)
    sizes = sorted({n + more for n in set(lengths) for more in range(_MORE_WORDS + 1)})
    phrases = _phrases(text, sizes)
    if not phrases:
        return covered
    names = [*(keywords[i] for i in sought), *(name for phrase in phrases for name in phrase[:2])]
    row_of = {name: row for row, name in enumerate(dict.fromkeys(names))}
    vectors = embed(list(row_of))
    rows = np.array([[row_of[phrase], row_of[clause]] for phrase, clause, _ in phrases])
    in_context = (vectors[rows[:, 0]] + vectors[rows[:, 1]]) / 2  # (phrases, d)
    nearness = in_context @ vectors[[row_of[keywords[i]] for i in sought]].T  # (phrases, sought)
    more = np.array([size for _, _, size in phrases])[:, None] - lengths
    nearness[(more < 0) | (more > _MORE_WORDS)] = -np.inf
    for i, best in zip(sought, nearness.max(axis=0), strict=True):
        covered[i] = bool(best >= threshold)
    return covered


def _phrases(text: str, sizes: Sequence[int]) -> list[tuple[str, str, int]]:
    """Runs of words within a clause: (phrase, its clause, number of words), each once.

    >>> [phrase for phrase, _, _ in _phrases("You work in IT support, at night.", [1, 2])]
    ['work', 'IT', 'support', 'IT support', 'night']
    """
    found = {}
    for part in _CLAUSE_END.split(text):
        words = part.split()
        clause = " ".join(words)
        # The pronoun `It` at the start of a sentence is one, but `IT` is none.
        content = [
            word[0].lower() + word[1:] not in _FUNCTION_WORDS and bool(WORD.search(word))
            for word in words
        ]
        for size in sizes:
            for start in range(len(words) - size + 1):
                if content[start] and content[start + size - 1]:
                    found[" ".join(words[start : start + size]), clause, size] = None
    return list(found)


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
    return [word for word, found in zip(keywords, covered, strict=True) if not found]


def keyword_spans(text: str, keywords: Sequence[str]) -> list[tuple[int, int]]:
    """Where the keywords stand in a text, by stems: first character and the one after the last.

    >>> keyword_spans("We develop in C++ and C.", ["C++", "developing"])
    [(14, 17), (3, 10)]
    """
    places = [match.span() for match in WORD.finditer(text)]
    written, spans = stems(text), []
    for keyword in keywords:
        wanted = stems(keyword)
        if wanted:
            n = len(wanted)
            starts = (i for i in range(len(written) - n + 1) if written[i : i + n] == wanted)
            spans += [(places[i][0], places[i + n - 1][1]) for i in starts]
        elif keyword.strip():
            spans += [match.span() for match in re.finditer(re.escape(keyword.strip()), text)]
    return spans
