"""Keywords of a posting: phrases that occur in it word for word, like those that a person types.

1. `phrase_counts` counts the phrases of a sample of the postings (jobgen.data.keywords.phrases).
2. `likely_keywords` selects the phrases of one posting that are most likely keywords, by a model of
   what people mark as skills and knowledge in postings (jobgen.data.keywords.model).
3. `keyword_probabilities` adds what their embeddings say.
4. `select_keywords` picks phrases that are likely keywords, that differ from one another (maximal
   marginal relevance, MMR, Carbonell and Goldstein 1998), and that together are close to what is
   particular about the posting.
"""

import json
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from itertools import chain, repeat
from math import log10
from pathlib import Path

import numpy as np
from scipy.special import expit
from sklearn.linear_model import LogisticRegression
from wordfreq import zipf_frequency

from jobgen.data.keywords.model import keyword_model, score_contexts, score_words
from jobgen.data.keywords.phrases import Corpus, Phrase, find_phrases

# A function from texts to unit vectors, (len(texts), d), float32.
Embed = Callable[[Sequence[str]], np.ndarray]

EXAMPLES = Path(__file__).with_name("examples.json")
# Words without the noun that they belong to are a fragment, unless they are a complete noun phrase
# in at least this share of their postings: `machine learning` in `machine learning engineer`, but
# not `multimodal machine` in `multimodal machine learning`.
_WHOLE_SHARE = 0.2
# Embedding takes nearly all of the time, so only this many phrases of a posting are embedded.
_MAX_CANDIDATES = 60
# What all similar postings say is not particular to this one, so this share of the mean of its
# nearest neighbors is subtracted from its embedding. From this similarity, a posting of the sample
# is this one or a copy of it, and not a neighbor.
_N_NEIGHBORS, _NEIGHBOR_SHARE, _COPY_SIMILARITY = 30, 0.8, 0.95
# A phrase that is less likely a keyword is none, unless the likeliest one is hardly likelier: what
# people marked is technical, so in other trades all phrases are less likely.
_LEAST_PROBABILITY, _LEAST_SHARE = 0.05, 0.1
# A capitalized word that no other posting has is more often a name than a keyword, the more so the
# more postings there are: log odds for a tenfold number of them.
_ONLY_HERE = -0.4
# People mark `reviews` and `shipping` where they read of them, but hardly type them: log odds.
_PLAIN_WORD = -0.7
_PLAIN_FREQUENCY = 3.0  # log10 of occurrences in a billion words
# Of postings in other languages than English, compared to 1 for a noun phrase: the odds of a single
# plain word, and of a phrase that no other posting has.
_SINGLE_WORD, _ONE_POSTING = 0.5, 0.8
_RARITY_POWER = 0.1
# Weight of what a phrase adds to the similarity of the keywords, taken together, to the posting.
_SET_WEIGHT = 10.0


@dataclass
class Background:
    """What the postings of a table have in common.

    Attributes:
        corpus: counts of phrases in a sample of the postings.
        texts: (n, d), embeddings of the sample.
        keyword_classifier: distinguishes keywords from filler by their embeddings.
    """

    corpus: Corpus
    texts: np.ndarray
    keyword_classifier: LogisticRegression


def train_keyword_classifier(embed: Embed) -> LogisticRegression:
    """Train on examples to distinguish keywords from filler by their embeddings."""
    phrases, is_keyword = example_phrases()
    classifier = LogisticRegression(class_weight="balanced", max_iter=2000)
    return classifier.fit(embed(phrases), is_keyword)


def example_phrases() -> tuple[list[str], np.ndarray]:
    """The n example phrases in lower case, and whether each is a keyword, (n,)."""
    examples = json.loads(EXAMPLES.read_text(encoding="utf-8"))
    keywords, fillers = examples["keywords"], examples["fillers"]
    phrases = [phrase.lower() for phrase in [*keywords, *fillers]]
    return phrases, np.arange(len(phrases)) < len(keywords)


def likely_keywords(
    text: str,
    phrases: dict[str, Phrase],
    word_scores: np.ndarray,
    corpus: Corpus,
) -> tuple[dict[str, Phrase], np.ndarray]:
    """Select the phrases of a posting that are most likely keywords, which are worth embedding.

    Args:
        text: a clean posting.
        phrases: its n phrases.
        word_scores: (n,), of `score_words`.
        corpus: counts of phrases in the table.

    Returns:
        The m best phrases in the order of the text, and their scores, (m,), in log odds.
    """
    scores = word_scores + score_contexts(text, phrases, corpus)
    only_here = [_is_only_here(phrase, corpus) for phrase in phrases.values()]
    scores += _ONLY_HERE * log10(corpus.n_texts) * np.array(only_here)
    scores += _PLAIN_WORD * np.array([_is_plain_word(key) for key in phrases])
    # What people marked is English.
    is_foreign = np.array([phrase.language != "en" for phrase in phrases.values()], bool)
    scores = np.where(is_foreign, np.log(corpus_weights(phrases, corpus)), scores)
    if len(phrases) > _MAX_CANDIDATES:
        best = np.sort(np.argsort(-scores, kind="stable")[:_MAX_CANDIDATES])
        keys = list(phrases)
        phrases, scores = {keys[i]: phrases[keys[i]] for i in best}, scores[best]
    return phrases, scores


def corpus_weights(phrases: dict[str, Phrase], corpus: Corpus) -> np.ndarray:
    """Odds, (len(phrases),), by rarity, completeness and form, for which counts suffice."""
    documents = np.array([corpus.documents.get(key, 1) for key in phrases])
    whole_share = np.array([corpus.whole.get(key, 1) for key in phrases]) / documents
    is_whole = [phrase.whole for phrase in phrases.values()]
    completeness = np.where(is_whole, 1, 0.3 + 0.7 * whole_share)
    rarity = np.log((corpus.n_texts + 1) / documents) ** _RARITY_POWER
    is_plain = [phrase.text.islower() and " " not in phrase.text for phrase in phrases.values()]
    weights = rarity * completeness * np.where(is_plain, _SINGLE_WORD, 1)
    return weights * np.where(documents > 1, 1, _ONE_POSTING)


def keyword_probabilities(
    phrases: dict[str, Phrase],
    scores: np.ndarray,
    vectors: np.ndarray,
    classifier: LogisticRegression,
) -> np.ndarray:
    """Probability that each of n phrases is a keyword, (n,).

    Args:
        phrases: the n candidates of one posting.
        scores: (n,), of `likely_keywords`.
        vectors: (n, d), embeddings of the phrases.
        classifier: distinguishes keywords from filler by their embeddings; the examples that it
            learned from are English.
    """
    of_examples = keyword_model().of_examples * classifier.decision_function(vectors)
    is_english = [phrase.language == "en" for phrase in phrases.values()]
    return expit(scores + of_examples * np.array(is_english))


def select_keywords(
    phrases: dict[str, Phrase],
    vectors: np.ndarray,
    probabilities: np.ndarray,
    particular: np.ndarray,
    top_n: int,
    diversity: float,
) -> tuple[list[str], list[float]]:
    """Pick keywords one by one, none of them contained in another.

    Args:
        phrases: the n candidates of one posting.
        vectors: (n, d), unit vectors of the candidates.
        probabilities: (n,), that they are keywords; unlikely ones are never picked.
        particular: (d,), unit vector of what is particular about the posting.
        top_n: largest number of keywords; a short posting can have fewer.
        diversity: weight of the difference to the keywords picked before, 0 to 1.

    Returns:
        The keywords as they stand in the posting and their probabilities, in the order of the
        picks.
    """
    padded = [f" {key} " for key in phrases]
    texts = [phrase.text for phrase in phrases.values()]
    relevance = np.sqrt(probabilities / probabilities.max())
    least = min(_LEAST_PROBABILITY, _LEAST_SHARE * probabilities.max())
    is_available = probabilities >= least
    redundancy = np.zeros(len(phrases))  # similarity to the most similar picked phrase
    total = np.zeros_like(particular)  # sum of the vectors of the picked phrases
    similarity = 0.0  # of their sum to what is particular
    picked: list[int] = []
    while len(picked) < top_n and is_available.any():
        with_each = total + vectors
        similarities = with_each @ particular / np.linalg.norm(with_each, axis=1)
        gain = relevance + _SET_WEIGHT * (similarities - similarity)
        score = (1 - diversity) * gain - diversity * redundancy
        best = int(np.argmax(np.where(is_available, score, -np.inf)))
        picked.append(best)
        total, similarity = with_each[best], float(similarities[best])
        redundancy = np.maximum(redundancy, vectors @ vectors[best])
        for other in np.flatnonzero(is_available):
            if padded[other] in padded[best] or padded[best] in padded[other]:
                is_available[other] = False
    return [texts[i] for i in picked], [round(float(probabilities[i]), 3) for i in picked]


def extract_keywords(
    texts: Sequence[str],
    embed: Embed,
    background: Background,
    top_n: int,
    ngram_range: tuple[int, int],
    diversity: float,
    languages: Iterable[str] = repeat("en"),
) -> tuple[list[list[str]], list[list[float]]]:
    """Extract the keywords of each text.

    Args:
        texts: clean postings.
        embed: the embedding model.
        background: what the postings of their table have in common.
        top_n: largest number of keywords per text; a short text can have fewer.
        ngram_range: fewest and most words in a keyword.
        diversity: weight of the difference between keywords in MMR, 0 to 1.
        languages: language of each text, as an ISO 639-1 code.

    Returns:
        For each text its keywords, and the probability that each is one.
    """
    fewest_words, most_words = ngram_range
    corpus, classifier = background.corpus, background.keyword_classifier

    # 1. The phrases of each text that are most likely keywords.
    all_phrases = [
        {
            key: phrase
            for key, phrase in find_phrases(text, most_words, corpus.names, language).items()
            if key.count(" ") >= fewest_words - 1 and not _is_fragment(key, phrase, corpus)
        }
        for text, language in zip(texts, languages, strict=False)
    ]
    row_of = _rows(all_phrases)
    word_scores = score_words(list(row_of))
    candidates = [
        likely_keywords(text, phrases, word_scores[[row_of[key] for key in phrases]], corpus)
        for text, phrases in zip(texts, all_phrases, strict=True)
    ]

    # 2. Embed each distinct one of them once.
    row_of = _rows(phrases for phrases, _ in candidates)
    phrase_vectors = embed(list(row_of))
    text_vectors = embed(texts)

    # 3. Select text by text.
    all_keywords, all_probabilities = [], []
    for (phrases, scores), text_vector in zip(candidates, text_vectors, strict=True):
        keywords: list[str] = []
        probabilities: list[float] = []
        if phrases:
            vectors = phrase_vectors[[row_of[key] for key in phrases]]
            likely = keyword_probabilities(phrases, scores, vectors, classifier)
            particular = _particular(text_vector, background.texts)
            keywords, probabilities = select_keywords(
                phrases, vectors, likely, particular, top_n, diversity
            )
        all_keywords.append(keywords)
        all_probabilities.append(probabilities)
    return all_keywords, all_probabilities


def _is_fragment(key: str, phrase: Phrase, corpus: Corpus) -> bool:
    """Whether a phrase lacks the noun that it belongs to; abroad any part of one is a fragment."""
    is_term = " " not in key and not _is_plain_word(key)  # Terraform in Terraform modules
    if phrase.whole or (phrase.language == "en" and (phrase.ends or is_term)):
        return False
    return corpus.whole.get(key, 0) < _WHOLE_SHARE * corpus.documents.get(key, np.inf)


def _is_only_here(phrase: Phrase, corpus: Corpus) -> bool:
    """Whether a phrase has a capitalized word that no other posting of the sample has."""
    return any(
        word.lower() not in corpus.documents
        for word in phrase.text.split(" ")
        if not word.islower()
    )


def _is_plain_word(key: str) -> bool:
    return " " not in key and zipf_frequency(key, "en") >= _PLAIN_FREQUENCY


def _rows(phrases: Iterable[dict[str, Phrase]]) -> dict[str, int]:
    """Each distinct key of several dictionaries, numbered."""
    return {key: row for row, key in enumerate(dict.fromkeys(chain.from_iterable(phrases)))}


def _particular(text: np.ndarray, sample: np.ndarray) -> np.ndarray:
    """What is particular about a posting among those of the sample, a unit vector, (d,)."""
    particular = text - _NEIGHBOR_SHARE * _mean_neighbor(text, sample)
    return particular / max(float(np.linalg.norm(particular)), 1e-6)


def _mean_neighbor(text: np.ndarray, sample: np.ndarray) -> np.ndarray:
    """Mean of the sampled postings nearest to one, (d,)."""
    similarity = sample @ text
    similarity[similarity > _COPY_SIMILARITY] = -1
    n = min(_N_NEIGHBORS, int((similarity > -1).sum()))
    if not n:
        return np.zeros_like(text)
    return sample[np.argpartition(-similarity, n - 1)[:n]].mean(axis=0)
