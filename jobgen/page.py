"""The report as one page that needs nothing beside it."""

import base64
from pathlib import Path
from typing import Any

from jinja2 import Environment, FileSystemLoader

from jobgen.figures import FIGURES, REAL, Figure
from jobgen.frames import write_whole

_TEMPLATES = Path(__file__).parent / "templates"


def is_like_real(entry: dict[str, Any]) -> bool:
    """Whether the interval of the difference from real postings holds 0."""
    apart = entry.get("difference")
    return bool(apart) and apart["low"] <= 0 <= apart["high"]


def summarise(report: dict[str, Any]) -> list[str]:
    """What the figures say, in a sentence a set."""
    lines = []
    for name, part in report["sets"].items():
        if name == REAL:
            continue
        figures = part["figures"]
        told = []
        if "coverage" in figures:
            mentioned = f"mentions {figures['coverage']['value']:.0%} of its keywords"
            if "coverage_of_others" in figures:
                of_others = figures["coverage_of_others"]["value"]
                mentioned += f" (of those of other postings {of_others:.0%})"
            told.append(mentioned)
        if "copied_words" in figures:
            of_real = report["sets"][REAL]["figures"]["copied_words"]["value"]
            told.append(
                "the longest run of words it shares with training postings has"
                f" {figures['copied_words']['value']:.0f} words on average (real postings'"
                f" {of_real:.0f})"
            )
        compared = [
            figure
            for figure in FIGURES
            if figure.group != "Control" and "difference" in figures.get(figure.key, {})
        ]
        unlike = [figure.label for figure in compared if not is_like_real(figures[figure.key])]
        if compared:
            others = f"; those that could not: {', '.join(unlike)}" if unlike else ""
            told.append(
                f"{len(compared) - len(unlike)} of {len(compared)} figures could be those of real"
                f" postings{others}"
            )
        if told:
            lines.append(f"{name}: {'; '.join(told)}.")
    return lines


def write_page(
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
    groups: dict[str, list[Figure]] = {}
    for figure in FIGURES:
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
