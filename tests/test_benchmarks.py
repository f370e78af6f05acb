"""The benchmarks run and write their figures; whether their bars hold is not a test's matter."""

import csv
import json
import random
from importlib.util import find_spec

import pytest
import torch
from conftest import postings, run_script

from jobgen.models import load_model

needs_trl = pytest.mark.skipif(find_spec("trl") is None, reason="of requirements-bench.txt")

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


def write_postings(path, rows: int) -> None:
    with path.open("w", newline="", encoding="utf-8") as file:
        table = csv.writer(file)
        table.writerow(["title", "text"])
        for i in range(rows):
            draw, syllables = random.Random(i), ["ka", "lo", "mi", "re", "tu", "sen"]
            words = ["".join(draw.choices(syllables, k=3)) for _ in range(80)]
            table.writerow([f"Worker {i}", f"You know {SKILLS[i % 6]}. {' '.join(words)}."])


OURS = {
    "original": ["the original's recipe", 0.08],
    "jobgen": ["jobgen", 0.08, "jobgen", 0.03],
    "float32": ["jobgen in float32", 0.03],
}
OTHERS = {"trainer": ["Trainer with padding", 0.08], "trl": ["TRL's SFTTrainer", 0.08]}


@pytest.mark.parametrize(
    "expected",
    [OURS, pytest.param(OTHERS, marks=[pytest.mark.slow, needs_trl])],
    ids=["ours", "others"],
)
def test_train_writes_rows_and_prints_bars(tiny_tokenizer, tmp_path, expected):
    from transformers import GPT2Config, GPT2LMHeadModel

    model, source, output = tmp_path / "model", tmp_path / "postings.csv", tmp_path / "train.json"
    tiny_tokenizer.save_pretrained(model)
    shape = {"n_positions": 700, "n_embd": 16, "n_layer": 2, "n_head": 2}
    GPT2LMHeadModel(GPT2Config(vocab_size=len(tiny_tokenizer), **shape)).save_pretrained(model)
    write_postings(source, 24)
    command = ("benchmarks/train.py", "--postings", str(source), "--output", str(output))
    command += ("--model", str(model), "--minutes", "0.08", "--rows", "2")
    command += ("--only", ",".join(expected))

    done = run_script(*command)

    assert done.returncode == 0, done.stderr[-3000:]
    results = json.loads(output.read_text(encoding="utf-8"))
    found = [part for row in results["rows"] for part in (row["method"], row["minutes"])]
    assert found == [part for parts in expected.values() for part in parts]
    for row in results["rows"]:
        assert row["steps"] > 1
        assert row["tokens_per_second"] * row["seconds"] > 128 * row["steps"]
        assert row["peak_memory_mb"] > 100
        assert row["after"] < row["before"]
    bars = [line for line in done.stdout.splitlines() if line.startswith("bar ")]
    assert len(bars) == len(results["bars"]) == (5 if "original" in expected else 0)
    again = run_script(*command, "--resume")
    assert again.returncode == 0
    assert json.loads(output.read_text(encoding="utf-8"))["rows"] == results["rows"]


def test_train_12gb_writes_rows_and_goes_on(tmp_path):
    """Tiny shapes; every way once, and one plan of each model."""
    source, output = tmp_path / "postings.csv", tmp_path / "train_12gb.json"
    write_postings(source, 40)
    command = ("benchmarks/train_12gb.py", "--tiny", "--postings", str(source))
    command += ("--output", str(output), "--work", str(tmp_path))

    for only in ("gpt2-large", "gpt2-large,gpt-neo-1.3B/zero2,gpt2-xl/8bit"):
        done = run_script(*command, "--resume", "--only", only)
        assert done.returncode == 0, done.stderr[-3000:]
        rows = json.loads(output.read_text(encoding="utf-8"))["rows"]
        plans = ("original", "zero2", "8bit", "8bit_in_backward")
        assert [row["row"] for row in rows][:4] == [f"gpt2-large/{plan}" for plan in plans]
    assert [row["row"] for row in rows][4:] == ["gpt2-xl/8bit", "gpt-neo-1.3B/zero2"]
    for row in rows:
        assert row["fits"]
        assert row["tokens_per_second"] > 0
        assert row["host_gb"] > 0.1
        assert row.get("resumes", False) == row["row"].endswith(("/zero2", "/8bit"))
    assert "gpt2-large, tokens/s to the original's" in done.stdout
    wrong = run_script(*command, "--only", "gpt3")
    assert wrong.returncode == 2
    assert "--only gpt3: expected some of gpt2-large" in wrong.stderr


@pytest.fixture(scope="module")
def prepared(tiny_model, tiny_tokenizer, tmp_path_factory):
    """What cli_prepare_data.py and cli_training.py leave: a model folder, a held-out table."""
    folder = tmp_path_factory.mktemp("prepared")
    torch.manual_seed(0)
    load_model(tiny_model, tiny_tokenizer, dtype=torch.float32).save_pretrained(folder / "model")
    tiny_tokenizer.save_pretrained(folder / "model")
    postings(30).to_pickle(folder / "test.pkl")
    return "--model", str(folder / "model"), "--test", str(folder / "test.pkl")


def test_generate_writes_rows_and_prints_bars(prepared, tmp_path):
    output = tmp_path / "generate.json"
    command = ("benchmarks/generate.py", *prepared, "--output", str(output), "--max_length", "90")
    done = run_script(*command, "--sizes", "1,100")
    assert done.returncode == 0, done.stderr[-3000:]
    results = json.loads(output.read_text(encoding="utf-8"))
    ways = 8 + 3 * bool(find_spec("llama_cpp")) + bool(find_spec("vllm"))
    assert [row["sequences"] for row in results["rows"]] == [1, 100] * ways
    for row in results["rows"]:
        assert row["sequences"] <= row["tokens"] <= 90 * row["sequences"]
        assert row["tokens_per_second"] > 0
        assert 1 < row["perplexity"] < 10_000
    coverage = {row["way"]: row["coverage"] for row in results["rows"]}
    assert coverage["jobgen, certain"] == 1 > coverage["jobgen, plain"]
    bars = [line for line in done.stdout.splitlines() if line.startswith("bar ")]
    assert len(bars) == len(results["bars"]) == 3


def test_control_writes_rows_and_prints_bars(prepared, tmp_path):
    output, texts = tmp_path / "control.json", tmp_path / "texts"
    command = ("benchmarks/control.py", *prepared, "--output", str(output), "--texts", str(texts))
    done = run_script(*command, "--prompts", "10", "--max_length", "128")
    assert done.returncode == 0, done.stderr[-3000:]
    results = json.loads(output.read_text(encoding="utf-8"))
    rows = {row["way"]: row for row in results["rows"]}
    assert list(rows) == ["plain", "soft", "certain", "plain, best of 8"]
    assert rows["certain"]["coverage"] == 1 > rows["plain, best of 8"]["coverage"]
    assert rows["plain, best of 8"]["coverage"] >= rows["plain"]["coverage"]
    bars = [line for line in done.stdout.splitlines() if line.startswith("bar ")]
    assert len(bars) == len(results["bars"]) == 6
    assert len(list(texts.glob("*.csv"))) == 4
