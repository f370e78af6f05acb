"""The report as one page that needs no other file."""

import base64
from collections.abc import Sequence
from pathlib import Path

from jinja2 import Environment, FileSystemLoader

from jobgen.common.files import write_whole
from jobgen.evaluation.metrics import METRICS, REAL, Metric
from jobgen.evaluation.report import Report, includes_real
from jobgen.evaluation.side_by_side import ShownPrompt

_TEMPLATES = Path(__file__).parent / "templates"


def write_html_report(
    report: Report, prompts: Sequence[ShownPrompt], plots: dict[str, Path], path: Path
) -> None:
    """Write report.html.

    Args:
        report: what `evaluate` returned.
        prompts: what `texts_side_by_side` returned.
        plots: title -> PNG.
        path: the page to write.
    """
    environment = Environment(
        loader=FileSystemLoader(_TEMPLATES), autoescape=True, trim_blocks=True, lstrip_blocks=True
    )
    groups: dict[str, list[Metric]] = {}
    for metric in METRICS:
        if any(metric.key in part["metrics"] for part in report["sets"].values()):
            groups.setdefault(metric.group, []).append(metric)
    pictures = {title: base64.b64encode(png.read_bytes()).decode() for title, png in plots.items()}
    page = environment.get_template("report.html").render(
        report=report,
        groups=groups,
        prompts=prompts,
        pictures=pictures,
        real=REAL,
        includes_real=includes_real,
    )
    write_whole(path, lambda place: place.write_text(page, encoding="utf-8"))
