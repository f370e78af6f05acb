"""Parts of speech of English words, as HanTa (Wartena 2019, the Hanover Tagger) tells them.

Each word is tagged on its own: postings are lists and fragments more than sentences.
"""

import functools
import re
from collections.abc import Callable
from math import exp

from HanTa import HanoverTagger
from sklearn.feature_extraction.text import ENGLISH_STOP_WORDS

# C++, .NET, C#, CI/CD, Node.js, well-known and R&D are one word each.
WORD = re.compile(r"\.?\w[\w+#]*(?:[./&'’-]\w[\w+#]*)*")
# One-letter words are noise, except the names of programming languages.
_LETTERS_KEPT = {"C", "R"}
_POSSESSIVE = re.compile(r"['’]")
# FLU010951, JC-269147: the number of a posting or a law.
_CODE = re.compile(r"\d{3}")
# Verbs without a meaning of their own: nobody would search for `provide support`.
EMPTY_VERBS = frozenset(
    "achieve act add allow apply assist be become believe bring change click contribute"
    " create define deliver demonstrate drive empower enable engage enjoy ensure exceed"
    " execute expand expect find follow gain get give grow have help impact improve include"
    " increase join keep know learn look love make maximize meet minimize need offer"
    " participate possess power prefer provide receive report require see seek send serve set"
    " shape share solve start submit support take think thrive understand visit want work".split()
)
# Words that every posting has and no keyword needs: they end a clause, so that
# `strong Python experience` gives `Python`.
EMPTY_WORDS = frozenset(
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
LONGEST_WORD = 60
_CLASSES = ("noun", "modifier", "verb", "gerund", "other")


@functools.lru_cache(maxsize=200_000)
def part_of_speech(word: str) -> str:
    """`noun`, `modifier`, `verb`, or `other` for a word that ends a clause."""
    if len(word) == 1:
        return "noun" if word in _LETTERS_KEPT else "other"
    if (
        len(word) > LONGEST_WORD
        or word.lower() in ENGLISH_STOP_WORDS
        or word.lower() in EMPTY_WORDS
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
    return dict.fromkeys(_CLASSES, 0.0) | class_shares(word, "morphmodel_en.pgz", _class_of)


def _class_of(tag: str) -> str:
    """The class of a tag of the BNC."""
    if tag.startswith("N"):
        return "noun"
    if tag.startswith("AJ") or tag in ("VVN", "VVD"):
        return "modifier"
    if tag.endswith("G") and tag.startswith("V"):
        return "gerund"
    return "verb" if tag.startswith("V") else "other"


def class_shares(word: str, model: str, class_of: Callable[[str], str]) -> dict[str, float]:
    """Probability that a word, seen alone, belongs to each class that it can have.

    Args:
        word: the word.
        model: a model of HanTa.
        class_of: the class of one of the model's tags.
    """
    tags = _tagger(model).tag_word(word)[:6]
    best = max(log_probability for _, log_probability in tags)
    shares: dict[str, float] = {}
    for tag, log_probability in tags:
        name = class_of(tag)
        shares[name] = shares.get(name, 0.0) + exp(log_probability - best)
    total = sum(shares.values())
    return {name: share / total for name, share in shares.items()}


@functools.cache
def _tagger(model: str) -> HanoverTagger.HanoverTagger:
    return HanoverTagger.HanoverTagger(model)
