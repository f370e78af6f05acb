"""Names of companies and people, which no keyword contains."""

import re
from collections import Counter
from collections.abc import Iterable

from jobgen.data.parts_of_speech import WORD

# A capitalized name, and the contexts in which postings name their company or a person. Its length
# is bounded, for a time that is linear in the text's.
_NAME = r"([A-Z][\w&.-]{0,60}(?: [A-Z][\w&.-]{0,60}){0,7})"
_NAME_CONTEXTS = [
    re.compile(pattern)
    for pattern in (
        rf"\b(?:About|Join|At|at|Inside|joining|by|for|Why|with) {_NAME}"
        r"(?=[,.:!’']| (?:is|has|we|offers|provides|believes|you|our|are|to)\b|\n)",
        rf"\b{_NAME}['’]s\b",
        rf"\b{_NAME} (?:is|are) (?:an?|the|one|committed|proud|looking|seeking|hiring|building|"
        r"dedicated|focused|growing)\b(?! (?:must|plus|preferred|bonus|requirement|required|nice))",
        rf"\b{_NAME},? (?:Inc|LLC|Ltd|Corp|Corporation|GmbH|Company|Group)\b",
        rf"\b{_NAME} (?:has|offers|provides|believes|seeks|participates|does not|will not|employees"
        r"|values|embraces|celebrates|recruits)\b",
    )
]
# A word is a name if at least this share of the postings that have it show it in such a context:
# 7 % of the postings with Python say "Python is", 81 % of those with Apple say "Apple's".
_NAME_SHARE = 0.3


def find_names(texts: Iterable[str]) -> frozenset[str]:
    """Words, in lower case, that a sample of postings mostly uses as names of companies or people.

    A name ends a clause, so names must be known before phrases are counted.

    >>> find_names(["Join Veo, please.", "We love Python.", "Python and Java."])
    frozenset({'veo'})
    """
    n_with_word: Counter[str] = Counter()
    n_as_name: Counter[str] = Counter()
    for text in texts:
        n_with_word.update({match[0].lower() for match in WORD.finditer(text)})
        n_as_name.update(_words_in_name_contexts(text))
    return frozenset(
        word
        for word, n in n_as_name.items()
        if n >= _NAME_SHARE * n_with_word[word] and word.isascii()
    )


def _words_in_name_contexts(text: str) -> set[str]:
    """Words, in lower case, that stand where postings put names."""
    return {
        word.rstrip(".-").lower()
        for context in _NAME_CONTEXTS
        for match in context.finditer(text)
        for word in match[1].split(" ")
    }
