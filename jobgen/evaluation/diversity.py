"""How much texts repeat one another."""

from collections import Counter
from collections.abc import Sequence

import numpy as np
from sacrebleu.metrics import BLEU
from scipy.special import gammaln

from jobgen.text.ngrams import count_words, ngrams


def distinct_parts(texts: Sequence[str], n: int, words: float) -> tuple[np.ndarray, np.ndarray]:
    """What each text adds to distinct-n: distinct n-grams over all n-grams (Li et al. 2016).

    The longer a text grows, the fewer of its n-grams are new, so sets can be compared only at equal
    size: here at as many texts as hold `words` words. The expectation over all subsets of that size
    is exact (rarefaction by samples, Hurlbert 1971); the share of an n-gram in it is divided among
    the texts that have it. With all words of the texts it is plain distinct-n.

    Args:
        texts: a set of postings.
        n: words in an n-gram.
        words: the size to compare at, at most the words of the set. The number of texts that it
            stands for need not be whole.

    Returns:
        Two arrays, (len(texts),): distinct n-grams, and n-grams. The metric is the sum of the first
        over the sum of the second.
    """
    counts = [Counter(ngrams(text, n)) for text in texts]
    total = len(texts)
    drawn = min(total * words / max(count_words(texts), 1), total)
    texts_with = Counter(ngram for text in counts for ngram in text)
    frequencies = np.arange(total + 1)  # number of texts that have an n-gram
    # The probability that none of the drawn texts has it: C(total - f, drawn) / C(total, drawn).
    left = total - frequencies - drawn + 1
    none = np.where(
        left > 0,
        np.exp(
            gammaln(total - frequencies + 1)
            + gammaln(total - drawn + 1)
            - gammaln(np.maximum(left, 1e-9))
            - gammaln(total + 1)
        ),
        0,
    )
    share = (1 - none) / np.maximum(frequencies, 1)
    distinct = np.array([share[[texts_with[ngram] for ngram in text]].sum() for text in counts])
    return distinct, np.array([text.total() for text in counts]) * drawn / max(total, 1)


def self_bleu(
    texts: Sequence[str], sample: Sequence[int], references: int, seed: int
) -> list[float]:
    """BLEU of texts against others of their set (Zhu et al. 2018; `sacrebleu`), 0 to 100.

    Args:
        texts: a set of postings.
        sample: numbers of the texts to compare.
        references: number of other texts, drawn at random, that each is compared with. The more
            there are, the higher the BLEU.
        seed: decides which ones are drawn.
    """
    bleu, draw = BLEU(effective_order=True), np.random.default_rng(seed)
    scores = []
    for i in sample:
        others = draw.choice(len(texts) - 1, references, replace=False)
        others += others >= i  # skips the text itself
        scores.append(bleu.sentence_score(texts[i], [texts[k] for k in others]).score)
    return scores
