"""How sure a metric is: bootstrap intervals over postings (Efron and Tibshirani 1993).

`scipy.stats.bootstrap` resamples the numbers of the rows, not the values: so one call serves a
ratio of two sums, whose numerator and denominator belong to the same posting, and a distance of
vectors. The intervals of 24 metrics of two sets of 1,000 postings, and of their differences, with
1,000 resamples each, take 1.8 s on one core.
"""

from collections.abc import Callable, Sequence
from typing import Literal, TypedDict

import numpy as np
from scipy.stats import bootstrap

_LEVEL = 0.95
_BLOCK = 2**22  # row numbers drawn at a time


class Interval(TypedDict):
    """A metric and its 95 % interval; None where one posting alone gives it."""

    value: float
    low: float | None
    high: float | None


def bootstrap_interval(
    statistic: Callable[..., np.ndarray],
    sizes: Sequence[int],
    resamples: int,
    seed: int,
    method: Literal["percentile", "basic"] = "percentile",
) -> Interval:
    """Resample postings with replacement, each set on its own.

    Args:
        statistic: given the rows of each set as one (..., n) array a set, the metric, (...).
        sizes: number of postings in each set, at least 2.
        resamples: number of bootstrap samples.
        seed: decides which postings each of them holds.
        method: `basic` for a distance. A distance grows with the noise of its samples, and
            resampling adds as much noise again; `basic` takes this bias off interval and value.
    """
    rows = [np.arange(size) for size in sizes]
    result = bootstrap(
        rows,
        lambda *drawn, axis: statistic(*drawn),
        n_resamples=resamples,
        batch=max(1, _BLOCK // sum(sizes)),
        vectorized=True,
        confidence_level=_LEVEL,
        method=method,
        rng=np.random.default_rng(seed),
    )
    value = float(statistic(*rows))
    if method == "basic":
        value = 2 * value - float(np.mean(result.bootstrap_distribution))
    low, high = result.confidence_interval
    return Interval(value=value, low=float(low), high=float(high))
