"""Tables as different sites, feeds and offices write theirs go from file to keywords.

Six invented jobs are written as each source writes its postings. Whatever the source, the clean
text has the same lines, without contacts, and its keywords are phrases of them.
"""

import json
import sqlite3
import textwrap
import zipfile

import datasets
import pandas as pd
import pytest

from jobgen.common.config import PrepareConfig
from jobgen.data.preview import preview_rows

INTRO = "We run a workshop for cargo bikes in the old town."
JOBS = {
    "Bicycle Mechanic": (
        ["Repair brakes and gears", "Order spare parts", "Advise customers at the counter"],
        ["Certificate in welding", "Good knowledge of hydraulic brakes"],
    ),
    "Route Planner": (
        ["Plan delivery routes", "Keep the shift calendar", "Answer the radio of the drivers"],
        ["Experience with spreadsheets", "Clear handwriting"],
    ),
    "Warehouse Clerk": (
        ["Count the stock of tyres", "Label incoming boxes", "Drive the forklift"],
        ["Forklift licence", "Basic arithmetic"],
    ),
    "Shop Assistant": (
        ["Sell helmets and locks", "Operate the cash register", "Write invoices"],
        ["Fluent Spanish", "Patience with children"],
    ),
    "Kitchen Helper": (
        ["Peel vegetables", "Wash the dishes", "Serve soup at noon"],
        ["Food hygiene certificate", "Willingness to start early"],
    ),
    "Gardener": (
        ["Prune apple trees", "Mow the meadow", "Sharpen the saws"],
        ["Tractor licence", "Interest in bees"],
    ),
}
DUTIES, SKILLS = "Responsibilities", "Requirements"


def lines_of(title):
    """The lines that the clean text of a job must have."""
    duties, skills = JOBS[title]
    return [INTRO, DUTIES, *duties, SKILLS, *skills]


def write(style):
    """Title and text of each job, the text as a function of its lists writes it."""
    return [{"title": title, "text": style(*lists)} for title, lists in JOBS.items()]


def glued(duties, skills):
    """Glassdoor: no line break has survived."""
    return INTRO + DUTIES + "".join(duties) + SKILLS + "".join(skills)


def listed(mark):
    """Indeed and others: lines with a mark."""

    def style(duties, skills):
        items = ["\n".join(f"{mark}{item}" for item in items) for items in (duties, skills)]
        return f"{INTRO}\n\n{DUTIES}\n{items[0]}\n\n{SKILLS}\n{items[1]}"

    return style


def in_one_line(mark):
    """Dice: lists in one line."""

    def style(duties, skills):
        items = ["".join(f" {mark} {item}" for item in items) for items in (duties, skills)]
        return f"{INTRO} {DUTIES}:{items[0]} {SKILLS}:{items[1]}"

    return style


def as_html(duties, skills):
    """Feeds: HTML whose items hold paragraphs."""
    lists = ["".join(f"<li><p>{item}</p></li>" for item in items) for items in (duties, skills)]
    return (
        f"<p>{INTRO}</p><h3>{DUTIES}</h3><ul>{lists[0]}</ul><h3>{SKILLS}</h3><ul>{lists[1]}</ul>"
        "<style>p {margin: 0}</style>"
    )


def as_escaped_html(duties, skills):
    """Exports of a content system: HTML, escaped once more."""
    return as_html(duties, skills).replace("<", "&lt;").replace(">", "&gt;")


def as_markdown(duties, skills):
    """JobSpy: Markdown with its escapes."""
    lists = ["\n".join(f"* {item}" for item in items) for items in (duties, skills)]
    intro = INTRO.replace(".", "\\.")
    return f"{intro}\n\n**{DUTIES}**\n\n{lists[0]}\n\n### {SKILLS}\n\n{lists[1]}"


def as_python_list(duties, skills):
    """LinkedIn: the lines as Python shows a list, with the criteria of the page."""
    criteria = ["Seniority level", "Entry level", "Employment type", "Full-time"]
    return str([INTRO, " ", DUTIES, *duties, SKILLS, *skills, *criteria])


def wrapped(duties, skills):
    """Mailing lists: wrapped at a width, with rules of dashes."""
    intro = f"{INTRO} It has been there for a very long time and is known to all in the street."
    parts = [textwrap.fill(intro, 60), f"{DUTIES}:"]
    parts += [textwrap.fill(f"- {item};", 60) for item in duties]
    parts += [f"{SKILLS}:", *(textwrap.fill(f"- {item};", 60) for item in skills), "-" * 40]
    return "\n".join(parts)


def with_buttons(duties, skills):
    """LinkedIn's page: the text between buttons, and a tracking code."""
    return f"{listed('• ')(duties, skills)}\n#LI-AB1\nShow more\nShow less"


def with_stripped_entities(duties, skills):
    """Dice: entities without their marks."""
    lists = ["".join(f" bull {item}" for item in items) for items in (duties, skills)]
    return f"{INTRO}\n{DUTIES}:{lists[0]}\n{SKILLS}:{lists[1]}"


def with_escapes(duties, skills):
    """Dumps: line breaks written as backslash and n."""
    return listed("- ")(duties, skills).replace("\n", "\\n")


def with_masks(duties, skills):
    """EMSCAD: addresses as hashes, glued to the text."""
    mask = "#URL_0a1b2c3d4e5f60718293a4b5c6d7e8f9#"
    return listed("- ")(duties, skills) + f"\n\nApply using the link{mask}We answer."


def with_contacts(duties, skills):
    """An agency: contacts glued to what follows."""
    contact = "Write to jobs@example.comPhone: 212-555-0100 or see www.example.comApply today"
    return listed("o ")(duties, skills) + "\n\n" + contact


def csv(style, **options):
    def make(path):
        pd.DataFrame(write(style)).to_csv(path / "t.csv", index=False, **options)
        return {"source": str(path / "t.csv")}

    return make


def jobspy(path):
    rows = pd.DataFrame(write(as_markdown)).assign(site="indeed", min_amount=None)
    rows.rename(columns={"text": "description"}).to_parquet(path / "jobs.parquet")
    return {"source": str(path / "jobs.parquet"), "text_column": "description"}


def remotive(path):
    jobs = [{"id": i, **row, "company": {"name": "X"}} for i, row in enumerate(write(as_html))]
    (path / "jobs.json").write_text(json.dumps({"count": 6, "jobs": jobs}))
    return {"source": str(path / "jobs.json")}


def remote_feed(path):
    lines = [json.dumps(row) for row in write(as_escaped_html)]
    (path / "feed.jsonl").write_text("\n".join(lines))
    return {"source": str(path / "feed.jsonl")}


def emscad(path):
    rows = []
    for title, (duties, skills) in JOBS.items():
        text, requirements = with_masks(duties, skills).split(f"{SKILLS}\n")
        rows.append({"Title": title, "description": text, "requirements": requirements})
    pd.DataFrame(rows).to_csv(path / "fake.csv", index=False)
    return {"source": str(path / "fake.csv"), "text_column": ["description", "requirements"]}


def german_office(path):
    frame = pd.DataFrame(write(listed("– "))).rename(columns={"title": "Stelle"})
    frame.to_csv(path / "stellen.csv", sep=";", encoding="cp1252", index=False)
    return {"source": str(path / "stellen.csv"), "title_column": "stelle"}


def italian_feed(path):
    pd.DataFrame(write(in_one_line("-"))).to_csv(path / "jobs.tsv", sep="\t", index=False)
    return {"source": str(path / "jobs.tsv")}


def office_workbook(path):
    pd.DataFrame(write(with_contacts)).to_excel(path / "jobs.xlsx", index=False)
    return {"source": str(path / "jobs.xlsx")}


def data_base(path):
    with sqlite3.connect(path / "jobs.db") as connection:
        pd.DataFrame(write(with_buttons)).to_sql("postings", connection, index=False)
    connection.close()
    return {"source": f"sqlite:///{path / 'jobs.db'}"}


def kaggle_zip(path):
    with zipfile.ZipFile(path / "archive.zip", "w") as archive:
        archive.writestr("postings.csv", pd.DataFrame(write(glued)).to_csv(index=False))
    return {"source": str(path / "archive.zip")}


def packed(path):
    pd.DataFrame(write(with_escapes)).to_csv(path / "t.csv.gz", index=False)
    return {"source": str(path / "t.csv.gz")}


def monthly_files(path):
    rows = write(listed("* "))
    for month in range(3):
        frame = pd.DataFrame(rows[2 * month : 2 * month + 2])
        frame.to_csv(path / f"jobs-{month}.csv", index=False)
    return {"source": str(path / "jobs-*.csv")}


def saved_pages(path):
    for i, row in enumerate(write(as_html)):
        body = f"<body><h1>{row['title']}</h1>{row['text']}</body>"
        (path / f"page-{i}.html").write_text(f"<html><head><title>x</title></head>{body}</html>")
    return {"source": str(path)}


def saved_data_set(path):
    datasets.Dataset.from_list(write(as_html)).save_to_disk(path / "jobs")
    return {"source": str(path / "jobs")}


SOURCES = {
    "glassdoor": csv(glued),
    "indeed": csv(listed("")),
    "linkedin": csv(as_python_list),
    "linkedin page": csv(with_buttons),
    "monster": csv(as_html, quoting=1),
    "dice stars": csv(in_one_line("*")),
    "dice bullets": csv(in_one_line("•")),
    "dice entities": csv(with_stripped_entities),
    "careercenter": csv(wrapped),
    "nested bullets": csv(listed("•\no ")),
    "dump": csv(with_escapes),
    "excel abroad": csv(listed("· "), sep=";", encoding="utf-8-sig"),
    "utf-16": csv(listed("\u2022\t"), encoding="utf-16"),
    "bars": csv(listed("▪ "), sep="|"),
    **{
        make.__name__: make
        for make in (
            *(jobspy, remotive, remote_feed, emscad, german_office, italian_feed, office_workbook),
            *(data_base, kaggle_zip, packed, monthly_files, saved_pages, saved_data_set),
        )
    },
}


@pytest.fixture(scope="module")
def cache(tmp_path_factory):
    """A cache of embeddings that all sources share."""
    return tmp_path_factory.mktemp("cache")


def test_there_are_enough_sources():
    assert len(SOURCES) >= 20


@pytest.mark.parametrize("name", SOURCES)
def test_from_file_to_keywords(name, tmp_path, tiny_embedder, cache):
    (tmp_path / "source").mkdir()
    config = PrepareConfig(
        **SOURCES[name](tmp_path / "source"),
        embedder=str(tiny_embedder),
        cache_dir=str(cache),
        min_length=1,
    )
    rows = preview_rows(config, len(JOBS))
    assert sorted(row.title for row in rows) == sorted(JOBS)
    for row in rows:
        assert row.dropped is None
        lines = [line.removeprefix("• ").rstrip(":;") for line in row.text.split("\n")]
        missing = [line for line in lines_of(row.title) if line not in lines]
        if name == "careercenter":
            assert missing == [INTRO]  # it goes on, in the same line
            assert any(line.startswith(INTRO) and line.endswith("street.") for line in lines)
        else:
            assert not missing, row.text
        assert not any(part in row.text for part in ("@", "555", "www", "#", "<", "\\", "**", "['"))
        assert "Show more" not in row.text
        assert "Seniority" not in row.text
        assert row.keywords
        assert all(keyword in row.text for keyword in row.keywords)
        assert not any("\n" in keyword or "•" in keyword for keyword in row.keywords)
