"""What is shown to people in the terminal."""

from typing import TYPE_CHECKING, Any

from rich.console import Console
from rich.table import Table
from rich.text import Text

from jobgen.evaluation.metrics import METRICS

if TYPE_CHECKING:  # it needs seconds to import
    pass


def print_evaluation(report: dict[str, Any]) -> None:
    """A table of all figures without intervals, a column a set; the best of them is bold."""
    console, sets = Console(), report["sets"]
    table = Table()
    table.add_column(no_wrap=True)
    for name, part in sets.items():
        table.add_column(Text(f"{name} ({part['postings']})"), justify="right")
    group = None
    for figure in METRICS:
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
