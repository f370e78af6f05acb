"""Keywords as the original project made them: n-grams by KeyBERT (Grootendorst 2020), with MMR.

KeyBERT removes punctuation and stop words before it forms n-grams, so many of its keywords do not
stand in the posting word for word.
"""

from collections.abc import Iterable, Sequence

import numpy as np
from keybert import KeyBERT
from keybert.backend import BaseEmbedder
from stop_words import LANGUAGE_MAPPING, get_stop_words

from jobgen.data.keywords.extraction import Embed


class _Backend(BaseEmbedder):
    """Hands KeyBERT the embedding model of the preparation."""

    def __init__(self, embed: Embed):
        super().__init__()
        self._embed = embed

    def embed(self, documents: Sequence[str], verbose: bool = False) -> np.ndarray:
        return self._embed(list(documents))


def extract_with_keybert(
    texts: Sequence[str],
    embed: Embed,
    top_n: int,
    ngram_range: tuple[int, int],
    diversity: float,
    languages: Iterable[str],
) -> tuple[list[list[str]], list[list[float]]]:
    """Extract the keywords of each text, one text after the other.

    Args:
        texts: clean postings.
        embed: the embedding model.
        top_n: largest number of keywords per text.
        ngram_range: fewest and most words in a keyword.
        diversity: weight of the difference between keywords in MMR, 0 to 1.
        languages: language of each text, as an ISO 639-1 code, whose stop words no keyword has.

    Returns:
        For each text its keywords, and their scores: how similar they are to the text.
    """
    model = KeyBERT(_Backend(embed))
    keywords: list[list[str]] = []
    scores: list[list[float]] = []
    for text, language in zip(texts, languages, strict=True):
        found = model.extract_keywords(
            text,
            keyphrase_ngram_range=ngram_range,
            stop_words=_stop_words(language),
            use_mmr=True,
            top_n=top_n,
            diversity=diversity,
        )
        keywords.append([keyword for keyword, _ in found])
        scores.append([score for _, score in found])
    return keywords, scores


def _stop_words(language: str) -> str | list[str]:
    """KeyBERT's own for English and for languages of which none are known."""
    if language == "en" or language not in LANGUAGE_MAPPING:
        return "english"
    return [word for word in get_stop_words(language) if word.isalpha()]
