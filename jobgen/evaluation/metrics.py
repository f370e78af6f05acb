"""The metrics of a set of postings: their names, what they mean, how they are shown."""

from typing import Literal, NamedTuple

import numpy as np

REAL = "real postings"  # the set that the others are compared with


class Metric(NamedTuple):
    """A metric, and how it is shown.

    Attributes:
        key: its name in report.json.
        group: the heading it stands under in tables.
        label: its name in tables.
        better: "high" or "low" values, or the one nearest to that of the real postings.
        format: of its value.
        meaning: an explanation in a few words.
    """

    key: str
    group: str
    label: str
    better: Literal["high", "low", "real"]
    format: str
    meaning: str


METRICS = [
    Metric("coverage_exact", "Control", "keywords, word for word", "high", "{:.0%}",
           "share of the keywords that appear in the text as they are, ignoring case"),
    Metric("coverage", "Control", "keywords, by stems", "high", "{:.0%}",
           "share of the keywords whose words appear in the text in a row, ignoring endings"),
    Metric("coverage_by_meaning", "Control", "keywords, by meaning", "high", "{:.0%}",
           "share that appears by stems or as a phrase of nearly the same meaning, judged by"
           " embeddings; of sampled postings"),
    Metric("all_covered", "Control", "postings with all keywords", "high", "{:.0%}",
           "share of the postings that mention each of their keywords, by stems"),
    Metric("coverage_of_others", "Control", "another posting's keywords", "low", "{:.0%}",
           "share of the next posting's keywords that appear, by stems, though nobody asked for"
           " them"),
    Metric("coverage_gain", "Control", "own minus another's keywords", "high", "{:.0%}",
           "the difference of the two, posting by posting; if its interval is above 0, the keywords"
           " steer the text"),
    Metric("nats_per_byte", "Realism", "nats per byte", "real", "{:.3f}",
           "negative log-likelihood of the text under the given model, given the title and the"
           " first 8 keywords"),
    Metric("bits_per_byte", "Realism", "bits per byte", "real", "{:.3f}",
           "the same in bits: nats / ln 2"),
    Metric("perplexity", "Realism", "perplexity per token", "real", "{:.1f}",
           "of the same texts under the same model"),
    Metric("distance", "Realism", "Frechet distance", "real", "{:.4f}",
           "between the sentence embeddings of the set and those of real postings; 0: no"
           " difference"),
    Metric("words", "Realism", "words", "real", "{:.0f}", "per posting"),
    Metric("headings", "Realism", "section headings", "real", "{:.1f}", "per posting"),
    Metric("finished", "Realism", "finished", "high", "{:.0%}",
           "share of the postings that ended before the length limit"),
    Metric("distinct_1", "Diversity", "distinct-1", "real", "{:.3f}",
           "distinct words over all words, in as many postings as hold the words of the smallest"
           " set"),
    Metric("distinct_2", "Diversity", "distinct-2", "real", "{:.3f}",
           "distinct 2-grams over all 2-grams, in as many postings"),
    Metric("distinct_3", "Diversity", "distinct-3", "real", "{:.3f}",
           "distinct 3-grams over all 3-grams, in as many postings"),
    Metric("self_bleu", "Diversity", "self-BLEU", "real", "{:.1f}",
           "BLEU of sampled postings against others of their set; higher: more alike"),
    Metric("repetition", "Diversity", "repeated 4-grams", "low", "{:.1%}",
           "share of a text's 4-grams of words that occurred in it before"),
    Metric("near_duplicates", "Diversity", "near-duplicates", "low", "{:.1%}",
           "share of the postings of which the set has another version, nearly word for word"),
    Metric("memorized_share", "Memorization", "memorized 8-grams", "low", "{:.1%}",
           "share of a text's 8-grams of words that occur in the training postings"),
    Metric("memorized_words", "Memorization", "longest memorized span", "low", "{:.1f}",
           "words in a row from the training postings; mean over the postings"),
    Metric("personal_data", "Memorization", "personal data", "low", "{:.2f}",
           "e-mail addresses, phone numbers and links per posting"),
    Metric("masculine", "Wording", "masculine-coded words", "real", "{:.2f}", "per 100 words"),
    Metric("feminine", "Wording", "feminine-coded words", "real", "{:.2f}", "per 100 words"),
    Metric("reading_grade", "Wording", "reading grade", "real", "{:.1f}",
           "U.S. school grade that can read it (Coleman-Liau index)"),
]  # fmt: skip


class Ratio(NamedTuple):
    """A metric as the ratio of two sums over postings.

    Attributes:
        numerators: (n,), what each posting adds above.
        denominators: (n,), what it adds below: 1 in a mean, 0 if the posting does not count.
    """

    numerators: np.ndarray
    denominators: np.ndarray
