"""Sets of postings -> a report: every figure with its interval, beside that of real postings."""

from collections import Counter, defaultdict
from collections.abc import Callable
from datetime import datetime
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd

from jobgen.common.config import EvaluateConfig
from jobgen.common.errors import InputError
from jobgen.common.files import read_metrics, write_whole
from jobgen.data.tables import read_postings, read_prepared
from jobgen.evaluation import plots
from jobgen.evaluation.bootstrap import centred_interval, interval, resampled_ratio, resamples
from jobgen.evaluation.frechet import COMPONENTS, FrechetDistance
from jobgen.evaluation.metrics import (
    METRICS,
    REAL,
    REFERENCES,
    Resources,
    SetMetrics,
    compute_metrics,
    first_keywords,
)
from jobgen.text.coverage import keyword_spans, missing_keywords
from jobgen.text.memorized import MemorizationIndex
from jobgen.text.ngrams import count_words

_FEWEST = 2 * COMPONENTS  # postings, for a distance
_KEYWORDS_DRAWN = 20
_LENGTHS = ("of one word", "of two words", "of three words", "of four or more")
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


def open_resources(config: EvaluateConfig, sets: dict[str, pd.DataFrame]) -> Resources:
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
        from jobgen.data.embeddings import Embedder
        from jobgen.models.hub import locate, user_cache

        cache = user_cache(config.cache_dir)
        place = locate(config.embedder, config.cache_dir)
        embed = Embedder(place, "auto", max_tokens=256, cache=cache)
    words = [count_words(frame["text"]) for frame in sets.values()]
    sizes = [len(frame) for frame in sets.values() if len(frame) > 1]
    return Resources(
        index=_index(config, folder),
        embed=embed,
        nats=nats,
        sampled=config.sampled,
        words=float(min(filter(None, words), default=0)),
        references=min(REFERENCES, min(sizes, default=1) - 1),
        seed=config.seed,
    )


def _index(config: EvaluateConfig, folder: Path | None) -> MemorizationIndex | None:
    if config.train:
        texts = read_prepared(config.train)["text"]
        return MemorizationIndex.of(texts, range(len(texts)))
    return MemorizationIndex.load(folder) if folder else None


def evaluate(
    config: EvaluateConfig, sets: dict[str, pd.DataFrame], resources: Resources
) -> tuple[dict[str, Any], dict[str, SetMetrics]]:
    """Measure all sets.

    Returns:
        What report.json holds, and the measures of each set, for the plots.
    """
    measures = {name: compute_metrics(frame, resources) for name, frame in sets.items()}
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
        report["sets"][name] = {"postings": len(sets[name]), "figures": figures}
    if resources.embed:
        _add_distances(report, measures, config)
    mark_best(report)
    report["notes"] = _notes(resources, measures)
    report["summary"] = summarize(report)
    return report, measures


def _value(key: str, parts: tuple[np.ndarray, np.ndarray]) -> float:
    above, below = parts
    return float(_shown(key, above.sum() / below.sum()))


def _drawn(key: str, parts: tuple[np.ndarray, np.ndarray], counts: np.ndarray) -> np.ndarray:
    return _shown(key, resampled_ratio(parts, counts))


def _shown(key: str, ratio: Any) -> Any:
    return np.exp(np.minimum(ratio, 700)) if key == "perplexity" else ratio


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
    report: dict[str, Any], measures: dict[str, SetMetrics], config: EvaluateConfig
) -> None:
    """Compare all sets, and one half of the real postings, with their other half."""
    real = measures[REAL].embeddings
    order = np.random.default_rng(config.seed).permutation(len(real))
    half, reference = real[order[::2]], real[order[1::2]]
    embeddings = {name: found.embeddings for name, found in measures.items()} | {REAL: half}
    if min(map(len, (half, reference))) < _FEWEST:
        measures[REAL].left_out.append(f"fewer than {2 * _FEWEST} postings: no distances")
        return
    distance, found = FrechetDistance(real, reference), {}
    reference_counts = resamples(len(reference), config.resamples, config.seed).astype(float)
    for number, (name, rows) in enumerate(embeddings.items(), start=1):
        if len(rows) < _FEWEST:
            measures[name].left_out.append(f"fewer than {_FEWEST} postings: no distance")
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
    """Note for each figure the best of two or more sets, without the real postings."""
    of_real = report["sets"][REAL]["figures"]
    report["best"] = {}
    for figure in METRICS:
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
        most = max(values.values())
        report["best"][figure.key] = [name for name, value in values.items() if value == most]


def _notes(resources: Resources, measures: dict[str, SetMetrics]) -> list[str]:
    """What could not be measured, and why."""
    notes = []
    if resources.index is None:
        notes.append("no training postings (train): nothing is said of copies")
    if resources.nats is None:
        notes.append("no model: nothing is said of likelihood")
    if resources.embed is None:
        notes.append("no embedder: no coverage by meaning, no distance to real postings")
    for name, found in measures.items():
        notes += [f"{name}: {note}" for note in found.left_out]
    return notes


def texts_side_by_side(
    sets: dict[str, pd.DataFrame], index: MemorizationIndex | None, shown: int
) -> list[dict[str, Any]]:
    """Texts of the prompts that most sets have, in the order of the first set.

    A prompt for which there is no real posting gets the one that mentions most of its keywords.

    Returns:
        For each prompt `title`, `keywords` and `texts`: of each set its name (and the title of a
        real posting that has another), the keywords that are missing, and the text in `pieces`.
    """
    prompts: dict[tuple[str, tuple[str, ...]], dict[str, str]] = {}
    for name, frame in sets.items():
        if {"title", "keywords"} <= set(frame):
            rows = frame[["title", "keywords", "text"]].itertuples(index=False)
            for title, keywords, text in rows:
                prompts.setdefault((title, tuple(keywords)), {}).setdefault(name, text)
    written = [prompt for prompt, texts in prompts.items() if set(texts) != {REAL}]
    frequent = sorted(written, key=lambda prompt: -len(prompts[prompt]))[:shown]
    found = []
    for title, keywords in frequent:
        texts = dict(prompts[title, keywords])
        if REAL not in texts and keywords:
            texts |= _nearest_real(sets[REAL], keywords)
        shown_texts = [
            {
                "set": name,
                "missing": missing_keywords(text, keywords),
                "pieces": pieces(text[:_SHOWN_CHARACTERS], keywords, index),
                "is_cut": len(text) > _SHOWN_CHARACTERS,
            }
            for name, text in texts.items()
        ]
        found.append({"title": title, "keywords": list(keywords), "texts": shown_texts})
    return found


def _nearest_real(real: pd.DataFrame, keywords: tuple[str, ...]) -> dict[str, str]:
    """The real posting that mentions most of some keywords, the shortest of several."""
    order = [(len(missing_keywords(text, keywords)), len(text)) for text in real["text"]]
    row = min(range(len(order)), key=order.__getitem__)
    title = f": {real['title'].iloc[row]}" if "title" in real else ""
    return {f"{REAL}{title}": real["text"].iloc[row]}


def pieces(
    text: str, keywords: tuple[str, ...], index: MemorizationIndex | None
) -> list[dict[str, Any]]:
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
            raise InputError(f"run_folders.{name}", f"{run} is no run folder: no metrics.jsonl")
    return {name: read_metrics(Path(run)) for name, run in config.run_folders.items()}


def draw_plots(
    measures: dict[str, SetMetrics], runs: dict[str, list[dict[str, Any]]], folder: Path
) -> dict[str, Path]:
    """Draw the plots for which there are figures into a folder; title -> PNG."""
    tones = {name: plots.colour(i, len(measures)) for i, name in enumerate(measures)}
    found = {}

    def draw_whole(title: str, name: str, plot: Callable, content: Any) -> None:
        found[title] = folder / name
        write_whole(found[title], lambda place: plot(content, tones, place))

    asked = {name: part for name, part in measures.items() if part.keywords and name != REAL}
    if asked:
        shares = _shares_mentioned(asked)
        draw_whole("How often keywords are mentioned", "coverage.png", plots.coverage, shares)
    words = {name: part.n_words for name, part in measures.items()}
    draw_whole("How long postings are", "lengths.png", plots.lengths, words)
    if measures[REAL].longest is not None:
        copied = {name: part.longest for name, part in measures.items()}
        title = "How much is copied from training postings"
        draw_whole(title, "copies.png", plots.copies, copied)
    if runs:
        draw_whole("Loss in training", "losses.png", plots.losses, runs)
    return found


def _shares_mentioned(measures: dict[str, SetMetrics]) -> dict[str, dict[str, float | None]]:
    """Of each set, how often keywords were mentioned: by their length, and the most frequent."""
    times = Counter(word for part in measures.values() for word, _ in part.keywords)
    frequent = [word for word, number in times.most_common(_KEYWORDS_DRAWN) if number > 1]
    rows = {}
    for name, part in measures.items():
        of_length, of_word = defaultdict(list), defaultdict(list)
        for keyword, covered in part.keywords:
            of_length[min(len(keyword.split()), 4)].append(covered)
            of_word[keyword].append(covered)
        groups = {label: of_length[n] for n, label in enumerate(_LENGTHS, start=1)}
        groups |= {word: of_word[word] for word in frequent}
        rows[name] = {kind: np.mean(flags) if flags else None for kind, flags in groups.items()}
    return rows


def is_like_real(entry: dict[str, Any]) -> bool:
    """Whether the interval of the difference from real postings holds 0."""
    apart = entry.get("difference")
    return bool(apart) and apart["low"] <= 0 <= apart["high"]


def summarize(report: dict[str, Any]) -> list[str]:
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
        if "memorized_words" in figures:
            of_real = report["sets"][REAL]["figures"]["memorized_words"]["value"]
            told.append(
                "the longest run of words it shares with training postings has"
                f" {figures['memorized_words']['value']:.0f} words on average (real postings'"
                f" {of_real:.0f})"
            )
        compared = [
            figure
            for figure in METRICS
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
