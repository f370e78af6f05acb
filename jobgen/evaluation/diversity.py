"""How much texts repeat: themselves, and one another."""

from collections import Counter
from collections.abc import Sequence

import numpy as np
from sacrebleu.metrics import BLEU
from scipy.special import gammaln

from jobgen.text.ngrams import count_words, ngrams


def distinct_n(texts: Sequence[str], n: int) -> float:
    """Distinct runs of n words over all of them (Li et al. 2016); nan without any.

    >>> distinct_n(["a b a b"], 2)
    0.6666666666666666
    """
    runs = [run for text in texts for run in ngrams(text, n)]
    return len(set(runs)) / len(runs) if runs else float("nan")


def distinct_parts(texts: Sequence[str], n: int, words: float) -> tuple[np.ndarray, np.ndarray]:
    """What each text adds to `distinct_n` of as many of these texts as have so many words.

    The more text, the fewer of its runs are new, so sets compare at one size only. The expectation
    over all subsets of that size is exact (rarefaction by samples, Hurlbert 1971), and a run's part
    of it is shared among the texts that have it. With all words of the texts it is `distinct_n`.

    Args:
        texts: a set.
        n: words of a run.
        words: at most as many as the set has; the number of texts they stand for may be broken.

    Returns:
        Two arrays, (len(texts),): distinct runs and runs. The sum of the first over the sum of the
        second is the figure.
    """
    runs = [Counter(ngrams(text, n)) for text in texts]
    total = len(texts)
    drawn = min(total * words / max(count_words(texts), 1), total)
    in_texts = Counter(run for text in runs for run in text)
    frequencies = np.arange(total + 1)
    # Texts, of those drawn, expected to have a run that stands in so many: at least one.
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
    found = np.array([share[[in_texts[run] for run in text]].sum() for text in runs])
    return found, np.array([text.total() for text in runs]) * drawn / max(total, 1)


def self_bleu(
    texts: Sequence[str], chosen: Sequence[int], references: int, seed: int
) -> list[float]:
    """BLEU of texts against others of their set (Zhu et al. 2018; `sacrebleu`), 0 to 100.

    Args:
        texts: a set.
        chosen: which of them to compare.
        references: others that each is compared with, drawn at random; the more, the higher.
        seed: of the draw.
    """
    bleu, draw = BLEU(effective_order=True), np.random.default_rng(seed)
    scores = []
    for i in chosen:
        others = draw.choice(len(texts) - 1, references, replace=False)
        others += others >= i
        scores.append(bleu.sentence_score(texts[i], [texts[k] for k in others]).score)
    return scores
