"""Names of companies, people and places, which no keyword contains."""

import re
from collections import Counter
from collections.abc import Iterable
from functools import lru_cache, partial

from cleanco import basename
from wordfreq import zipf_frequency

from jobgen.data.keywords.parts_of_speech import WORD

_STATES = (
    "A[KLRZ]|C[AOT]|D[CE]|FL|GA|HI|I[ADLN]|K[SY]|LA|M[ADEINOST]|N[CDEHJMVY]|O[HKR]|PA|RI|S[CD]|T[NX]"
    "|UT|V[AT]|W[AIVY]"
)
# A capitalized name, and the contexts in which postings name their company, a person or a place.
# Its length is bounded, for a time that is linear in the text's.
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
        rf"\b{_NAME}, (?:{_STATES}|USA|UK|United States|United Kingdom|Canada|India)\b",
        rf"\b(?:[Bb]ased|[Ll]ocated|[Hh]eadquartered|[Oo]ffices?|[Ll]ocations?) (?:in|at) {_NAME}",
        rf"\b(?:bei|bij|chez|presso|rejoindre|rejoignez) {_NAME}",
        rf"\b{_NAME} (?:busca|cerca|recherche|recrute|ricerca|sucht|zoekt)\b",
    )
]
# A word is a name if at least this share of the postings that have it show it in such a context:
# 7 % of the postings with Python say "Python is", 81 % of those with Apple say "Apple's".
_NAME_SHARE = 0.3
# The least frequency, as log10 of its occurrences per billion words, of a plain English word, such
# as those which Apple, Oracle and Unity chose for their names.
_PLAIN = 3.0
# What companies are called without, besides their legal forms, and the end of a web address.
_ARTICLE = re.compile(r"\A(?:The|Die|Der|Das|La|Le|Les|L['’])\s?(?=[A-Z])")
_GROUP = re.compile(r"[\s,]{1,3}(?:Company|Group|Groupe|Gruppe|Gruppo|Grupo|Holdings?)\Z", re.I)
_DOMAIN = re.compile(r"\.(?:ai|com|de|es|eu|fr|io|it|net|nl|org|co\.uk)\Z", re.I)
_LONGEST_NAME, _MOST_NAMES = 120, 10  # characters; names in a cell


def find_names(texts: Iterable[str], companies: Iterable[str] = ()) -> frozenset[str]:
    """Words, in lower case, that a sample of postings mostly uses as names.

    A name ends a clause, so names must be known before phrases are counted.

    Args:
        texts: the postings, without the names of their own companies if those are given.
        companies: the company of each posting, as its table has it; a plain word of a name counts
            as a name in the company's own postings alone.

    >>> find_names(["Join Veo, please.", "We love Python.", "Python and Java."])
    frozenset({'veo'})
    >>> sorted(find_names(["We love Python.", "Ride."], ["Oracle Corp.", "Zalando SE"]))
    ['zalando']
    """
    n_with_word: Counter[str] = Counter()
    n_as_name: Counter[str] = Counter()
    for company in companies:
        words = {
            match[0].lower()
            for form in company_forms(company)
            for match in WORD.finditer(form)
            if not _is_plain(match[0])
        }
        n_with_word.update(words)
        n_as_name.update(words)
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


def without_company(text: str, company: str) -> str:
    """A posting with a bar in place of each mention of its own company, so that no phrase has it.

    Args:
        text: a posting.
        company: the name in its table, or several, each in a line; empty if it is not known.

    >>> without_company("Apple's apple pie, made at Apple by us.", "Apple Inc.")
    '| apple pie, made at | by us.'
    """
    for form in company_forms(company):
        text = _mention(form).sub(partial(_bar, form), text)
    return text


def company_forms(company: str) -> list[str]:
    """How a company may be called in a posting: with and without its legal form, the longest first.

    >>> company_forms("The Acme Group, Inc.")
    ['The Acme Group, Inc.', 'The Acme Group', 'Acme Group', 'Acme']
    """
    forms: set[str] = set()
    for name in company.splitlines()[:_MOST_NAMES]:
        form = " ".join(name.split())
        if len(form) > _LONGEST_NAME:
            continue
        forms.add(form)
        form = basename(form) or form
        forms.add(form)
        for pattern in (_ARTICLE, _GROUP, _DOMAIN):
            form = pattern.sub("", form)
            forms.add(form)
    forms = {form for form in forms if len(form) > 1 and any(map(str.isalpha, form))}
    return sorted(forms, key=lambda form: (-len(form), form))


@lru_cache(maxsize=10_000)
def _mention(form: str) -> re.Pattern[str]:
    """Where a name stands, in any letter case, with the ending of a genitive."""
    words = r"\s".join(re.escape(word) for word in form.split(" "))
    return re.compile(rf"(?<!\w)({words})(?!\w)(?:['’]s\b)?", re.IGNORECASE)


def _bar(form: str, match: re.Match[str]) -> str:
    """A bar for a mention of the name; plain words in lower case are none, and stay."""
    mention = match[1]
    is_name = mention == form or not mention[0].islower()
    return "|" if is_name or not all(map(_is_plain, form.split(" "))) else match[0]


def _is_plain(word: str) -> bool:
    return zipf_frequency(word, "en") >= _PLAIN
