"""Separated text: delimiters and quoting are found, broken rows are named."""

import csv

import pytest
from hypothesis import assume, given, settings
from hypothesis import strategies as st

from jobgen.common.errors import InputError
from jobgen.data.reading import Source, read_chunks
from jobgen.data.reading.separated import find_dialect
from jobgen.data.tables import read_table


def write(tmp_path, content, name="t.csv"):
    path = tmp_path / name
    path.write_bytes(content if isinstance(content, bytes) else content.encode())
    return str(path)


def read(path, **options):
    """Rows as lists, and the faults by row."""
    chunks = list(read_chunks(Source(path, **options), drop_bad=True))
    rows = {n: list(row) for chunk in chunks for n, row in zip(*_parts(chunk), strict=True)}
    return rows, {n: fault for chunk in chunks for n, fault in chunk.faults.items()}


def _parts(chunk):
    return chunk.frame.index, chunk.frame.itertuples(index=False, name=None)


@pytest.mark.parametrize(
    ("content", "rows"),
    [
        ('title;text\nRider;"Says ""hello"" to all; rides, and sings"\nCook;"Soup, stew"\n', 2),
        ("title,text\na;b,c;d\ne;f,g;h\n", 2),  # more semicolons than commas
        ("title\ttext\na, b\tc, d, e\n", 1),
        ("id;title;text\n1;a;b, c, d\n2;e;f\n3;g;h | i\n", 3),
        ('title\x01text\na\x01"b"\n', 1),
        ("title~text\na, b; c~d\n", 1),
        ('id,title,text\n1,a,"b \\"c\\", d"\n2,e,f\n', 2),
        ("title,text\n'a, b','it''s c'\n'd','e'\n", 2),
        ("title,text\n'a','b'\n", 1),
        ('title\ttext\na\t"b" is c\nd\t"e\n', 2),  # no quoting at all
        ('title, text\na, "b, c"\n', 1),
        ("title,text\r\ra,b\r\r\rc,d", 2),  # only carriage returns, and blank lines
        ("title,text\r\n  \r\na,b\r\n", 1),
        ("\n\ntitle,text\na,b\n", 1),
        ("title;text;\na;b;\nc;d;\n", 2),  # a delimiter at the end of each line
        ("title,text\na,b,,\n", 1),
        ("title,text\n,\na,b\n,\n,,\n", 1),  # empty rows of a spreadsheet
    ],
)
def test_dialects_are_found(tmp_path, content, rows):
    table = read_table(write(tmp_path, content))
    assert [name for name in table if name][-2:] == ["title", "text"]
    assert len(table) == rows
    assert not table[["title", "text"]].isin([""]).any(axis=None)


def test_quotation_marks_are_read_as_they_were_written(tmp_path):
    doubled = 'title,text\na,"says ""b"", c:\\d"\n'
    assert read(write(tmp_path, doubled))[0] == {1: ["a", 'says "b", c:\\d']}
    escaped = 'title,text\na,"says \\"b\\", c"\n'
    assert read(write(tmp_path, escaped))[0] == {1: ["a", 'says "b", c']}
    single = "title,text\n'a','it''s \"b\"'\n"
    assert read(write(tmp_path, single))[0] == {1: ["a", 'it\'s "b"']}
    text_in_single = "title,text\na,'b' is c\n"
    assert read(write(tmp_path, text_in_single))[0] == {1: ["a", "'b' is c"]}
    # An escaped mark far behind the rows by which delimiters are compared.
    late = "title,text\n" + 'a,"b, c"\n' * 200 + 'd,"e \\"f\\", g"\n'
    assert read(write(tmp_path, late))[0][201] == ["d", 'e "f", g']


@pytest.mark.parametrize(
    "content", ["title\nCook\nNurse, at night\n", 'title\n"Cook"\n"Nurse, at night"\n']
)
def test_a_table_of_one_column(tmp_path, content):
    assert read_table(write(tmp_path, content))["title"].tolist() == ["Cook", "Nurse, at night"]


def test_a_separator_that_is_given(tmp_path):
    path = write(tmp_path, "title,a%text,b\nc,d%e\n")
    assert read(path, separator="%")[0] == {1: ["c,d", "e"]}


def test_ragged_rows_keep_their_numbers(tmp_path):
    path = write(tmp_path, "title,text\nRider,You ride, and sing\nCook,You cook\nNurse\n")
    rows, faults = read(path)
    assert rows == {2: ["Cook", "You cook"]}
    assert faults == {1: "3 cells, the header has 2", 3: "1 cells, the header has 2"}
    with pytest.raises(InputError, match="row 1: 3 cells, the header has 2"):
        read_table(path)


def test_a_row_with_broken_quotation_marks_is_dropped(tmp_path):
    path = write(tmp_path, 'title,text\na,"b"\nc,"says "d" e"\nf,"g, h"\ni,"j"\n')
    rows, faults = read(path)
    assert rows == {1: ["a", "b"], 3: ["f", "g, h"], 4: ["i", "j"]}
    assert list(faults) == [2]
    assert faults[2].startswith("broken quotation marks in line 3")


@pytest.mark.parametrize("rest", ["", "c,d\n" * 10, "c,d\n" * 100_000])
def test_a_quotation_mark_that_never_closes_always_stops(tmp_path, rest):
    path = write(tmp_path, 'title,text\na,"b"\n\nc,"d\n' + rest)
    with pytest.raises(InputError, match="line 4: a quotation mark opens .* never closes"):
        read(path)


def test_nul_characters(tmp_path):
    assert read(write(tmp_path, b"title,text\na,b\0c\n"))[0] == {1: ["a", "b\0c"]}
    path = write(tmp_path, "title,text\na,b\n".encode("utf-16-le"))
    with pytest.raises(InputError, match="NUL characters in the header; set encoding=auto"):
        list(read_chunks(Source(path, encoding="latin-1")))


def test_a_text_that_fills_no_memory(tmp_path):
    path = write(tmp_path, 'title,text\na,"' + "b c\n" * 5_000_000)
    with pytest.raises(InputError, match="line 2: a cell of more than 16,777,216 characters"):
        read(path)


CELLS = st.text(
    st.sampled_from("abc ÄŁж漢,;|\t'\"\\\n.-") | st.characters(exclude_categories=["C", "Z"]),
    max_size=20,
)


@settings(max_examples=150, deadline=None)
@given(
    rows=st.lists(st.tuples(CELLS, CELLS, CELLS), min_size=1, max_size=5),
    delimiter=st.sampled_from(",;\t|^"),
    encoding=st.sampled_from(["utf-8", "utf-8-sig", "utf-16"]),
    line_end=st.sampled_from(["\n", "\r\n"]),
)
def test_whatever_was_written_with_all_cells_quoted_is_read(
    tmp_path_factory, rows, delimiter, encoding, line_end
):
    assume(any(map(any, rows)))
    path = tmp_path_factory.mktemp("t") / "t.csv"
    with path.open("w", encoding=encoding, newline="") as file:
        writer = csv.writer(
            file, delimiter=delimiter, lineterminator=line_end, quoting=csv.QUOTE_ALL
        )
        writer.writerows([("id", "title", "text"), *rows])
    filled = filter(any, rows)
    assert read(str(path))[0] == {n: list(row) for n, row in enumerate(filled, 1)}


def test_a_dialect_needs_no_rows():
    assert find_dialect(["title;text\n"]).delimiter == ";"
    assert find_dialect([]).delimiter == ","
