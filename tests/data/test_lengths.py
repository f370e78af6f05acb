"""Limits of the length that drop much of a table are told, with what would keep it."""

import numpy as np
import pytest

from jobgen.data.lengths import length_advice, suitable_maximum

LENGTHS = np.array([300] * 60 + [900] * 30 + [1500] * 10)


@pytest.mark.parametrize(
    ("lengths", "positions", "line"),
    [
        (
            LENGTHS,
            8192,
            "40 of 100 rows (40 %) are longer than max_length = 700; 1500 would keep 100 %, the"
            " model reads up to 8192",
        ),
        (
            LENGTHS,
            1024,
            "40 of 100 rows (40 %) are longer than max_length = 700; 1024 would keep 90 %, the"
            " model reads up to 1024",
        ),
        (
            LENGTHS,
            700,
            "40 of 100 rows (40 %) are longer than max_length = 700, the model reads up to 700",
        ),
        (
            LENGTHS,
            None,
            "40 of 100 rows (40 %) are longer than max_length = 700; 1500 would keep 100 %",
        ),
        (
            np.array([100] * 30 + [300] * 70),
            8192,
            "30 of 100 rows (30 %) are shorter than min_length = 128; 100 would keep 100 %",
        ),
    ],
)
def test_advice(lengths, positions, line):
    assert length_advice(lengths, 128, 700, positions) == [line]


def test_a_few_rows_are_dropped_without_a_word():
    lengths = np.array([300] * 95 + [900] * 5)
    assert length_advice(lengths, 128, 700, 8192) == []
    assert len(length_advice(np.append(lengths, [900, 50] * 6), 128, 700, 8192)) == 2


def test_what_suits_a_table():
    assert suitable_maximum(LENGTHS, 8192) == 1500
    assert suitable_maximum(np.array([301] * 95 + [9000] * 5), 8192) == 350
    assert suitable_maximum(LENGTHS, 1024) == 1024
