"""Each kind of change of characters is counted under its own name."""

import pytest

from jobgen.data.cleaning import clean_text
from jobgen.data.cleaning.characters import unify_characters

KINDS = {
    "broken encoding",
    "curly quotes",
    "invisible characters",
    "line ends, ligatures and the like",
}


@pytest.mark.parametrize(
    ("text", "clean", "counts"),
    [
        ("We’re “small” – it’s fun", "We're \"small\" – it's fun", {"curly quotes": 4}),
        ("weâ€™re", "we're", {"broken encoding": 1, "curly quotes": 1}),
        ("MÃ¼nchen\nKÃ¶ln\nBern", "München\nKöln\nBern", {"broken encoding": 2}),
        ("zero\u200bwidth\u00ad\x07", "zerowidth", {"invisible characters": 3}),
        ("a\r\nb\rc\x0cd", "a\nb\nc\nd", {"line ends, ligatures and the like": 3}),
        ("ﬁrst oﬃce", "first office", {"line ends, ligatures and the like": 1}),
        ("ＡＢ１", "AB1", {"line ends, ligatures and the like": 1}),
        ("cafe\u0301", "café", {"line ends, ligatures and the like": 1}),
        ("à la carte, Straße, Ærø, 日本語", "à la carte, Straße, Ærø, 日本語", {}),
        ("a\u202fb\u3000c", "a b c", {"line ends, ligatures and the like": 1}),
    ],
)
def test_characters(text, clean, counts):
    result, changes = clean_text(text, personal_data="keep")
    assert result == clean
    assert {kind: changes[kind] for kind in KINDS if changes[kind]} == counts


def test_bullets_of_symbol_fonts():
    assert unify_characters("Tasks: \uf0b7 Ride\n\uf0a7Sell a\uf0b7b") == (
        "Tasks: • Ride\n•Sell a\uf0b7b",
        2,
    )
