"""The report in the terminal."""

from rich.console import Console
from rich.table import Table
from rich.text import Text

from jobgen.evaluation.metrics import METRICS
from jobgen.evaluation.report import Report


def print_evaluation(report: Report) -> None:
    """A table of all metrics without intervals, a column for each set; the best sets are bold."""
    console, sets = Console(), report["sets"]
    table = Table()
    table.add_column("metric", no_wrap=True)
    for name, part in sets.items():
        table.add_column(Text(f"{name} ({part['postings']})"), justify="right")
    group = None
    for metric in METRICS:
        entries = [part["metrics"].get(metric.key) for part in sets.values()]
        if not any(entries):
            continue
        if metric.group != group:
            table.add_section()
            group = metric.group
        best = report["best"].get(metric.key, [])
        cells = [
            Text(metric.format.format(entry["value"]) if entry else "-", "bold" * (name in best))
            for name, entry in zip(sets, entries, strict=True)
        ]
        table.add_row(metric.label, *cells)
    console.print(table)
    for line in (*report["summary"], *(f"note: {note}" for note in report["notes"])):
        console.print(line, highlight=False, markup=False)
