"""The CSV of postings: whole rows, each once, whatever happens to the process or the file."""

import csv
import random
import subprocess
import sys

import pandas as pd
import pytest
from conftest import ROOT

from jobgen.common.errors import InputError
from jobgen.data.tables import read_postings
from jobgen.generation.output import append_postings, read_posting_ids
from jobgen.generation.posting import POSTING_COLUMNS, Posting


def posting(name: str, text: str = 'Soup, "rice"\nand <br> 🙂\r\nbread', **values) -> Posting:
    about = {
        **{"id": name, "title": "Cook, chef", "keywords": ["soup", "a b"], "text": text},
        **{"seed": 1, "model": "m", "finished": True, "covered": 1, "missing": ["a b"]},
        **{
            "nats_per_token": 2.5,
            "repetition": 0.0,
            "memorized_words": None,
            "memorized_share": None,
        },
        **{"nearest_training_row": None, "masculine": 0, "feminine": 2},
    }
    return Posting(**about | values)


def rows_of(path) -> list[dict]:
    with path.open(encoding="utf-8", newline="") as file:
        return list(csv.DictReader(file, strict=True))


def test_rows_are_appended_once(tmp_path):
    path = tmp_path / "new" / "out.csv"
    assert read_posting_ids(path) == set()
    assert append_postings(path, [posting("a"), posting("b")]) == 2
    assert append_postings(path, [posting("b"), posting("c", memorized_words=9)]) == 1
    assert read_posting_ids(path) == {"a", "b", "c"}
    rows = rows_of(path)
    assert list(rows[0]) == POSTING_COLUMNS
    assert [row["id"] for row in rows] == ["a", "b", "c"]
    assert rows[0]["text"] == posting("a").text
    assert rows[0]["keywords"] == "soup, a b"
    assert [rows[0]["memorized_words"], rows[2]["memorized_words"]] == ["", "9"]
    assert rows[0]["nats_per_token"] == "2.5000"
    assert len(pd.read_csv(path)) == 3


def test_a_row_cut_off_anywhere_is_written_again(tmp_path):
    path = tmp_path / "out.csv"
    append_postings(path, [posting("a"), posting("b")])
    whole = path.read_bytes()
    rng = random.Random(0)
    for length in [*range(0, 120), *rng.sample(range(len(whole)), 80)]:
        path.write_bytes(whole[:length])
        assert read_posting_ids(path) <= {"a", "b"}
        append_postings(path, [posting("a"), posting("b")])
        assert path.read_bytes() == whole


def test_other_files_are_left_alone(tmp_path):
    path = tmp_path / "out.csv"
    append_postings(path, [posting("a")])
    row = path.read_bytes().split(b"\n", 1)[1]
    header = ",".join(POSTING_COLUMNS).encode()
    files = {
        b"title,text\nCook,Soup\n": r"other columns \(title,text\).*another output_name",
        b"title,text": "other columns",
        b"\xff\xfe\x00": "other columns",
        header + b"\n" + b'"x","y"\n' + row: "row 1 is damaged",
        header + b"\n" + row + b'"\xff"\n' + row: "row 2 is damaged",
    }
    for content, message in files.items():
        path.write_bytes(content)
        for access in (read_posting_ids, lambda path: append_postings(path, [posting("b")])):
            with pytest.raises(InputError, match=message):
                access(path)
        assert path.read_bytes() == content
    folder = tmp_path / "file" / "out.csv"
    folder.parent.touch()
    with pytest.raises(InputError, match="cannot be written"):
        append_postings(folder, [posting("a")])


def test_two_writers_lose_nothing(tmp_path):
    path = tmp_path / "out.csv"
    script = (
        "import sys; sys.path[:0] = ['tests', 'tests/generation']; from test_output import posting;"
        "from jobgen.generation.output import append_postings; from pathlib import Path\n"
        "for n in range(60): append_postings(Path(sys.argv[1]),"
        " [posting(f'{sys.argv[2]}{n}', 'x' * 5000), posting(f'both{n}')])"
    )
    command = [sys.executable, "-c", script, str(path)]
    processes = [subprocess.Popen([*command, name], cwd=ROOT) for name in ("a", "b")]
    assert [process.wait() for process in processes] == [0, 0]
    ids = [row["id"] for row in rows_of(path)]
    assert len(ids) == len(set(ids)) == 180


FORMULAS = [
    "=1+1",
    "+1",
    "-1",
    "@x",
    "\tx",
    "\rx",
    "'=1",
    "''=1",
    "- a list",
    "plain",
    "'n' roll",
    "",
]


@pytest.mark.parametrize("text", FORMULAS)
def test_no_cell_is_computed_by_a_spreadsheet(tmp_path, text):
    path = tmp_path / "out.csv"
    wild = posting("a", text, title=text or "x", keywords=[text, "b"], model=text)
    append_postings(path, [wild])
    (row,) = rows_of(path)
    assert not any(cell[:1] in "=+-@\t\r" for cell in row.values() if cell)
    loaded = read_postings(str(path))
    assert loaded["text"][0] == text
    assert loaded["title"][0] == (text or "x")
    append_postings(tmp_path / "as it is.csv", [wild], escape_formulas=False)
    assert text.startswith("'") or rows_of(tmp_path / "as it is.csv")[0]["text"] == text
    assert read_postings(str(tmp_path / "as it is.csv"))["text"][0] == text


def test_a_table_of_others_keeps_its_apostrophes(tmp_path):
    path = tmp_path / "t.csv"
    pd.DataFrame({"title": ["'=x"], "text": ["'-y"]}).to_csv(path, index=False)
    assert read_postings(str(path)).iloc[0].to_list() == ["'-y", "'=x"]
