"""Files, packed files, patterns and folders; what is there instead of a missing one."""

import gzip
import json
import random
import zipfile

import pytest
from table_forms import FORMS, write_form

from jobgen.common.config import PrepareConfig
from jobgen.common.config_loader import parse_config
from jobgen.common.errors import InputError
from jobgen.common.files import nearby
from jobgen.data.reading import Source, encoding_of, fingerprint, read_chunks
from jobgen.data.reading.columns import select_columns
from jobgen.data.reading.contents import Content, refuse_bomb
from jobgen.data.tables import find_faults, read_table

CSV = "title,text\nCook,You cook\n"


def zipped(path, members, **options):
    with zipfile.ZipFile(path, "w", zipfile.ZIP_DEFLATED, **options) as archive:
        for name, content in members.items():
            archive.writestr(name, content)
    return str(path)


def fault(location, **options):
    with pytest.raises(InputError) as error:
        list(read_chunks(Source(str(location), **options)))
    return str(error.value)


def test_packed_files_with_a_folder_and_clutter(tmp_path):
    members = {"a/jobs.csv": CSV, "__MACOSX/a/._jobs.csv": "x", ".x.csv": "y", "README": "z"}
    path = zipped(tmp_path / "t.zip", members)
    assert read_table(path)["title"].tolist() == ["Cook"]
    path = zipped(tmp_path / "t.zip", {"jobs.json": json.dumps({"a": [{"title": "x"}], "b": [{}]})})
    assert "several lists of objects: a, b" in fault(path)
    assert next(read_chunks(Source(path, "a"))).frame["title"].tolist() == ["x"]


def test_one_of_several_tables_in_a_zip(tmp_path):
    path = zipped(tmp_path / "t.zip", {"a.csv": CSV, "b/c.csv": CSV.replace("Cook", "Nurse")})
    assert "expected one table in it; it holds a.csv, b/c.csv; pick one: table=NAME" in fault(path)
    assert 'named "d.csv"; it holds a.csv, b/c.csv' in fault(path, table="d.csv")
    for name in ("c.csv", "b/c.csv"):
        (chunk,) = read_chunks(Source(path, name))
        assert chunk.frame["title"].tolist() == ["Nurse"]
    assert "it holds no table" in fault(zipped(tmp_path / "e.zip", {"README": "x"}))


@pytest.mark.parametrize("name", ["t.csv.gz", "t.zip", "t.xlsx", "t.parquet", "t.jsonl.gz"])
def test_damaged_files(tmp_path, name):
    path = tmp_path / name
    if name == "t.zip":
        zipped(path, {"t.csv": CSV * 100})
    else:
        path.write_bytes(gzip.compress(CSV.encode() * 100))
    whole = path.read_bytes()
    for damaged in (
        whole[: len(whole) // 2],
        b"",
        b"nothing of the kind",
        whole[:-9] + b"123456789",
    ):
        path.write_bytes(damaged)
        assert "Traceback" not in fault(path)


@pytest.mark.parametrize(
    ("name", "start", "message"),
    [
        (
            "t.csv",
            b"PK\x03\x04",
            "its name ends in .csv, but it is a workbook or zip; call it .xlsx",
        ),
        (
            "t.json",
            b"\x1f\x8b",
            "its name ends in .json, but it is packed by gzip; unpack it, or add .gz",
        ),
        ("t.txt", b"PAR1", "its name ends in .txt, but it is Parquet; call it .parquet"),
        ("t.xlsx", b"PAR1", "its name ends in .xlsx, but it is Parquet; call it .parquet"),
        ("t.tsv", b"SQLite format 3\0", "given as sqlite:///FILE"),
        ("t.csv", b"%PDF-1.7", "a PDF, which is not read"),
    ],
)
def test_files_under_a_wrong_name(tmp_path, name, start, message):
    path = tmp_path / name
    path.write_bytes(start + CSV.encode())
    assert message in fault(path)


def test_what_is_not_read_within_a_zip(tmp_path):
    members = {"t.csv.gz": gzip.compress(CSV.encode())}
    assert "t.csv.gz, which is not read within a zip" in fault(zipped(tmp_path / "a.zip", members))
    path = zipped(tmp_path / "b.zip", members | {"t.csv": CSV})
    assert read_table(path)["title"].tolist() == ["Cook"]


def test_what_unpacks_without_end_is_refused(tmp_path, monkeypatch):
    refuse_bomb("t", 10**8, 10**9 * 2)
    with pytest.raises(InputError, match="refused: 1000 bytes unpack to 1000000001"):
        refuse_bomb("t", 1000, 10**9 + 1)
    monkeypatch.setattr("jobgen.data.reading.contents._MOST_UNPACKED", 10**6)
    path = tmp_path / "t.csv.gz"
    path.write_bytes(gzip.compress(b"title,text\n" + b"a,b\n" * 10**6))
    assert "refused" in fault(path)
    assert "refused" in fault(zipped(tmp_path / "t.zip", {"t.csv": b"a,b\n" * 10**6}))
    assert "refused" in fault(zipped(tmp_path / "t.xlsx", {"x.xml": b" " * 10**7}))


def test_a_zip_with_a_password(tmp_path):
    path = tmp_path / "t.zip"
    zipped(path, {"t.csv": CSV})
    content = bytearray(path.read_bytes())
    content[6] |= 1  # the flag of encryption, in the entry and in the directory
    content[content.index(b"PK\x01\x02") + 8] |= 1
    path.write_bytes(bytes(content))
    assert "t.csv is protected by a password" in fault(path)


def test_several_files_are_read_in_the_order_of_their_names(tmp_path):
    for name, title in (("b.csv", "Nurse"), ("a.csv", "Cook"), (".hidden.csv", "x")):
        (tmp_path / name).write_text(CSV.replace("Cook", title))
    (tmp_path / "c").mkdir()
    (tmp_path / "c" / "d.csv").write_text(CSV)
    chunks = list(read_chunks(Source(f"{tmp_path}/*.csv")))
    assert [(chunk.file, *chunk.frame["title"]) for chunk in chunks] == [
        ("a.csv", "Cook"),
        ("b.csv", "Nurse"),
    ]
    assert [chunk.share_read for chunk in chunks] == [0.5, 1.0]
    for location in (f"{tmp_path}/**/*.csv", str(tmp_path)):
        files = [chunk.file for chunk in read_chunks(Source(location))]
        assert files == ["a.csv", "b.csv", "c/d.csv"]
    first = fingerprint(Source(str(tmp_path)))
    (tmp_path / "a.csv").write_text(CSV + "x,y\n")
    assert fingerprint(Source(str(tmp_path))) != first
    assert encoding_of(Source(str(tmp_path))) == "utf-8"
    (tmp_path / "b.csv").write_bytes(CSV.encode() + b"K\xf6chin,x\n")
    assert encoding_of(Source(str(tmp_path))) == "utf-8, cp1252"


def test_postings_that_are_files(tmp_path):
    (tmp_path / "en").mkdir()
    (tmp_path / "en" / "head-cook_2.txt").write_text("Cook\r\n\r\nYou cook.\r\nAnd serve.\r\n")
    (tmp_path / "en" / "bike_mechanic.txt").write_text("You repair bikes.\n")
    (tmp_path / "long.md").write_text("# Nurse\n\n* You care.\n")
    (tmp_path / "no-title.md").write_text("You drive. " * 20 + "\nYou load.")
    (tmp_path / "page.html").write_text(
        "<html><head><title>Jobs &amp; more</title></head>"
        "<body id=x>\n<p>You ride.</p></body></html>"
    )
    (tmp_path / "site.htm").write_text(
        "<title>Site</title><H1 class='a'>\n Rider &amp; <b>courier</b></H1><p>You ride.</p>"
    )
    chunks = list(read_chunks(Source(str(tmp_path))))
    rows = [chunk.frame.iloc[0].tolist() for chunk in chunks]
    assert rows == [
        ["en/bike_mechanic.txt", "bike mechanic", "bike mechanic", "You repair bikes."],
        ["en/head-cook_2.txt", "head cook 2", "Cook", "You cook.\nAnd serve."],
        ["long.md", "long", "Nurse", "* You care."],
        ["no-title.md", "no title", "no title", "You drive. " * 20 + "\nYou load."],
        ["page.html", "page", "Jobs & more", "<p>You ride.</p>"],
        ["site.htm", "site", "Rider & courier", (tmp_path / "site.htm").read_text()],
    ]
    assert [chunk.file for chunk in chunks] == [row[0] for row in rows]


def test_files_of_different_kinds(tmp_path):
    (tmp_path / "a.txt").write_text(CSV)
    (tmp_path / "b.csv").write_text(CSV)
    assert "holds tables (b.csv) and postings (a.txt)" in fault(tmp_path)
    assert len(list(read_chunks(Source(str(tmp_path), separator=",")))) == 2
    (tmp_path / "c.docx").write_text("")
    assert "c.docx: unknown format" in fault(f"{tmp_path}/[ac]*")
    assert "no file matches this pattern" in fault(f"{tmp_path}/*.json")
    (tmp_path / "empty").mkdir()
    assert "holds no file that is read" in fault(tmp_path / "empty")
    (tmp_path / "x[1].csv").write_text(CSV)
    assert len(read_table(str(tmp_path / "x[1].csv"))) == 1


def test_what_cannot_be_read_says_what_can(tmp_path):
    for name, advice in (
        ("t.docx", "expected .csv, .tsv"),
        ("t", "expected .csv"),
        ("t.db", "sqlite:///"),
        ("t.xls", "save it as .xlsx"),
        ("t.html", "a folder or pattern of such files or of .txt, .html"),
    ):
        (tmp_path / name).write_text("x")
        assert advice in fault(tmp_path / name)
    (tmp_path / "t.csv").write_text(CSV)
    assert 'holds one table; leave out table = "x"' in fault(tmp_path / "t.csv", table="x")
    assert "no such file" in fault("a\0b.csv")
    assert "cannot be read" in fault("a" * 5000 + ".csv")


def test_what_is_suggested_for_a_missing_file(tmp_path):
    for name in ("jobs.csv", "Posts.CSV", "other.json"):
        (tmp_path / name).touch()
    assert nearby(tmp_path / "job.csv") == f'; did you mean "{tmp_path}/jobs.csv"?'
    assert nearby(tmp_path / "posts.csv") == f'; did you mean "{tmp_path}/Posts.CSV"?'
    assert nearby(tmp_path / "other.csv") == f'; did you mean "{tmp_path}/other.json"?'
    (tmp_path / "link.json").symlink_to(tmp_path / "nothing")
    assert str(tmp_path / "link.json") not in nearby(tmp_path / "link.json")
    (tmp_path / "alone.tsv").symlink_to(tmp_path / "nothing")
    assert nearby(tmp_path / "alone.tsv") == f"; {tmp_path} holds no other .tsv file"


def problems(source):
    with pytest.raises(InputError) as error:
        parse_config({"source": source, "epocs": 1}, PrepareConfig, "c.json")
    return error.value.problems


def test_a_missing_source_is_told_with_all_other_problems(tmp_path):
    (tmp_path / "jobs.csv").write_text(CSV)
    assert len(problems(str(tmp_path / "jobs.csv"))) == 1
    assert problems(str(tmp_path / "job.csv"))[1].endswith(f'did you mean "{tmp_path}/jobs.csv"?')
    assert problems(f"{tmp_path}/*.json")[1].endswith("no file matches this pattern")
    assert "File name too long" in problems("a" * 5000)[1]
    for fine in (str(tmp_path), f"{tmp_path}/*.csv", "sqlite:///x.db", "owner/name"):
        assert len(problems(fine)) == 1
    assert 'nothing"  no such file' in problems(str(tmp_path / "nothing"))[1]


@pytest.mark.parametrize("member", [None, "t.csv"])
def test_contents_say_where_they_are(member):
    assert Content("t.zip", member).where == ("t.zip" if member is None else "t.zip (t.csv)")


def mutated(content, rng):
    content = bytearray(content)
    for _ in range(rng.choice([1, 1, 2, 5, 20])):
        at, kind = rng.randrange(len(content) + 1), rng.random()
        if kind < 0.5:
            content[at : at + 1] = bytes([rng.randrange(256)])
        elif kind < 0.7:
            del content[at : at + rng.randrange(30)]
        elif kind < 0.9:
            content[at:at] = bytes(rng.choices(b"\"',;\t\n\r\\[{\0\xff", k=rng.randrange(4)))
        else:
            del content[at:]
    return bytes(content)


NAMES = [
    *(
        "commas",
        "Windows",
        "no quotes",
        "written lists",
        "packed",
        "zip",
        "workbook",
        "nested list",
    ),
    *("columns of pandas", "lines", "packed lines", "parquet", "database"),
]


@pytest.mark.parametrize("name", NAMES)
def test_damaged_tables_are_read_or_refused(tmp_path, name):
    """No damage ends in anything but rows or a message."""
    settings = write_form(FORMS[name], tmp_path)
    source = Source(settings["source"], settings.get("table"))
    path = tmp_path / FORMS[name].name
    content, rng = path.read_bytes(), random.Random(20220213)
    for _ in range(100):
        path.write_bytes(mutated(content, rng))
        try:
            for chunk in read_chunks(source, drop_bad=True):
                find_faults(select_columns(chunk.frame, {"title": "title", "text": ["text", "id"]}))
        except InputError as error:
            assert str(error)


@pytest.mark.parametrize("pattern", ["*", ""])
def test_what_a_preparation_has_written_is_not_read(tmp_path, pattern):
    for name in ("jobs.csv", "dropped.csv"):
        (tmp_path / name).write_text("title,text\na,b\n")
    for name in ("train_128_700.pkl", "test_128_700.pkl", "manifest_128_700.json"):
        (tmp_path / name).write_bytes(b"")
    (chunk,) = read_chunks(Source(str(tmp_path / pattern)))
    assert chunk.file == "jobs.csv"
