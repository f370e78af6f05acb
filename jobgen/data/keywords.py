"""Keywords of a posting: phrases that occur in it word for word, like those that a person types.

1. `phrase_counts` counts the phrases of a sample of the postings (jobgen.data.phrases).
2. `candidate_phrases` selects the phrases of one posting that are worth embedding.
3. `score_phrases` combines how close each phrase is to what is particular about the posting, how
   rare and how complete it is, and how likely it is a keyword rather than filler.
4. `select_keywords` picks high-scoring phrases that differ from one another, by maximal marginal
   relevance (MMR, Carbonell and Goldstein 1998).
"""

import json
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from itertools import repeat
from pathlib import Path

import numpy as np
from sklearn.linear_model import LogisticRegression

from jobgen.data.phrases import Corpus, Phrase, find_phrases

# A function from texts to unit vectors, (len(texts), d), float32.
Embed = Callable[[Sequence[str]], np.ndarray]

EXAMPLES = Path(__file__).with_name("keyword_examples.json")
# A part of a longer noun phrase is a candidate if it is a complete noun phrase in at least this
# share of its postings: `machine learning` in `machine learning engineer`, not `learning engineer`.
_WHOLE_SHARE = 0.2
# Embedding takes nearly all of the time, so only this many candidates of a posting are embedded.
_MAX_CANDIDATES = 80
# What all similar postings say is not particular to this one, so this share of the mean of its
# nearest neighbors is subtracted from its embedding. From this similarity, a posting of the sample
# is this one or a copy of it, and not a neighbor.
_N_NEIGHBORS, _NEIGHBOR_SHARE, _COPY_SIMILARITY = 30, 0.8, 0.95
# Weights, compared to 1 for a noun phrase: of a single plain word; of a duty; of a phrase that no
# other posting of the sample has, which is more often a name or an accident.
_SINGLE_WORD, _DUTY, _ONLY_HERE = 0.5, 0.85, 0.8
_RARITY_POWER = 0.1


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


def candidate_phrases(
    text: str, corpus: Corpus, ngram_range: tuple[int, int], language: str = "en"
) -> dict[str, Phrase]:
    """Select the phrases of a posting that are worth embedding.

    Args:
        text: a clean posting.
        corpus: counts of phrases in the table.
        ngram_range: fewest and most words in a phrase.
        language: language of the posting, as an ISO 639-1 code.

    Returns:
        Phrase in lower case -> `Phrase`, in the order of the text.
    """
    fewest_words, most_words = ngram_range
    candidates = {
        key: phrase
        for key, phrase in find_phrases(text, most_words, corpus.names, language).items()
        if key.count(" ") >= fewest_words - 1
        and (
            phrase.whole
            or corpus.whole.get(key, 0) >= _WHOLE_SHARE * corpus.documents.get(key, np.inf)
        )
    }
    if len(candidates) > _MAX_CANDIDATES:
        weights = corpus_weights(candidates, corpus)
        best = np.sort(np.argsort(-weights, kind="stable")[:_MAX_CANDIDATES])
        keys = list(candidates)
        candidates = {keys[i]: candidates[keys[i]] for i in best}
    return candidates


def corpus_weights(phrases: dict[str, Phrase], corpus: Corpus) -> np.ndarray:
    """Weights, (len(phrases),), by rarity, completeness and form, for which counts suffice."""
    documents = np.array([corpus.documents.get(key, 1) for key in phrases])
    whole_share = np.array([corpus.whole.get(key, 1) for key in phrases]) / documents
    is_whole = [phrase.whole for phrase in phrases.values()]
    completeness = np.where(is_whole, 1, 0.3 + 0.7 * whole_share)
    rarity = np.log((corpus.n_texts + 1) / documents) ** _RARITY_POWER
    form = np.array([_form_weight(phrase) for phrase in phrases.values()])
    return rarity * completeness * form * np.where(documents > 1, 1, _ONLY_HERE)


def score_phrases(
    phrases: dict[str, Phrase], vectors: np.ndarray, text: np.ndarray, background: Background
) -> np.ndarray:
    """Score how well each phrase fits as a keyword.

    Args:
        phrases: the n candidates of one posting.
        vectors: (n, d), embeddings of the candidates.
        text: (d,), embedding of the posting.
        background: what the postings of the table have in common.

    Returns:
        (n,), 1 for the best; 0 for phrases that are more likely filler than keywords, unless all
        of them are.
    """
    particular = text - _NEIGHBOR_SHARE * _mean_neighbor(text, background.texts)
    particular /= max(float(np.linalg.norm(particular)), 1e-6)
    is_keyword = background.keyword_classifier.predict_proba(vectors)[:, 1]  # probabilities
    is_keyword[is_keyword < min(0.5, is_keyword.max())] = 0
    # The examples are English, and so is the default embedding model.
    is_keyword[[phrase.language != "en" for phrase in phrases.values()]] = 1
    scores = np.maximum(vectors @ particular, 0.01) * corpus_weights(phrases, background.corpus)
    scores *= is_keyword
    return scores / scores.max()


def select_keywords(
    phrases: dict[str, Phrase],
    vectors: np.ndarray,
    scores: np.ndarray,
    top_n: int,
    diversity: float,
) -> tuple[list[str], list[float]]:
    """Pick keywords by MMR, none of them contained in another.

    Args:
        phrases: the n candidates of one posting.
        vectors: (n, d), unit vectors of the candidates.
        scores: (n,), scores of the candidates; one with 0 is never picked.
        top_n: largest number of keywords; a short posting can have fewer.
        diversity: weight of the difference to the keywords picked before, 0 to 1.

    Returns:
        The keywords as they stand in the posting and their scores, in the order of the picks.
    """
    padded = [f" {key} " for key in phrases]
    texts = [phrase.text for phrase in phrases.values()]
    redundancy = np.zeros(len(phrases))  # similarity to the most similar picked phrase
    is_available = scores > 0
    picked: list[int] = []
    while len(picked) < top_n and is_available.any():
        relevance = (1 - diversity) * scores - diversity * redundancy
        best = int(np.argmax(np.where(is_available, relevance, -np.inf)))
        picked.append(best)
        redundancy = np.maximum(redundancy, vectors @ vectors[best])
        for other in np.flatnonzero(is_available):
            if padded[other] in padded[best] or padded[best] in padded[other]:
                is_available[other] = False
    return [texts[i] for i in picked], [round(float(scores[i]), 3) for i in picked]


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
        For each text its keywords, and their scores.
    """
    # 1. Embed each distinct candidate of all texts once.
    candidates = [
        candidate_phrases(text, background.corpus, ngram_range, language)
        for text, language in zip(texts, languages, strict=False)
    ]
    keys = dict.fromkeys(key for phrases in candidates for key in phrases)
    row_of = {key: row for row, key in enumerate(keys)}
    phrase_vectors = embed(list(row_of))
    text_vectors = embed(texts)

    # 2. Score and select text by text.
    all_keywords, all_scores = [], []
    for phrases, text_vector in zip(candidates, text_vectors, strict=True):
        keywords: list[str] = []
        keyword_scores: list[float] = []
        if phrases:
            vectors = phrase_vectors[[row_of[key] for key in phrases]]
            scores = score_phrases(phrases, vectors, text_vector, background)
            keywords, keyword_scores = select_keywords(phrases, vectors, scores, top_n, diversity)
        all_keywords.append(keywords)
        all_scores.append(keyword_scores)
    return all_keywords, all_scores


def _form_weight(phrase: Phrase) -> float:
    if phrase.duty:
        return _DUTY
    # Python, SQL and C++ are keywords on their own; `work` and `solutions` hardly are.
    is_plain = phrase.text.islower() and " " not in phrase.text
    return _SINGLE_WORD if is_plain else 1.0


def _mean_neighbor(text: np.ndarray, sample: np.ndarray) -> np.ndarray:
    """Mean of the sampled postings nearest to one, (d,)."""
    similarity = sample @ text
    similarity[similarity > _COPY_SIMILARITY] = -1
    n = min(_N_NEIGHBORS, int((similarity > -1).sum()))
    if not n:
        return np.zeros_like(text)
    return sample[np.argpartition(-similarity, n - 1)[:n]].mean(axis=0)
