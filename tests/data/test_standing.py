"""Sentences that stand in many postings are found, named, and give no keywords."""

import numpy as np
import pytest

from jobgen.data.standing import (
    find_standing,
    find_texts,
    sentence_keys,
    sentence_spans,
    title_key,
    without_standing,
)

NOTICE = "Please mention the Example Gazette in your letter."


def standing_of(postings, share=0.1):
    """Standing sentences of (title, text) pairs -> number of postings."""
    keys = [sentence_keys(text) for _, text in postings]
    titles = np.array([title_key(title) for title, _ in postings], np.uint64)
    found = find_standing(
        np.array([key for row in keys for key in row], np.uint64),
        np.repeat(titles, [len(row) for row in keys]),
        len(postings),
        share,
    )
    texts = find_texts((int(key) for key, _ in found), (text for _, text in postings))
    return {texts[int(key)]: int(n) for key, n in found}


def test_a_notice_in_postings_of_different_titles_is_standing():
    postings = [(f"Job {n}", f"You do task {n} in shop {n}.\n{NOTICE}") for n in range(4)]
    assert standing_of(postings) == {NOTICE: 4}
    assert standing_of(postings[:2] + [("Job 7", "You do other things today.")]) == {}


def test_postings_of_one_title_make_no_standing_sentence():
    postings = [("Rider", f"You ride tour {n} of the town.\n{NOTICE}") for n in range(9)]
    assert standing_of(postings) == {}


def test_the_share_decides():
    postings = [(f"Job {n}", f"You do task {n} in shop {n}.") for n in range(17)]
    postings += [(f"Post {n}", f"You sort mail {n} in shop {n}. {NOTICE}") for n in range(3)]
    assert standing_of(postings, share=0.1) == {NOTICE: 3}
    assert standing_of(postings, share=0.2) == {}


def test_headings_and_short_lines_are_no_sentences():
    text = "Your tasks:\nWhat we are looking for\nFull-time\n• You repair all the bikes. Smile!"
    assert [text[start:end] for start, end in sentence_spans(text)] == ["You repair all the bikes."]


@pytest.mark.parametrize(
    ("text", "rest"),
    [
        (f"You ride.\n{NOTICE}", "You ride."),
        (f"You ride. {NOTICE} You sell.", "You ride. You sell."),
        (f"• You ride.\n• {NOTICE}\n• You sell.", "• You ride.\n• You sell."),
        (f"You ride.\n\n{NOTICE}\n\nYou sell.", "You ride.\n\nYou sell."),
        (NOTICE, NOTICE),  # nothing else would be left
        ("You ride.", "You ride."),
    ],
)
def test_without_standing(text, rest):
    assert without_standing(text, frozenset(sentence_keys(NOTICE))) == rest


def test_letter_case_and_blanks_do_not_count():
    assert sentence_keys(NOTICE) == sentence_keys(NOTICE.upper().replace(" ", "  "))
