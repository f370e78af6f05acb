"""The sample table: large and varied enough, nobody's words twice, nobody's data."""

import itertools
import re

import pandas as pd
from conftest import ROOT

from jobgen.common.config import OFFLINE_MODEL
from jobgen.data.cleaning import clean_text
from jobgen.models.hub import locate
from jobgen.models.loading import load_tokenizer
from jobgen.models.sequence import encode

SAMPLE = pd.read_csv(ROOT / "input_data" / "sample_postings.csv")
TEXTS = [clean_text(text)[0] for text in SAMPLE["text"]]
EQUAL_OPPORTUNITY = re.compile(r"(?i)equal[- ]opportunit|regardless of|without regard|adjustment")


def sequences(text: str) -> set[tuple[str, ...]]:
    """8-word sequences, closing equal-opportunity paragraphs aside."""
    kept = " ".join(part for part in text.split("\n") if not EQUAL_OPPORTUNITY.search(part))
    words = re.findall(r"[\w+#'-]+", kept.lower())
    return {tuple(words[i : i + 8]) for i in range(len(words) - 7)}


def test_size_and_variety():
    assert len(SAMPLE) >= 200
    assert SAMPLE["title"].nunique() >= 40
    assert SAMPLE["text"].nunique() == len(SAMPLE)
    words = SAMPLE["text"].str.split().str.len()
    assert words.quantile(0.9) > 2 * words.quantile(0.1)
    bullets = sum("\n• " in text for text in TEXTS)
    assert 0.2 < bullets / len(TEXTS) < 0.8


def test_tokens_in_the_default_models_tokenizer():
    lengths = [len(ids) for ids in encode(load_tokenizer(locate(OFFLINE_MODEL)), TEXTS)]
    assert 130 <= min(lengths)
    assert max(lengths) <= 700


def test_no_two_share_more_than_a_fifth_of_their_8_word_sequences():
    sets = [sequences(text) for text in TEXTS]
    worst = max(len(a & b) / min(len(a), len(b)) for a, b in itertools.combinations(sets, 2))
    assert worst <= 0.2


def test_no_personal_data():
    whole = "\n".join(SAMPLE["text"])
    assert not re.search(r"[\w.]+@[\w.]+\.\w+|https?://|www\.", whole)
    assert not re.search(r"\+?\d{1,3}[ -]\(?\d{3}\)?[ -]\d{3}[ -]\d{3,4}", whole)
