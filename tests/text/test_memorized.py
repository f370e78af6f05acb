"""Memorized spans of training texts are found, whatever text surrounds them."""

import random

import numpy as np
import pytest
from conftest import REAL_POSTINGS, needs_real_postings

from jobgen.common.errors import InputError
from jobgen.text.memorized import INDEX_FILE, MemorizationIndex

WORDS = [f"word{n}" for n in range(5000)]


def text_of(rng, n) -> str:
    return " ".join(rng.choices(WORDS, k=n))


def test_planted_spans_are_always_found():
    rng = random.Random(0)
    texts = [text_of(rng, 300) for _ in range(50)]
    index = MemorizationIndex.of(texts, range(100, 150))
    for _ in range(200):
        row, length = rng.randrange(50), rng.randrange(8, 120)
        start = rng.randrange(300 - length)
        copied = texts[row].split()[start : start + length]
        planted = f"{text_of(rng, 40)} {' '.join(copied).upper()}, {text_of(rng, 60)}"
        memorized = index.check(planted)
        assert memorized.longest == length
        assert memorized.nearest == 100 + row
        assert memorized.share == pytest.approx((length - 7) / (length + 93))


def test_a_text_that_copies_nothing_is_not_memorized():
    rng = random.Random(1)
    index = MemorizationIndex.of([text_of(rng, 300)], [0])
    assert (index.check(text_of(rng, 200)).longest, index.check("").longest) == (0, 0)
    assert index.check("").nearest is None
    assert MemorizationIndex.of([], []).check("a b c d e f g h i").longest == 0


def test_a_text_that_is_all_memorized():
    index = MemorizationIndex.of(["a b c d e f g h i j", "x y z"], [0, 1])
    memorized = index.check("A b c d e f, g h i j!")
    assert (memorized.longest, memorized.share, memorized.nearest) == (10, 1.0, 0)


def test_an_index_is_kept_in_the_model_folder(tmp_path):
    assert MemorizationIndex.load(tmp_path) is None
    index = MemorizationIndex.of(["a b c d e f g h i j", "k l m n o p q r s"], [3, 9])
    index.save(tmp_path)
    loaded = MemorizationIndex.load(tmp_path)
    assert np.array_equal(loaded.hashes, index.hashes)
    assert loaded.check("k l m n o p q r").nearest == 9
    for corruption in (b"", b"PK\x03\x04", (tmp_path / INDEX_FILE).read_bytes()[:200]):
        (tmp_path / INDEX_FILE).write_bytes(corruption)
        with pytest.raises(InputError, match=f"{INDEX_FILE}.* is corrupt"):
            MemorizationIndex.load(tmp_path)


@needs_real_postings
def test_real_postings_are_memorized_only_from_themselves():
    from jobgen.data.tables import read_table

    texts = [text for text in read_table(str(REAL_POSTINGS))["text"][:120] if len(text) > 500]
    index = MemorizationIndex.of(texts[::2], range(len(texts[::2])))
    assert all(index.check(text).share == 1 for text in texts[::2])
    assert np.median([index.check(text).share for text in texts[1::2]]) < 0.1
