"""What is shown to people: tables in the terminal and plots."""

import json
from pathlib import Path

import numpy as np
import pandas as pd
from rich.console import Console
from rich.table import Table

from jobgen.preparation import Counts


def print_preparation(counts: Counts, n_tokens: pd.Series) -> None:
    """Rows kept and dropped by reason, rules that fired, and a histogram of the lengths."""
    console = Console()
    table = Table("rows", "number", title="Preparation")
    table.add_row("read", str(counts.read))
    for reason, number in counts.dropped().items():
        table.add_row(f"dropped: {reason}", str(number))
    table.add_row("kept", str(len(n_tokens)), style="bold")
    table.add_section()
    for rule, number in counts.cleaned.items():
        table.add_row(f"changed: {rule}", str(number))
    table.add_row("special tokens neutralised", str(counts.special_tokens))
    console.print(table)
    console.print("tokens a row")
    numbers, edges = np.histogram(n_tokens, bins=min(10, len(set(n_tokens))))
    for number, low, high in zip(numbers, edges[:-1], edges[1:], strict=True):
        bar = "█" * round(40 * number / numbers.max())
        console.print(f"{low:6.0f} - {high:4.0f}  {bar} {number}", highlight=False)


def plot_losses(metrics: Path, png: Path) -> None:
    """Draw the loss curves of a run.

    Args:
        metrics: its metrics.jsonl.
        png: the picture to write.
    """
    import matplotlib

    matplotlib.use("Agg")
    from matplotlib import pyplot

    lines = [json.loads(line) for line in metrics.read_text(encoding="utf-8").splitlines()]
    figure, axes = pyplot.subplots(figsize=(8, 4.5), layout="constrained")
    for key, label, style in (("loss", "training", "-"), ("eval_loss", "held out", "o--")):
        points = [(line["step"], line[key]) for line in lines if key in line]
        if points:
            axes.plot(*zip(*points, strict=True), style, label=label)
    axes.set(xlabel="optimizer step", ylabel="nats per token of the text")
    axes.legend()
    axes.grid(alpha=0.3)
    figure.savefig(png, dpi=120)
    pyplot.close(figure)
