"""Lists in JSON and sheets of workbooks: found, or named to choose from."""

import datetime
import json

import openpyxl
import pytest

from jobgen.common.errors import InputError
from jobgen.data.reading import Source, read_chunks
from jobgen.data.tables import read_table

ROW = {"title": "Cook", "text": "You cook"}


def write(tmp_path, content, name="t.json"):
    path = tmp_path / name
    path.write_text(content if isinstance(content, str) else json.dumps(content))
    return str(path)


def fault(path, **options):
    with pytest.raises(InputError) as error:
        list(read_chunks(Source(path, **options)))
    return str(error.value)


@pytest.mark.parametrize(
    "content",
    [
        [ROW],
        {"jobs": [ROW]},
        {"jobs": [ROW], "meta": {"filters": [{"a": 1}], "n": [1, 2]}},
        {"data": {"jobs": [ROW], "n": 1}},
        {"props": {"page": {"jobs": [ROW]}}},
        ROW,
        {"title": {"0": "Cook"}, "text": {"0": "You cook"}},
        {"job-17": ROW, "job-18": {**ROW, "id": 1}},
        {"0": ROW},
        {"title": {"j1": "Cook", "j2": "Cook"}, "text": {"j1": "You cook", "j2": "You cook"}},
        {"columns": ["title", "text"], "index": [0], "data": [["Cook", "You cook"]]},
        {"title": ["Cook"], "text": ["You cook"]},
        {"title": ["Cook", "Cook"], "text": ["You cook", "You cook"]},
    ],
)
def test_where_rows_stand_in_json(tmp_path, content):
    table = read_table(write(tmp_path, content))
    assert {*table["title"]} == {"Cook"}
    assert {*table["text"]} == {"You cook"}


def test_several_lists_are_named(tmp_path):
    path = write(tmp_path, {"data": {"jobs": [ROW], "old": [{"title": "Nurse"}]}})
    assert "several lists of objects: data.jobs, data.old; pick one: table=NAME" in fault(path)
    for name in ("old", "data.old"):
        (chunk,) = read_chunks(Source(path, name))
        assert chunk.frame["title"].tolist() == ["Nurse"]
    assert 'no single list of objects "new"; it has data.jobs, data.old' in fault(path, table="new")


def test_lines_that_are_no_objects_are_faults(tmp_path):
    lines = [json.dumps(ROW), "", '{"title" 1}', "[1]", '{"a": ' + "[" * 100_000, json.dumps(ROW)]
    path = write(tmp_path, "\n".join(lines), "t.jsonl")
    (chunk,) = read_chunks(Source(path), drop_bad=True)
    assert chunk.frame.index.tolist() == [1, 5]
    assert list(chunk.faults) == [2, 3, 4]
    assert chunk.faults[2].startswith("line 3, column 10: Expecting")
    assert chunk.faults[3] == "line 4: expected an object {...}"
    assert "row 2: line 3, column 10" in fault(path)


def test_entries_of_a_list_that_are_no_objects_are_faults(tmp_path):
    (chunk,) = read_chunks(Source(write(tmp_path, [ROW, None, 5, ROW])), drop_bad=True)
    assert chunk.frame.index.tolist() == [1, 4]
    assert chunk.faults == dict.fromkeys((2, 3), "expected an object {...}")
    assert "a list of something else" in fault(write(tmp_path, [ROW, 5, 6]))


def test_lines_of_which_the_first_is_broken(tmp_path):
    path = write(tmp_path, '{"title": "a" 1}\n' + json.dumps(ROW) + "\n")
    (chunk,) = read_chunks(Source(path), drop_bad=True)
    assert chunk.frame["title"].tolist() == ["Cook"]
    assert list(chunk.faults) == [1]


@pytest.mark.parametrize(
    ("columns", "data", "message"),
    [
        ([["a", "title"], ["a", "text"]], [["x", "y"]], 'a list of names as "columns"'),
        (None, [["x", "y"]], 'a list of names as "columns"'),
        (["title", "text"], 5, 'a list of rows as "data"'),
        (["title", "text"], [["x", "y"], 5], 'row 2 of "data": expected a list of 2 cells'),
        (["title", "text"], [["x"]], 'row 1 of "data": expected a list of 2 cells'),
    ],
)
def test_what_is_wrong_with_rows_beside_their_columns(tmp_path, columns, data, message):
    assert message in fault(write(tmp_path, {"columns": columns, "index": [0], "data": data}))


def workbook(path, **sheets):
    book = openpyxl.Workbook()
    book.remove(book.active)
    for name, rows in sheets.items():
        sheet = book.create_sheet(name)
        for row in rows:
            sheet.append(row)
    book.save(path)
    return str(path)


def test_cells_of_workbooks_stay_what_they_are(tmp_path):
    day = datetime.datetime(2024, 5, 6)
    rows = [
        [None, None, None, None],
        ["title", " text ", None, 2024],
        ["Cook", "You\ncook", None, 4.5],
        [None, None, None, None],
        [12, day, True, None],
        ["a", "b", None, None, "a remark beside the table"],
    ]
    path = workbook(tmp_path / "t.xlsx", Jobs=rows, Empty=[])
    (chunk,) = read_chunks(Source(path), drop_bad=True)
    assert list(chunk.frame) == ["title", "text", "", "2024"]
    assert chunk.frame.to_numpy(object).tolist() == [
        ["Cook", "You\ncook", None, 4.5],
        [12, day, True, None],
        ["a", "b", None, None],
    ]
    assert chunk.faults == {}


def test_sheets_are_named(tmp_path):
    rows = [["title", "text"], ["Cook", "You cook"]]
    path = workbook(tmp_path / "t.xlsx", Notes=[["x"]], Jobs=rows)
    assert "several sheets: Notes, Jobs; pick one: table=NAME" in fault(path)
    assert 'no sheet "Job"; its sheets are: Notes, Jobs' in fault(path, table="Job")
    (chunk,) = read_chunks(Source(path, "jobs"))
    assert chunk.frame["title"].tolist() == ["Cook"]
    assert "the table is empty" in fault(workbook(tmp_path / "t.xlsx", A=[], B=[]))
    assert "the table is empty" in fault(workbook(tmp_path / "t.xlsx", A=[["title", "text"]]))


def test_workbooks_that_cannot_be_opened(tmp_path):
    path = tmp_path / "t.xlsx"
    path.write_bytes(bytes.fromhex("d0cf11e0a1b11ae1") + b"\0" * 600)
    assert "protected by a password, or an old .xls" in fault(str(path))
    whole = workbook(tmp_path / "u.xlsx", A=[["title"], ["x"]])
    content = (tmp_path / "u.xlsx").read_bytes()
    path.write_bytes(content[: len(content) // 2])
    assert "damaged" in fault(str(path))
    assert len(read_table(whole)) == 1
