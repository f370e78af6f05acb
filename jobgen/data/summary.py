"""What a preparation shows in the terminal."""

import numpy as np
import pandas as pd
from rich.console import Console
from rich.table import Table

from jobgen.data.pipeline import Prepared


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
    table.add_row("special tokens escaped", str(manifest["special_tokens_escaped"]))
    console.print(table)
    console.print("tokens a row")
    n_tokens = pd.concat([prepared.train["n_tokens"], prepared.test["n_tokens"]])
    numbers, edges = np.histogram(n_tokens, bins=min(10, len(set(n_tokens))))
    for number, low, high in zip(numbers, edges[:-1], edges[1:], strict=True):
        bar = "█" * round(40 * number / numbers.max())
        console.print(f"{low:6.0f} - {high:4.0f}  {bar} {number}", highlight=False)
