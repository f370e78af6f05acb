"""Metrics of a set of postings.

Each metric is a ratio of two sums over its postings, most often a mean, so that one bootstrap
serves them all. `compute_metrics` gives what each posting adds to the sums. The Frechet distance is
no such ratio; it is computed from the embeddings.
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from typing import Literal, NamedTuple

import numpy as np
import pandas as pd

from jobgen.common.config import EVALUATION_KEYWORDS, PrepareConfig
from jobgen.data.near_duplicates import minhash_signature, near_duplicate_groups
from jobgen.evaluation.diversity import distinct_parts, self_bleu
from jobgen.evaluation.frechet import section_headings
from jobgen.text.coverage import covered_by_meaning, covered_by_stems, covered_exactly
from jobgen.text.memorized import MemorizationIndex
from jobgen.text.ngrams import repetition
from jobgen.text.redaction import redact_contacts
from jobgen.text.wording import gender_coded, reading_grade

REAL = "real postings"  # the set that the others are compared with
# Jaccard similarity from which postings are copies, as in the preparation.
COPIES = PrepareConfig.model_fields["near_duplicate_similarity"].default
REFERENCES = 20  # of self-BLEU
_READ = 20_000  # characters of a text, for what is slow

Parts = tuple[np.ndarray, np.ndarray]
Embed = Callable[[Sequence[str]], np.ndarray]


class Metric(NamedTuple):
    """A figure, and how it is shown.

    Attributes:
        key: in report.json.
        group: in the table.
        label: the same.
        better: the highest, the lowest, or what is nearest to the real postings.
        shown: format of its value.
        meaning: in a sentence.
    """

    key: str
    group: str
    label: str
    better: Literal["high", "low", "real"]
    shown: str
    meaning: str


METRICS = [
    Metric(*row)
    for row in (
        ("coverage_exact", "Control", "keywords, word for word", "high", "{:.0%}",
         "keywords that stand in the text as they are, letter case aside"),
        ("coverage", "Control", "keywords, by stems", "high", "{:.0%}",
         "keywords whose words stand in the text one after another, endings aside"),
        ("coverage_by_meaning", "Control", "keywords, by meaning", "high", "{:.0%}",
         "those, or a phrase near to the keyword in an embedding; of the sampled postings"),
        ("all_covered", "Control", "postings with all keywords", "high", "{:.0%}",
         "by stems"),
        ("coverage_of_others", "Control", "another posting's keywords", "low", "{:.0%}",
         "by stems, the keywords of the next posting that has others: what nobody asked for"),
        ("coverage_gain", "Control", "own above others' keywords", "high", "{:.0%}",
         "the difference of both, posting by posting; an interval without 0 says that it is no"
         " chance"),
        ("nats_per_byte", "Likeness", "nats per byte", "real", "{:.3f}",
         "negative log-likelihood under the given model, given title and first 8 keywords"),
        ("perplexity", "Likeness", "perplexity per token", "real", "{:.1f}", "of the same"),
        ("distance", "Likeness", "Frechet distance", "real", "{:.4f}",
         "to real postings, of sentence embeddings; 0 is no difference"),
        ("words", "Likeness", "words", "real", "{:.0f}", "of a posting"),
        ("headings", "Likeness", "section headings", "real", "{:.1f}", "of a posting"),
        ("finished", "Likeness", "finished", "high", "{:.0%}", "ended before the length limit"),
        ("distinct_1", "Diversity", "distinct words", "real", "{:.3f}",
         "distinct-1 of as many postings as have the words of the smallest set"),
        ("distinct_2", "Diversity", "distinct runs of 2", "real", "{:.3f}", "distinct-2, the same"),
        ("distinct_3", "Diversity", "distinct runs of 3", "real", "{:.3f}", "distinct-3, the same"),
        ("self_bleu", "Diversity", "self-BLEU", "real", "{:.1f}",
         "of sampled postings, against others of their set"),
        ("repetition", "Diversity", "repeated runs of 4", "low", "{:.1%}",
         "share of a text's runs of 4 words that stood in it before"),
        ("near_duplicates", "Diversity", "near-duplicates", "low", "{:.1%}",
         "postings of which the set has a copy, nearly word for word"),
        ("memorized_share", "Memory", "copied runs of 8", "low", "{:.1%}",
         "share of the runs of 8 words that stand in the training postings"),
        ("memorized_words", "Memory", "longest copied run", "low", "{:.1f}",
         "words in a row from training postings, of a posting"),
        ("personal_data", "Memory", "personal data", "low", "{:.2f}",
         "e-mail addresses, phone numbers and links of a posting"),
        ("masculine", "Wording", "masculine-coded words", "real", "{:.2f}", "of 100 words"),
        ("feminine", "Wording", "feminine-coded words", "real", "{:.2f}", "of 100 words"),
        ("reading_grade", "Wording", "reading grade", "real", "{:.1f}",
         "school years in the United States (Coleman and Liau)"),
    )
]  # fmt: skip


@dataclass
class Resources:
    """What sets are measured with; None: there is none.

    Attributes:
        index: of the training texts.
        embed: texts -> unit vectors.
        nats: `NLP_model.nats`.
        sampled: postings of a set for what is slow.
        words: that each set has at least, for distinct runs.
        references: that each set has at least, for self-BLEU.
        seed: of the samples.
    """

    index: MemorizationIndex | None
    embed: Embed | None
    nats: Callable[[pd.DataFrame], pd.DataFrame] | None
    sampled: int
    words: float
    references: int
    seed: int


@dataclass
class SetMetrics:
    """What the postings of a set add to its figures.

    Attributes:
        parts: key of a figure -> numerators and denominators, (n,).
        left_out: what could not be measured, and why.
        keywords: (keyword, covered by stems), of all postings.
        n_words: (n,), of each posting.
        longest: (n,), longest copied run in words; None: without training texts.
        embeddings: (n, d), of the texts; None: without an embedder.
    """

    parts: dict[str, Parts] = field(default_factory=dict)
    left_out: list[str] = field(default_factory=list)
    keywords: list[tuple[str, bool]] = field(default_factory=list)
    n_words: np.ndarray = field(default_factory=lambda: np.zeros(0))
    longest: np.ndarray | None = None
    embeddings: np.ndarray | None = None


def compute_metrics(frame: pd.DataFrame, resources: Resources) -> SetMetrics:
    """Measure a set of postings.

    Args:
        frame: of `frames.read_postings`.
        resources: what to measure with.
    """
    measures, texts = SetMetrics(), list(frame["text"])
    n = len(texts)
    one = np.ones(n)
    draw = np.random.default_rng(resources.seed)
    chosen = np.sort(draw.choice(n, min(n, resources.sampled), replace=False))
    measures.n_words = np.array([len(text.split()) for text in texts], float)
    if empty := sum(not text.strip() for text in texts):
        measures.left_out.append(f"{empty} texts are empty and count as they are")
    _control(measures, frame, chosen, resources)
    _likeness(measures, frame, chosen, resources)
    _diversity(measures, texts, chosen, resources)
    _memory(measures, texts, resources)
    coded = np.array([gender_coded(text) for text in texts], float).reshape(n, 2)
    for column, key in enumerate(("masculine", "feminine")):
        measures.parts[key] = coded[:, column], measures.n_words / 100
    measures.parts["reading_grade"] = _where_known([reading_grade(text) for text in texts], one)
    return measures


def _control(
    measures: SetMetrics, frame: pd.DataFrame, chosen: np.ndarray, resources: Resources
) -> None:
    asked = [list(words) for words in frame["keywords"]] if "keywords" in frame else []
    if not any(asked):
        measures.left_out.append("no keywords: coverage is left out")
        return
    texts, n = list(frame["text"]), len(asked)
    number = np.array([len(words) for words in asked], float)
    by_stems = [covered_by_stems(*pair) for pair in zip(texts, asked, strict=True)]
    exactly = [covered_exactly(*pair) for pair in zip(texts, asked, strict=True)]
    found = np.array([sum(flags) for flags in by_stems], float)
    measures.keywords = [
        pair for words, flags in zip(asked, by_stems, strict=True)
        for pair in zip(words, flags, strict=True)
    ]  # fmt: skip
    some = (number > 0).astype(float)
    parts = measures.parts
    parts["coverage_exact"] = np.array([sum(flags) for flags in exactly], float), number
    parts["coverage"] = found, number
    parts["all_covered"] = (found == number) * some, some
    others = _others(asked)
    if others is None:
        measures.left_out.append("all postings have the same keywords: no others to swap them with")
    else:
        swapped = np.array(
            [sum(covered_by_stems(text, asked[k])) for text, k in zip(texts, others, strict=True)]
        )
        of_others = swapped / np.maximum(number[others], 1)
        parts["coverage_of_others"] = of_others * some, some
        parts["coverage_gain"] = (found / np.maximum(number, 1) - of_others) * some, some
    if resources.embed:
        above, below = np.zeros(n), np.zeros(n)
        for i in chosen:
            text = texts[i][:_READ]
            above[i] = sum(covered_by_meaning(text, asked[i], resources.embed))
            below[i] = number[i]
        parts["coverage_by_meaning"] = above, below


def _others(asked: list[list[str]]) -> np.ndarray | None:
    """For each posting, the next one that has other keywords; None: there is none."""
    names = [frozenset(words) for words in asked]
    if len(set(names) - {frozenset()}) < 2:
        return None
    n = len(names)
    others = np.zeros(n, int)
    nearest = further = 0  # behind i, of any keywords, and of others than the nearest's
    for i in range(2 * n - 1, -1, -1):  # twice around: the next of the last is the first
        own = names[i % n]
        others[i % n] = further if own == names[nearest] else nearest
        if own:
            if own != names[nearest]:
                further = nearest
            nearest = i % n
    return others


def _likeness(
    measures: SetMetrics, frame: pd.DataFrame, chosen: np.ndarray, resources: Resources
) -> None:
    texts, parts = list(frame["text"]), measures.parts
    one = np.ones(len(texts))
    parts["words"] = measures.n_words, one
    parts["headings"] = np.array([len(section_headings(text)) for text in texts], float), one
    if "finished" in frame:
        parts["finished"] = frame["finished"].to_numpy(float), one
    if resources.embed:
        measures.embeddings = resources.embed(texts)
    if resources.nats is None:
        return
    if not {"title", "keywords"} <= set(frame):
        measures.left_out.append("no titles or no keywords: no likelihood, which is given both")
        return
    rows = np.array([i for i in chosen if texts[i].strip()], int)
    found = resources.nats(frame.iloc[rows])
    rows = rows[found.index]
    if missed := len(chosen) - len(rows):
        measures.left_out.append(
            f"{missed} of {len(chosen)} sampled texts are empty or too long for the model: no"
            " likelihood"
        )
    nats, tokens, size = (np.zeros(len(texts)) for _ in range(3))
    nats[rows], tokens[rows] = found["nats"], found["tokens"]
    size[rows] = [len(texts[i].encode()) for i in rows]
    parts["nats_per_byte"] = nats, size
    parts["perplexity"] = nats, tokens


def _diversity(
    measures: SetMetrics, texts: list[str], chosen: np.ndarray, resources: Resources
) -> None:
    parts, one = measures.parts, np.ones(len(texts))
    for n in (1, 2, 3):
        parts[f"distinct_{n}"] = distinct_parts(texts, n, resources.words)
    parts["repetition"] = np.array([repetition(text) for text in texts]), one
    if len(texts) < 2:
        measures.left_out.append("one posting: nothing to compare it with")
        return
    scores, some = np.zeros(len(texts)), np.zeros(len(texts))
    short = [text[:_READ] for text in texts]
    scores[chosen] = self_bleu(short, chosen.tolist(), resources.references, resources.seed)
    some[chosen] = 1
    parts["self_bleu"] = scores, some
    groups = near_duplicate_groups(np.array([minhash_signature(text) for text in texts]), COPIES)
    parts["near_duplicates"] = (np.bincount(groups)[groups] > 1).astype(float), one


def _memory(measures: SetMetrics, texts: list[str], resources: Resources) -> None:
    one = np.ones(len(texts))
    found = [redact_contacts(text)[1] for text in texts]
    measures.parts["personal_data"] = np.array(found, float), one
    if resources.index is None:
        return
    copied = [resources.index.check(text) for text in texts]
    measures.longest = np.array([part.longest for part in copied], float)
    measures.parts["memorized_share"] = np.array([part.share for part in copied]), one
    measures.parts["memorized_words"] = measures.longest, one


def _where_known(values: list[float], weights: np.ndarray) -> Parts:
    """A mean over the postings whose value is a number."""
    known = np.isfinite(values)
    return np.where(known, values, 0), weights * known


def first_keywords(frame: pd.DataFrame) -> pd.DataFrame:
    """Real postings as if somebody had asked for them with their first eight keywords."""
    if "keywords" not in frame:
        return frame
    return frame.assign(keywords=[words[:EVALUATION_KEYWORDS] for words in frame["keywords"]])
