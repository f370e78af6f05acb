"""A set of postings -> what each posting adds to each metric.

Each metric is a ratio of two sums over the postings, most often a mean, so that one bootstrap
serves all. The Frechet distance is no such ratio; it is computed from the embeddings.
"""

import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field

import numpy as np
import pandas as pd

from jobgen.common.config import EVALUATION_KEYWORDS, PrepareConfig
from jobgen.data.near_duplicates import minhash_signature, near_duplicate_groups
from jobgen.evaluation.diversity import distinct_parts, self_bleu
from jobgen.evaluation.headings import section_headings
from jobgen.evaluation.metrics import Ratio
from jobgen.models.protocols import LanguageModel
from jobgen.text.coverage import covered_by_meaning, covered_by_stems, covered_exactly
from jobgen.text.memorized import MemorizationIndex
from jobgen.text.ngrams import repetition
from jobgen.text.redaction import redact_contacts
from jobgen.text.wording import gender_coded, reading_grade

# Jaccard similarity from which postings are near-duplicates, as in the preparation.
NEAR_DUPLICATE = PrepareConfig.model_fields["near_duplicate_similarity"].default
REFERENCES = 20  # of self-BLEU
_SLOW_CHARACTERS = 20_000  # of a text that a slow metric reads


@dataclass
class Resources:
    """What sets are measured with; None: the metrics that need it are left out.

    Attributes:
        index: finds what was memorized from the training postings.
        embed: texts -> unit vectors.
        model: judges likelihood.
        sample_size: number of postings of each set that slow metrics look at.
        words: size of text at which distinct-n is compared: that of the smallest set.
        references: number of other texts that self-BLEU compares with; each set has as many.
        seed: decides the samples.
    """

    index: MemorizationIndex | None
    embed: Callable[[Sequence[str]], np.ndarray] | None
    model: LanguageModel | None
    sample_size: int
    words: float
    references: int
    seed: int


@dataclass
class SetMetrics:
    """What the postings of a set add to its metrics.

    Attributes:
        ratios: key of a metric -> its ratio.
        notes: what could not be measured, and why.
        mentions: (keyword, whether the text covers it by stems), of all postings.
        word_counts: (n,), words of each posting.
        memorized_words: (n,), words of each posting's longest memorized span; None: not known.
        embeddings: (n, d), of the texts; None: without an embedder.
    """

    ratios: dict[str, Ratio] = field(default_factory=dict)
    notes: list[str] = field(default_factory=list)
    mentions: list[tuple[str, bool]] = field(default_factory=list)
    word_counts: np.ndarray = field(default_factory=lambda: np.zeros(0))
    memorized_words: np.ndarray | None = None
    embeddings: np.ndarray | None = None


def compute_metrics(frame: pd.DataFrame, resources: Resources) -> SetMetrics:
    """Measure a set of postings.

    Args:
        frame: what `read_postings` returns; titles and keywords may be missing.
        resources: what to measure with.
    """
    texts = list(frame["text"])
    draw = np.random.default_rng(resources.seed)
    size = min(len(texts), resources.sample_size)
    sample = np.sort(draw.choice(len(texts), size, replace=False))
    metrics = SetMetrics(word_counts=np.array([len(text.split()) for text in texts], float))
    if empty := sum(not text.strip() for text in texts):
        metrics.notes.append(f"{empty} texts are empty; they count like any other")
    _control(metrics, frame, sample, resources)
    _realism(metrics, frame, sample, resources)
    _diversity(metrics, texts, sample, resources)
    _memorization(metrics, texts, resources)
    _wording(metrics, texts)
    return metrics


def _control(
    metrics: SetMetrics, frame: pd.DataFrame, sample: np.ndarray, resources: Resources
) -> None:
    keywords = [list(words) for words in frame["keywords"]] if "keywords" in frame else []
    if not any(keywords):
        metrics.notes.append("no keywords: coverage is left out")
        return
    texts, n = list(frame["text"]), len(keywords)
    asked = np.array([len(words) for words in keywords], float)
    by_stems = [covered_by_stems(*pair) for pair in zip(texts, keywords, strict=True)]
    exactly = [covered_exactly(*pair) for pair in zip(texts, keywords, strict=True)]
    covered = np.array([sum(flags) for flags in by_stems], float)
    metrics.mentions = [
        pair for words, flags in zip(keywords, by_stems, strict=True)
        for pair in zip(words, flags, strict=True)
    ]  # fmt: skip
    has_keywords = (asked > 0).astype(float)
    ratios = metrics.ratios
    ratios["coverage_exact"] = Ratio(np.array([sum(flags) for flags in exactly], float), asked)
    ratios["coverage"] = Ratio(covered, asked)
    ratios["all_covered"] = Ratio((covered == asked) * has_keywords, has_keywords)
    others = _others(keywords)
    if others is None:
        metrics.notes.append(
            "all postings have the same keywords: coverage of another posting's is left out"
        )
    else:
        swapped = [
            sum(covered_by_stems(text, keywords[k]))
            for text, k in zip(texts, others, strict=True)
        ]  # fmt: skip
        of_others = np.array(swapped) / np.maximum(asked[others], 1)
        gain = covered / np.maximum(asked, 1) - of_others
        ratios["coverage_of_others"] = Ratio(of_others * has_keywords, has_keywords)
        ratios["coverage_gain"] = Ratio(gain * has_keywords, has_keywords)
    if resources.embed:
        by_meaning, sampled = np.zeros(n), np.zeros(n)
        for i in sample:
            text = texts[i][:_SLOW_CHARACTERS]
            by_meaning[i] = sum(covered_by_meaning(text, keywords[i], resources.embed))
            sampled[i] = asked[i]
        ratios["coverage_by_meaning"] = Ratio(by_meaning, sampled)


def _others(keywords: list[list[str]]) -> np.ndarray | None:
    """For each posting, the next one that has other keywords; None: there is none."""
    names = [frozenset(words) for words in keywords]
    if len(set(names) - {frozenset()}) < 2:
        return None
    n = len(names)
    others = np.zeros(n, int)
    # Behind posting i: the nearest with any keywords, and the nearest whose keywords differ from
    # those. Twice around, because the next posting of the last one is the first.
    nearest = further = 0
    for i in range(2 * n - 1, -1, -1):
        own = names[i % n]
        others[i % n] = further if own == names[nearest] else nearest
        if own:
            if own != names[nearest]:
                further = nearest
            nearest = i % n
    return others


def _realism(
    metrics: SetMetrics, frame: pd.DataFrame, sample: np.ndarray, resources: Resources
) -> None:
    texts, ratios = list(frame["text"]), metrics.ratios
    ratios["words"] = _mean(metrics.word_counts)
    ratios["headings"] = _mean([len(section_headings(text)) for text in texts])
    if "finished" in frame:
        ratios["finished"] = _mean(frame["finished"])
    if resources.embed:
        metrics.embeddings = resources.embed(texts)
    if resources.model is None:
        return
    if not {"title", "keywords"} <= set(frame):
        metrics.notes.append("no titles or no keywords: no likelihood, which is given both")
        return
    rows = np.array([i for i in sample if texts[i].strip()], int)
    likelihood = resources.model.nats(frame.iloc[rows])
    rows = rows[likelihood.index]
    if missed := len(sample) - len(rows):
        metrics.notes.append(
            f"{missed} of {len(sample)} sampled texts are empty or too long for the model: they"
            " have no likelihood"
        )
    nats, tokens, n_bytes = (np.zeros(len(texts)) for _ in range(3))
    nats[rows], tokens[rows] = likelihood["nats"], likelihood["tokens"]
    n_bytes[rows] = [len(texts[i].encode()) for i in rows]
    ratios["nats_per_byte"] = Ratio(nats, n_bytes)
    ratios["bits_per_byte"] = Ratio(nats / math.log(2), n_bytes)
    ratios["perplexity"] = Ratio(nats, tokens)


def _diversity(
    metrics: SetMetrics, texts: list[str], sample: np.ndarray, resources: Resources
) -> None:
    ratios = metrics.ratios
    for n in (1, 2, 3):
        ratios[f"distinct_{n}"] = Ratio(*distinct_parts(texts, n, resources.words))
    ratios["repetition"] = _mean([repetition(text) for text in texts])
    if len(texts) < 2:
        metrics.notes.append("one posting: nothing to compare it with")
        return
    bleu, sampled = np.zeros(len(texts)), np.zeros(len(texts))
    short = [text[:_SLOW_CHARACTERS] for text in texts]
    bleu[sample] = self_bleu(short, sample.tolist(), resources.references, resources.seed)
    sampled[sample] = 1
    ratios["self_bleu"] = Ratio(bleu, sampled)
    signatures = np.array([minhash_signature(text) for text in texts])
    groups = near_duplicate_groups(signatures, NEAR_DUPLICATE)
    ratios["near_duplicates"] = _mean(np.bincount(groups)[groups] > 1)


def _memorization(metrics: SetMetrics, texts: list[str], resources: Resources) -> None:
    metrics.ratios["personal_data"] = _mean([redact_contacts(text)[1] for text in texts])
    if resources.index is None:
        return
    memorized = [resources.index.check(text) for text in texts]
    metrics.memorized_words = np.array([found.longest for found in memorized], float)
    metrics.ratios["memorized_share"] = _mean([found.share for found in memorized])
    metrics.ratios["memorized_words"] = _mean(metrics.memorized_words)


def _wording(metrics: SetMetrics, texts: list[str]) -> None:
    coded = np.array([gender_coded(text) for text in texts], float).reshape(-1, 2)
    for column, key in enumerate(("masculine", "feminine")):
        metrics.ratios[key] = Ratio(coded[:, column], metrics.word_counts / 100)
    metrics.ratios["reading_grade"] = _mean([reading_grade(text) for text in texts])


def _mean(values: Sequence[float] | np.ndarray | pd.Series) -> Ratio:
    """A mean over the postings whose value is a number."""
    array = np.asarray(values, float)
    known = np.isfinite(array)
    return Ratio(np.where(known, array, 0), known.astype(float))


def first_keywords(frame: pd.DataFrame) -> pd.DataFrame:
    """Real postings as if somebody had asked for them with their first eight keywords."""
    if "keywords" not in frame:
        return frame
    return frame.assign(keywords=[words[:EVALUATION_KEYWORDS] for words in frame["keywords"]])
