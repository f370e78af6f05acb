"""Sets of postings -> a report: every metric with its interval, compared with real postings."""

from collections.abc import Callable
from datetime import datetime

import numpy as np
import pandas as pd
from sklearn.decomposition import PCA

from jobgen.common.config import EvaluateConfig
from jobgen.common.errors import InputError
from jobgen.data.tables import read_postings, read_prepared
from jobgen.evaluation.bootstrap import Interval, bootstrap_interval
from jobgen.evaluation.frechet import COMPONENTS, frechet_distance
from jobgen.evaluation.metrics import REAL, Ratio
from jobgen.evaluation.report import Entry, Report, SetReport, find_best, summarize
from jobgen.evaluation.set_metrics import (
    REFERENCES,
    Resources,
    SetMetrics,
    compute_metrics,
    first_keywords,
)
from jobgen.models.protocols import LanguageModel
from jobgen.text.memorized import MemorizationIndex
from jobgen.text.ngrams import count_words

_FEWEST = 2 * COMPONENTS  # postings that a Frechet distance takes


def read_sets(config: EvaluateConfig) -> dict[str, pd.DataFrame]:
    """All sets by their names; the real postings come last.

    Raises:
        InputError: a file cannot be read, or a set has the name of the real postings.
    """
    if REAL in config.sets:
        raise InputError("sets", f'"{REAL}" is the name of what they are compared with')
    sets = {name: read_postings(path) for name, path in config.sets.items()}
    return sets | {REAL: first_keywords(read_postings(config.real))}


def open_resources(
    config: EvaluateConfig, sets: dict[str, pd.DataFrame], model: LanguageModel | None
) -> Resources:
    """Load what the sets are measured with.

    Args:
        config: names the training postings and the embedder.
        sets: what will be measured.
        model: judges likelihood; None: nothing does.

    Raises:
        InputError: the embedder or the training postings cannot be used.
    """
    words = [count_words(frame["text"]) for frame in sets.values()]
    sizes = [len(frame) for frame in sets.values() if len(frame) > 1]
    return Resources(
        index=_open_index(config, model),
        embed=_open_embedder(config.embedder, config.cache_dir) if config.embedder else None,
        model=model,
        sample_size=config.sampled,
        words=float(min(filter(None, words), default=0)),
        references=min(REFERENCES, min(sizes, default=1) - 1),
        seed=config.seed,
    )


def _open_index(config: EvaluateConfig, model: LanguageModel | None) -> MemorizationIndex | None:
    if config.train:
        texts = read_prepared(config.train)["text"]
        return MemorizationIndex.of(texts, range(len(texts)))
    return MemorizationIndex.load(model.folder) if model else None


def _open_embedder(name: str, cache_dir: str | None) -> Callable[..., np.ndarray]:
    from jobgen.data.embeddings import Embedder
    from jobgen.models.hub import locate, user_cache

    return Embedder(locate(name, cache_dir), "auto", max_tokens=256, cache=user_cache(cache_dir))


def evaluate(
    config: EvaluateConfig, sets: dict[str, pd.DataFrame], resources: Resources
) -> tuple[Report, dict[str, SetMetrics]]:
    """Measure all sets.

    Returns:
        What report.json holds, and what was measured of each set, for the plots.
    """
    measured = {name: compute_metrics(frame, resources) for name, frame in sets.items()}
    real = measured[REAL].ratios
    reports: dict[str, SetReport] = {}
    for name, metrics in measured.items():
        entries = {
            key: _compare_ratio(key, ratio, None if name == REAL else real.get(key), config)
            for key, ratio in metrics.ratios.items()
            if ratio.denominators.sum() > 0
        }
        reports[name] = SetReport(postings=len(sets[name]), metrics=entries)
    if resources.embed:
        for name, entry in _compare_distances(measured, config).items():
            reports[name]["metrics"]["distance"] = entry
    report = Report(
        date=datetime.now().isoformat(timespec="minutes"),
        configuration=config.model_dump(),
        sets=reports,
        best=find_best(reports),
        notes=_collect_notes(resources, measured),
        summary=summarize(reports),
    )
    return report, measured


def _compare_ratio(key: str, ratio: Ratio, real: Ratio | None, config: EvaluateConfig) -> Entry:
    """A metric with its interval, and its difference from that of the real postings."""
    own, size = _ratio_statistic(key, ratio)
    if size < 2:  # one posting has no interval
        return Entry(value=float(own(np.arange(size))), low=None, high=None)
    entry = Entry(**bootstrap_interval(own, [size], config.resamples, config.seed))
    if real is None:
        return entry
    of_real, real_size = _ratio_statistic(key, real)
    if real_size < 2:
        return entry

    def difference(rows: np.ndarray, real_rows: np.ndarray) -> np.ndarray:
        return own(rows) - of_real(real_rows)

    sizes = [size, real_size]
    entry["difference"] = bootstrap_interval(difference, sizes, config.resamples, config.seed)
    return entry


def _ratio_statistic(key: str, ratio: Ratio) -> tuple[Callable[[np.ndarray], np.ndarray], int]:
    """A metric as a function of rows, (..., n) -> (...), and the number of postings that count."""
    counts = ratio.denominators > 0
    numerators, denominators = ratio.numerators[counts], ratio.denominators[counts]

    def statistic(rows: np.ndarray) -> np.ndarray:
        value = numerators[rows].sum(axis=-1) / denominators[rows].sum(axis=-1)
        return np.exp(np.minimum(value, 700)) if key == "perplexity" else value

    return statistic, int(counts.sum())


def _compare_distances(measured: dict[str, SetMetrics], config: EvaluateConfig) -> dict[str, Entry]:
    """Distances of all sets, and of one half of the real postings, to the other half."""
    embeddings = {
        name: metrics.embeddings
        for name, metrics in measured.items()
        if metrics.embeddings is not None
    }
    real = embeddings[REAL]
    if len(real) < 2 * _FEWEST:
        measured[REAL].notes.append(f"fewer than {2 * _FEWEST} postings: no distances")
        return {}
    components = PCA(COMPONENTS, svd_solver="full").fit(real)
    order = np.random.default_rng(config.seed).permutation(len(real))
    half, reference = (components.transform(real[order[start::2]]) for start in (0, 1))

    def interval(*points: np.ndarray) -> Interval:
        """Of the distance to the reference; of two sets, of the first one's minus the second's."""

        def statistic(*rows: np.ndarray) -> np.ndarray:
            near = reference[rows[-1]]
            distances = [
                frechet_distance(own[drawn], near) for own, drawn in zip(points, rows, strict=False)
            ]
            return distances[0] - distances[1] if len(distances) == 2 else distances[0]

        sizes = [*map(len, points), len(reference)]
        return bootstrap_interval(statistic, sizes, config.resamples, config.seed, method="basic")

    entries = {REAL: Entry(**interval(half))}
    for name, rows in embeddings.items():
        if name == REAL:
            continue
        if len(rows) < _FEWEST:
            measured[name].notes.append(f"fewer than {_FEWEST} postings: no distance")
            continue
        own = components.transform(rows)
        entries[name] = Entry(**interval(own), difference=interval(own, half))
    return entries


def _collect_notes(resources: Resources, measured: dict[str, SetMetrics]) -> list[str]:
    """What could not be measured, and why."""
    notes = []
    if resources.index is None:
        notes.append("no training postings (train): memorization is left out")
    if resources.model is None:
        notes.append("no model: likelihood is left out")
    if resources.embed is None:
        notes.append("no embedder: coverage by meaning and the Frechet distance are left out")
    for name, metrics in measured.items():
        notes += [f"{name}: {note}" for note in metrics.notes]
    return notes
