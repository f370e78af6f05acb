"""What a preparation shows in the terminal at its end."""

from collections import Counter
from typing import Any

import numpy as np
from rich.console import Console
from rich.table import Table
from rich.text import Text

from jobgen.data.assembly import Prepared
from jobgen.data.languages import describe_languages

_MOST_SENTENCES, _BAR = 5, 40
_SHOWN_SHARE = 0.99


def print_preparation(prepared: Prepared) -> None:
    """Print what became of the rows, what was changed, and what may be worth changing."""
    console, manifest = Console(), prepared.manifest
    table = Table("rows", "number", title="Preparation")
    table.add_row("read", str(manifest["rows_in"]))
    for reason, n_rows in manifest["rows_dropped"].items():
        table.add_row(f"dropped: {reason}", str(n_rows))
    table.add_row("kept", str(sum(manifest["rows_out"].values())), style="bold")
    table.add_section()
    for name, group in manifest["groups"].items():
        table.add_row(
            f"groups: {name}",
            f"{group['groups']} with {group['rows']} rows, {group['largest']} in the largest",
        )
    table.add_section()
    for rule, n_postings in manifest["postings_cleaned"].items():
        places = manifest["places_cleaned"][rule]
        if n_postings:
            table.add_row(f"changed: {rule}", f"{n_postings} ({places} places)")
    if manifest["special_tokens_escaped"]:
        table.add_row("special tokens escaped", str(manifest["special_tokens_escaped"]))
    console.print(table)
    _print_standing(console, manifest["standing_sentences"])
    _print_lengths(console, prepared)
    for line in manifest["length_advice"]:
        console.print(Text(line), soft_wrap=True)
    if manifest["languages"]:
        languages = describe_languages(Counter(manifest["languages"]))
        console.print(Text(languages), soft_wrap=True)


def _print_standing(console: Console, sentences: list[dict[str, Any]]) -> None:
    """Print the most frequent standing sentences."""
    if not sentences:
        return
    console.print("standing sentences, which give no keywords (standing_sentences)")
    for sentence in sentences[:_MOST_SENTENCES]:
        text = Text(f"{sentence['postings']:6}  {sentence['text']}")
        console.print(text, no_wrap=True, overflow="ellipsis")
    if len(sentences) > _MOST_SENTENCES:
        console.print(f"        and {len(sentences) - _MOST_SENTENCES} more, in the manifest")


def _print_lengths(console: Console, prepared: Prepared) -> None:
    """Print a histogram of the lengths: what is kept, and what was too short or too long."""
    console.print("tokens per row (░ too short or too long)")
    limits = (prepared.manifest["min_length"], prepared.manifest["max_length"])
    n_tokens = prepared.n_tokens
    is_kept = (n_tokens >= limits[0]) & (n_tokens <= limits[1])
    # The few longest rows would make all the bars but one invisible.
    end = max(float(np.quantile(n_tokens, _SHOWN_SHARE)), float(n_tokens[is_kept].max()))
    shown = np.minimum(n_tokens, end)
    edges = np.histogram_bin_edges(shown, bins=min(12, len(set(shown))))
    kept, all_rows = (np.histogram(shown[rows], edges)[0] for rows in (is_kept, slice(None)))
    for n_kept, n, low, high in zip(kept, all_rows, edges[:-1], edges[1:], strict=True):
        scale = _BAR / all_rows.max()
        bar = "█" * round(scale * n_kept) + "░" * round(scale * (n - n_kept))
        counts = f"{n}" if n == n_kept else f"{n}, {n_kept} kept"
        console.print(f"{low:6.0f} - {high:4.0f}  {bar} {counts}", highlight=False)
