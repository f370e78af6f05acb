"""Keywords are phrases of the text; which of them, MMR decides."""

import numpy as np
from conftest import REAL_POSTINGS, needs_real_postings

from jobgen.keywords import candidate_phrases, extract_keywords

TEXT = "Build REST APIs in Python 3.11, with C++ and .NET; CI/CD for machine learning models."


def letters(texts) -> np.ndarray:
    """A stand-in for the embedding model: letter counts, (n, 26)."""
    alphabet = "abcdefghijklmnopqrstuvwxyz"
    return np.array([[t.lower().count(c) + 0.01 for c in alphabet] for t in texts], np.float32)


def test_phrases_stay_within_a_clause():
    assert candidate_phrases(TEXT, 2) == [
        *("Build", "Build REST", "REST", "REST APIs", "APIs", "Python", "C++", ".NET", "CI/CD"),
        *("machine", "machine learning", "learning", "learning models", "models"),
    ]


def test_phrases_of_three_words_and_no_duplicates():
    phrases = candidate_phrases("Data science team. data Science team!", 3)
    assert phrases == [
        "Data",
        "Data science",
        "Data science team",
        "science",
        "science team",
        "team",
    ]


def test_no_letters_no_phrases():
    assert candidate_phrases("140 000 - 160,000 ... the of and 24/7", 3) == []


def test_keywords_of_each_text():
    texts = [TEXT, "140 000", "Cook soup."]
    keywords = extract_keywords(texts, letters, top_n=4, ngram_max=3, diversity=0.5)
    assert [len(words) for words in keywords] == [4, 0, 1]
    assert keywords[2] == ["Cook soup"]
    for text, words in zip(texts, keywords, strict=True):
        assert all(word in text for word in words)
        padded = [f" {word.lower()} " for word in words]
        assert not any(a != b and a in b for a in padded for b in padded)


def test_each_distinct_phrase_is_embedded_once():
    seen = []

    def embed(texts):
        seen.extend(texts)
        return letters(texts)

    extract_keywords(["Cook soup", "cook Soup", "Cook rice"], embed, 3, 2, 0.5)
    phrases = seen[:-3]
    assert sorted(phrases) == ["cook", "cook rice", "cook soup", "rice", "soup"]


@needs_real_postings
def test_real_postings_word_for_word():
    import pandas as pd

    for text in pd.read_csv(REAL_POSTINGS)["text"].head(200):
        phrases = candidate_phrases(text, 3)
        assert all(phrase in text and len(phrase.split(" ")) <= 3 for phrase in phrases)
