"""The source is read once: numbered rows, usable or not, in chunks that are always the same."""

import contextlib
import json
import sqlite3
import subprocess
import sys

import pandas as pd
import pyarrow
import pyarrow.parquet
import pytest

from jobgen.common.config import PrepareConfig
from jobgen.common.errors import TableError
from jobgen.data.chunk_store import ChunkStore
from jobgen.data.source import source_of, split_source

CSV = "title,text\na,b\n,c\nd,\ne,f,g\n ,g\nh,i\n"


def split(tmp_path, source, most_rows=None, **settings):
    store = ChunkStore(tmp_path / "store")
    store.folder.mkdir(parents=True)
    split_source(PrepareConfig(source=str(source), **settings), store, most_rows)
    return store


def rows_of(store, stage="source"):
    """Each chunk's rows as tuples."""
    chunks = [store.read(stage, chunk) for chunk in store.chunks(stage)]
    return [list(chunk.itertuples(index=False, name=None)) for chunk in chunks]


def counts(store):
    return json.loads(store.file("source.json").read_text())


@pytest.fixture
def table(tmp_path):
    path = tmp_path / "t.csv"
    path.write_text(CSV)
    return path


def test_rows_keep_their_numbers(tmp_path, table):
    store = split(tmp_path, table, bad_rows="drop", chunk_rows=2)
    assert rows_of(store) == [[(1, "a", "b")], [], [(6, "h", "i")]]
    assert list(store.read("source", 0)) == ["row", "title", "text"]
    assert rows_of(store, "unusable") == [
        [(2, "", "c", "no title")],
        [(3, "d", "", "no text"), (4, "", "", "3 cells, the header has 2")],
        [(5, " ", "g", "no title")],
    ]
    assert counts(store) == {"read": 6, "unusable": 4, "encoding": "utf-8", "files": 1}


def test_all_bad_rows_are_named_at_once(tmp_path, table):
    with pytest.raises(TableError) as error:
        split(tmp_path, table, chunk_rows=2)
    assert error.value.problems == [
        "2 rows with no title: row 2, 5",
        "1 rows with no text: row 3",
        "1 rows with 3 cells, the header has 2: row 4",
        "repair them, or leave them out: cli_prepare_data.py --set bad_rows=drop",
    ]


def test_other_things_than_texts_are_named(tmp_path):
    path = tmp_path / "t.jsonl"
    cells = [1, 2.5, True, ["a", 1], {"a": 1}, None]
    path.write_text("\n".join(json.dumps({"title": cell, "text": "x"}) for cell in cells))
    with pytest.raises(TableError) as error:
        split(tmp_path, path)
    assert error.value.problems[:-1] == [
        "2 rows with a number in the title: row 1, 2",
        "1 rows with true or false in the title: row 3",
        "1 rows with a list in the title: row 4",
        "1 rows with an object in the title: row 5",
        "1 rows with no title: row 6",
    ]


def test_many_kinds_of_faults_are_cut_short(tmp_path):
    path = tmp_path / "t.csv"
    path.write_text("title,text\n" + "".join("a," * n + "b\n" for n in range(2, 50)))
    with pytest.raises(TableError) as error:
        split(tmp_path, path)
    assert len(error.value.problems) == 22
    assert error.value.problems[-2] == "28 rows with other faults"


def test_small_files_share_chunks(tmp_path):
    folder = tmp_path / "data"
    folder.mkdir()
    for name, n in (("a", 2), ("b", 1), ("c", 1), ("d", 5)):
        rows = [f"{name}{i},text" for i in range(1, n + 1)]
        (folder / f"{name}.csv").write_text("\n".join(["title,text", *rows, ",x"]) + "\n")
    store = split(tmp_path, folder, bad_rows="drop", chunk_rows=5)
    assert [[(row[0], row[1], row[2]) for row in chunk] for chunk in rows_of(store)] == [
        [(1, "a.csv", "a1"), (2, "a.csv", "a2"), (1, "b.csv", "b1")],
        [(1, "c.csv", "c1")],
        [(i, "d.csv", f"d{i}") for i in range(1, 6)],
        [],
    ]
    assert rows_of(store, "unusable")[0] == [
        (3, "a.csv", "", "x", "no title"),
        (2, "b.csv", "", "x", "no title"),
    ]
    assert counts(store) == {"read": 13, "unusable": 4, "encoding": "utf-8", "files": 4}
    with pytest.raises(TableError, match="4 rows with no title: row 3 of a.csv, 2 of b.csv"):
        split(tmp_path / "other", folder)


def test_each_file_needs_the_columns(tmp_path):
    (tmp_path / "a.csv").write_text("title,text\na,b\n")
    (tmp_path / "b.csv").write_text("job,text\na,b\n")
    with pytest.raises(TableError, match='b.csv: no column "title"; its columns are: job, text'):
        split(tmp_path, f"{tmp_path}/*.csv")


def test_columns_that_are_not_used_may_be_anything(tmp_path):
    path = tmp_path / "t.parquet"
    days = pyarrow.array([2**31 - 1], pyarrow.int32()).cast(pyarrow.date32())  # no date of Python's
    names = ["title", "text", "day", "day"]
    cells = [pyarrow.array(["a"]), pyarrow.array(["b"]), days, days]
    pyarrow.parquet.write_table(pyarrow.Table.from_arrays(cells, names=names), path)
    assert rows_of(split(tmp_path, path)) == [[(1, "a", "b")]]
    (tmp_path / "t.csv").write_text("title,text,note,note\na,b,c,d\n")
    assert rows_of(split(tmp_path / "csv", tmp_path / "t.csv")) == [[(1, "a", "b")]]
    with pytest.raises(TableError, match='column "note" occurs twice'):
        split(tmp_path / "twice", tmp_path / "t.csv", text_column="note")


def test_a_query_that_joins_tables(tmp_path):
    with contextlib.closing(sqlite3.connect(tmp_path / "t.db")) as connection, connection:
        connection.execute("create table jobs (id, title, firm)")
        connection.execute("create table texts (id, text)")
        connection.execute("insert into jobs values (1, 'a', 'f')")
        connection.execute("insert into texts values (1, 'b')")
    query = "select * from jobs join texts on jobs.id = texts.id"
    store = split(tmp_path, f"sqlite:///{tmp_path}/t.db", table=query)
    assert rows_of(store) == [[(1, "a", "b")]]


def test_a_key_may_be_missing_from_some_objects_only(tmp_path):
    path = tmp_path / "t.jsonl"
    rows = [{"text": "x"}] * 4 + [{"Title": "a", "text": "x"}]
    path.write_text("\n".join(map(json.dumps, rows)))
    store = split(tmp_path, path, bad_rows="drop", chunk_rows=2)
    assert rows_of(store) == [[], [], [(5, "a", "x")]]
    path.write_text("\n".join(map(json.dumps, rows[:4])))
    with pytest.raises(TableError, match='no column "title"; its columns are: text'):
        split(tmp_path / "other", path)


@pytest.mark.parametrize(("most", "read", "kept"), [(1, 1, 1), (4, 4, 1), (6, 6, 2), (99, 6, 2)])
def test_a_preview_reads_some_rows_and_refuses_none(tmp_path, table, most, read, kept):
    store = split(tmp_path, table, most_rows=most, chunk_rows=3)
    assert counts(store)["read"] == read
    assert sum(map(len, rows_of(store))) == kept
    assert sum(map(len, rows_of(store, "unusable"))) == read - kept


def test_groups_and_joined_columns(tmp_path):
    path = tmp_path / "t.csv"
    path.write_text("Title,Duties,Pay,Firm\nCook,You cook,18,A\nNurse,,,B\n")
    settings = {"text_column": ["duties", "pay"], "group_by": "firm", "bad_rows": "drop"}
    store = split(tmp_path, path, **settings)
    assert rows_of(store) == [[(1, "Cook", "Duties\nYou cook\n\nPay\n18", "A")]]
    assert rows_of(store, "unusable") == [[(2, "Nurse", "", "no text")]]


def test_the_settings_name_the_source():
    config = PrepareConfig(source="a.zip", table="b", encoding="cp1252", separator="tab")
    assert vars(source_of(config)) == {
        "location": "a.zip",
        "table": "b",
        "encoding": "cp1252",
        "separator": "\t",
    }


def test_reading_needs_no_heavy_library():
    heavy = "torch", "transformers", "datasets", "sqlalchemy", "openpyxl", "charset_normalizer"
    code = f"import jobgen.data.source, sys; print([m for m in {heavy} if m in sys.modules])"
    run = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True)
    assert run.stdout == "[]\n"


def test_the_rows_are_the_same_in_chunks_of_any_size(tmp_path):
    path = tmp_path / "t.parquet"
    pd.DataFrame({"title": [f"t{i}" for i in range(25)], "text": "x"}).to_parquet(path)
    whole = rows_of(split(tmp_path, path, chunk_rows=1000))
    parts = rows_of(split(tmp_path / "other", path, chunk_rows=7))
    assert [len(part) for part in parts] == [7, 7, 7, 4]
    assert sum(parts, []) == whole[0]
