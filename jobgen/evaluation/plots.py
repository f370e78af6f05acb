"""Curves and bars, each a PNG."""

import warnings
from pathlib import Path
from typing import Any

import matplotlib

matplotlib.use("Agg")
matplotlib.rcParams["text.parse_math"] = False  # a "$" in a keyword is a dollar sign

import numpy as np  # noqa: E402
from matplotlib import pyplot  # noqa: E402
from matplotlib.axes import Axes  # noqa: E402
from matplotlib.figure import Figure  # noqa: E402

# Okabe and Ito: told apart by color-blind readers, and in print.
COLORS = ("#0072B2", "#D55E00", "#009E73", "#CC79A7", "#E69F00", "#56B4E9", "#F0E442")
REAL_COLOR = "#444444"
_LABEL_CHARACTERS, _LEGEND_CHARACTERS = 34, 100


def set_color(number: int, sets: int) -> str:
    """The color of a set by its number; the real postings come last and are gray."""
    return REAL_COLOR if number == sets - 1 else COLORS[number % len(COLORS)]


def losses(runs: dict[str, list[dict[str, Any]]], colors: dict[str, str], png: Path) -> None:
    """Draw the loss curves of runs.

    Args:
        runs: the name of each run, "" of a single one -> the lines of its metrics.jsonl.
        colors: the sets by their names; a run that is no set gets a color of its own.
        png: the picture to write.
    """
    figure, axes = pyplot.subplots(figsize=(8, 4.5), layout="constrained")
    curves = (("loss", "training", "-", 0.5), ("eval_loss", "held-out postings", "o--", 1.0))
    for number, (name, lines) in enumerate(runs.items()):
        for curve, (key, label, style, alpha) in enumerate(curves):
            points = [(line["step"], line[key]) for line in lines if key in line]
            if not points:
                continue
            # A single run has a color for each of its curves, several runs have one each.
            color = colors.get(name, COLORS[(len(colors) + number) % len(COLORS)])
            if len(runs) == 1:
                color, alpha = COLORS[curve], 1.0
            label = f"{name}, {label}" if name else label
            axes.plot(*zip(*points, strict=True), style, label=label, color=color, alpha=alpha)
    axes.set(xlabel="optimizer step", ylabel="loss (nats per token of the text)")
    _save(figure, axes, png)


def coverage(shares: dict[str, dict[str, float | None]], colors: dict[str, str], png: Path) -> None:
    """Draw how often each keyword was mentioned.

    Args:
        shares: for each set, keyword -> share of its texts, 0 to 1; None: nobody asked for it.
        colors: the sets by their names.
        png: the picture to write.
    """
    keywords = list(next(iter(shares.values())))
    thickness = 0.8 / len(shares)
    height = 1.2 + 0.28 * len(keywords) * max(1, len(shares) / 2)
    figure, axes = pyplot.subplots(figsize=(8, height), layout="constrained")
    for number, (name, of_set) in enumerate(shares.items()):
        offset = (number - (len(shares) - 1) / 2) * thickness
        percent = [_percent(of_set[word]) for word in keywords]
        axes.barh(
            np.arange(len(keywords)) + offset, percent, thickness, label=name, color=colors[name]
        )
    labels = [
        word if len(word) <= _LABEL_CHARACTERS else word[:_LABEL_CHARACTERS] + "…"
        for word in keywords
    ]
    axes.set_yticks(np.arange(len(keywords)), labels)
    axes.invert_yaxis()
    axes.set(xlabel="% of the texts with this keyword in their prompt that mention it")
    axes.set_xlim(0, 100)
    _save(figure, axes, png)


def _percent(share: float | None) -> float:
    return np.nan if share is None else 100 * share


def lengths(word_counts: dict[str, np.ndarray], colors: dict[str, str], png: Path) -> None:
    """Draw the distribution of lengths in words; the real postings come last."""
    figure, axes = pyplot.subplots(figsize=(8, 4), layout="constrained")
    longest = max(np.quantile(words, 0.99) for words in word_counts.values())
    edges = np.linspace(0, max(longest, 10), 25)
    for name, words in word_counts.items():
        counts, _ = np.histogram(np.minimum(words, edges[-1]), edges)
        axes.stairs(100 * counts / len(words), edges, label=name, color=colors[name], linewidth=2)
    axes.set(xlabel="length (words)", ylabel="% of the postings")
    _save(figure, axes, png)


def memorized_spans(spans: dict[str, np.ndarray], colors: dict[str, str], png: Path) -> None:
    """Draw the share of postings with a memorized span of at least so many words."""
    figure, axes = pyplot.subplots(figsize=(8, 4), layout="constrained")
    longest = max(float(words.max()) for words in spans.values())
    for name, words in spans.items():
        left = 100 * (1 - np.arange(len(words)) / len(words))
        axes.step(
            np.r_[0, np.sort(words), longest + 1],
            np.r_[100, left, 0],
            where="pre",
            label=name,
            color=colors[name],
            linewidth=2,
        )
    axes.set(
        xlabel="longest memorized span (words in a row from a training posting)",
        ylabel="% of the postings with\na span of this length or longer",
    )
    _save(figure, axes, png)


def _save(figure: Figure, axes: Axes, png: Path) -> None:
    if labels := axes.get_legend_handles_labels()[1]:
        # Above the curves, in as many columns as the names leave room for.
        columns = max(1, _LEGEND_CHARACTERS // (max(map(len, labels)) + 6))
        figure.legend(loc="outside upper left", ncols=columns, frameon=False)
    axes.grid(alpha=0.3)
    with warnings.catch_warnings():
        # The fonts lack the letters of some languages, and draw boxes instead.
        warnings.filterwarnings("ignore", message="Glyph .* missing")
        figure.savefig(png, format="png", dpi=120)
    pyplot.close(figure)
