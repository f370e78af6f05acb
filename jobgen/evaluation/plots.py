"""Curves and bars, each a PNG."""

import warnings
from pathlib import Path
from typing import Any

import matplotlib

matplotlib.use("Agg")
matplotlib.rcParams["text.parse_math"] = False  # "$" in a keyword is one

import numpy as np  # noqa: E402
from matplotlib import pyplot  # noqa: E402

# Okabe and Ito: told apart by all eyes, and in print.
COLOURS = ("#0072B2", "#D55E00", "#009E73", "#CC79A7", "#E69F00", "#56B4E9", "#F0E442")
REAL_COLOUR = "#444444"
_LONGEST_LABEL, _LEGEND_WIDTH = 34, 100  # characters


def colour(number: int, names: int) -> str:
    """Of a set by its place; the real postings come last and are grey."""
    return REAL_COLOUR if number == names - 1 else COLOURS[number % len(COLOURS)]


def losses(runs: dict[str, list[dict[str, Any]]], tones: dict[str, str], png: Path) -> None:
    """Draw the loss curves of runs.

    Args:
        runs: the name of each, "" of a single one, and the lines of its metrics.jsonl.
        tones: colours of the sets by their names; a run of no set has one of its own.
        png: the picture to write.
    """
    figure, axes = pyplot.subplots(figsize=(8, 4.5), layout="constrained")
    curves = (("loss", "training", "-", 0.5), ("eval_loss", "held out", "o--", 1))
    for number, (name, lines) in enumerate(runs.items()):
        for place, (key, label, style, alpha) in enumerate(curves):
            points = [(line["step"], line[key]) for line in lines if key in line]
            if points:
                # A single run has a colour for each of its curves, several have one each.
                own = tones.get(name, COLOURS[(len(tones) + number) % len(COLOURS)])
                tone = COLOURS[place] if len(runs) == 1 else own
                named = f"{name}, {label}" if name else label
                alpha = 1 if len(runs) == 1 else alpha
                axes.plot(*zip(*points, strict=True), style, label=named, color=tone, alpha=alpha)
    axes.set(xlabel="optimizer step", ylabel="nats per token of the text")
    _save(figure, axes, png)


def coverage(rows: dict[str, dict[str, float | None]], tones: dict[str, str], png: Path) -> None:
    """Draw how often each keyword was mentioned.

    Args:
        rows: of each set, keyword -> share of its texts, 0 to 1; None: it was not asked for.
        tones: a colour a set.
        png: the picture to write.
    """
    keywords = list(next(iter(rows.values())))
    height = 0.8 / len(rows)
    figure, axes = pyplot.subplots(
        figsize=(8, 1.2 + 0.28 * len(keywords) * max(1, len(rows) / 2)), layout="constrained"
    )
    for number, (name, shares) in enumerate(rows.items()):
        places = np.arange(len(keywords)) + (number - (len(rows) - 1) / 2) * height
        values = [np.nan if shares[word] is None else 100 * shares[word] for word in keywords]
        axes.barh(places, values, height, label=name, color=tones[name])
    shown = [
        word if len(word) <= _LONGEST_LABEL else word[:_LONGEST_LABEL] + "…" for word in keywords
    ]
    axes.set_yticks(np.arange(len(keywords)), shown)
    axes.invert_yaxis()
    axes.set(xlabel="mentioned, in % of the texts that were asked to", xlim=(0, 100))
    _save(figure, axes, png)


def lengths(sets: dict[str, np.ndarray], tones: dict[str, str], png: Path) -> None:
    """Draw how long postings are, in words; the real ones last."""
    figure, axes = pyplot.subplots(figsize=(8, 4), layout="constrained")
    longest = max(np.quantile(words, 0.99) for words in sets.values())
    edges = np.linspace(0, max(longest, 10), 25)
    for name, words in sets.items():
        shares, _ = np.histogram(np.minimum(words, edges[-1]), edges)
        axes.stairs(100 * shares / len(words), edges, label=name, color=tones[name], linewidth=2)
    axes.set(xlabel="words of a posting", ylabel="% of the postings")
    _save(figure, axes, png)


def copies(sets: dict[str, np.ndarray], tones: dict[str, str], png: Path) -> None:
    """Draw how many postings have copied how many words in a row; the real ones last."""
    figure, axes = pyplot.subplots(figsize=(8, 4), layout="constrained")
    longest = max(float(words.max()) for words in sets.values())
    for name, words in sets.items():
        found = np.sort(words)
        left = 100 * (1 - np.arange(len(found)) / len(found))
        axes.step(
            np.r_[0, found, longest + 1],
            np.r_[100, left, 0],
            where="pre",
            label=name,
            color=tones[name],
            linewidth=2,
        )
    axes.set(
        xlabel="longest run of words in common with the training postings",
        ylabel="% of the postings with such a run, or longer",
    )
    _save(figure, axes, png)


def _save(figure: Any, axes: Any, png: Path) -> None:
    if labels := axes.get_legend_handles_labels()[1]:
        # Above the curves, in as many columns as the names leave room for.
        columns = max(1, _LEGEND_WIDTH // (max(map(len, labels)) + 6))
        figure.legend(loc="outside upper left", ncols=columns, frameon=False)
    axes.grid(alpha=0.3)
    with warnings.catch_warnings():
        # Its fonts lack the letters of some languages, and draw boxes.
        warnings.filterwarnings("ignore", message="Glyph .* missing")
        figure.savefig(png, format="png", dpi=120)
    pyplot.close(figure)
