"""What is shown to people in the terminal."""

import math
from typing import TYPE_CHECKING, Any

import numpy as np
import pandas as pd
from rich.console import Console
from rich.table import Table
from rich.text import Text

from jobgen.cli import is_main_process, process_count
from jobgen.config import TrainConfig
from jobgen.dataset import PostingDataset
from jobgen.figures import FIGURES
from jobgen.postings import Posting
from jobgen.preparation import Prepared

if TYPE_CHECKING:  # it needs seconds to import
    from jobgen.memory import Estimate


def print_preparation(prepared: Prepared) -> None:
    """Rows kept and dropped by reason, groups, rules that fired, and a histogram of the lengths."""
    console, manifest = Console(), prepared.manifest
    table = Table("rows", "number", title="Preparation")
    table.add_row("read", str(manifest["rows_in"]))
    for reason, number in manifest["rows_dropped"].items():
        table.add_row(f"dropped: {reason}", str(number))
    table.add_row("kept", str(sum(manifest["rows_out"].values())), style="bold")
    table.add_section()
    for name, group in manifest["groups"].items():
        table.add_row(
            f"groups: {name}",
            f"{group['groups']} of {group['rows']} rows, the largest of {group['largest']}",
        )
    table.add_section()
    for rule, number in manifest["postings_cleaned"].items():
        places = manifest["places_cleaned"][rule]
        table.add_row(f"changed: {rule}", f"{number} ({places} places)")
    table.add_row("special tokens neutralised", str(manifest["special_tokens_neutralised"]))
    console.print(table)
    console.print("tokens a row")
    n_tokens = pd.concat([prepared.train["n_tokens"], prepared.test["n_tokens"]])
    numbers, edges = np.histogram(n_tokens, bins=min(10, len(set(n_tokens))))
    for number, low, high in zip(numbers, edges[:-1], edges[1:], strict=True):
        bar = "█" * round(40 * number / numbers.max())
        console.print(f"{low:6.0f} - {high:4.0f}  {bar} {number}", highlight=False)


def print_training(
    config: TrainConfig,
    training: PostingDataset,
    test: PostingDataset | None,
    precision: str | None,
) -> None:
    """Rows, tokens, steps and precision (None: of another machine) of a training."""
    if not is_main_process():
        return
    processes = process_count()
    table = Table("", "training", "held out", title=f"Training {config.model}")
    sets = [training] + ([test] if test else [])
    table.add_row("rows", *(str(len(rows)) for rows in sets))
    table.add_row("dropped: too long", *(str(rows.dropped) for rows in sets))
    table.add_row("special tokens neutralised", *(str(rows.neutralised) for rows in sets))
    table.add_row("tokens, at most", *(f"{sum(rows.n_tokens):,}" for rows in sets))
    table.add_row("longest row", *(str(max(rows.n_tokens)) for rows in sets))
    steps = math.ceil(config.epochs * config.steps_per_epoch(len(training), processes))
    table.add_row("optimizer steps", str(config.max_steps or steps))
    table.add_row(
        "postings a step",
        str(config.micro_batch_size * config.gradient_accumulation_steps * processes),
    )
    table.add_row("precision", precision or ("16 bits" if config.half_precision else "fp32"))
    Console().print(table)


def print_rows(training: PostingDataset) -> None:
    """Three rows of a training as the model sees them."""
    if not is_main_process():
        return
    console = Console()
    for row in range(min(3, len(training))):
        ids = training[row]["input_ids"]
        console.rule(f"row {row + 1}, {len(ids)} tokens")
        console.print(training.tokenizer.decode(ids), markup=False, highlight=False)
    console.rule()


def print_estimate(estimate: "Estimate") -> None:
    """What a training needs by item, whether it fits, and if not, what is short and what helps."""
    target, config, need = estimate.target, estimate.config, estimate.need()
    parameters, trained = estimate.parameters
    names = {"device": f"memory of {target.name}", "host": "memory beside it", "disk": "disk"}
    names = {part: name for part, name in names.items() if getattr(need, part)}  # a CPU has no host
    table = Table("", "GB", "there are", title=f"{parameters:,} parameters, {trained:,} trained")
    for part, name in names.items():
        for item, size in getattr(need, part).items():
            table.add_row(item, _gigabytes(size))
        there = getattr(target, part)
        shown = _gigabytes(there) if math.isfinite(there) else "not known"
        total = _gigabytes(need.total(part))
        table.add_row(name, total, shown, style="bold", end_section=True)
    Console().print(table)
    batch = f"{config.micro_batch_size} postings of up to {estimate.length} tokens"
    lacking = need.lacking(target)
    if not lacking:
        print(f"fits: {batch}")
        return
    short = [
        f"{names[part]}: {_gigabytes(need.total(part))} GB, there are"
        f" {_gigabytes(getattr(target, part))}"
        for part in lacking
    ]
    print(f"does not fit: {batch}: {'; '.join(short)}")
    if lacking != ["disk"]:  # which holds no batch
        largest, rows = estimate.largest(), config.micro_batch_size
        print(
            f"largest micro_batch_size with postings of {estimate.length} tokens:"
            f" {largest.rows or 'none'}\n"
            f"largest max_len with micro_batch_size={rows}: {largest.length or 'none'};"
            f" with micro_batch_size=1: {largest.length_of_one or 'none'}"
        )
    for setting, other in estimate.remedies():
        sizes = [f"{name} {_gigabytes(other.total(part))} GB" for part, name in names.items()]
        still = " and ".join(names[part] for part in other.lacking(target))
        verdict = f"too much for {still}" if still else "fits"
        print(f"with {setting}: {verdict} ({', '.join(sizes)})")


def _gigabytes(size: float) -> str:
    return f"{size / 2**30:.2f}"  # a card of 12 GB has 12 x 2^30 bytes


def print_title(title: str) -> None:
    """Announce a posting."""
    Console().rule(Text(title))


def print_figures(posting: Posting) -> None:
    """Say which keywords a posting mentions and which it does not, and what it has copied."""
    console = Console()
    console.rule()
    mentioned = [word for word in posting.keywords if word not in posting.missing]
    for words, label in ((mentioned, "mentioned"), (posting.missing, "missing")):
        if words:
            console.print(f"{label}: {', '.join(words)}", markup=False, highlight=False)
    if posting.copied_words:
        console.print(
            f"from training postings: at most {posting.copied_words} words in a row"
            f" (row {posting.nearest_row})",
            highlight=False,
        )
    console.print(
        f"gender-coded words: {posting.masculine} masculine, {posting.feminine} feminine",
        highlight=False,
    )
    if not posting.finished:
        console.print("cut off at max_length")


def print_evaluation(report: dict[str, Any]) -> None:
    """A table of all figures without intervals, a column a set; the best of them is bold."""
    console, sets = Console(), report["sets"]
    table = Table()
    table.add_column(no_wrap=True)
    for name, part in sets.items():
        table.add_column(Text(f"{name} ({part['postings']})"), justify="right")
    group = None
    for figure in FIGURES:
        cells = [part["figures"].get(figure.key) for part in sets.values()]
        if not any(cells):
            continue
        if figure.group != group:
            table.add_section()
            group = figure.group
        best = report["best"].get(figure.key, [])
        shown = [
            Text(figure.shown.format(cell["value"]) if cell else "-", "bold" * (name in best))
            for name, cell in zip(sets, cells, strict=True)
        ]
        table.add_row(figure.label, *shown)
    console.print(table)
    for line in (*report["summary"], *(f"note: {note}" for note in report["notes"])):
        console.print(line, highlight=False, markup=False)
