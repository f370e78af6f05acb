"""Fit the model that tells keywords from other phrases to what people marked in SkillSpan.

python benchmarks/fit_keywords.py                  # all labelled postings; writes the coefficients
python benchmarks/fit_keywords.py --parts train    # keeps the development part for measuring
python benchmarks/fit_keywords.py --parts train --output other.npz

A phrase that was marked is a keyword; one that is only a part of a longer mark counts as one with
a small weight; the others are none. Only coefficients of hashed features are written.
"""

import argparse
from pathlib import Path

import numpy as np
from keywords import PARTS, SKILLSPAN, Labelled, read_skillspan
from scipy.sparse import csr_matrix, hstack, vstack
from sklearn.linear_model import LogisticRegression

from jobgen.common.config import OFFLINE_EMBEDDER
from jobgen.data.embeddings import Embedder
from jobgen.data.keywords.extraction import train_keyword_classifier
from jobgen.data.keywords.model import COEFFICIENTS, N_COLUMNS, context_features, word_features
from jobgen.data.keywords.phrases import build_corpus, find_phrases
from jobgen.models.hub import locate

NGRAM_MAX = 3
# Weight of a phrase that is a part of a mark; inverse strength of the regularization.
INSIDE_WEIGHT, C = 0.2, 3.0
# The score of the examples is as large as a few hashed features together.
EXAMPLES_SCALE = 0.3


def main() -> None:
    """Fit and write the coefficients."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--skillspan", type=Path, default=SKILLSPAN, metavar="FOLDER")
    parser.add_argument("--parts", default=",".join(PARTS), help="labelled parts (%(default)s)")
    parser.add_argument("--output", type=Path, default=COEFFICIENTS)
    arguments = parser.parse_args()
    embed = Embedder(locate(OFFLINE_EMBEDDER), "float32", max_tokens=256, cache=None)
    features, is_keyword, is_inside = [], [], []
    for part in arguments.parts.split(","):
        postings = read_skillspan(arguments.skillspan / f"{part}.json")
        for matrix, labels in examples_of(postings, embed):
            features.append(matrix)
            is_keyword.append(labels[0])
            is_inside.append(labels[1])
    model = fit(vstack(features).tocsr(), np.concatenate(is_keyword), np.concatenate(is_inside))
    coefficients = model.coef_[0]
    np.savez_compressed(
        arguments.output,
        hashed=coefficients[:-1].reshape(2, N_COLUMNS).astype(np.float16),
        scalars=[coefficients[-1] * EXAMPLES_SCALE, model.intercept_[0]],
    )
    print(f"{len(np.concatenate(is_keyword)):,} phrases; written: {arguments.output}")


def examples_of(postings: list[Labelled], embed: Embedder):
    """For each posting the features of its n phrases, (n, F), and their labels, (2, n)."""
    texts = [posting.text for posting in postings]
    corpus = build_corpus(texts, NGRAM_MAX)
    classifier = train_keyword_classifier(embed)
    for posting in postings:
        phrases = find_phrases(posting.text, NGRAM_MAX, corpus.names)
        keys = list(phrases)
        examples = classifier.decision_function(embed(keys))[:, None] * EXAMPLES_SCALE
        matrix = hstack(
            [
                word_features(keys),
                context_features(posting.text, phrases, corpus),
                csr_matrix(examples),
            ]
        )
        yield (
            matrix,
            [[key in posting.short for key in keys], [posting.is_inside(key) for key in keys]],
        )


def fit(features: csr_matrix, is_keyword: np.ndarray, is_inside: np.ndarray) -> LogisticRegression:
    """A logistic regression; a phrase with a weight between 0 and 1 is both, by that weight."""
    weights = np.where(is_keyword, 1.0, np.where(is_inside, INSIDE_WEIGHT, 0.0))
    keywords, others = np.flatnonzero(weights > 0), np.flatnonzero(weights < 1)
    rows = np.concatenate([others, keywords])
    labels = np.arange(len(rows)) >= len(others)
    sample_weight = np.concatenate([1 - weights[others], weights[keywords]])
    model = LogisticRegression(C=C, max_iter=500, solver="liblinear", random_state=0)
    return model.fit(features[rows], labels, sample_weight=sample_weight)


if __name__ == "__main__":
    main()
