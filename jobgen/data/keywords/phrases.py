"""Phrases of a posting that could be its keywords: noun phrases and short duties.

A clause is a sequence of words separated by single spaces. It ends at punctuation, line breaks,
stop words and names of companies and people. A noun phrase consists of modifiers and nouns and ends
in a noun; a duty is a clause that consists of a verb and its object. The parts of speech are those
that HanTa (Wartena 2019, the Hanover Tagger) gives to each word on its own.
"""

from collections import Counter
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from itertools import repeat
from typing import NamedTuple

from jobgen.data.keywords.names import find_names
from jobgen.data.keywords.noun_phrases import find_noun_phrases
from jobgen.data.keywords.parts_of_speech import EMPTY_VERBS, EMPTY_WORDS, WORD, part_of_speech
from jobgen.data.languages import KEYWORD_LANGUAGES


@dataclass
class Phrase:
    """A phrase of one posting.

    Attributes:
        text: the phrase as it first occurs in the posting.
        start: where it first occurs, in characters.
        whole: whether it is somewhere a complete noun phrase, not only a part of a longer one.
        ends: whether it is somewhere the end of a noun phrase, and so has the noun that counts.
        duty: whether it begins with a verb.
        language: language of the posting, as an ISO 639-1 code.
    """

    text: str
    start: int = 0
    whole: bool = False
    ends: bool = False
    duty: bool = False
    language: str = "en"


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


def phrase_counts(
    texts: Iterable[str],
    ngram_max: int,
    names: frozenset[str],
    languages: Iterable[str] = repeat("en"),
) -> dict[str, tuple[int, int]]:
    """Phrase in lower case -> number of texts that have it, and in which it is complete."""
    documents: Counter[str] = Counter()
    whole: Counter[str] = Counter()
    for text, language in zip(texts, languages, strict=False):
        phrases = find_phrases(text, ngram_max, names, language)
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


def build_corpus(
    texts: Sequence[str], ngram_max: int, languages: Iterable[str] = repeat("en")
) -> Corpus:
    """The corpus of texts that are counted at once."""
    names = find_names(texts)
    return corpus_of(len(texts), names, [phrase_counts(texts, ngram_max, names, languages)])


def find_phrases(
    text: str, ngram_max: int, names: frozenset[str] = frozenset(), language: str = "en"
) -> dict[str, Phrase]:
    """Find noun phrases and duties of 1 to `ngram_max` words, each word for word in the text.

    Args:
        text: a posting.
        ngram_max: most words in a phrase.
        names: words in lower case that are names, which no phrase contains.
        language: language of the posting, as an ISO 639-1 code; others than
            `jobgen.data.languages.KEYWORD_LANGUAGES` are read as English, and duties are found in
            English alone.

    Returns:
        Phrase in lower case -> `Phrase`, in the order of the text.

    >>> list(find_phrases("Design of CI/CD pipelines at Veo, in C++.", 2, frozenset({"veo"})))
    ['design', 'ci/cd', 'ci/cd pipelines', 'pipelines', 'c++']
    >>> find_phrases("analyze customer feedback", 3)["analyze customer feedback"].duty
    True
    """
    phrases: dict[str, Phrase] = {}
    if language != "en" and language in KEYWORD_LANGUAGES:
        for start, end, is_whole in find_noun_phrases(text, ngram_max, names, language):
            key = text[start:end].lower()
            phrase = phrases.setdefault(key, Phrase(text[start:end], start, language=language))
            phrase.whole |= is_whole
        return phrases
    for words in _clauses(text, names):
        is_cut = _lacks_a_noun(text, words[-1].end)
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
                is_gerund = text[words[first].start : words[first].end].endswith("ing")
                for last in range(first, min(first + ngram_max, end)):
                    if is_cut and is_gerund and last == len(words) - 1:
                        continue
                    if words[last].part_of_speech == "noun":
                        phrase_text = text[words[first].start : words[last].end]
                        phrase = phrases.setdefault(
                            phrase_text.lower(), Phrase(phrase_text, words[first].start)
                        )
                        phrase.ends |= last == end - 1
                        phrase.whole |= first == start and last == end - 1
            # 3. The whole clause, if it is a verb and a noun phrase.
            is_whole_clause = start == 1 and end == len(words) <= ngram_max and not is_cut
            if is_whole_clause and _is_duty(text, words[0]):
                phrase_text = text[words[0].start : words[-1].end]
                duty = Phrase(phrase_text, words[0].start, whole=True, ends=True, duty=True)
                phrases.setdefault(phrase_text.lower(), duty)
            start = stop
    return phrases


def _clauses(text: str, names: frozenset[str]) -> list[list[_Word]]:
    clauses: list[list[_Word]] = []
    words: list[_Word] = []
    for match in WORD.finditer(text):
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


def _lacks_a_noun(text: str, end: int) -> bool:
    """Whether a clause ends at a word without meaning, whose verb would then lack its object.

    `Python experience` gives `Python`, but `evaluate customer needs` not `evaluate customer`.
    """
    next_word = WORD.match(text, end + 1)
    return bool(next_word and text[end] == " " and next_word[0].lower() in EMPTY_WORDS)


def _is_duty(text: str, verb: _Word) -> bool:
    word = text[verb.start : verb.end].lower()
    return verb.part_of_speech == "verb" and word not in EMPTY_VERBS and not word.endswith("s")
