"""What report.json holds, and what it says in words."""

from typing import Any, NotRequired, TypedDict

from jobgen.evaluation.bootstrap import Interval
from jobgen.evaluation.metrics import METRICS, REAL


class Entry(Interval):
    """A metric of a set; `difference` from the real postings, where they have the metric, too."""

    difference: NotRequired[Interval]


class SetReport(TypedDict):
    """A set: the number of its postings, and its metrics by their keys."""

    postings: int
    metrics: dict[str, Entry]


class Report(TypedDict):
    """What report.json holds.

    `best` has, for each metric, the best of two or more sets; `notes` what could not be measured,
    and why; `summary` a sentence for each set.
    """

    date: str
    configuration: dict[str, Any]
    sets: dict[str, SetReport]
    best: dict[str, list[str]]
    notes: list[str]
    summary: list[str]


def includes_real(entry: Entry) -> bool:
    """Whether the interval of the difference from the real postings includes 0."""
    difference = entry.get("difference")
    if difference is None or difference["low"] is None or difference["high"] is None:
        return False
    return difference["low"] <= 0 <= difference["high"]


def find_best(sets: dict[str, SetReport]) -> dict[str, list[str]]:
    """The best sets by each metric, without the real postings; nothing where all are equal."""
    best = {}
    for metric in METRICS:
        values = {
            name: part["metrics"][metric.key]["value"]
            for name, part in sets.items()
            if name != REAL and metric.key in part["metrics"]
        }
        if len(set(values.values())) < 2:
            continue
        if metric.better == "real":
            if metric.key not in sets[REAL]["metrics"]:
                continue
            goal = sets[REAL]["metrics"][metric.key]["value"]
            scores = {name: -abs(value - goal) for name, value in values.items()}
        elif metric.better == "low":
            scores = {name: -value for name, value in values.items()}
        else:
            scores = values
        highest = max(scores.values())
        best[metric.key] = [name for name, score in scores.items() if score == highest]
    return best


def summarize(sets: dict[str, SetReport]) -> list[str]:
    """What the metrics say, in a sentence for each set."""
    real = sets[REAL]["metrics"]
    lines = []
    for name, part in sets.items():
        if name == REAL:
            continue
        clauses = _summarize_set(part["metrics"], real)
        if clauses:
            lines.append(f"{name}: {'; '.join(clauses)}.")
    return lines


def _summarize_set(metrics: dict[str, Entry], real: dict[str, Entry]) -> list[str]:
    clauses = []
    if "coverage" in metrics:
        clause = f"mentions {metrics['coverage']['value']:.0%} of its keywords"
        if "coverage_of_others" in metrics:
            of_others = metrics["coverage_of_others"]["value"]
            clause += f", and {of_others:.0%} of the keywords of other postings"
        clauses.append(clause)
    if "memorized_words" in metrics:
        clauses.append(
            "its longest memorized span has"
            f" {metrics['memorized_words']['value']:.0f} words on average"
            f" ({real['memorized_words']['value']:.0f} in real postings)"
        )
    # Real postings mention all keywords, because theirs were taken from the text.
    compared = [
        metric
        for metric in METRICS
        if metric.group != "Control" and "difference" in metrics.get(metric.key, {})
    ]
    differing = [metric.label for metric in compared if not includes_real(metrics[metric.key])]
    if compared:
        alike = len(compared) - len(differing)
        clauses.append(
            f"{alike} of {len(compared)} metrics show no significant difference from real postings"
        )
    if differing:
        clauses.append(f"those that differ: {', '.join(differing)}")
    return clauses
