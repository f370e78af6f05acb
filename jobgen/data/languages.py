"""Which languages the postings of a table are in, and what that means for the preparation."""

import functools
from collections import Counter
from collections.abc import Iterable

from py3langid.langid import MODEL_FILE, LanguageIdentifier

# The languages whose parts of speech and stop words the preparation knows.
KEYWORD_LANGUAGES = ("de", "en", "es", "fr", "it", "nl")
# Characters of a posting by which its language is told; a much shorter one tells too little.
_READ, _FEWEST_READ = 800, 60
# The share of postings from which a language counts as one of the table.
_LEAST_SHARE = 0.02
_NAMES = {
    **{"cs": "Czech", "da": "Danish", "de": "German", "el": "Greek", "en": "English"},
    **{"es": "Spanish", "fi": "Finnish", "fr": "French", "hu": "Hungarian", "it": "Italian"},
    **{"ja": "Japanese", "ko": "Korean", "nl": "Dutch", "no": "Norwegian", "pl": "Polish"},
    **{"pt": "Portuguese", "ro": "Romanian", "ru": "Russian", "sv": "Swedish", "tr": "Turkish"},
    **{"uk": "Ukrainian", "zh": "Chinese"},
}


def language_of(text: str) -> str:
    """The language of a text, as an ISO 639-1 code (py3langid, a fork of langid by Lui 2012).

    >>> language_of("Vous réparez des vélos cargo et vous commandez les pièces détachées.")
    'fr'
    """
    return str(_identifier().classify(text[:_READ])[0])


def text_languages(texts: Iterable[str]) -> list[str]:
    """The language of each text; an empty one for those that are too short to tell.

    >>> text_languages(["Ride.", "You repair bikes in our workshop and sell helmets in our shop."])
    ['', 'en']
    """
    return [language_of(text) if len(text) >= _FEWEST_READ else "" for text in texts]


def count_languages(texts: Iterable[str]) -> Counter[str]:
    """Language -> number of texts; those that are too short to tell are left out.

    >>> count_languages(["Ride.", "You repair bikes in our workshop and sell helmets in our shop."])
    Counter({'en': 1})
    """
    return Counter(language for language in text_languages(texts) if language)


def languages_of_table(counts: Counter[str]) -> tuple[str, ...]:
    """The languages of a table, without those that only a few postings seem to have.

    >>> languages_of_table(Counter({"en": 990, "fr": 60, "la": 1}))
    ('en', 'fr')
    """
    least = _LEAST_SHARE * counts.total()
    return tuple(sorted(language for language, n in counts.items() if n >= least))


def describe_languages(counts: Counter[str]) -> str:
    """What is there, and what becomes of it, in one line.

    >>> describe_languages(Counter({"en": 1515}))
    'languages: 1515 English'
    >>> describe_languages(Counter({"pl": 3}))[:58]
    'most texts seem to be Polish (3 Polish); keywords are made'
    """
    shown = ", ".join(f"{n} {_NAMES.get(code, code)}" for code, n in counts.most_common(6))
    if len(counts) > 6:
        shown += f", {sum(n for _, n in counts.most_common()[6:])} in others"
    if set(languages_of_table(counts)) <= set(KEYWORD_LANGUAGES):
        return f"languages: {shown}"
    most = counts.most_common(1)[0][0]
    start = f"languages: {shown}"
    if most not in KEYWORD_LANGUAGES:
        start = f"most texts seem to be {_NAMES.get(most, most)} ({shown})"
    *names, last = (_NAMES[code] for code in KEYWORD_LANGUAGES)
    return (
        f"{start}; keywords are made for {', '.join(names)} and {last}; for other languages set"
        ' extractor to "keybert" and embedder to a multilingual model, such as'
        " sentence-transformers/paraphrase-multilingual-MiniLM-L12-v2"
        " (docs/prepare.md, Languages)"
    )


@functools.cache
def _identifier() -> LanguageIdentifier:
    return LanguageIdentifier.from_model_file(MODEL_FILE)
