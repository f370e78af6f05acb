"""Small tables that once failed: each gives what the file beside it says."""

import json
import re
from pathlib import Path

import pandas as pd
import pytest
from conftest import ROOT, run_script

from jobgen.data.cleaning import clean_text
from jobgen.data.reading import Source, read_chunks
from jobgen.data.reading.columns import select_columns
from jobgen.data.vocabulary import build_vocabulary

CASES = ROOT.parent / "shared" / "cases" / "tables"
pytestmark = pytest.mark.skipif(not CASES.is_dir(), reason="needs ../shared/cases")
# What the cleaning makes of a text; the others are about reading, keywords and messages.
TEXTS = [
    path
    for path in sorted(CASES.glob("*.csv"))
    if path.with_suffix(".expected.txt").read_text().startswith("EXPECTED\n")
]


@pytest.mark.parametrize("path", TEXTS, ids=lambda path: path.stem)
def test_clean_texts(path):
    expected = path.with_suffix(".expected.txt").read_text().removeprefix("EXPECTED\n")
    expected = expected.split("\nNOW")[0].strip()
    text, _ = clean_case(path)
    if expected.startswith("text:"):  # the text, then what the report says
        assert text == re.match(r"text: (.+?)   report", expected)[1]
        return
    expected = re.sub(r" {3}\([^)]*(?:\)[^)\n]*)*\)$", "", expected)  # a remark
    pattern = ".+".join(re.escape(part.strip()) for part in expected.split("..."))
    assert re.fullmatch(pattern, text, re.DOTALL) or text.split() == expected.split(), text


def test_curly_quotes_are_no_broken_encoding():
    _, changes = clean_case(CASES / "23_curly_quotes.csv")
    assert changes["broken encoding"] == 0
    assert changes["curly quotes"] > 0


@pytest.mark.parametrize(
    ("name", "titles"),
    [("20_semicolon.csv", ["Rider", "Cook"]), ("21_array.json", ["Rider", "Cook"])],
)
def test_tables_of_other_forms(name, titles):
    (chunk,) = read_chunks(Source(str(CASES / name)))
    assert list(chunk.frame["title"]) == titles


def test_a_ragged_row_is_dropped():
    (chunk,) = read_chunks(Source(str(CASES / "22_ragged.csv")), drop_bad=True)
    assert list(chunk.frame.index) == [2]
    assert list(chunk.faults) == [1]


@pytest.fixture
def prepare(tmp_path, tiny_embedder):
    """Prepare a case; returns what the terminal shows, and all rows."""

    def run(name: str, **values) -> tuple[str, pd.DataFrame]:
        config = {
            "source": str(CASES / name),
            "output_dir": str(tmp_path / "out"),
            "min_length": 1,
            "workers": 1,
            "cache_dir": None,
        } | values
        (tmp_path / "config.json").write_text(json.dumps(config))
        done = run_script("cli_prepare_data.py", "-cfg", str(tmp_path / "config.json"))
        assert done.returncode == 0, done.stderr[-3000:]
        rows = [pd.read_pickle(path) for path in sorted((tmp_path / "out").glob("*.pkl"))]
        return done.stdout, pd.concat(rows)

    return run


def test_statements_on_equal_opportunity_give_no_keywords(prepare):
    _, rows = prepare("17_eeo_keywords.csv")
    keywords = {keyword.lower() for row in rows["keywords"] for keyword in row}
    statement = ("pregnancy", "disability", "genetic information", "medical condition", "veteran")
    assert not [word for word in keywords if any(part in word for part in statement)]
    assert {"wheel truing", "cash register", "route planner"} <= keywords


def test_french_texts_have_french_keywords(prepare):
    shown, rows = prepare("18_french.csv")
    assert "languages: 3 French" in shown
    keywords = {keyword for row in rows["keywords"] for keyword in row}
    assert {"vélos cargo", "pièces détachées", "clientèle", "permis B", "colis"} <= keywords
    wrong = ("êtes", "rigoureux", "sein", "mail", "définies")
    assert not [keyword for keyword in keywords if any(part in keyword for part in wrong)]


def test_a_table_that_is_too_long_is_told_what_would_keep_it(prepare):
    shown, _ = prepare("19_all_too_long.csv")
    assert "6 of 8 rows (75 %) are longer than max_length = 700; 1400 would keep 100 %" in shown
    assert "the model reads up to 8192" in shown


def test_standing_sentences_are_named(prepare):
    shown, rows = prepare("24_standing_sentences.csv", standing_sentences="remove")
    assert re.search(r"\n +6  Please mention in your letter that", shown)
    assert not rows["text"].str.contains("Example Gazette").any()


def clean_case(path: Path) -> tuple[str, dict[str, int]]:
    """The only text of a table after the cleaning, and the changes by rule."""
    (chunk,) = read_chunks(Source(str(path)))
    (text,) = select_columns(chunk.frame, {"text": "text"})["text"]
    return clean_text(text, vocabulary=build_vocabulary([text]))
