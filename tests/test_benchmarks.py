"""The benchmarks run and write their figures; whether their bars hold is not a test's matter."""

import csv
import json

from conftest import run_script

SKILLS = ["Python", "SQL databases", "arc welding", "night shifts", "tax law", "first aid"]


def test_prepare_writes_rows_and_prints_bars(tmp_path):
    source, output = tmp_path / "postings.csv", tmp_path / "results" / "prepare.json"
    with source.open("w", newline="", encoding="utf-8") as file:
        rows = csv.writer(file)
        rows.writerow(["title", "text"])
        for i in range(12):
            skill, other = SKILLS[i % 6], SKILLS[(i * i + 1) % 6]
            rows.writerow([f"Worker {i}", f"We repair bicycles in hall {i}.\nYou know {skill} and "
                           f"{other}. Pay is weekly."])  # fmt: skip
    command = ("benchmarks/prepare.py", "--postings", str(source), "--output", str(output))

    done = run_script(*command, "--sizes", "4,8", "--only", "loop,jobgen")

    assert done.returncode == 0, done.stderr
    results = json.loads(output.read_text(encoding="utf-8"))
    assert [(row["method"], row["postings"]) for row in results["rows"]] == [
        ("KeyBERT loop", 4),
        ("KeyBERT loop", 8),
        ("jobgen", 4),
        ("jobgen", 8),
    ]
    assert results["rows"][-1]["second_run_seconds"] > 0
    for row in results["rows"]:
        assert 0 < row["retrieval"] <= 1
        assert row["peak_memory_mb"] > 0
        assert row["postings_per_second"] * row["seconds"] > 0
    bars = [line for line in done.stdout.splitlines() if line.startswith("bar ")]
    assert len(bars) == len(results["bars"]) == 3
    assert all(line.endswith((") holds", ") falls short")) for line in bars)
