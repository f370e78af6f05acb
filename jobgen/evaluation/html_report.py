"""The report as one page that needs nothing beside it."""

import base64
from pathlib import Path
from typing import Any

from jinja2 import Environment, FileSystemLoader

from jobgen.common.files import write_whole
from jobgen.evaluation.comparison import is_like_real
from jobgen.evaluation.metrics import METRICS, REAL, Metric

_TEMPLATES = Path(__file__).parent / "templates"


def write_html_report(
    report: dict[str, Any], texts: list[dict[str, Any]], plots: dict[str, Path], path: Path
) -> None:
    """Write report.html.

    Args:
        report: of `evaluation.evaluate`, with its summary.
        texts: of `evaluation.texts_side_by_side`.
        plots: title -> PNG.
        path: of the page.
    """
    environment = Environment(
        loader=FileSystemLoader(_TEMPLATES), autoescape=True, trim_blocks=True, lstrip_blocks=True
    )
    groups: dict[str, list[Metric]] = {}
    for figure in METRICS:
        if any(figure.key in part["figures"] for part in report["sets"].values()):
            groups.setdefault(figure.group, []).append(figure)
    pictures = {title: base64.b64encode(png.read_bytes()).decode() for title, png in plots.items()}
    page = environment.get_template("report.html").render(
        report=report,
        groups=groups,
        texts=texts,
        pictures=pictures,
        real=REAL,
        is_like_real=is_like_real,
    )
    write_whole(path, lambda place: place.write_text(page, encoding="utf-8"))
