"""Keywords of a posting: phrases that occur in it word for word, such as a person would type.

1. `build_corpus` counts the phrases of a sample of the postings (jobgen.data.phrases).
2. `candidate_phrases` takes the phrases of one posting that are worth embedding.
3. `score_phrases` weighs how close each is to what is particular to the posting, how rare and how
   complete it is, and how likely it is a keyword rather than filler.
4. `select_keywords` picks high-scoring phrases that are far from one another, by maximal marginal
   relevance (MMR, Carbonell and Goldstein 1998).
"""

import json
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from sklearn.linear_model import LogisticRegression

from jobgen.data.phrases import Corpus, Phrase, build_corpus, find_phrases

# Texts -> unit vectors, (len(texts), d), float32.
Embed = Callable[[Sequence[str]], np.ndarray]

EXAMPLES = Path(__file__).with_name("keyword_examples.json")
# A part of a longer noun phrase is a candidate where it stands whole in at least this share of
# its postings: `machine learning` in `machine learning engineer`, but not `learning engineer`.
_WHOLE_SHARE = 0.2
# Embedding is nearly all of the time; so many candidates of a posting, the most promising, get it.
_CANDIDATES = 80
# What postings of the same kind say is no news about this one: so much of the mean of its nearest
# neighbours is taken out of its embedding. Copies of the posting itself are no neighbours.
_NEIGHBOURS, _NEIGHBOUR_SHARE, _COPY = 30, 0.8, 0.95
# Weights: of a single plain word and a duty, beside 1 for a noun phrase; of a phrase that no other
# posting of the sample has, which is more often a name or an accident.
_SINGLE_WORD, _DUTY, _ONLY_HERE = 0.5, 0.85, 0.8
_RARITY_POWER = 0.1


@dataclass
class Background:
    """What the postings of a table have in common.

    Attributes:
        corpus: how often phrases stand in a sample of them.
        texts: (n, d), embeddings of the sample.
        kind: tells keywords from filler by their embeddings.
    """

    corpus: Corpus
    texts: np.ndarray
    kind: LogisticRegression


def study_texts(sample: Sequence[str], embed: Embed, ngram_max: int) -> Background:
    """Learn what the postings have in common from a sample of them."""
    return Background(
        build_corpus(sample, ngram_max), embed(sample), train_keyword_classifier(embed)
    )


def train_keyword_classifier(embed: Embed) -> LogisticRegression:
    """Learn from examples to tell keywords from filler by their embeddings."""
    phrases, is_keyword = example_phrases()
    kind = LogisticRegression(class_weight="balanced", max_iter=2000)
    return kind.fit(embed(phrases), is_keyword)


def example_phrases() -> tuple[list[str], np.ndarray]:
    """Phrases in small letters, n, and whether each is a keyword, (n,)."""
    examples = json.loads(EXAMPLES.read_text(encoding="utf-8"))
    keywords, fillers = examples["keywords"], examples["fillers"]
    phrases = [phrase.lower() for phrase in [*keywords, *fillers]]
    return phrases, np.arange(len(phrases)) < len(keywords)


def candidate_phrases(text: str, corpus: Corpus, ngram_range: tuple[int, int]) -> dict[str, Phrase]:
    """The phrases of a posting that are worth embedding, in the order of the text."""
    fewest, most = ngram_range
    found = find_phrases(text, most, corpus.names)
    promising = {
        key: phrase
        for key, phrase in found.items()
        if key.count(" ") >= fewest - 1
        and (
            phrase.whole
            or corpus.whole.get(key, 0) >= _WHOLE_SHARE * corpus.documents.get(key, np.inf)
        )
    }
    if len(promising) > _CANDIDATES:
        worth = cheap_weights(promising, corpus)
        best = np.sort(np.argsort(-worth, kind="stable")[:_CANDIDATES])
        keys = list(promising)
        promising = {keys[i]: promising[keys[i]] for i in best}
    return promising


def cheap_weights(phrases: dict[str, Phrase], corpus: Corpus) -> np.ndarray:
    """Weights, (len(phrases),), by rarity, wholeness and form: all that needs no embedding."""
    documents = np.array([corpus.documents.get(key, 1) for key in phrases])
    whole = np.array([corpus.whole.get(key, 1) for key in phrases]) / documents
    whole = np.where([phrase.whole for phrase in phrases.values()], 1, 0.3 + 0.7 * whole)
    rarity = np.log((corpus.n_texts + 1) / documents) ** _RARITY_POWER
    form = np.array([_form(phrase) for phrase in phrases.values()])
    return rarity * whole * form * np.where(documents > 1, 1, _ONLY_HERE)


def score_phrases(
    phrases: dict[str, Phrase], vectors: np.ndarray, text: np.ndarray, background: Background
) -> np.ndarray:
    """How good a keyword each phrase is.

    Args:
        phrases: candidates of one posting, n.
        vectors: (n, d), their embeddings.
        text: (d,), that of the posting.
        background: of the table.

    Returns:
        (n,), the best has 1; 0 for what is more likely filler than a keyword, unless all are.
    """
    particular = text - _NEIGHBOUR_SHARE * _neighbours(text, background.texts)
    particular /= max(float(np.linalg.norm(particular)), 1e-6)
    kind = background.kind.predict_proba(vectors)[:, 1]
    kind[kind < min(0.5, kind.max())] = 0
    scores = np.maximum(vectors @ particular, 0.01) * cheap_weights(phrases, background.corpus)
    scores *= kind
    return scores / scores.max()


def select_keywords(
    phrases: dict[str, Phrase],
    vectors: np.ndarray,
    scores: np.ndarray,
    top_n: int,
    diversity: float,
) -> tuple[list[str], list[float]]:
    """Pick keywords by MMR, none inside another.

    Args:
        phrases: candidates of one posting, n.
        vectors: (n, d), unit vectors.
        scores: (n,); 0 is never picked.
        top_n: most keywords; a short posting can have fewer.
        diversity: 0 to 1, the weight of being different.

    Returns:
        The keywords as they stand in the posting and their scores, in the order of the choice.
    """
    padded = [f" {key} " for key in phrases]
    texts = [phrase.text for phrase in phrases.values()]
    nearest = np.zeros(len(phrases))  # similarity to the nearest chosen one
    free = scores > 0
    chosen = []
    while len(chosen) < top_n and free.any():
        gain = (1 - diversity) * scores - diversity * nearest
        best = int(np.argmax(np.where(free, gain, -np.inf)))
        chosen.append(best)
        nearest = np.maximum(nearest, vectors @ vectors[best])
        for other in np.flatnonzero(free):
            if padded[other] in padded[best] or padded[best] in padded[other]:
                free[other] = False
    return [texts[i] for i in chosen], [round(float(scores[i]), 3) for i in chosen]


def extract_keywords(
    texts: Sequence[str],
    embed: Embed,
    background: Background,
    top_n: int,
    ngram_range: tuple[int, int],
    diversity: float,
) -> tuple[list[list[str]], list[list[float]]]:
    """Keywords of each text and their scores.

    Args:
        texts: clean postings.
        embed: embedding model.
        background: of the table they belong to.
        top_n: most keywords per text; a short text can have fewer.
        ngram_range: fewest and most words in a keyword.
        diversity: 0 to 1, MMR's weight of being different.
    """
    found = [candidate_phrases(text, background.corpus, ngram_range) for text in texts]
    row_of = {key: row for row, key in enumerate(dict.fromkeys(k for keys in found for k in keys))}
    phrase_vectors = embed(list(row_of))
    text_vectors = embed(texts)
    keywords, all_scores = [], []
    for phrases, text_vector in zip(found, text_vectors, strict=True):
        words, scores = [], []
        if phrases:
            vectors = phrase_vectors[[row_of[key] for key in phrases]]
            scores = score_phrases(phrases, vectors, text_vector, background)
            words, scores = select_keywords(phrases, vectors, scores, top_n, diversity)
        keywords.append(words)
        all_scores.append(scores)
    return keywords, all_scores


def _form(phrase: Phrase) -> float:
    if phrase.duty:
        return _DUTY
    # Python, SQL and C++ are keywords on their own; `work` and `solutions` hardly.
    is_plain = phrase.text.islower() and " " not in phrase.text
    return _SINGLE_WORD if is_plain else 1.0


def _neighbours(text: np.ndarray, sample: np.ndarray) -> np.ndarray:
    """Mean of the postings nearest to one, (d,)."""
    similarity = sample @ text
    similarity[similarity > _COPY] = -1
    n = min(_NEIGHBOURS, int((similarity > -1).sum()))
    if not n:
        return np.zeros_like(text)
    return sample[np.argpartition(-similarity, n - 1)[:n]].mean(axis=0)
