"""Phrases of a posting that could be its keywords: noun phrases and short duties.

A clause is a sequence of words separated by single spaces. It ends at punctuation, line breaks,
stop words and names of companies and people. A noun phrase consists of modifiers and nouns and ends
in a noun; a duty is a clause that consists of a verb and its object. The parts of speech are those
that HanTa (Wartena 2019, the Hanover Tagger) gives to each word on its own.
"""

import functools
import re
from collections import Counter
from collections.abc import Iterable
from dataclasses import dataclass, field
from math import exp
from typing import NamedTuple

from HanTa import HanoverTagger
from sklearn.feature_extraction.text import ENGLISH_STOP_WORDS

# C++, .NET, C#, CI/CD, Node.js, well-known and R&D are one word each.
_WORD = re.compile(r"\.?\w[\w+#]*(?:[./&'’-]\w[\w+#]*)*")
# One-letter words are noise, except the names of programming languages.
_LETTERS_KEPT = {"C", "R"}
_POSSESSIVE = re.compile(r"['’]")
# FLU010951, JC-269147: the number of a posting or a law.
_CODE = re.compile(r"\d{3}")
# Verbs without a meaning of their own: nobody would search for `provide support`.
_EMPTY_VERBS = frozenset(
    "achieve act add allow apply assist be become believe bring change click contribute"
    " create define deliver demonstrate drive empower enable engage enjoy ensure exceed"
    " execute expand expect find follow gain get give grow have help impact improve include"
    " increase join keep know learn look love make maximize meet minimize need offer"
    " participate possess power prefer provide receive report require see seek send serve set"
    " shape share solve start submit support take think thrive understand visit want work".split()
)
# Words that every posting has and no keyword needs: they end a clause, so that
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
# Letters of a word; what is longer is no word (an encoded file, or a text without blanks), and the
# tagger would take a time that grows with the square of its length.
_LONGEST_WORD = 60
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


@dataclass
class Phrase:
    """A phrase of one posting.

    Attributes:
        text: the phrase as it first occurs in the posting.
        start: where it first occurs, in characters.
        whole: whether it is somewhere a complete noun phrase, not only a part of a longer one.
        ends: whether it is somewhere the end of a noun phrase, and so has the noun that counts.
        duty: whether it begins with a verb.
    """

    text: str
    start: int = 0
    whole: bool = False
    ends: bool = False
    duty: bool = False


@dataclass
class Corpus:
    """Counts of words and phrases in a sample of the postings.

    Attributes:
        n_texts: number of postings in the sample.
        names: words, in lower case, that are names of companies and people.
        documents: phrase in lower case -> number of postings that have it, if that is above 1.
        whole: phrase in lower case -> number of postings in which it is a complete noun phrase, if
            that is above 1.
    """

    n_texts: int
    names: frozenset[str] = frozenset()
    documents: dict[str, int] = field(default_factory=dict)
    whole: dict[str, int] = field(default_factory=dict)


class _Word(NamedTuple):
    """A word of a clause: its position in the text, and its part of speech."""

    start: int
    end: int
    part_of_speech: str


def find_names(texts: Iterable[str]) -> frozenset[str]:
    """Words, in lower case, that a sample of postings mostly uses as names of companies or people.

    A name ends a clause, so names must be known before phrases are counted.

    >>> find_names(["Join Veo, please.", "We love Python.", "Python and Java."])
    frozenset({'veo'})
    """
    n_with_word: Counter[str] = Counter()
    n_as_name: Counter[str] = Counter()
    for text in texts:
        n_with_word.update({match[0].lower() for match in _WORD.finditer(text)})
        n_as_name.update(_words_in_name_contexts(text))
    return frozenset(
        word
        for word, n in n_as_name.items()
        if n >= _NAME_SHARE * n_with_word[word] and word.isascii()
    )


def phrase_counts(
    texts: Iterable[str], ngram_max: int, names: frozenset[str]
) -> dict[str, tuple[int, int]]:
    """Phrase in lower case -> number of texts that have it, and in which it is complete."""
    documents: Counter[str] = Counter()
    whole: Counter[str] = Counter()
    for text in texts:
        phrases = find_phrases(text, ngram_max, names)
        documents.update(phrases.keys())
        whole.update(key for key, phrase in phrases.items() if phrase.whole)
    return {key: (n, whole[key]) for key, n in documents.items()}


def corpus_of(
    n_texts: int, names: frozenset[str], counts: Iterable[dict[str, tuple[int, int]]]
) -> Corpus:
    """The corpus of a sample, from what `phrase_counts` counted in its parts."""
    documents: Counter[str] = Counter()
    whole: Counter[str] = Counter()
    for part in counts:
        for key, (n_texts_with, n_complete) in part.items():
            documents[key] += n_texts_with
            whole[key] += n_complete
    return Corpus(
        n_texts=n_texts,
        names=names,
        documents={key: n for key, n in documents.items() if n > 1},
        whole={key: n for key, n in whole.items() if n > 1},
    )


def find_phrases(
    text: str, ngram_max: int, names: frozenset[str] = frozenset()
) -> dict[str, Phrase]:
    """Find noun phrases and duties of 1 to `ngram_max` words, each word for word in the text.

    Args:
        text: a posting.
        ngram_max: most words in a phrase.
        names: words in lower case that are names, which no phrase contains.

    Returns:
        Phrase in lower case -> `Phrase`, in the order of the text.

    >>> list(find_phrases("Design of CI/CD pipelines at Veo, in C++.", 2, frozenset({"veo"})))
    ['design', 'ci/cd', 'ci/cd pipelines', 'pipelines', 'c++']
    >>> find_phrases("analyze customer feedback", 3)["analyze customer feedback"].duty
    True
    """
    phrases: dict[str, Phrase] = {}
    for words in _clauses(text, names):
        start = 0
        while start < len(words):
            if words[start].part_of_speech == "verb":
                start += 1
                continue
            # 1. The words up to the next verb; those after the last noun belong to no phrase.
            stop = start
            while stop < len(words) and words[stop].part_of_speech != "verb":
                stop += 1
            end = stop
            while end > start and words[end - 1].part_of_speech != "noun":
                end -= 1
            # 2. Every part of them that ends in a noun.
            for first in range(start, end):
                for last in range(first, min(first + ngram_max, end)):
                    if words[last].part_of_speech == "noun":
                        phrase_text = text[words[first].start : words[last].end]
                        phrase = phrases.setdefault(
                            phrase_text.lower(), Phrase(phrase_text, words[first].start)
                        )
                        phrase.ends |= last == end - 1
                        phrase.whole |= first == start and last == end - 1
            # 3. The whole clause, if it is a verb and a noun phrase.
            if start == 1 and end == len(words) <= ngram_max and _is_duty(text, words[0]):
                phrase_text = text[words[0].start : words[-1].end]
                duty = Phrase(phrase_text, words[0].start, whole=True, ends=True, duty=True)
                phrases.setdefault(phrase_text.lower(), duty)
            start = stop
    return phrases


def _clauses(text: str, names: frozenset[str]) -> list[list[_Word]]:
    clauses: list[list[_Word]] = []
    words: list[_Word] = []
    for match in _WORD.finditer(text):
        if words and text[words[-1].end : match.start()] != " ":
            clauses.append(words)
            words = []
        kind = part_of_speech(match[0])
        if text[match.start() - 1 : match.start()] == "[":
            kind = "other"  # a placeholder such as [e-mail] or [phone]
        if kind == "other" or match[0].lower() in names:
            if words:
                clauses.append(words)
                words = []
        else:
            words.append(_Word(match.start(), match.end(), kind))
    return [*clauses, words] if words else clauses


def _is_duty(text: str, verb: _Word) -> bool:
    word = text[verb.start : verb.end].lower()
    return verb.part_of_speech == "verb" and word not in _EMPTY_VERBS and not word.endswith("s")


@functools.cache
def _tagger() -> HanoverTagger.HanoverTagger:
    return HanoverTagger.HanoverTagger("morphmodel_en.pgz")


@functools.lru_cache(maxsize=200_000)
def part_of_speech(word: str) -> str:
    """`noun`, `modifier`, `verb`, or `other` for a word that ends a clause."""
    if len(word) == 1:
        return "noun" if word in _LETTERS_KEPT else "other"
    if (
        len(word) > _LONGEST_WORD
        or word.lower() in ENGLISH_STOP_WORDS
        or word.lower() in _EMPTY_WORDS
        or not any(letter.isalpha() for letter in word)
        or _POSSESSIVE.search(word)
        or _CODE.search(word)
    ):
        return "other"
    shares = _class_shares(word)
    if word[0].isupper() and word[1:].islower():
        # Any word is capitalized at the start of a sentence or in a heading.
        lower_shares = _class_shares(word.lower())
        shares = {name: (shares[name] + lower_shares[name]) / 2 for name in shares}
    if shares["other"] > 0.6:
        return "other"
    if shares["noun"] >= 0.3:
        return "noun"
    if shares["verb"] > max(shares["modifier"], shares["gerund"]):
        return "verb"
    return "modifier"


def _class_shares(word: str) -> dict[str, float]:
    """Probability that a word, seen alone, belongs to each class; the tags are those of the BNC."""
    tags = _tagger().tag_word(word)[:6]
    best = max(log_probability for _, log_probability in tags)
    shares = dict.fromkeys(("noun", "modifier", "verb", "gerund", "other"), 0.0)
    for tag, log_probability in tags:
        if tag.startswith("N"):
            name = "noun"
        elif tag.startswith("AJ") or tag in ("VVN", "VVD"):
            name = "modifier"
        elif tag.endswith("G") and tag.startswith("V"):
            name = "gerund"
        else:
            name = "verb" if tag.startswith("V") else "other"
        shares[name] += exp(log_probability - best)
    total = sum(shares.values())
    return {name: share / total for name, share in shares.items()}


def _words_in_name_contexts(text: str) -> set[str]:
    """Words, in lower case, that stand where postings put names."""
    return {
        word.rstrip(".-").lower()
        for context in _NAME_CONTEXTS
        for match in context.finditer(text)
        for word in match[1].split(" ")
    }
