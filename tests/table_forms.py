"""Small tables of postings in the forms in which sites, offices and scrapers write theirs.

All say the same of two jobs, so that a test can ask for the same titles and texts of each.
"""

import gzip
import json
import sqlite3
import zipfile
from collections.abc import Callable
from pathlib import Path
from typing import Any, NamedTuple

import openpyxl
import pandas as pd

TITLES = ["Bicycle mechanic", "Cook, vegetarian"]
TEXTS = [
    'You repair bikes; our customers say "thanks".\nYou work in a team of 5.',
    "You cook soups | stews, and you’re on time.\nWe pay 18 € an hour.",
]
_ROWS = [
    {"id": i, "company": f"Firm {i}", "title": title, "text": text}
    for i, (title, text) in enumerate(zip(TITLES, TEXTS, strict=True), 1)
]
_FRAME = pd.DataFrame(_ROWS)


class TableForm(NamedTuple):
    """A way of writing a table.

    Attributes:
        name: file that is written, or what it is read from.
        write: writes into the path of that name.
        settings: of `PrepareConfig`, beside `source`.
        source: form of the source, in which {} stands for the path.
    """

    name: str
    write: Callable[[Path], Any]
    settings: dict[str, Any] = {}
    source: str = "{}"


def _csv(**options: Any) -> Callable[[Path], Any]:
    options = {"index": False, "encoding": "utf-8", **options}
    return lambda path: _FRAME.to_csv(path, **options)


def _text(text: str, encoding: str = "utf-8") -> Callable[[Path], Any]:
    return lambda path: path.write_bytes(text.encode(encoding))


def _flat(title: str, text: str, sep: str, escape: str = "\\") -> str:
    """A table without quotation marks, whose line breaks are escaped."""
    lines = [f"{title}{sep}{text}"]
    for row in _ROWS:
        cells = [row["title"], row["text"]]
        for character in ("\\", sep, "\n", '"'):
            cells = [cell.replace(character, escape + character) for cell in cells]
        lines.append(sep.join(cells))
    return "\n".join(lines) + "\n"


def _zip(path: Path) -> None:
    with zipfile.ZipFile(path, "w", zipfile.ZIP_DEFLATED) as archive:
        archive.writestr("__MACOSX/._jobs.csv", b"\0\0")
        archive.writestr("README.md", "about")
        archive.writestr("export/jobs.csv", _FRAME.to_csv(index=False))


def _workbook(path: Path) -> None:
    workbook = openpyxl.Workbook()
    workbook.active.append(["notes"])
    sheet = workbook.create_sheet("Jobs")
    for row in [list(_FRAME), *_FRAME.to_numpy(object).tolist(), [None, None]]:
        sheet.append(row)
    workbook.save(path)


def _sqlite(path: Path) -> None:
    with sqlite3.connect(path) as connection:
        _FRAME[::-1].to_sql("loaded", connection, index=False)
        connection.execute("create table jobs (id integer primary key, title text, text text)")
        connection.execute("insert into jobs select id, title, text from loaded")
    connection.close()


def _postings(path: Path) -> None:
    path.mkdir()
    for row in _ROWS:
        (path / f"{row['id']}.txt").write_text(f"{row['title']}\n\n{row['text']}\n", "utf-8")


def _pages(path: Path) -> None:
    (path / "de").mkdir(parents=True)
    for row in _ROWS:
        body = f"<h1 class='t'>{row['title']}</h1><p>x</p>"
        page = f"<html><head><title>Site</title></head><body>{body}</body></html>"
        (path / "de" / f"{row['id']}.html").write_text(page, "utf-8")


def _several(path: Path) -> None:
    (path / "2021").mkdir(parents=True)
    for row in _ROWS:
        frame = pd.DataFrame([row])
        frame.to_csv(path / "2021" / f"{row['id']}.csv", index=False)


def _saved_data_set(path: Path) -> None:
    from datasets import Dataset, DatasetDict

    DatasetDict(train=Dataset.from_pandas(_FRAME)).save_to_disk(path)


_COLUMNS = {"title_column": "Job Title", "text_column": "jobDescription"}
_RENAMED = [
    {"Job Title": row["title"], "jobDescription": row["text"], "company": {"name": row["company"]}}
    for row in _ROWS
]

FORMS = {
    "commas": TableForm("t.csv", _csv()),
    "with an index": TableForm("t.csv", _csv(index=True)),
    "all cells quoted": TableForm("t.csv", _csv(quoting=1)),
    "semicolons of Excel": TableForm("t.csv", _csv(sep=";", encoding="utf-8-sig")),
    "separator line of Excel": TableForm(
        "t.csv", _text("sep=;\r\n" + _FRAME.to_csv(index=False, sep=";", lineterminator="\r\n"))
    ),
    "tabs": TableForm("t.tsv", _csv(sep="\t")),
    "tabs in .csv": TableForm("t.csv", _csv(sep="\t")),
    "tabs in .txt": TableForm("t.txt", _csv(sep="\t")),
    "bars": TableForm("t.csv", _csv(sep="|")),
    "carets": TableForm("t.csv", _csv(sep="^")),
    "named separator": TableForm("t.csv", _csv(sep="%"), {"separator": "%"}),
    "Windows": TableForm("t.csv", _csv(encoding="cp1252", lineterminator="\r\n")),
    "Macintosh": TableForm("t.csv", _csv(encoding="mac_roman")),
    "Unicode text of Excel": TableForm("t.txt", _csv(sep="\t", encoding="utf-16")),
    "UTF-16 without a mark": TableForm("t.csv", _csv(encoding="utf-16-le")),
    "backslashes of Spark": TableForm("t.csv", _csv(escapechar="\\", doublequote=False)),
    "single quotes": TableForm("t.csv", _csv(quotechar="'", quoting=1)),
    "no quotes": TableForm("t.tsv", _text(_flat("title", "text", "\t"))),
    "blanks after commas": TableForm(
        "t.csv", _text(_FRAME.to_csv(index=False, quoting=1).replace('","', '", "'))
    ),
    "packed": TableForm(
        "t.csv.gz", lambda path: path.write_bytes(gzip.compress(_FRAME.to_csv().encode()))
    ),
    "packed lines": TableForm(
        "t.jsonl.gz", lambda path: _FRAME.to_json(path, orient="records", lines=True)
    ),
    "zip": TableForm("t.zip", _zip),
    "workbook": TableForm("t.xlsx", lambda path: _FRAME.to_excel(path, index=False)),
    "sheet of a workbook": TableForm("t.xlsx", _workbook, {"table": "jobs"}),
    "array": TableForm("t.json", _text(json.dumps(_ROWS, indent=2))),
    "lines": TableForm("t.jsonl", _text("\n".join(map(json.dumps, _ROWS)))),
    "lines of other ending": TableForm("t.ndjson", _text("\n".join(map(json.dumps, _ROWS)))),
    "nested list": TableForm("t.json", _text(json.dumps({"n": 2, "data": {"jobs": _ROWS}}))),
    "one of several lists": TableForm(
        "t.json", _text(json.dumps({"jobs": _ROWS, "firms": [{"a": 1}]})), {"table": "jobs"}
    ),
    "columns of pandas": TableForm("t.json", lambda path: _FRAME.to_json(path)),
    "index of pandas": TableForm("t.json", lambda path: _FRAME.to_json(path, orient="index")),
    "split of pandas": TableForm("t.json", lambda path: _FRAME.to_json(path, orient="split")),
    "table of pandas": TableForm("t.json", lambda path: _FRAME.to_json(path, orient="table")),
    "columns as lists": TableForm("t.json", _text(json.dumps(_FRAME.to_dict("list")))),
    "other names": TableForm("t.json", _text(json.dumps(_RENAMED)), _COLUMNS),
    "names in other case": TableForm(
        "t.csv", _csv(header=["ID", "Company", " Title", "TEXT "]), {"title_column": "title"}
    ),
    "parts of objects": TableForm(
        "t.json",
        _text(json.dumps([{"job": {"name": r["title"], "about": r["text"]}} for r in _ROWS])),
        {"title_column": "job.name", "text_column": "job.about"},
    ),
    "written lists": TableForm(
        "t.csv",
        lambda path: _FRAME.assign(text=[repr(t.split("\n")) for t in TEXTS]).to_csv(path),
    ),
    "real lists": TableForm(
        "t.parquet",
        lambda path: _FRAME.assign(text=[t.split("\n") for t in TEXTS]).to_parquet(path),
    ),
    "bytes of Python": TableForm(
        "t.csv", lambda path: _FRAME.assign(text=[repr(t.encode()) for t in TEXTS]).to_csv(path)
    ),
    "parquet": TableForm("t.parquet", lambda path: _FRAME.to_parquet(path)),
    "pickle": TableForm("t.pkl", lambda path: _FRAME.to_pickle(path)),
    "database": TableForm("t.db", _sqlite, {"table": "jobs"}, "sqlite:///{}"),
    "query": TableForm(
        "t.db",
        _sqlite,
        {"table": "SELECT title, text FROM loaded WHERE text LIKE 'You%' ORDER BY id"},
        "sqlite:///{}",
    ),
    "files of a pattern": TableForm("data", _several, source="{}/**/*.csv"),
    "folder of tables": TableForm("data", _several),
    "folder of postings": TableForm("postings", _postings),
    "saved data set": TableForm("saved", _saved_data_set),
}


def write_form(form: TableForm, folder: Path) -> dict[str, Any]:
    """Write a form into a folder; the settings of `PrepareConfig` that read it."""
    path = folder / form.name
    form.write(path)
    return {**form.settings, "source": form.source.format(path)}
