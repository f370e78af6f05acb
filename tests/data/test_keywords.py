"""Keywords are phrases of the text, word for word, selected by scores and MMR."""

import json
import time

import numpy as np
import pandas as pd
import pytest
from conftest import REAL_POSTINGS, ROOT, needs_real_postings

from jobgen.common.config import OFFLINE_EMBEDDER, PrepareConfig
from jobgen.data.cleaning import clean_text
from jobgen.data.embeddings import Embedder
from jobgen.data.keywords.extraction import (
    EXAMPLES,
    Background,
    extract_keywords,
    likely_keywords,
    select_keywords,
    train_keyword_classifier,
)
from jobgen.data.keywords.model import score_words
from jobgen.data.keywords.phrases import Corpus, Phrase, build_corpus, find_phrases
from jobgen.data.keywords.statements import without_statements
from jobgen.models.hub import locate

TEXT = "Build REST APIs in Python 3.11, with C++ and .NET; CI/CD for machine learning models."


def letters(texts) -> np.ndarray:
    """A stand-in for the embedding model: unit vectors of letter counts, (n, 26)."""
    alphabet = "abcdefghijklmnopqrstuvwxyz"
    counts = np.array([[t.lower().count(c) + 0.01 for c in alphabet] for t in texts], np.float32)
    return counts / np.linalg.norm(counts, axis=1, keepdims=True)


def background_of(texts, embed, ngram_max) -> Background:
    """What texts have in common, with all of them as the sample."""
    corpus = build_corpus(texts, ngram_max)
    return Background(corpus, embed(texts), train_keyword_classifier(embed))


@pytest.mark.parametrize(
    "text",
    [
        *(letter * 10_000 for letter in "aAzZ0дΩ工あ가ا"),
        "aGVsbG8gd29ybGQ" * 667,  # base64
        "数据工程师负责开发和维护" * 833,  # Chinese has no blanks
        *("A " * 5000, "A-" * 5000, "Aa.A " * 2000, "Foo Bar " * 1250, "a/" * 5000, "c+#" * 3333),
        "Join " + "Aa " * 3333,
        "x'" * 5000,
    ],
    ids=lambda text: repr(text[:9]),
)
def test_time_is_linear_in_the_length(text):
    find_phrases("warm up the tagger", 3)
    start = time.process_time()
    build_corpus([text], 3)
    assert time.process_time() - start < 0.5  # 0.05 on an idle machine


def test_phrases_stay_within_a_clause_and_keep_their_case():
    phrases = find_phrases(TEXT, 2)
    assert [phrase.text for phrase in phrases.values()] == [
        *("REST", "REST APIs", "APIs", "Python", "C++", ".NET", "CI/CD"),
        *("machine", "machine learning", "learning", "learning models", "models"),
    ]
    assert list(phrases) == [phrase.text.lower() for phrase in phrases.values()]


def test_a_phrase_is_listed_once_and_is_whole_if_nothing_continues_it():
    phrases = find_phrases("Data science team. data Science!", 3)
    assert {key: phrase.whole for key, phrase in phrases.items()} == {
        "data": False,
        "data science": True,
        "science": False,
    }
    assert phrases["data science"].text == "Data science"


@pytest.mark.parametrize(
    ("text", "wanted"),
    [
        ("Analyze customer feedback.", "analyze customer feedback"),
        ("- write unit tests", "write unit tests"),
        ("Provide customer support.", None),  # every posting provides something
        ("You analyze customer feedback from users.", "analyze customer feedback"),
        ("Teams analyze long customer feedback forms.", None),
    ],
)
def test_duties(text, wanted):
    duties = [key for key, phrase in find_phrases(text, 3).items() if phrase.duty]
    assert duties == ([wanted] if wanted else [])


@pytest.mark.parametrize(
    "text",
    [
        "140 000 - 160,000 ... the of and 24/7",
        "experience of the years, a great opportunity",
        "write to [e-mail] or [phone]",
        "FLU010951",
    ],
)
def test_numbers_filler_and_placeholders_are_no_phrases(text):
    assert find_phrases(text, 3) == {}


def test_names_are_recognized_and_end_clauses():
    texts = ["Join Veo, please.", "Veo's bikes are Veo bikes.", "Python is a must.", "Use Python."]
    corpus = build_corpus(texts, 3)
    assert corpus.names == {"veo"}
    assert corpus.documents == {"python": 2}
    assert list(find_phrases("Ride Veo bikes", 3, corpus.names)) == ["ride", "bikes"]


def test_ngram_range():
    texts = [TEXT]
    background = background_of(texts, letters, 3)
    for fewest, most in ((1, 1), (2, 3)):
        words = extract_keywords(texts, letters, background, 9, (fewest, most), 0.5)[0][0]
        assert words
        assert all(fewest <= word.count(" ") + 1 <= most for word in words)


def test_words_without_their_noun_are_no_keyword():
    alone = ["We need machine learning."] * 3
    texts = ["A multimodal machine learning engineer.", *alone]
    background = background_of(texts, letters, 3)
    assert "machine learning" in extract_keywords(texts, letters, background, 9, (2, 2), 0)[0][0]
    background = background_of(texts[:1], letters, 3)
    words = extract_keywords(texts[:1], letters, background, 9, (2, 2), 0)[0][0]
    assert not {"machine learning", "multimodal machine"} & set(words)


def test_keywords_differ_and_none_is_inside_another():
    phrases = {key: Phrase(key) for key in ("java", "java ee", "javascript", "nursing")}
    vectors = np.array([[1, 0], [1, 0], [0.96, 0.28], [0, 1]], np.float32)
    probabilities = np.array([0.9, 0.8, 0.85, 0.7])
    everything = np.array([1, 1]) / np.sqrt(2)

    def select(top_n, diversity, likely=probabilities):
        return select_keywords(phrases, vectors, likely, everything, top_n, diversity)

    assert select(3, 0) == (["javascript", "nursing", "java"], [0.85, 0.7, 0.9])
    assert select(2, 1)[0] == ["java", "nursing"]
    # Unlikely ones are no keywords, unless all are unlikely.
    assert select(3, 0, np.array([0.9, 0.8, 0.01, 0.01]))[0] == ["java"]
    assert select(3, 0, np.array([0.02, 0.0, 0.0, 0.01]))[0] == ["java", "nursing"]


def test_a_set_describes_a_posting_together():
    """Two that say the same are close to the posting; only one of them is needed."""
    phrases = {key: Phrase(key) for key in ("sql", "databases", "nursing")}
    vectors = np.array([[1, 0], [1, 0], [0, 1]], np.float32)
    posting = np.array([0.8, 0.6])
    likely = np.array([0.5, 0.5, 0.4])
    assert select_keywords(phrases, vectors, likely, posting, 2, 0)[0] == ["sql", "nursing"]


def test_keywords_of_each_text():
    texts = [TEXT, "140 000", "Cook soup daily."]
    background = background_of(texts, letters, 3)
    keywords, probabilities = extract_keywords(texts, letters, background, 4, (1, 3), 0.5)
    assert [len(words) for words in keywords] == [4, 0, 1]
    assert [len(row) for row in probabilities] == [4, 0, 1]
    assert all(0 < probability < 1 for row in probabilities for probability in row)
    for text, words in zip(texts, keywords, strict=True):
        assert all(word in text for word in words)
        padded = [f" {word.lower()} " for word in words]
        assert not any(a != b and a in b for a in padded for b in padded)


def test_names_of_one_posting_are_less_likely_the_more_others_there_are():
    phrases = find_phrases("Teach on Zubydu, with patience.", 3)
    words = score_words(list(phrases))

    def score(n_texts):
        corpus = Corpus(n_texts=n_texts, documents={"patience": 2})
        return likely_keywords("Teach on Zubydu, with patience.", phrases, words, corpus)[1]

    few, many = score(10), score(10_000)
    names = np.array([key == "zubydu" for key in phrases])
    assert names.any()
    assert (many[names] < few[names] - 1).all()


def test_each_distinct_phrase_is_embedded_once():
    seen = []

    def embed(texts):
        seen.append(list(texts))
        return letters(texts)

    texts = ["hot soup", "Hot Soup", "hot rice"]
    background = background_of(texts, letters, 2)
    extract_keywords(texts, embed, background, 3, (1, 2), 0.5)
    assert seen == [["hot soup", "soup", "hot rice", "rice"], texts]


def test_no_example_is_both_keyword_and_filler():
    examples = json.loads(EXAMPLES.read_text(encoding="utf-8"))
    keywords, fillers = ({phrase.lower() for phrase in examples[name]} for name in examples)
    assert len(keywords) > 1000
    assert len(fillers) > 1000
    assert not keywords & fillers
    classifier = train_keyword_classifier(letters)
    assert classifier.predict_proba(letters(["Python"])).shape == (1, 2)


PREPARE = PrepareConfig.model_fields
JUDGED = json.loads((ROOT / "tests" / "data" / "judged_keywords.json").read_text(encoding="utf-8"))


@pytest.mark.slow
@needs_real_postings
def test_most_keywords_are_like_those_that_a_person_types():
    """In the judged postings; a keyword that nobody has judged counts as a bad one."""
    texts = [without_statements(clean_text(text)[0]) for text in pd.read_csv(REAL_POSTINGS)["text"]]
    embed = Embedder(locate(OFFLINE_EMBEDDER), "auto", 256, None)
    background = background_of(texts, embed, 3)
    rows = [int(row) for row in JUDGED["jobgen"]]
    keywords, _ = extract_keywords(
        [texts[row] for row in rows], embed, background, 8, (1, 3), PREPARE["diversity"].default
    )
    good = [
        JUDGED["jobgen"][str(row)].get(word, False)
        for row, words in zip(rows, keywords, strict=True)
        for word in words
    ]
    assert len(good) == 320
    assert sum(good) / len(good) >= 0.85
    of_keybert = [is_good for row in JUDGED["KeyBERT"].values() for is_good in row.values()]
    assert sum(of_keybert) / len(of_keybert) < 0.2


@needs_real_postings
def test_real_postings_word_for_word():
    for text in pd.read_csv(REAL_POSTINGS)["text"].head(200):
        clean = clean_text(text)[0]
        phrases = find_phrases(clean, 3)
        assert all(phrase.text in clean for phrase in phrases.values())
        assert all(len(phrase.text.split(" ")) <= 3 for phrase in phrases.values())
