"""Sets of postings -> a report: every figure with its interval, beside that of real postings."""

from collections import Counter, defaultdict
from datetime import datetime
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd

from jobgen import plots
from jobgen.bootstrap import centred_interval, interval, resampled_ratio, resamples
from jobgen.config import EvaluateConfig
from jobgen.copies import CopyIndex
from jobgen.errors import InputError
from jobgen.figures import FIGURES, REAL, REFERENCES, Measures, Sources, first_keywords, measure
from jobgen.frames import read_postings, read_prepared
from jobgen.likeness import COMPONENTS, Distance
from jobgen.metrics import keyword_spans, missing_keywords
from jobgen.page import summarise
from jobgen.run_folder import read_metrics

_FEWEST = 2 * COMPONENTS  # postings, for a distance
_KEYWORDS_DRAWN = 20
_SHOWN_CHARACTERS = 20_000  # of a text on the page


def read_sets(config: EvaluateConfig) -> dict[str, pd.DataFrame]:
    """All sets by their names; the real postings come last.

    Raises:
        InputError: a file cannot be read, or a set has the name of the real postings.
    """
    if REAL in config.sets:
        raise InputError("sets", f'"{REAL}" is the name of what they are compared with')
    sets = {name: read_postings(path) for name, path in config.sets.items()}
    return sets | {REAL: first_keywords(read_postings(config.real))}


def open_sources(config: EvaluateConfig, sets: dict[str, pd.DataFrame]) -> Sources:
    """Load what the sets are measured with.

    Raises:
        InputError: a model or table cannot be used.
    """
    embed = nats = folder = None
    if config.model:
        from utils import NLP_model

        nlp = NLP_model.load(config.model, cache_dir=config.cache_dir)
        nats, folder = nlp.nats, nlp.folder
    if config.embedder:
        from jobgen.embeddings import Embedder
        from jobgen.models import locate, user_cache

        cache = user_cache(config.cache_dir)
        place = locate(config.embedder, config.cache_dir)
        embed = Embedder(place, "auto", max_tokens=256, cache=cache)
    words = [frame["text"].str.split().str.len().sum() for frame in sets.values()]
    sizes = [len(frame) for frame in sets.values() if len(frame) > 1]
    return Sources(
        index=_index(config, folder),
        embed=embed,
        nats=nats,
        sampled=config.sampled,
        words=float(min(filter(None, words), default=0)),
        references=min(REFERENCES, min(sizes, default=1) - 1),
        seed=config.seed,
    )


def _index(config: EvaluateConfig, folder: Path | None) -> CopyIndex | None:
    if config.train:
        texts = read_prepared(config.train)["text"]
        return CopyIndex.of(texts, range(len(texts)))
    return CopyIndex.load(folder) if folder else None


def evaluate(
    config: EvaluateConfig, sets: dict[str, pd.DataFrame], sources: Sources
) -> tuple[dict[str, Any], dict[str, Measures]]:
    """Measure all sets.

    Returns:
        What report.json holds but for the texts, and the measures of each set, for the plots.
    """
    measures = {name: measure(frame, sources) for name, frame in sets.items()}
    counts = {
        name: resamples(len(frame), config.resamples, config.seed + number)
        for number, (name, frame) in enumerate(sets.items())
    }
    drawn = {
        name: {key: _drawn(key, parts, counts[name]) for key, parts in found.parts.items()}
        for name, found in measures.items()
    }
    report: dict[str, Any] = {"date": datetime.now().isoformat(timespec="minutes")}
    report["configuration"] = config.model_dump()
    report["sets"] = {}
    for name, found in measures.items():
        figures = {
            key: _entry(key, parts, drawn[name][key], measures[REAL].parts, drawn[REAL])
            for key, parts in found.parts.items()
            if parts[1].sum() > 0
        }
        report["sets"][name] = {
            "postings": len(sets[name]),
            "notes": found.left_out,
            "figures": figures,
        }
    if sources.embed:
        _add_distances(report, measures, config)
    mark_best(report)
    report["notes"] = _notes(config, sources, report)
    report["summary"] = summarise(report)
    return report, measures


def _value(key: str, parts: tuple[np.ndarray, np.ndarray]) -> float:
    above, below = parts
    ratio = above.sum() / below.sum()
    return float(np.exp(ratio) if key == "perplexity" else ratio)


def _drawn(key: str, parts: tuple[np.ndarray, np.ndarray], counts: np.ndarray) -> np.ndarray:
    ratios = resampled_ratio(parts, counts)
    return np.exp(ratios) if key == "perplexity" else ratios


def _entry(
    key: str,
    parts: tuple[np.ndarray, np.ndarray],
    drawn: np.ndarray,
    real_parts: dict[str, tuple[np.ndarray, np.ndarray]],
    real_drawn: dict[str, np.ndarray],
) -> dict[str, Any]:
    """A figure with its interval (of one posting there is none), and how far it is from real."""
    value = _value(key, parts)
    if np.count_nonzero(parts[1]) < 2:
        return {"value": value, "low": None, "high": None}
    entry: dict[str, Any] = interval(value, drawn)._asdict()
    real = real_parts.get(key)
    if real is not None and real is not parts and np.count_nonzero(real[1]) > 1:
        apart = interval(value - _value(key, real), drawn - real_drawn[key])
        entry["difference"] = apart._asdict()
    return entry


def _add_distances(
    report: dict[str, Any], measures: dict[str, Measures], config: EvaluateConfig
) -> None:
    """Compare all sets, and one half of the real postings, with their other half."""
    real = measures[REAL].embeddings
    order = np.random.default_rng(config.seed).permutation(len(real))
    half, reference = real[order[::2]], real[order[1::2]]
    embeddings = {name: found.embeddings for name, found in measures.items()} | {REAL: half}
    if min(map(len, (half, reference))) < _FEWEST:
        report["sets"][REAL]["notes"].append(f"fewer than {2 * _FEWEST} postings: no distances")
        return
    distance, found = Distance(real, reference), {}
    reference_counts = resamples(len(reference), config.resamples, config.seed).astype(float)
    for number, (name, rows) in enumerate(embeddings.items(), start=1):
        if len(rows) < _FEWEST:
            note = f"fewer than {_FEWEST} postings: no distance"
            report["sets"][name]["notes"].append(note)
            continue
        places = distance.project(rows)
        counts = resamples(len(rows), config.resamples, config.seed + number).astype(float)
        pairs = zip(counts, reference_counts, strict=True)
        drawn = np.array([distance(places, *pair) for pair in pairs])
        found[name] = distance(places, np.ones(len(rows)), np.ones(len(reference))), drawn
    for name, (value, drawn) in found.items():
        entry: dict[str, Any] = centred_interval(value, drawn)._asdict()
        if name != REAL:
            of_real, real_drawn = found[REAL]
            apart = centred_interval(value - of_real, drawn - real_drawn)
            entry["difference"] = apart._asdict()
        report["sets"][name]["figures"]["distance"] = entry


def mark_best(report: dict[str, Any]) -> None:
    """Note for each figure the best of two or more sets; the real postings do not take part."""
    of_real = report["sets"][REAL]["figures"]
    report["best"] = {}
    for figure in FIGURES:
        values = {
            name: part["figures"][figure.key]["value"]
            for name, part in report["sets"].items()
            if name != REAL and figure.key in part["figures"]
        }
        if len(values) < 2 or len(set(values.values())) < 2:
            continue
        if figure.better == "real":
            if figure.key not in of_real:
                continue
            goal = of_real[figure.key]["value"]
            values = {name: -abs(value - goal) for name, value in values.items()}
        elif figure.better == "low":
            values = {name: -value for name, value in values.items()}
        report["best"][figure.key] = max(values, key=values.get)


def _notes(config: EvaluateConfig, sources: Sources, report: dict[str, Any]) -> list[str]:
    """What could not be measured, and why."""
    notes = []
    if sources.index is None:
        notes.append("no training postings (train): nothing is said of copies")
    if sources.nats is None:
        notes.append("no model: nothing is said of likelihood")
    if sources.embed is None:
        notes.append("no embedder: no coverage by meaning, no distance to real postings")
    for name, part in report["sets"].items():
        notes += [f"{name}: {note}" for note in part.pop("notes")]
    return notes


def texts_side_by_side(
    sets: dict[str, pd.DataFrame], index: CopyIndex | None, shown: int
) -> list[dict[str, Any]]:
    """Texts of the prompts that most sets have, in the order of the first set.

    Returns:
        For each prompt `title`, `keywords` and `texts`: of each set its name, the keywords that are
        missing, and the text in `pieces`, each with its text and whether it is a keyword, and
        copied from a training posting.
    """
    prompts: dict[tuple[str, tuple[str, ...]], dict[str, str]] = {}
    for name, frame in sets.items():
        if {"title", "keywords"} <= set(frame):
            for title, keywords, text in frame[["title", "keywords", "text"]].itertuples(
                index=False
            ):
                prompts.setdefault((title, tuple(keywords)), {}).setdefault(name, text)
    frequent = sorted(prompts, key=lambda prompt: -len(prompts[prompt]))[:shown]
    return [
        {
            "title": title,
            "keywords": list(keywords),
            "texts": [
                {
                    "set": name,
                    "missing": missing_keywords(text, keywords),
                    "pieces": pieces(text[:_SHOWN_CHARACTERS], keywords, index),
                }
                for name, text in prompts[title, keywords].items()
            ],
        }
        for title, keywords in frequent
    ]


def pieces(text: str, keywords: tuple[str, ...], index: CopyIndex | None) -> list[dict[str, Any]]:
    """A text cut where keywords and copied runs begin and end."""
    marks = {"keyword": keyword_spans(text, keywords), "copied": index.spans(text) if index else []}
    flags = {name: np.zeros(len(text) + 1, bool) for name in marks}
    for name, spans in marks.items():
        for start, end in spans:
            flags[name][start:end] = True
    changes = np.zeros(len(text), bool)
    for flag in flags.values():
        changes |= np.diff(flag, prepend=flag[0])[:-1]
    edges = [0, *np.flatnonzero(changes).tolist(), len(text)]
    return [
        {"text": text[a:b]} | {name: bool(flag[a]) for name, flag in flags.items()}
        for a, b in zip(edges, edges[1:], strict=False)
        if a < b
    ]


def read_runs(config: EvaluateConfig) -> dict[str, list[dict[str, Any]]]:
    """The metrics of the run folders whose losses are to be drawn.

    Raises:
        InputError: one is no run folder.
    """
    for name, run in config.run_folders.items():
        if not (Path(run) / "metrics.jsonl").is_file():
            raise InputError(
                f"run_folders.{name}", f"{run} is no run folder: no metrics.jsonl"
            )
    return {name: read_metrics(Path(run)) for name, run in config.run_folders.items()}


def draw(
    measures: dict[str, Measures], runs: dict[str, list[dict[str, Any]]], folder: Path
) -> dict[str, Path]:
    """Draw the plots for which there are figures into a folder; title -> PNG."""
    folder.mkdir(parents=True, exist_ok=True)
    found = {}
    asked = {name: part for name, part in measures.items() if part.keywords and name != REAL}
    if asked:
        png = found["How often keywords are mentioned"] = folder / "coverage.png"
        plots.coverage(_shares_mentioned(asked), png)
    png = found["How long postings are"] = folder / "lengths.png"
    plots.lengths({name: part.n_words for name, part in measures.items()}, png)
    if measures[REAL].longest is not None:
        png = found["How much is copied from training postings"] = folder / "copies.png"
        plots.copies({name: part.longest for name, part in measures.items()}, png)
    if runs:
        png = found["Loss in training"] = folder / "losses.png"
        plots.losses(runs, png)
    return found


def _shares_mentioned(measures: dict[str, Measures]) -> dict[str, dict[str, float | None]]:
    """Of each set, how often keywords were mentioned: by their length, and the most frequent."""
    asked, found = defaultdict(Counter), defaultdict(Counter)
    for name, part in measures.items():
        for keyword, covered in part.keywords:
            words = len(keyword.split())
            length = f"of {words} word{'s' * (words > 1)}" if words < 4 else "of 4 words or more"
            for kind in (length, keyword):
                asked[name][kind] += 1
                found[name][kind] += covered
    total = sum(asked.values(), Counter())
    kinds = sorted(kind for kind in total if kind.startswith("of ") and "word" in kind)
    frequent = [word for word, times in total.most_common() if times > 1 and word not in kinds]
    kinds += frequent[:_KEYWORDS_DRAWN]
    return {
        name: {
            kind: found[name][kind] / asked[name][kind] if asked[name][kind] else None
            for kind in kinds
        }
        for name in measures
    }
