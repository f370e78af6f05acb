"""Which plots a report has, and the numbers they draw."""

from collections import Counter, defaultdict
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np

from jobgen.common.config import EvaluateConfig
from jobgen.common.errors import InputError
from jobgen.common.files import read_metrics, write_whole
from jobgen.evaluation import plots
from jobgen.evaluation.metrics import REAL
from jobgen.evaluation.set_metrics import SetMetrics

_KEYWORDS_DRAWN = 20
_LENGTHS = ("keywords of one word", "of two words", "of three words", "of four words or more")


def read_runs(config: EvaluateConfig) -> dict[str, list[dict[str, Any]]]:
    """The metrics.jsonl of the run folders whose losses are to be drawn.

    Raises:
        InputError: one is no run folder.
    """
    for name, run in config.run_folders.items():
        if not (Path(run) / "metrics.jsonl").is_file():
            raise InputError(f"run_folders.{name}", f"{run} is no run folder: no metrics.jsonl")
    return {name: read_metrics(Path(run)) for name, run in config.run_folders.items()}


def draw_plots(
    measured: dict[str, SetMetrics], runs: dict[str, list[dict[str, Any]]], folder: Path
) -> dict[str, Path]:
    """Draw the plots for which there are numbers into a folder; title -> PNG."""
    colors = {name: plots.set_color(i, len(measured)) for i, name in enumerate(measured)}
    drawn: dict[str, Path] = {}

    def draw(title: str, file_name: str, plot: Callable[..., None], numbers: object) -> None:
        drawn[title] = folder / file_name
        write_whole(drawn[title], lambda png: plot(numbers, colors, png))

    with_keywords = {
        name: metrics for name, metrics in measured.items() if metrics.mentions and name != REAL
    }
    if with_keywords:
        shares = _mention_shares(with_keywords)
        draw("How often keywords are mentioned", "coverage.png", plots.coverage, shares)
    word_counts = {name: metrics.word_counts for name, metrics in measured.items()}
    draw("How long the postings are", "lengths.png", plots.lengths, word_counts)
    if measured[REAL].memorized_words is not None:
        spans = {name: metrics.memorized_words for name, metrics in measured.items()}
        title = "How much is memorized from training postings"
        draw(title, "memorized_spans.png", plots.memorized_spans, spans)
    if runs:
        draw("Loss during training", "losses.png", plots.losses, runs)
    return drawn


def _mention_shares(measured: dict[str, SetMetrics]) -> dict[str, dict[str, float | None]]:
    """For each set, the share of mentioned keywords: by their length, and of the most frequent."""
    times = Counter(word for metrics in measured.values() for word, _ in metrics.mentions)
    frequent = [word for word, number in times.most_common(_KEYWORDS_DRAWN) if number > 1]
    shares = {}
    for name, metrics in measured.items():
        by_length, by_keyword = defaultdict(list), defaultdict(list)
        for keyword, is_mentioned in metrics.mentions:
            by_length[min(len(keyword.split()), 4)].append(is_mentioned)
            by_keyword[keyword].append(is_mentioned)
        groups = {label: by_length[n] for n, label in enumerate(_LENGTHS, start=1)}
        groups |= {word: by_keyword[word] for word in frequent}
        shares[name] = {
            kind: float(np.mean(flags)) if flags else None for kind, flags in groups.items()
        }
    return shares
