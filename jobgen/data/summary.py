"""What a preparation shows in the terminal at its end."""

import numpy as np
import pandas as pd
from rich.console import Console
from rich.table import Table

from jobgen.data.assembly import Prepared


def print_preparation(prepared: Prepared) -> None:
    """Print the rows kept and dropped by reason, groups, changes and a histogram of lengths."""
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
        table.add_row(f"changed: {rule}", f"{n_postings} ({places} places)")
    table.add_row("special tokens escaped", str(manifest["special_tokens_escaped"]))
    console.print(table)
    console.print("tokens per row")
    n_tokens = pd.concat([prepared.train["n_tokens"], prepared.test["n_tokens"]])
    counts, edges = np.histogram(n_tokens, bins=min(10, len(set(n_tokens))))
    for count, low, high in zip(counts, edges[:-1], edges[1:], strict=True):
        bar = "█" * round(40 * count / counts.max())
        console.print(f"{low:6.0f} - {high:4.0f}  {bar} {count}", highlight=False)
