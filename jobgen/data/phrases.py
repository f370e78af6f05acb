"""Phrases of a posting that could be its keywords: noun phrases and short duties.

A clause is a run of words parted by single blanks, cut at punctuation, line breaks, stop words and
names of companies and people. In it, noun phrases (modifiers and nouns, ending in a noun) and
duties (a verb and its object that are all of the clause) are found by the parts of speech that
HanTa (Wartena 2019, the Hanover Tagger) gives each word on its own.
"""

import functools
import re
from collections import Counter
from collections.abc import Iterable
from dataclasses import dataclass, field
from math import exp

from HanTa import HanoverTagger
from sklearn.feature_extraction.text import ENGLISH_STOP_WORDS

# C++, .NET, C#, CI/CD, Node.js, well-known and R&D are one word each.
_WORD = re.compile(r"\.?\w[\w+#]*(?:[./&'’-]\w[\w+#]*)*")
# One-letter words are noise, except the names of programming languages.
_LETTERS_KEPT = {"C", "R"}
_POSSESSIVE = re.compile(r"['’]")
# FLU010951, JC-269147: numbers of a posting or a law.
_CODE = re.compile(r"\d{3}")
# Verbs with which postings say anything: `provide support` is no duty that one would search for.
_EMPTY_VERBS = frozenset(
    "achieve act add allow apply assist be become believe bring change click contribute"
    " create define deliver demonstrate drive empower enable engage enjoy ensure exceed"
    " execute expand expect find follow gain get give grow have help impact improve include"
    " increase join keep know learn look love make maximize meet minimize need offer"
    " participate possess power prefer provide receive report require see seek send serve set"
    " shape share solve start submit support take think thrive understand visit want work".split()
)
# Words that every posting has and no keyword needs: they break a clause, so that
# `strong Python experience` gives `Python`.
_EMPTY_WORDS = frozenset(
    "abilities ability amazing applicable applicant applicants awesome best better candidate"
    " candidates client clients companies company comprehensive current cutting-edge degree"
    " department desired different diverse driving duties e.g employee employees employer"
    " employers ensuring etc excellent exceptional exciting existing expected experience"
    " experienced experiences expert expertise familiarity fast-growing fast-paced following"
    " good great growing helping high high-growth high-quality highly hiring i.e ideal"
    " including incredible industry-leading innovative job jobs key knowledge large latest"
    " leading level leverage leveraged leveraging many minimum modern multiple necessary need"
    " needs new next nice ongoing opportunities opportunity organization organizations"
    " outstanding own paced passionate people plus position positions preferred proficiency"
    " proficient proven providing qualification qualifications relevant required requirement"
    " requirements responsibilities responsibility role roles seamless several similar solid"
    " special state-of-the-art strong successful talented team teams top understanding unique"
    " use used uses using utilize utilizing various visiting wide world-class year years".split()
)
# A capitalised name, and where postings put the name of their company or of a person.
_NAME = r"([A-Z][\w&.-]*(?: [A-Z][\w&.-]*)*)"
_NAME_CUES = [
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
# A word is a name when at least this share of its postings show it after or before such a cue:
# "Python is" stands in 7 % of the postings with Python, "Apple's" in 81 % of those with Apple.
_NAME_SHARE = 0.3


@dataclass
class Phrase:
    """A phrase of one posting.

    Attributes:
        text: as it stands in the posting, at its first place.
        whole: somewhere in the posting it is all of its noun phrase, not a part of a longer one.
        duty: it begins with a verb.
    """

    text: str
    whole: bool = False
    duty: bool = False


@dataclass
class Corpus:
    """How often words and phrases stand in a sample of the postings.

    Attributes:
        n_texts: size of the sample.
        names: words, in small letters, that are names of companies and people.
        documents: phrase in small letters -> postings that hold it; once is left out.
        whole: phrase -> postings in which it is a whole noun phrase; once is left out.
    """

    n_texts: int
    names: frozenset[str] = frozenset()
    documents: dict[str, int] = field(default_factory=dict)
    whole: dict[str, int] = field(default_factory=dict)


def build_corpus(texts: Iterable[str], ngram_max: int) -> Corpus:
    """Count names and phrases in a sample of postings.

    >>> build_corpus(["Join Veo, please.", "We love Python.", "Python and Java."], 2).names
    frozenset({'veo'})
    """
    texts = list(texts)
    cued, words = Counter(), Counter()
    for text in texts:
        words.update({match[0].lower() for match in _WORD.finditer(text)})
        cued.update(_cued_words(text))
    names = frozenset(
        word for word, n in cued.items() if n >= _NAME_SHARE * words[word] and word.isascii()
    )
    documents, whole = Counter(), Counter()
    for text in texts:
        phrases = find_phrases(text, ngram_max, names)
        documents.update(phrases.keys())
        whole.update(key for key, phrase in phrases.items() if phrase.whole)
    return Corpus(
        n_texts=len(texts),
        names=names,
        documents={key: n for key, n in documents.items() if n > 1},
        whole={key: n for key, n in whole.items() if n > 1},
    )


def find_phrases(text: str, ngram_max: int, names: frozenset[str] = frozenset()) -> dict:
    """Noun phrases and duties of 1 to `ngram_max` words, each a piece of the text.

    Returns:
        Phrase in small letters -> `Phrase`, in the order of the text.

    >>> list(find_phrases("Design of CI/CD pipelines at Veo, in C++.", 2, frozenset({"veo"})))
    ['design', 'ci/cd', 'ci/cd pipelines', 'pipelines', 'c++']
    >>> find_phrases("analyze customer feedback", 3)["analyze customer feedback"].duty
    True
    """
    found: dict[str, Phrase] = {}
    for words in _clauses(text, names):
        start = 0
        while start < len(words):
            if words[start][2] == "verb":
                start += 1
                continue
            stop = start
            while stop < len(words) and words[stop][2] != "verb":
                stop += 1
            end = stop
            while end > start and words[end - 1][2] != "noun":
                end -= 1
            for first in range(start, end):
                for last in range(first, min(first + ngram_max, end)):
                    if words[last][2] == "noun":
                        piece = text[words[first][0] : words[last][1]]
                        phrase = found.setdefault(piece.lower(), Phrase(piece))
                        phrase.whole |= first == start and last == end - 1
            if start == 1 and end == len(words) <= ngram_max and _is_duty(text, words[0]):
                piece = text[words[0][0] : words[-1][1]]
                found.setdefault(piece.lower(), Phrase(piece, whole=True, duty=True))
            start = stop
    return found


def _clauses(text: str, names: frozenset[str]) -> list[list[tuple[int, int, str]]]:
    """Clauses as lists of words: (start, end, part of speech)."""
    clauses, words, end = [], [], 0
    for match in _WORD.finditer(text):
        if words and text[end : match.start()] != " ":
            clauses.append(words)
            words = []
        kind = _part_of_speech(match[0])
        if text[match.start() - 1 : match.start()] == "[":
            kind = "other"  # [e-mail], [phone] and the like stand for what was taken out
        if kind == "other" or match[0].lower() in names:
            if words:
                clauses.append(words)
                words = []
        else:
            words.append((match.start(), match.end(), kind))
            end = match.end()
    return [*clauses, words] if words else clauses


def _is_duty(text: str, verb: tuple[int, int, str]) -> bool:
    word = text[verb[0] : verb[1]].lower()
    return verb[2] == "verb" and word not in _EMPTY_VERBS and not word.endswith("s")


@functools.cache
def _tagger() -> HanoverTagger.HanoverTagger:
    return HanoverTagger.HanoverTagger("morphmodel_en.pgz")


@functools.lru_cache(maxsize=200_000)
def _part_of_speech(word: str) -> str:
    """`noun`, `modifier`, `verb`, or `other` for what breaks a clause."""
    if len(word) == 1:
        return "noun" if word in _LETTERS_KEPT else "other"
    if (
        word.lower() in ENGLISH_STOP_WORDS
        or word.lower() in _EMPTY_WORDS
        or not any(letter.isalpha() for letter in word)
        or _POSSESSIVE.search(word)
        or _CODE.search(word)
    ):
        return "other"
    share = _class_shares(word)
    if word[0].isupper() and word[1:].islower():
        # At the start of a sentence or in a heading any word is capitalised.
        small = _class_shares(word.lower())
        share = {name: (share[name] + small[name]) / 2 for name in share}
    if share["other"] > 0.6:
        return "other"
    if share["noun"] >= 0.3:
        return "noun"
    if share["verb"] > max(share["modifier"], share["gerund"]):
        return "verb"
    return "modifier"


def _class_shares(word: str) -> dict[str, float]:
    """How likely a word, seen alone, is of each class; the tags are those of the BNC."""
    tags = _tagger().tag_word(word)[:6]
    best = max(log_probability for _, log_probability in tags)
    share = dict.fromkeys(("noun", "modifier", "verb", "gerund", "other"), 0.0)
    for tag, log_probability in tags:
        if tag.startswith("N"):
            name = "noun"
        elif tag.startswith("AJ") or tag in ("VVN", "VVD"):
            name = "modifier"
        elif tag.endswith("G") and tag.startswith("V"):
            name = "gerund"
        else:
            name = "verb" if tag.startswith("V") else "other"
        share[name] += exp(log_probability - best)
    total = sum(share.values())
    return {name: value / total for name, value in share.items()}


def _cued_words(text: str) -> set[str]:
    """Words in small letters that stand where postings put names."""
    return {
        word.rstrip(".-").lower()
        for cue in _NAME_CUES
        for match in cue.finditer(text)
        for word in match[1].split(" ")
    }
