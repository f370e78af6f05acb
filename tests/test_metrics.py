"""Coverage by words and stems, variety, repetition; wording."""

import math

import pandas as pd
import pytest
from conftest import ORIGINAL, needs_original

from jobgen.metrics import (
    covered_by_stems,
    covered_exactly,
    distinct_n,
    missing_keywords,
    repetition,
)
from jobgen.wording import gender_coded


@pytest.mark.parametrize(
    ("text", "keyword", "exactly", "by_stems"),
    [
        ("We use Python.", "python", True, True),
        ("We use PYTHON, daily", "Python", True, True),
        ("CPython internals", "Python", False, False),
        ("CSS and C++", "C", False, False),
        ("C, C++ and C#", "C#", True, True),
        ("C, C++ and C#", "C", True, True),
        ("developing algorithms", "develop algorithm", False, True),
        ("development of algorithms", "develop algorithm", False, False),
        ("machine\nlearning", "Machine  Learning", True, True),
        ("machine-learning", "machine learning", False, True),
        ("AI/ML", "AI, ML", False, True),
        ("learning machine", "machine learning", False, False),
        ("Java", "JavaScript", False, False),
        ("JavaScript", "Java", False, False),
        ("night shifts", "night shift", False, True),
        ("shift at night", "night shift", False, False),
        ("customers' satisfaction", "customer satisfaction", False, True),
        ("R&D team", "R&D", True, True),
        ("Node.js", "node.js", True, True),
        ("🙂 soup", "🙂", True, True),
        ("soup", "🙂", False, False),
        ("日本語 required", "日本語", True, True),
    ],
)
def test_coverage(text, keyword, exactly, by_stems):
    assert covered_exactly(text, [keyword]) == [exactly]
    assert covered_by_stems(text, [keyword]) == [by_stems]
    assert missing_keywords(text, [keyword]) == ([] if by_stems else [keyword])


def test_no_keywords():
    assert covered_exactly("x", []) == covered_by_stems("x", []) == missing_keywords("x", []) == []


@needs_original
@pytest.mark.parametrize(
    ("name", "covered"),
    [("EleutherAI-gpt-neo-1.3B_sampling_gpt-neo-32l", 84), ("gpt2-large_sampling_36_4ep", 92)],
)
def test_the_originals_samples_mention_less_than_half(name, covered):
    """Of 205 keywords."""
    rows = pd.read_csv(ORIGINAL / f"generated_texts/{name}.csv", sep="\t")
    found = []
    for text, keywords in zip(rows["text"], rows["kws"], strict=True):
        words = [word.strip() for word in keywords.split(",") if word.strip()]
        found += covered_by_stems(text, words)
    assert (sum(found), len(found)) == (covered, 205)


def test_variety():
    assert distinct_n(["a b c", "a b d"], 2) == 3 / 4
    assert math.isnan(distinct_n(["a"], 2))
    assert repetition("a b c d e f") == 0
    assert repetition("a b c d a b c d") == pytest.approx(1 / 5)
    assert repetition("a") == 0


def test_gender_coded_words():
    assert gender_coded("An ambitious, analytical leader who competes") == (4, 0)
    assert gender_coded("We support each other, understand and share; kindergarten") == (0, 2)
    assert gender_coded("mislead the unkind") == (0, 0)
    assert gender_coded("self-confident") == (1, 0)
