"""How sure a figure is: the bootstrap over postings (Efron and Tibshirani 1993)."""

from typing import NamedTuple

import numpy as np

_LEVEL = 0.95
_BLOCK = 2**22  # counts drawn at a time


class Interval(NamedTuple):
    """A figure, and where 95 % of its bootstrap values lie."""

    value: float
    low: float
    high: float


def resamples(postings: int, number: int, seed: int) -> np.ndarray:
    """How often each posting stands in each resample, (number, postings), uint16.

    A posting is drawn as often as there are postings, each time any of them.
    """
    draw, parts = np.random.default_rng(seed), []
    share = np.full(postings, 1 / postings)
    block = max(1, _BLOCK // postings)
    for start in range(0, number, block):
        rows = min(block, number - start)
        parts.append(draw.multinomial(postings, share, size=rows).astype(np.uint16))
    return np.concatenate(parts)


def resampled_ratio(parts: tuple[np.ndarray, np.ndarray], counts: np.ndarray) -> np.ndarray:
    """The ratio of two sums over postings in each resample, (number,); nan where it has none.

    Args:
        parts: numerators and denominators, (postings,); the denominator of a mean is 1.
        counts: of `resamples`.
    """
    above, below = (counts @ part for part in parts)
    return np.divide(above, below, out=np.full(len(counts), np.nan), where=below > 0)


def interval(value: float, drawn: np.ndarray) -> Interval:
    """The percentile interval of a figure."""
    edge = (1 - _LEVEL) / 2
    low, high = np.nanquantile(drawn, [edge, 1 - edge])
    return Interval(value, float(low), float(high))


def centred_interval(value: float, drawn: np.ndarray) -> Interval:
    """Of a figure that resampling makes larger, without that bias (the basic bootstrap).

    A distance grows with the noise of the sample, in the sample as in what is drawn from it: by how
    much, the mean of what is drawn says.
    """
    _, low, high = interval(value, drawn)
    return Interval(float(2 * value - np.mean(drawn)), 2 * value - high, 2 * value - low)
