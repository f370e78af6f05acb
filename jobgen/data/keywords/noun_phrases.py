"""Noun phrases of German, Dutch, French, Spanish and Italian postings.

A unit is a noun with its adjectives: `elektrische Anlagen`, `relation client`. Units that little
words join are a chain: `gestion de projet`, `attention au détail`. A phrase is one or more units of
a chain. What a word is, where it can be several things, its neighbors tell: after an article a
noun, after a pronoun a verb. Verbs, stop words, filler and punctuation end a chain.
"""

import re
from collections.abc import Iterator
from typing import NamedTuple

from jobgen.data.keywords.grammars import GRAMMARS, ROMANCE
from jobgen.data.keywords.lexicons import is_common, is_filler, is_function_word, parts_of_speech
from jobgen.data.keywords.parts_of_speech import LONGEST_WORD

# As in English, but an apostrophe ends a word (d'équipe, dell'ufficio are two), and so does a slash
# between other words than CI/CD.
_WORD = re.compile(r"[A-Z]{2,9}(?:/[A-Z]{2,9})++(?!\w)|\.?\w[\w+#]*(?:[.&-]\w[\w+#]*)*['’]?")
_CODE = re.compile(r"\d{3}|\A\d")
# Mitarbeiter:innen, technicien(ne), vendeur/euse, motivé·e: what stands behind the mark is no word,
# nor is a placeholder such as [e-mail].
_AFTER_MARK = re.compile(r"\w[:*(/·]\Z|\[\Z")
_ENDING = re.compile(r"\([a-zé]{1,5}\)")  # directeur (trice)
# In German what stands before it is none, either. Nor is Heizungs- in `Heizungs- und Klimatechnik`.
_BEFORE_MARK = re.compile(r"[:*_](?:innen|in)\b|-(?!\w)")
# assistant.e, motivé·es
_INCLUSIVE = re.compile(r"\w+[.·](?:e|ne|le|se|ve|t?rice|euse|ère|elle)(?:[.·]?s)?")
# After these, a common word is part of an expression: en cours, in corso.
_INSIDE = ("en", "in")
_BY = ("da", "par", "por")
# Participles in Romance languages.
_PARTICIPLE = re.compile(r"(?:(?:é|i|u)e?s?|(?:[ai]d|[aiu]t)[oaie]s?)\Z")
_GRADES = frozenset("ABCDE")  # of driving licences
# From this frequency, what can be an adjective before a noun is one; see `lexicons.is_common`.
_VERY_COMMON = 4.5


class FoundPhrase(NamedTuple):
    """A noun phrase: where it stands, and whether it is complete."""

    start: int
    end: int
    is_whole: bool


class _Word(NamedTuple):
    """A word of a text.

    Attributes:
        start: where it starts.
        end: where it ends.
        text: the word as it stands there.
        lower: the word in lower case, with a straight apostrophe.
        follows: whether it belongs to the clause of the word before it.
    """

    start: int
    end: int
    text: str
    lower: str
    follows: bool


class _Unit(NamedTuple):
    """A noun with its adjectives: where it starts and ends."""

    start: int
    end: int


def find_noun_phrases(
    text: str, ngram_max: int, names: frozenset[str], language: str
) -> Iterator[FoundPhrase]:
    """Find noun phrases of 1 to `ngram_max` words, where blanks part words.

    Args:
        text: a posting.
        ngram_max: most words in a phrase.
        names: words in lower case that are names, which no phrase contains.
        language: "de", "es", "fr", "it" or "nl".
    """
    for chain in _chains(text, names, language):
        first, last = chain[0].start, chain[-1].end
        is_long = text.count(" ", first, last) >= ngram_max
        for i, left in enumerate(chain):
            for right in chain[i:]:
                start, end = left.start, right.end
                if text.count(" ", start, end) >= ngram_max:
                    break
                if left is right and _says_little(text[start:end], language):
                    continue
                # Of a chain that is too long to be a phrase, each unit is one.
                is_whole = (start == first and end == last) or (is_long and left is right)
                yield FoundPhrase(start, end, is_whole)


def _says_little(unit: str, language: str) -> bool:
    return " " not in unit and is_common(unit.lower(), language)


def _chains(text: str, names: frozenset[str], language: str) -> Iterator[list[_Unit]]:
    """The chains of a text, in its order."""
    chain: list[_Unit] = []
    unit: list[tuple[_Word, str]] = []
    joint: _Word | None = None  # the last word, if it joins the last unit to what follows
    kind = "end"
    words = _words(text)
    for i, word in enumerate(words):
        if not word.follows:
            kind = "end"
        before = words[i - 1].lower if word.follows else ""
        after = words[i + 1].lower if i + 1 < len(words) and words[i + 1].follows else ""
        if kind == "end":
            yield from _closed(chain, unit, language)
            joint = None
        if _is_no_word(text, word, names, language):
            kind = "end"
        else:
            kind = _kind(word, kind, before, after, language)
        if kind in ("noun", "modifier"):
            if chain and not unit and not joint:
                yield from _closed(chain, unit, language)
            unit.append((word, kind))
            joint = None
        elif kind == "joint":
            _close_unit(chain, unit, language)
            joint = word
        elif kind != "article" or not joint:
            yield from _closed(chain, unit, language)
            joint = None
    yield from _closed(chain, unit, language)


def _closed(
    chain: list[_Unit], unit: list[tuple[_Word, str]], language: str
) -> Iterator[list[_Unit]]:
    """End a chain: give it back if it has a noun, and empty it."""
    _close_unit(chain, unit, language)
    if chain:
        yield chain.copy()
        chain.clear()


def _close_unit(chain: list[_Unit], unit: list[tuple[_Word, str]], language: str) -> None:
    """Add a unit to its chain, if it has a noun, and empty it."""
    nouns = [i for i, (_, kind) in enumerate(unit) if kind == "noun"]
    if nouns:
        # Adjectives stand behind the noun in Romance languages; before it they only praise.
        is_romance = language in ROMANCE
        first, last = (nouns[0], len(unit) - 1) if is_romance else (0, nouns[-1])
        chain.append(_Unit(unit[first][0].start, unit[last][0].end))
    unit.clear()


def _words(text: str) -> list[_Word]:
    words: list[_Word] = []
    end = 0
    for match in _WORD.finditer(text):
        gap = text[end : match.start()]
        follows = bool(words) and (gap == " " or (gap == "" and words[-1].lower[-1] == "'"))
        lower = match[0].lower().replace("’", "'")
        words.append(_Word(match.start(), match.end(), match[0], lower, follows))
        end = match.end()
    return words


def _is_no_word(text: str, word: _Word, names: frozenset[str], language: str) -> bool:
    """Whether a word is too short or long, a name, a number, or only a part of a word."""
    return bool(
        word.lower in names
        or len(word.text) > LONGEST_WORD
        or _CODE.search(word.text)
        or _AFTER_MARK.search(text, max(0, word.start - 2), word.start)
        or _ENDING.match(text, max(0, word.start - 1))
        or _BEFORE_MARK.match(text, word.end)
        or (language == "fr" and _INCLUSIVE.fullmatch(word.text))
    )


def _kind(word: _Word, previous: str, before: str, after: str, language: str) -> str:
    """What a word is between its neighbors.

    Args:
        word: the word.
        previous: what the word before it is.
        before: the word before it in lower case; empty if it begins a clause.
        after: the word after it in lower case; empty if it ends a clause.
        language: language of the text.

    Returns:
        A part of speech (`noun`, `modifier` or `verb`), `subject`, `joint`, `article`, which other
        prepositions count as, `filler`, or `end` for a word that no phrase contains.
    """
    grammar = GRAMMARS[language]
    joints = grammar.of | grammar.to
    follows_noun = previous in ("noun", "modifier")
    if follows_noun and word.lower in joints:
        return "joint"
    if word.lower in grammar.subjects:
        return "subject"
    if word.lower in grammar.articles or word.lower in joints:
        return "article"
    if len(word.text) == 1 or word.lower[-1] == "'":
        # Permis B, Klasse C
        return "noun" if previous == "noun" and word.text in _GRADES else "end"
    kinds = parts_of_speech(word.text, language)
    if word.text[0].isupper() and word.follows:
        kinds -= {"verb"}
    if not kinds:
        return "end"
    if is_filler(word.lower, language) or (previous == "filler" and "modifier" in kinds):
        return "filler"  # with its adjectives
    if previous == "joint" and before in _INSIDE and is_common(word.lower, language):
        return "end"  # marché en cours
    if after in grammar.of and (
        before in grammar.bare or (before in grammar.to and is_common(word.lower, language))
    ):
        return "end"  # en fonction de, au sein de
    goes_on = bool(after) and not is_function_word(after, language)
    if kinds == {"noun", "modifier"} and goes_on and is_common(word.lower, language, _VERY_COMMON):
        return "modifier"  # bonne, grands
    is_participle = kinds == {"modifier", "verb"} and _PARTICIPLE.search(word.lower)
    is_alone = language == "fr" and not word.lower.endswith("s")
    if is_participle and follows_noun and (after in joints or after in _BY or is_alone):
        return "verb"  # restaurant situé à, règles fixées par, véhicule exigé; not pièces détachées
    if previous == "subject" and "verb" in kinds:
        return "verb"
    order: tuple[str, ...] = ("modifier", "noun", "verb")
    if previous == "end" and {"noun", "verb"} <= kinds:
        # Disposant d'un véhicule; but Permis B, Suivi des dossiers
        order = ("verb",) if word.lower.endswith("ant") else ("noun", "modifier", "verb")
    if previous in ("article", "joint") and "noun" not in kinds and "modifier" in kinds:
        return "modifier" if goes_on or word.text[0].isupper() else "noun"  # líneas de envasado
    if previous in ("article", "joint") or after in joints:
        order = ("noun", "modifier", "verb")
    elif follows_noun and language in ROMANCE:
        order = ("modifier", "verb", "noun")
    elif after in grammar.articles and "verb" in kinds:
        return "verb"
    return next(kind for kind in order if kind in kinds)
