"""Tables are read safely, whatever is in them; rows are appended whole."""

import json
import pickle
import subprocess

import pandas as pd
import pytest
from conftest import ORIGINAL, needs_original, postings

from jobgen.common.errors import InputError
from jobgen.common.files import check_writable, write_whole
from jobgen.data.reading import Source, read_chunks
from jobgen.data.tables import (
    FaultyRows,
    check_readable,
    find_faults,
    read_prepared,
    read_table,
)

TABLE = pd.DataFrame({"title": ["Cook", "Nurse"], "text": ["Cook soup,\nplease", 'Say "ah" ü']})


@pytest.mark.parametrize(
    ("name", "write"),
    [
        ("t.csv", lambda frame, path: frame.to_csv(path, index=False)),
        ("t.tsv", lambda frame, path: frame.to_csv(path, index=False, sep="\t")),
        ("semicolons.csv", lambda frame, path: frame.to_csv(path, index=False, sep=";")),
        ("tabs.csv", lambda frame, path: frame.to_csv(path, index=False, sep="\t", quoting=1)),
        ("bars.csv", lambda frame, path: frame.to_csv(path, index=False, sep="|")),
        ("t.jsonl", lambda frame, path: frame.to_json(path, orient="records", lines=True)),
        ("t.json", lambda frame, path: frame.to_json(path, orient="records")),
        ("lines.json", lambda frame, path: frame.to_json(path, orient="records", lines=True)),
        (
            "object.json",
            lambda frame, path: path.write_text(
                json.dumps({"n": 2, "data": frame.to_dict("records")}, indent=2)
            ),
        ),
        ("t.parquet", lambda frame, path: frame.to_parquet(path)),
        ("t.pkl", lambda frame, path: frame.to_pickle(path)),
        ("t.pkl", lambda frame, path: path.write_bytes(pickle.dumps(frame.to_dict()))),
    ],
)
def test_formats(tmp_path, name, write):
    path = tmp_path / name
    write(TABLE, path)
    assert read_table(str(path))[["title", "text"]].to_dict("list") == TABLE.to_dict("list")


@pytest.mark.parametrize("name", ["t.csv", "t.tsv", "t.jsonl", "t.parquet", "t.pkl"])
def test_chunks_say_how_much_of_the_file_has_been_read(tmp_path, name):
    path = tmp_path / name
    table = postings(2000).drop(columns="keywords")
    {
        ".csv": lambda: table.to_csv(path, index=False),
        ".tsv": lambda: table.to_csv(path, index=False, sep="\t"),
        ".jsonl": lambda: table.to_json(path, orient="records", lines=True),
        ".parquet": lambda: table.to_parquet(path),
        ".pkl": lambda: table.to_pickle(path),
    }[path.suffix]()
    chunks = list(read_chunks(Source(str(path)), chunk_rows=500))
    assert [len(chunk.frame) for chunk in chunks] == [500] * 4
    shares = [chunk.share_read for chunk in chunks]
    assert shares == pytest.approx([0.25, 0.5, 0.75, 1], abs=0.1)


@pytest.mark.parametrize("dtype", ["str", "object", "string[python]", "category"])
def test_pickled_frames_of_all_text_types(tmp_path, dtype):
    path = str(tmp_path / "t.pkl")
    TABLE.astype(dtype).to_pickle(path)
    assert read_table(path)["title"].tolist() == ["Cook", "Nurse"]


def test_pickled_frames_with_other_columns(tmp_path):
    """Columns that are not used may hold anything that a DataFrame commonly holds."""
    path = str(tmp_path / "t.pkl")
    day = pd.Timestamp("2021-03-04")
    other = {
        "day": pd.to_datetime(["2021-01-01", None]),
        "zone": pd.to_datetime(["2021-01-01", "2021-01-02"]).tz_localize("UTC"),
        "span": pd.to_timedelta([1, 2], unit="h"),
        "yes": pd.array([True, None], dtype="boolean"),
        "share": pd.array([0.5, None], dtype="Float64"),
        "mixed": pd.Series([day, pd.NaT], dtype=object),
    }
    TABLE.assign(**other).to_pickle(path)
    assert read_table(path)["title"].tolist() == ["Cook", "Nurse"]
    TABLE.set_index(pd.to_datetime(["2021-01-01", "2021-01-02"])).to_pickle(path)
    assert read_table(path)["title"].tolist() == ["Cook", "Nurse"]


class Evil:
    """Its pickle runs a command when it is loaded."""

    def __reduce__(self):
        return subprocess.call, (["touch", "harmed"],)


@pytest.mark.parametrize("protocol", range(pickle.HIGHEST_PROTOCOL + 1))
def test_a_pickle_that_runs_code_is_refused(tmp_path, monkeypatch, protocol):
    monkeypatch.chdir(tmp_path)
    (tmp_path / "evil.pkl").write_bytes(pickle.dumps({"title": {0: Evil()}}, protocol))
    with pytest.raises(InputError, match=r"refused: holds (subprocess|commands)\.call"):
        read_table("evil.pkl")
    assert not (tmp_path / "harmed").exists()


@pytest.mark.parametrize("name", ["eval", "exec", "getattr", "__import__", "os.system"])
def test_pickles_naming_builtins_are_refused(tmp_path, name):
    path = tmp_path / "evil.pkl"
    # STACK_GLOBAL with a dotted name would reach attributes of an admitted module.
    short = len(name).to_bytes(1, "little")
    path.write_bytes(b"\x80\x04\x8c\x08builtins\x8c" + short + name.encode() + b"\x93.")
    with pytest.raises(InputError, match="refused"):
        read_table(str(path))


def test_a_corrupt_pickle(tmp_path):
    path = tmp_path / "t.pkl"
    TABLE.to_pickle(path)
    whole = path.read_bytes()
    for length in (0, 1, 50, len(whole) - 1):
        path.write_bytes(whole[:length])
        with pytest.raises(InputError, match="no complete pickle|refused"):
            read_table(str(path))


@pytest.mark.parametrize(
    ("name", "content", "message"),
    [
        ("t.csv", b"", "the table is empty"),
        ("t.csv", b"title,text\n", "the table is empty"),
        ("t.csv", b'title,text\na,"b\n', "line 2: a quotation mark opens in this row and never"),
        ("t.csv", b"title,text\nCook,We need a cook, now\n", "row 1: 3 cells, the header has 2"),
        ("t.csv", b"title,text,text\na,b,c\n", 'column "text" occurs twice'),
        ("t.jsonl", b'{"title": "a"}\n{"title" 1}\n', "line 2, column 10"),
        ("t.jsonl", b"1\n", "line 1: expected an object"),
        ("t.json", b"[1]", "expected a list of objects, got a list of something else"),
        ("t.json", b"5", "expected a list of objects, got a single int"),
        ("t.json", b'{"a": [{"b": 1}], "c": [{"d": 1}]}', "several lists of objects: a, c"),
        ("t.json", b'[{"title": "a"}', "invalid JSON: Expecting"),
        ("t.json", b"[" * 100_000, "invalid JSON: maximum recursion"),
        ("t.parquet", b"PAR1nothing", "not a Parquet file"),
        ("t.xlsx", b"", "cannot be unpacked"),
        ("t.docx", b"", "unknown format, expected .csv"),
        ("t.pkl", pickle.dumps("text"), "holds a str"),
    ],
)
def test_bad_tables(tmp_path, name, content, message):
    path = tmp_path / name
    path.write_bytes(content)
    with pytest.raises(InputError, match=message):
        read_table(str(path))


def test_a_missing_column_is_reported_with_the_columns_of_the_table(tmp_path):
    path = tmp_path / "t.csv"
    TABLE.to_csv(path, index=False)
    with pytest.raises(InputError) as error:
        check_readable(Source(str(path)), {"title": "job", "text": "body"})
    assert error.value.problems == [
        'no column "job"; its columns are: title, text; did you mean "title"?',
        'no column "body"; its columns are: title, text; did you mean "text"?',
    ]
    check_readable(Source(str(path)), {"title": "Title", "text": ["text", "title"]})


def test_bad_rows_are_named():
    table = pd.DataFrame(
        {"title": ["a", "", None, "d", "e"], "text": ["x", "", "z", "nul \0", "half \ud800"]},
        index=[3, 5, 6, 7, 9],
        dtype=object,
    )
    assert find_faults(table) == {
        5: ["no title", "no text"],
        6: ["no title"],
        7: ["NUL characters in the text"],
        9: ["half characters (lone surrogates) in the text"],
    }
    faulty = FaultyRows()
    faulty.refuse("t.csv")
    for row in range(5, 17):
        faulty.add("no title", str(row))
    faulty.add("no text", "3 of b")
    with pytest.raises(InputError) as error:
        faulty.refuse("t.csv")
    assert error.value.problems == [
        "12 rows with no title: row 5, 6, 7, 8, 9, 10, 11, 12, 13, 14, ...",
        "1 rows with no text: row 3 of b",
        "repair them, or leave them out: cli_prepare_data.py --set bad_rows=drop",
    ]


def test_only_columns_that_are_used_may_not_occur_twice(tmp_path):
    path = tmp_path / "t.csv"
    path.write_text("title,text,note,note\na,b,c,d\n")
    assert read_table(str(path)).to_dict("list") == {"title": ["a"], "text": ["b"], "note": ["c"]}
    check_readable(Source(str(path)), {"title": "title", "text": "text"})
    with pytest.raises(InputError, match='column "note" occurs twice'):
        check_readable(Source(str(path)), {"title": "title", "text": ["text", "Note"]})


def test_text_such_as_NA_is_text(tmp_path):  # noqa: N802
    path = tmp_path / "t.csv"
    path.write_text("title,text\nNA,null\n")
    assert read_table(str(path))["title"].tolist() == ["NA"]
    assert find_faults(read_table(str(path))) == {}


def test_blanks_around_the_names_of_columns(tmp_path):
    path = tmp_path / "t.csv"
    path.write_text("title, text\na,b\n")
    assert list(read_table(str(path))) == ["title", "text"]


@needs_original
@pytest.mark.parametrize(("name", "rows"), [("500", 454), ("600", 610), ("700", 736)])
def test_the_originals_pickles(name, rows):
    frame = read_prepared(str(ORIGINAL / f"input_data/test_128_{name}.pkl"))
    assert frame.shape == (rows, 3)
    assert all(isinstance(word, str) for words in frame["keywords"] for word in words)


def test_prepared_tables_need_lists_of_keywords(tmp_path):
    path = str(tmp_path / "t.pkl")
    TABLE.to_pickle(path)
    with pytest.raises(InputError, match="no column keywords.*cli_prepare_data.py"):
        read_prepared(path)
    postings(2).assign(keywords="a,b").to_pickle(path)
    with pytest.raises(InputError, match="keywords of row 1 are not a list"):
        read_prepared(path)


def test_a_failed_write_leaves_the_old_file(tmp_path):
    path = tmp_path / "t.txt"
    path.write_text("old")

    def half(place):
        place.write_text("ha")
        raise OSError(28, "No space left on device")

    with pytest.raises(InputError, match="cannot be written: No space left"):
        write_whole(path, half)
    assert path.read_text() == "old"
    assert list(tmp_path.iterdir()) == [path]


def test_a_folder_that_cannot_be_made(tmp_path):
    (tmp_path / "file").touch()
    with pytest.raises(InputError, match="cannot be written"):
        check_writable(str(tmp_path / "file" / "folder"))
