"""Near-duplicates are found, no group is divided, and the limit on shared 8-grams holds exactly."""

import re
import time

import numpy as np
import pandas as pd
import pytest
from conftest import REAL_POSTINGS, ROOT, needs_real_postings
from datasketch import MinHash, MinHashLSH

from jobgen.common.errors import InputError
from jobgen.data.near_duplicates import (
    PERMUTATIONS,
    SHINGLE,
    bands_and_rows,
    minhash_signature,
    near_duplicate_groups,
    overlap_groups,
)
from jobgen.data.splitting import group_counts, join_groups, split_groups, value_groups
from jobgen.text.ngrams import ngram_hashes

THRESHOLD, SHARE = 0.25, 0.4


def sample_texts() -> list[str]:
    return list(pd.read_csv(ROOT / "input_data" / "sample_postings.csv")["text"])


def packed(texts: list[str]) -> tuple[np.ndarray, np.ndarray]:
    """The 8-grams of all texts, and where each text's begin."""
    return concatenated([ngram_hashes(text) for text in texts])


def concatenated(rows: list[np.ndarray]) -> tuple[np.ndarray, np.ndarray]:
    return np.concatenate(rows), np.cumsum([0, *map(len, rows)])


def near_groups(texts: list[str], threshold: float = THRESHOLD) -> np.ndarray:
    return near_duplicate_groups(np.array([minhash_signature(text) for text in texts]), threshold)


def split_labels(texts: list[str], share: float = SHARE) -> np.ndarray:
    return overlap_groups(*packed(texts), near_groups(texts), share)


def eight_grams(text: str, word: str) -> set[tuple[str, ...]]:
    """Independent of the package, so that its code does not check itself."""
    words = re.findall(word, text.lower())
    return {tuple(words[i : i + 8]) for i in range(len(words) - 7)}


def worst_share(train: list[str], test: list[str], word: str) -> float:
    """The largest share of a test text's 8-grams that a single training text has as well."""
    holders: dict[tuple[str, ...], list[int]] = {}
    for row, text in enumerate(train):
        for ngram in eight_grams(text, word):
            holders.setdefault(ngram, []).append(row)
    worst = 0.0
    for text in test:
        ngrams = eight_grams(text, word)
        rows = [row for ngram in ngrams for row in holders.get(ngram, [])]
        if rows:
            worst = max(worst, np.bincount(rows).max() / len(ngrams))
    return worst


def paraphrased(text: str, words: list[str], seed: int) -> str:
    """Sentences in another order, a tenth left out, 15 to 20 % of the words replaced."""
    draw = np.random.default_rng(seed)
    sentences = re.split(r"(?<=[.!?])\s+|\n+", text)
    kept = draw.permutation(len(sentences))[len(sentences) // 10 :]
    copy = " ".join(sentences[i] for i in kept).split()
    for i in draw.permutation(len(copy))[: round(draw.uniform(0.15, 0.2) * len(copy))]:
        copy[i] = words[draw.integers(len(words))]
    return " ".join(copy)


def connected(alike: np.ndarray) -> list[int]:
    """Labels by brute force: the first row that can be reached through pairs that are alike."""
    labels = np.full(len(alike), -1)
    for start in range(len(alike)):
        waiting = [start] if labels[start] < 0 else []
        while waiting:
            row = waiting.pop()
            if labels[row] < 0:
                labels[row] = start
                waiting.extend(np.flatnonzero(alike[row]))
    return labels.tolist()


def test_hashes_of_words_ignore_case_and_punctuation():
    text = "Night shifts, free parking and a pension of 10 percent"
    assert len(ngram_hashes(text)) == 3
    assert np.array_equal(ngram_hashes(text), ngram_hashes(text.upper().replace(" ", " - ")))
    assert len(np.intersect1d(ngram_hashes(text), ngram_hashes(text + " more"))) == 3
    assert len(np.intersect1d(ngram_hashes("C++ C", 1), ngram_hashes("c C#", 1))) == 1
    assert not np.array_equal(ngram_hashes("a b", 2), ngram_hashes("b a", 2))
    assert len(ngram_hashes("")) == len(ngram_hashes("?!")) == len(ngram_hashes("one two")) == 1


def test_hashes_are_the_same_in_every_process():
    assert ngram_hashes("We hire welders", 3).tolist() == [6946088010215025018]
    assert minhash_signature("We hire welders")[:3].tolist() == [155569370, 2469289550, 1219066456]


def test_signatures_estimate_the_similarity():
    texts = sample_texts()[:40]
    copies = [paraphrased(text, ["other"], seed) for seed, text in enumerate(texts)]
    for text, copy in zip(texts, copies, strict=True):
        a, b = set(ngram_hashes(text, SHINGLE)), set(ngram_hashes(copy, SHINGLE))
        estimate = np.mean(minhash_signature(text) == minhash_signature(copy))
        assert abs(estimate - len(a & b) / len(a | b)) < 0.13  # four standard deviations


@pytest.mark.parametrize("threshold", [0.1, 0.25, 0.5, 0.75, 0.9, 1.0])
def test_bands_miss_few_pairs_at_the_threshold(threshold):
    bands, rows = bands_and_rows(threshold)
    assert bands * rows <= PERMUTATIONS
    assert (1 - threshold**rows) ** bands <= 0.01


def test_near_duplicates_are_those_that_datasketch_finds():
    texts = sample_texts()[:100]
    words = " ".join(texts).split()
    texts += [paraphrased(text, words, seed) for seed, text in enumerate(texts)]
    rows = np.array([minhash_signature(text) for text in texts])
    minhashes = [MinHash(hashvalues=row, scheme="affine32") for row in rows]
    for threshold in (0.25, 0.4, 0.6):
        lsh = MinHashLSH(num_perm=PERMUTATIONS, params=bands_and_rows(threshold))
        alike = np.eye(len(texts), dtype=bool)
        for row, minhash in enumerate(minhashes):
            for other in lsh.query(minhash):
                close = minhash.jaccard(minhashes[other]) >= threshold
                alike[row, other] = alike[other, row] = close
            lsh.insert(row, minhash)
        labels = near_duplicate_groups(rows, threshold).tolist()
        assert labels == connected(alike)
        assert len(set(labels)) < len(texts)


def test_copies_and_chains_share_a_label_and_others_do_not():
    rows = np.arange(6 * 256, dtype=np.uint32).reshape(6, 256)
    rows[3] = rows[0]
    rows[4, :150] = rows[1, :150]  # row 5 is like row 4 and row 4 like row 1
    rows[5, 106:] = rows[4, 106:]
    assert near_duplicate_groups(rows, 0.55).tolist() == [0, 1, 2, 0, 1, 1]
    assert near_duplicate_groups(rows, 0.59).tolist() == [0, 1, 2, 0, 4, 5]


def test_overlap_is_more_than_half_in_either_direction():
    a = np.arange(10, dtype=np.uint64)
    half = np.arange(5, 15, dtype=np.uint64)  # 5 of 10
    more = np.arange(14, 34, dtype=np.uint64)
    small = np.array([20, 21, 22, 90, 91], dtype=np.uint64)  # 3 of its 5 are in `more`
    rows = concatenated([a, half, more, small])
    assert overlap_groups(*rows, np.arange(4)).tolist() == [0, 1, 2, 2]
    assert overlap_groups(*rows, np.arange(4), share=0.4).tolist() == [0, 0, 2, 2]
    assert overlap_groups(*rows, np.array([0, 1, 2, 0])).tolist() == [0, 1, 0, 0]
    assert overlap_groups(*concatenated([a, more]), np.arange(2)).tolist() == [0, 1]


@pytest.mark.parametrize("seed", range(60))
def test_overlap_is_exact_on_random_sets(seed):
    draw = np.random.default_rng(seed)
    n, universe = draw.integers(1, 60), draw.integers(5, 90)
    spread = np.uint64(0x9E3779B97F4A7C15)  # over all ranges of hashes
    rows = [
        np.unique(draw.integers(universe, size=draw.integers(1, 25)).astype(np.uint64) * spread)
        for _ in range(n)
    ]
    known = value_groups(pd.Series(draw.integers(2 * n, size=n)))
    sets = [set(row.tolist()) for row in rows]
    alike = known[:, None] == known
    for i, one in enumerate(sets):
        for j, other in enumerate(sets):
            if len(one & other) > len(one) / 2:
                alike[i, j] = alike[j, i] = True
    assert overlap_groups(*concatenated(rows), known).tolist() == connected(alike)


def check_overlap_by_brute_force(texts: list[str]) -> None:
    hashes, offsets = packed(texts)
    sets = [set(hashes[start:end]) for start, end in zip(offsets, offsets[1:], strict=False)]
    common = np.array([[len(one & other) for other in sets] for one in sets])
    alike = common > 0.5 * np.diff(offsets)[:, None]
    done = []
    labels = overlap_groups(hashes, offsets, np.arange(len(texts)), on_rows=done.append)
    assert labels.tolist() == connected(alike | alike.T)
    assert sum(done) == len(texts)


def test_overlap_is_exact_on_mixtures_of_postings():
    texts, draw = sample_texts(), np.random.default_rng(0)
    mixed = []
    for _ in range(250):  # pieces of three postings out of a dozen
        pieces = [texts[i].split() for i in draw.integers(12, size=3)]
        mixed.append(" ".join(" ".join(piece[: draw.integers(20, 150)]) for piece in pieces))
    check_overlap_by_brute_force(mixed)


@needs_real_postings
def test_overlap_is_exact_on_real_postings():
    check_overlap_by_brute_force(list(pd.read_csv(REAL_POSTINGS)["text"])[:400])


def check_no_copy_is_split(texts: list[str], seed: int) -> None:
    """A third of the rows get an exact copy and two paraphrases; then twenty splits."""
    words = sorted({word for text in texts for word in text.split()})
    planted = np.random.default_rng(seed).permutation(len(texts))[: len(texts) // 3]
    copies = [texts[i] for i in planted]
    for k in (1, 2):
        copies += [paraphrased(texts[i], words, 1000 * seed + 2 * i + k) for i in planted]
    originals = np.tile(planted, 3)
    everything = texts + copies
    labels = split_labels(everything)
    assert (labels[len(texts) :] == labels[originals]).all()
    for split_seed in range(20):
        test = split_groups(labels, 0.2, split_seed)
        assert (test[len(texts) :] == test[originals]).all()
    train = [text for text, held in zip(everything, test, strict=True) if not held]
    held = [text for text, held in zip(everything, test, strict=True) if held]
    for word in (r"\S+", r"[^\W_]+"):  # the limit holds however texts are divided into words
        assert worst_share(train, held, word) <= 0.5


@pytest.mark.parametrize("seed", range(3))
def test_copies_of_sample_postings_are_never_split(seed):
    check_no_copy_is_split(sample_texts(), seed)


@needs_real_postings
@pytest.mark.parametrize("seed", range(2))
def test_copies_of_real_postings_are_never_split(seed):
    check_no_copy_is_split(list(pd.read_csv(REAL_POSTINGS)["text"])[seed::2], seed)


def test_sample_postings_are_no_near_duplicates():
    labels = split_labels(sample_texts())
    assert group_counts(labels) == {"groups": 0, "rows": 0, "largest": 0}


def test_missing_values_and_whitespace_make_no_group():
    values = pd.Series(["Acme", np.nan, "Bolt", "acme ", "", np.nan, " "])
    assert value_groups(values).tolist() == [0, 1, 2, 0, 4, 5, 6]
    assert value_groups(pd.Series([7.0, np.nan, 7.0, 8.0])).tolist() == [0, 1, 0, 3]
    assert value_groups(pd.Series([None, None])).tolist() == [0, 1]


def test_groupings_join_in_chains():
    copies, companies = np.array([0, 1, 2, 1, 4]), np.array([0, 1, 2, 0, 2])
    assert join_groups(copies, companies).tolist() == [0, 0, 2, 0, 2]
    assert join_groups(copies).tolist() == copies.tolist()


@pytest.mark.parametrize("seed", range(30))
def test_no_group_and_no_value_is_split(seed):
    draw = np.random.default_rng(seed)
    companies = pd.Series(draw.choice([*"abcdefghijkl", None], size=200))
    copies = value_groups(pd.Series(draw.integers(1000, size=200)))
    test = split_groups(join_groups(copies, value_groups(companies)), 0.25, seed)
    assert not set(companies[test].dropna()) & set(companies[~test].dropna())
    assert not set(copies[test]) & set(copies[~test])
    assert 0 < test.sum() <= 50


def test_split_fills_its_share_and_a_huge_group_goes_to_the_training_set():
    labels = np.where(np.arange(100) < 60, 0, np.arange(100))
    test = split_groups(labels, 0.1, seed=3)
    assert test.sum() == 10
    assert not test[:60].any()
    other = split_groups(labels, 0.1, seed=4)
    assert other.sum() == 10 and (test != other).any()
    assert np.array_equal(test, split_groups(labels, 0.1, seed=3))


def test_neither_part_of_the_split_is_empty():
    assert split_groups(np.array([0, 0, 0, 3, 3]), 0.1, 0).tolist() == [False] * 3 + [True] * 2
    assert split_groups(np.array([0, 1]), 0.999, 0).sum() == 1
    with pytest.raises(InputError, match="table: all 3 rows are one group"):
        split_groups(np.zeros(3, int), 0.1, 0)
    with pytest.raises(InputError, match="table: 1 row left"):
        split_groups(np.zeros(1, int), 0.1, 0)


def test_same_texts_same_groups_whatever_came_before():
    texts = sample_texts()[:50] * 2
    first = split_labels(texts)
    ngram_hashes("other words first, as in another worker")
    assert np.array_equal(first, split_labels(texts))
    assert first.tolist() == [*range(50), *range(50)]


def test_thousands_of_rows_with_common_paragraphs_take_seconds():
    draw = np.random.default_rng(0)
    vocabulary = np.array([f"word{i}" for i in range(5000)])
    statements = [" ".join(draw.choice(vocabulary, 100)) for _ in range(3)]
    companies = [" ".join(draw.choice(vocabulary, 100)) for _ in range(30)]
    texts = []
    for i in range(3000):
        # Every tenth row is little else than what all rows of its company have.
        own = " ".join(draw.choice(vocabulary, 50 if i % 10 == 0 else 250))
        texts.append(f"{own} {companies[i % 30]} {statements[i % 3]}")
    expected = np.where(np.arange(3000) % 10 == 0, np.arange(3000) % 30, np.arange(3000))
    rows = np.array([minhash_signature(text) for text in texts + texts[:500]])
    started = time.process_time()
    near = near_duplicate_groups(rows, 0.9)
    assert near.tolist() == [*range(3000), *range(500)]
    labels = overlap_groups(*packed(texts + texts[:500]), near)
    assert time.process_time() - started < 15
    assert labels.tolist() == [*expected, *expected[:500]]
