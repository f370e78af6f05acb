"""Columns are found or suggested; cells that hold lists or bytes become text; others are named."""

import datetime
import decimal

import numpy as np
import pandas as pd
import pytest

from jobgen.data.reading.cells import fault_of, text_of
from jobgen.data.reading.columns import join_parts, missing_columns, select_columns


@pytest.mark.parametrize(
    ("cell", "text"),
    [
        (
            """['About us ', ' We repair. ', "You're here", ' ']""",
            "About us\nWe repair.\nYou're here",
        ),
        ('["You ride.", "You\\nsing \\u00e9"]', "You ride.\nYou\nsing é"),
        (r"['it\'s', 'a\tb', nan, None]", "it's\na\tb"),
        ("['one' 'two'\n 'three']", "one\ntwo\nthree"),  # as NumPy shows an array
        (" ['one'] ", "one"),
        ("[]", ""),
        (["a ", "", " b"], "a\nb"),
        (["a", None, float("nan"), "b"], "a\nb"),
        (np.array(["a", "b"], object), "a\nb"),
        (("a", "b"), "a\nb"),
        ("b'You ride \\xc3\\xa9'", "You ride é"),
        ('b"it\'s \\xe9"', "it's é"),
        (b"You ride", "You ride"),
    ],
)
def test_lists_and_bytes_become_text(cell, text):
    assert text_of(cell) == text


@pytest.mark.parametrize(
    "cell",
    [
        "[Remote] You ride.",
        "[Remote]",
        "[1, 2]",
        "['a', 2]",
        "['a', [b]]",
        "['a'",
        "['a', 'b'] and more",
        "[a](https://example.com)",
        "['a', 'b]",
        "[" + "'" * 100_001,
        "[" * 100_000 + "]" * 100_000,
        "['" + "a" * 1_000_000 + "]",
        "b' as in bike",
        "b'bike'b'",
        4.5,
        ["a", 2],
        {"a": "b"},
    ],
)
def test_other_cells_stay(cell):
    assert text_of(cell) is cell


@pytest.mark.parametrize(
    ("cell", "fault"),
    [
        *((cell, "no") for cell in ("", " \n", None, float("nan"), pd.NA, pd.NaT)),
        *((cell, "a number in the") for cell in (3, 2.5, np.int64(3), decimal.Decimal("1.5"))),
        *((cell, "true or false in the") for cell in (True, np.bool_(False))),
        (datetime.date(2024, 5, 6), "a date in the"),
        (pd.Timestamp("2024-05-06"), "a date in the"),
        (datetime.time(8, 30), "a date in the"),
        ([1, 2], "a list in the"),
        (np.array([1.5]), "a list in the"),
        ({"a": 1}, "an object in the"),
        (b"\0\xff", "bytes in the"),
        ("a\0b", "NUL characters in the"),
        ("a\ud800", "half characters (lone surrogates) in the"),
        ("Cook", None),
        ("NA", None),
    ],
)
def test_faults_say_what_is_there(cell, fault):
    assert fault_of(cell) == fault


def selected(table, **columns):
    assert missing_columns(table.columns, columns) == []
    return select_columns(table, columns).to_dict("list")


def test_columns_in_another_case():
    table = pd.DataFrame({" Title": ["Cook"], "TEXT ": ["You cook"], "text2": ["x"]}, index=[7])
    assert selected(table, title="title", text="text") == {"title": ["Cook"], "text": ["You cook"]}
    both = pd.DataFrame({"Title": ["a"], "TITLE": ["b"], "title": ["c"]})
    assert selected(both, title="title") == {"title": ["c"]}
    assert missing_columns(both.columns, {"title": "tITLE"}) == [
        'column "tITLE" may be any of "Title", "TITLE", "title": write it as it is there'
    ]


def test_parts_of_objects():
    table = pd.DataFrame({"Job": [{"title": "a", "at": {"city": "b"}}, None], "a.b": ["c", "d"]})
    assert selected(table, title="job.Title", text="a.b", group="Job.at.city") == {
        "title": ["a", None],
        "text": ["c", "d"],
        "group": ["b", None],
    }


@pytest.mark.parametrize(
    ("names", "title", "text"),
    [
        (["id", "jobtitle", "jobdescription"], "jobtitle", "jobdescription"),
        (["Job Title", "Job Description", "Company"], "Job Title", "Job Description"),
        (["intitule", "description", "lieuTravail"], "intitule", "description"),
        (["position", "company", "body"], "position", "body"),
    ],
)
def test_likely_columns_are_suggested(names, title, text):
    known = ", ".join(names)
    assert missing_columns(names, {"title": "title", "text": "text"}) == [
        f'no column "title"; its columns are: {known}; did you mean "{title}"?',
        f'no column "text"; its columns are: {known}; did you mean "{text}"?',
    ]


def test_a_column_that_nothing_resembles():
    assert missing_columns(["a", "b"], {"title": "title", "group": "firm"}) == [
        'no column "title"; its columns are: a, b',
        'no column "firm"; its columns are: a, b',
    ]
    assert missing_columns(["text"], {"text": ["text", "txt"]}) == [
        'no column "txt"; its columns are: text; did you mean "text"?'
    ]
    (line,) = missing_columns([f"c{i}" for i in range(500)], {"title": "title"})
    assert line.endswith("c58, c59, ...")


@pytest.mark.parametrize(
    ("parts", "text"),
    [
        ({"description": "a", "benefits": "b"}, "Description\na\n\nBenefits\nb"),
        ({"job_requirements": " a\n"}, "Job requirements\na"),
        ({"jobRequirements": "a", "WHAT WE DO": "b"}, "Job requirements\na\n\nWHAT WE DO\nb"),
        ({"requirements": "REQUIREMENTS:\n- a"}, "REQUIREMENTS:\n- a"),
        ({"Requirements": "<p><b>Requirements</b></p>a"}, "<p><b>Requirements</b></p>a"),
        ({"requirements": "## Requirements\na"}, "## Requirements\na"),
        ({"a": "", "b": None, "c": " "}, ""),
        ({"job.about": "x", "years": 5, "n": float("nan")}, "About\nx\n\nYears\n5"),
        ({"duties": ["cook", "clean"], "more": "['a', 'b']"}, "Duties\ncook\nclean\n\nMore\na\nb"),
    ],
)
def test_parts_are_joined_under_their_names(parts, text):
    assert join_parts(parts) == text


def test_a_part_that_is_no_text():
    assert fault_of(join_parts({"description": "a", "more": {"b": 1}})) == "an object in the"
