"""What a word of a German, Dutch, French, Spanish or Italian posting can be: noun, adjective, verb.

German and Dutch words are tagged by HanTa (Wartena 2019). French, Spanish and Italian ones are
looked up in the lexicons that spaCy's lemmatizers use (spacy-lookups-data: Lexique, Morph-it! and
others). Stop words are those of the library stop-words.
"""

import functools
import gzip
import json
import re
from collections import Counter
from importlib.resources import files
from pathlib import Path
from typing import Any, NamedTuple

import snowballstemmer
from stop_words import get_stop_words
from wordfreq import zipf_frequency

from jobgen.data.keywords.parts_of_speech import class_shares

_MODELS = {"de": "morphmodel_ger.pgz", "nl": "morphmodel_dutch.pgz"}
# Words that every posting has and no keyword needs, by language.
_FILLER = json.loads(Path(__file__).with_name("filler_words.json").read_text(encoding="utf-8"))
_SNOWBALL = {"de": "german", "nl": "dutch", "fr": "french", "es": "spanish", "it": "italian"}
# From this frequency in general texts (log10 of its occurrences per billion words), a word says too
# little on its own: time, work, service.
_TOO_COMMON = 4.3
# From this frequency, a word that the lexicon lacks is no name of a trade, a machine or a program.
_WELL_KNOWN = 4.5
# Letters of a word that no lexicon has; shorter ones are endings: technicien (ne).
_SHORTEST = 4
# From this frequency, what can be an adverb or a preposition is one.
_LITTLE_WORD = 5.0
# Letters of an abbreviation such as CACES; longer words in capitals are names.
_LONGEST_ACRONYM = 6
# The least frequency of a program's name in English texts.
_KNOWN_IN_ENGLISH = 3.0
# A verb has many forms, a noun or an adjective at most four.
_FORMS_OF_VERB = 12
# Endings of plurals -> what stands there in the singular.
_PLURALS = {
    "fr": (("aux", "al"), ("eaux", "eau"), ("s", ""), ("x", "")),
    "es": (("ces", "z"), ("iones", "ión"), ("es", ""), ("s", "")),
    "it": (),  # its tables have all forms
}
# Endings of adverbs and verbs, for words that a lexicon lacks.
_NO_NOUNS = {
    "fr": ("ment", "ez", "ons"),
    "es": ("mente", "nos"),
    "it": ("mente", "arà", "erà", "irà"),
}
# Endings of nouns that a lexicon lacks.
_NOUNS = {"fr": (), "es": (), "it": ("tà", "tù")}
_PARTICIPLE = re.compile(r"ée?s?\Z")  # in French
# Pronouns that Spanish and Italian write at the end of a verb: encargarte, occuparti.
_CLITIC = re.compile(r"(.{1,30}[aeií]r)(?:[mts]e|nos|l[aeo]s?|[mtsv]i|ci|l[aeio]|ne)")


class _Lexicon(NamedTuple):
    """The words of a language, in lower case.

    Attributes:
        nouns: nouns.
        modifiers: adjectives.
        verbs: forms of verbs.
        infinitives: the lemmas of verbs.
        others: words of other kinds, such as adverbs.
        lemmas: inflected word -> its lemma, or several.
    """

    nouns: frozenset[str]
    modifiers: frozenset[str]
    verbs: frozenset[str]
    infinitives: frozenset[str]
    others: frozenset[str]
    lemmas: dict[str, str | list[str]]


@functools.lru_cache(maxsize=200_000)
def parts_of_speech(word: str, language: str) -> frozenset[str]:
    """What a word can be: any of `noun`, `modifier` and `verb`; nothing if it is none of them."""
    if is_function_word(word.lower(), language):
        return frozenset()
    if language in _MODELS:
        return _germanic(word, language)
    return _romance(word, language)


def is_function_word(word: str, language: str) -> bool:
    """Whether a word in lower case is an article, a preposition or another stop word."""
    return word in _stop_words(language) or word.endswith("'")


@functools.lru_cache(maxsize=200_000)
def is_filler(word: str, language: str) -> bool:
    """Whether a word in lower case, in any of its forms, is one that every posting has."""
    return _stem(word, language) in _filler_stems(language)


@functools.lru_cache(maxsize=200_000)
def is_common(word: str, language: str, least: float = _TOO_COMMON) -> bool:
    """Whether a word in lower case, or its lemma, is too common to say much on its own.

    Args:
        word: the word.
        language: language of the word.
        least: log10 of its least occurrences per billion words.
    """
    if not word.isalpha():  # C++
        return False
    forms = {word} if language in _MODELS else _forms(word, language)
    return max(zipf_frequency(form, language) for form in forms) >= least


def _romance(word: str, language: str) -> frozenset[str]:
    lexicon, lower = _lexicon(language), word.lower()
    if lower in lexicon.infinitives:
        return frozenset({"verb"})
    if lower in lexicon.others and zipf_frequency(lower, language) >= _LITTLE_WORD:
        return frozenset()
    forms = _forms(lower, language)
    clitic = _CLITIC.fullmatch(lower) if language != "fr" else None
    clitics = (clitic[1], clitic[1] + "e") if clitic else ()
    participles = (lower[:-3] + ending for ending in ("er", "ir", "re") if lower.endswith("ant"))
    infinitives = {lower + "r", _PARTICIPLE.sub("er", lower), *clitics, *participles}
    # The lexicons have the masculine of most adjectives alone.
    forms_of_adjective = forms | {form.removesuffix("e") for form in forms}
    found = set()
    if lower.endswith(_NOUNS[language]) or (forms - lexicon.infinitives) & lexicon.nouns:
        found.add("noun")
    if forms_of_adjective & lexicon.modifiers:
        found.add("modifier")
    if lower in lexicon.verbs or (forms | infinitives) & lexicon.infinitives:
        found.add("verb")
    if not found and (
        lower in lexicon.others
        or (word.islower() and len(word) < _SHORTEST)
        or lower.endswith(_NO_NOUNS[language])
        or lower.rpartition("-")[2] in _stop_words(language)  # envoyez-nous
        or (word.islower() and zipf_frequency(lower, language) >= _WELL_KNOWN)
        or _is_name(word, language)
    ):
        return frozenset()
    # Names of software, trades and machines are in no dictionary.
    return frozenset(found or {"noun"})


def _is_name(word: str, language: str) -> bool:
    """Whether a word that no lexicon has is the name of a place, a company or a person.

    English texts name programs and standards as often, but not the places of another country.
    """
    if word.isupper() and len(word) > _LONGEST_ACRONYM:
        return True
    parts = word.split("-")  # Saint-Clair-du-Mont
    if not word[0].isupper() or not all(part[1:].islower() for part in parts if part):
        return False
    in_english = zipf_frequency(word, "en")
    return in_english < _KNOWN_IN_ENGLISH or in_english < zipf_frequency(word, language) - 0.5


def _forms(word: str, language: str) -> set[str]:
    """A word, its singular and its lemma."""
    lemmas = _lexicon(language).lemmas.get(word, [])
    singulars = {
        word.removesuffix(plural) + singular
        for plural, singular in _PLURALS[language]
        if word.endswith(plural)
    }
    return {word, *([lemmas] if isinstance(lemmas, str) else lemmas), *singulars}


def _germanic(word: str, language: str) -> frozenset[str]:
    shares = _class_shares(word, language)
    if language == "de" and word.islower():
        shares.pop("noun", None)  # nouns are capitalized
    if word[0].isupper() and word[1:].islower():
        # Any word is capitalized at the start of a sentence or in a heading.
        lower = _class_shares(word.lower(), language)
        if max(lower, key=lower.__getitem__, default="noun") == "verb":
            shares["verb"] = max(shares.get("verb", 0.0), lower["verb"])
    return frozenset(name for name, share in shares.items() if name != "other" and share >= 0.2)


def _class_shares(word: str, language: str) -> dict[str, float]:
    return class_shares(word, _MODELS[language], _CLASS_OF[language])


def _german_class(tag: str) -> str:
    if tag.startswith(("NN", "NE", "FM", "XY")):
        return "noun"
    if tag.startswith("ADJ(A)"):
        return "modifier"
    return "verb" if tag.startswith("V") else "other"


def _dutch_class(tag: str) -> str:
    if tag.startswith(("N(", "SPEC")):
        return "noun"
    if tag.startswith("ADJ") or re.match(r"WW\((?:vd|od),prenom", tag):
        return "modifier"
    return "verb" if tag.startswith("WW") else "other"


_CLASS_OF = {"de": _german_class, "nl": _dutch_class}


@functools.cache
def _lexicon(language: str) -> _Lexicon:
    if language == "it":
        names = ("noun", "adj", "verb", "adv", "adp", "det", "pron", "num")
        nouns, modifiers, verbs, *others = (_table(f"it_lemma_lookup_{name}") for name in names)
        return _Lexicon(
            frozenset(nouns),
            frozenset(modifiers),
            frozenset(verbs),
            frozenset(verbs.values()),
            frozenset().union(*others),
            {},
        )
    index, forms = _table(f"{language}_lemma_index"), _table(f"{language}_lemma_exc")
    lemmas = _table(f"{language}_lemma_lookup")
    words = {name: {*index.get(name, ()), *forms.get(name, ())} for name in {*index, *forms}}
    counts: Counter[str] = Counter()
    for lemma in lemmas.values():
        counts.update([lemma] if isinstance(lemma, str) else lemma)
    return _Lexicon(
        frozenset(words.pop("noun")),
        frozenset(words.pop("adj")),
        frozenset(words.pop("verb")),
        frozenset(lemma for lemma, n in counts.items() if n >= _FORMS_OF_VERB),
        frozenset().union(*words.values()),
        lemmas,
    )


def _table(name: str) -> Any:
    path = files("spacy_lookups_data") / "data" / f"{name}.json.gz"
    return json.loads(gzip.decompress(path.read_bytes()))


@functools.cache
def _stop_words(language: str) -> frozenset[str]:
    return frozenset(get_stop_words(language))


@functools.cache
def _filler_stems(language: str) -> frozenset[str]:
    return frozenset(_stem(word, language) for word in _FILLER[language].lower().split())


def _stem(word: str, language: str) -> str:
    return str(_stemmer(language).stemWord(word))


@functools.cache
def _stemmer(language: str) -> Any:
    return snowballstemmer.stemmer(_SNOWBALL[language])
