"""The benchmarks run and write their figures; whether their bars hold is not a test's matter."""

import argparse
import contextlib
import csv
import hashlib
import json
import random
import sys
import time
from importlib.util import find_spec
from pathlib import Path

import psutil
import pytest
import torch
from conftest import ROOT, postings, run_script

sys.path.insert(0, str(ROOT / "benchmarks"))
import measuring  # noqa: E402
import train_12gb  # noqa: E402

from jobgen.models.loading import load_model

needs_trl = pytest.mark.skipif(find_spec("trl") is None, reason="of requirements-bench.txt")

SKILLS = ["Python", "SQL databases", "arc welding", "night shifts", "tax law", "first aid"]


@pytest.mark.slow
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


@pytest.mark.slow
@pytest.mark.parametrize(
    "expected", [OURS, pytest.param(OTHERS, marks=needs_trl)], ids=["ours", "others"]
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


@pytest.mark.parametrize(
    "only", ["gpt-neo-1.3B/zero2", pytest.param("gpt2-large,quality", marks=pytest.mark.slow)]
)
def test_train_12gb_writes_rows_and_resumes(tmp_path, only):
    """Tiny shapes."""
    source, output = tmp_path / "postings.csv", tmp_path / "train_12gb.json"
    write_postings(source, 40)
    command = ("benchmarks/train_12gb.py", "--tiny", "--postings", str(source), "--only", only)
    command += ("--output", str(output), "--work", str(tmp_path))

    done = run_script(*command)

    assert done.returncode == 0, done.stderr[-3000:]
    rows = json.loads(output.read_text(encoding="utf-8"))["rows"]
    assert [row["row"] for row in rows] == train_12gb.rows_of(only.split(","))
    for row in rows:
        assert row["host_gb"] > 0.1
        assert row.get("resumes", False) == row["row"].endswith(
            ("large/zero2", "B/zero2", "e/8bit")
        )
        if row["row"].startswith("quality"):
            assert 2 < row["loss"] < 10
        else:
            assert row["fits"]
            assert row["tokens_per_second"] > 0
            assert row["pcie_gb"] is None
            assert row["skipped_steps"] == 0
            assert row["loading_seconds"] > 0
            assert len(row["step_seconds"]) == train_12gb.STEPS
            assert min(row["step_seconds"]) > 0
        if row.get("resumes"):
            assert row["resumed_loading_seconds"] > 0
    if "quality" in only:
        parameters = {row["row"]: row.get("parameters") for row in rows}
        width, less = train_12gb.TINY["gpt2"]["n_embd"], train_12gb.ROUNDED_UP
        ours, original = (parameters[f"gpt2-large/{plan}"] for plan in ("zero2", "original"))
        assert original == ours - less * width  # GPT-2's own number of embeddings
        assert "bar gpt2-large, tokens/s to the original's" in done.stdout
        assert "bar 8bit, loss above zero2's" in done.stdout
    again = run_script(*command, "--resume")
    assert again.returncode == 0
    assert json.loads(output.read_text(encoding="utf-8"))["rows"] == rows


def test_train_12gb_judges_what_there_is(tmp_path):
    fast = {"fits": True, "tokens_per_second": 900.0, "resumes": True, "estimate_to_peak": 0.9}
    slow = {"fits": True, "tokens_per_second": 200.0}
    loss = {"zero2 seed 1": 3.0, "zero2 seed 2": 3.1, "8bit": 3.05, "8bit_in_backward": 3.2}
    rows = [{"row": "gpt2-xl/original"} | slow, {"row": "gpt2-xl/zero2"} | fast]
    rows += [{"row": "gpt2-large/zero2", "fits": False}]
    rows += [{"row": f"quality/{name}", "loss": value} for name, value in loss.items()]
    results = {"rows": rows}
    train_12gb.judge(results)
    assert {bar["bar"]: (round(bar["figure"], 2), bar["holds"]) for bar in results["bars"]} == {
        "gpt2-large trains in 12 GB": (0, False),
        "gpt2-xl trains in 12 GB": (1, True),
        "gpt2-xl resumes in 12 GB": (1, True),
        "gpt2-xl, tokens/s to the original's": (4.5, False),
        "gpt2-xl/zero2, estimate to peak": (0.9, True),
        "8bit, loss above zero2's": (0.05, True),
        "8bit_in_backward, loss above zero2's": (0.2, False),
    }


@pytest.mark.parametrize(
    "arguments, message",
    [
        (["--only", "gpt3"], "--only gpt3: expected some of gpt2-large"),
        (["--resumed", "gpt2-xl/original"], "--resumed gpt2-xl/original: expected some of gpt2-l"),
        (["--minutes", "0"], "--minutes 0: expected a number above 0"),
    ],
)
def test_train_12gb_names_wrong_arguments(monkeypatch, capsys, arguments, message):
    monkeypatch.setattr(sys, "argv", ["train_12gb.py", *arguments])
    with pytest.raises(SystemExit) as ended:
        train_12gb.parse_arguments()
    assert ended.value.code == 2
    assert message in capsys.readouterr().err


def test_train_12gb_keeps_the_order_of_only_and_knows_what_resumes(monkeypatch):
    only = "gpt2-xl/original,quality/8bit,gpt2-large,gpt2-xl/original"
    monkeypatch.setattr(sys, "argv", ["train_12gb.py", "--only", only, "--resumed", "gpt2-large"])
    arguments = train_12gb.parse_arguments()
    ours = ["gpt2-large/zero2", "gpt2-large/8bit", "gpt2-large/8bit_in_backward"]
    assert train_12gb.rows_of(arguments.only) == [
        *("gpt2-xl/original", "quality/8bit", "gpt2-large/original"),
        *ours,
    ]
    assert arguments.resumed == ours
    monkeypatch.setattr(sys, "argv", ["train_12gb.py", "--resumed", ""])
    assert train_12gb.parse_arguments().resumed == []


def test_train_12gb_fits_only_with_what_is_reserved_and_the_context():
    assert train_12gb.fits({"allocated_gb": 9.0, "reserved_gb": 12.0, "context_gb": 0.5})
    assert not train_12gb.fits({"allocated_gb": 9.0, "reserved_gb": 12.2, "context_gb": 0.5})
    assert train_12gb.fits({})  # a CPU


@pytest.mark.parametrize(
    "body, kept",
    [
        ("tell(fits=True, tokens_per_second=5.0); wait()", {"fits": True, "cut": "train"}),
        ("tell(fits=True); part == 'resume' and wait()", {"fits": True, "cut": "resume"}),
        ("wait()", {}),
        ("tell(fits=True); raise SystemExit(3)", {"fits": True, "failed": "train"}),
        ("tell(fits=False)", {"fits": False}),
    ],
)
def test_train_12gb_keeps_what_a_killed_row_has_told(monkeypatch, tmp_path, body, kept):
    script, child = tmp_path / "script.py", tmp_path / "child"
    script.write_text(f"""
import json, subprocess, sys
part = json.loads(sys.argv[2])["part"]
def tell(**figures):
    print(json.dumps(figures), flush=True)
def wait():  # with a child that holds the output open, as a compiler would
    process = subprocess.Popen([sys.executable, "-c", "import time; time.sleep(600)"])
    open({str(child)!r}, "w").write(str(process.pid))
    process.wait()
{body}
""")
    monkeypatch.setattr(train_12gb, "__file__", str(script))
    arguments = argparse.Namespace(limit=11.5, resumed=["gpt2-xl/8bit"])
    waits = "wait()" in body
    found = train_12gb.watch_row(
        "gpt2-xl/8bit",
        {"work": str(tmp_path)},
        arguments,
        time.monotonic() + (6 if waits else 60),  # announcing takes a second
    )
    assert {key: found[key] for key in kept} == kept
    assert bool(kept) == (len(found) > 1)
    assert "cut" in kept or "cut" not in found
    if waits:
        deadline = time.monotonic() + 60
        with contextlib.suppress(psutil.NoSuchProcess):  # or nobody has asked for its status yet
            process = psutil.Process(int(child.read_text()))
            while process.status() != psutil.STATUS_ZOMBIE:
                assert time.monotonic() < deadline
                time.sleep(0.02)


def test_train_12gb_begins_nothing_after_its_time(capsys):
    found = train_12gb.watch_row("gpt2-xl/8bit", {}, argparse.Namespace(), time.monotonic() - 1)
    assert found == {"row": "gpt2-xl/8bit"}
    assert "no time left" in capsys.readouterr().out


def test_a_record_is_resumed_though_the_memory_has_grown(monkeypatch, tmp_path):
    output = tmp_path / "results.json"
    results = measuring.open_results(output, resume=True, libraries=("torch",), postings="abc")
    results["rows"].append({"row": "first"})
    measuring.save(output, results)
    grown = psutil.virtual_memory()._replace(total=2**40)
    monkeypatch.setattr(psutil, "virtual_memory", lambda: grown)
    again = measuring.open_results(output, resume=True, libraries=("torch",), postings="abc")
    assert again == results
    with pytest.raises(SystemExit, match="another machine, library or table"):
        measuring.open_results(output, resume=True, libraries=("torch",), postings="other")


def test_bytes_that_cross_the_bus():
    def copy(name: str, size: int) -> dict:
        return {"cat": "gpu_memcpy", "name": f"Memcpy {name}", "args": {"bytes": size}}

    class Profiler:
        def __init__(self, *events):
            self.events = events

        def export_chrome_trace(self, path):
            Path(path).write_text(json.dumps({"traceEvents": self.events}))

    copies = [copy("HtoD (Pinned -> Device)", 3), copy("DtoH (Device -> Pageable)", 5)]
    copies.append(copy("DtoD (Device -> Device)", 7))
    kernel = {"cat": "kernel", "name": "HtoD"}
    assert train_12gb.copied_bytes(Profiler(*copies, kernel)) == 8
    assert train_12gb.copied_bytes(Profiler(kernel)) == 0
    assert train_12gb.copied_bytes(Profiler({"cat": "cpu_op", "name": "HtoD"})) is None


def test_personal_data_counts_labels_and_shows_no_test_posting(tmp_path):
    cells = [
        "<p>Ring &amp; ask: call Jane Doe on 0161 496 0000.</p>\r\n<p>Ref. 12</p>",
        "Write to joe@example.com, or ask at desk seven.",
        "We work with Ann Roe. Contact: John Roe",
        "No label stands for this one.",
    ]
    spans = [
        [("Jane Doe", "name"), ("0161 496 0000", "phone")],
        [("joe@example.com", "email"), ("desk seven", "phone"), ("or ask", "unsure")],
        [("Ann Roe", "person")],  # so that John Roe is a wrong one
    ]
    table, labels = tmp_path / "table.csv", tmp_path / "labels.json"
    with table.open("w", newline="", encoding="utf-8") as file:
        csv.writer(file).writerows([["FullDescription"], *([cell] for cell in cells)])
    rows = [{"table": "adzuna", "row": 9, "sha256": "gone", "part": "dev", "spans": []}]
    for i, (cell, found) in enumerate(zip(cells, spans, strict=False)):
        text = cell.replace("\r\n", "\n")
        rows.append({
            "table": "adzuna",
            "row": i,
            "sha256": hashlib.sha256(text.encode()).hexdigest()[:16],
            "part": "test" if i == 1 else "dev",
            "spans": [[text.index(part), text.index(part) + len(part), kind]
                      for part, kind in found],
        })  # fmt: skip
    labels.write_text(json.dumps(rows), encoding="utf-8")
    output = tmp_path / "results.json"
    done = run_script("benchmarks/personal_data.py", f"adzuna={table}", "--labels", str(labels),
                      "--show", "--without-presidio", "--output", str(output))  # fmt: skip
    assert done.returncode == 0, done.stderr
    assert f"adzuna: row 9 is not in {table}" in done.stdout
    assert "adzuna wrong name: 'John Roe'" in done.stdout
    assert "desk seven" not in done.stdout
    results = json.loads(output.read_text(encoding="utf-8"))
    figures = {
        (row["part"], row["kind"]): (row["labelled"], row["recall"], row["precision"])
        for row in results["rows"]
        if row["table"] == "all"
    }
    assert figures == {
        ("dev", "phone"): (1, 1.0, 1.0),
        ("dev", "email"): (0, None, None),
        ("dev", "name"): (1, 1.0, 0.5),
        ("test", "phone"): (1, 0.0, None),
        ("test", "email"): (1, 1.0, 1.0),
        ("test", "name"): (0, None, None),
    }
    assert len(results["bars"]) == 7


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
    assert coverage["jobgen, hard"] == 1 > coverage["jobgen, plain"]
    bars = [line for line in done.stdout.splitlines() if line.startswith("bar ")]
    assert len(bars) == len(results["bars"]) == 3


def test_control_writes_rows_and_prints_bars(prepared, tmp_path):
    output, texts = tmp_path / "control.json", tmp_path / "texts"
    command = ("benchmarks/control.py", *prepared, "--output", str(output), "--texts", str(texts))
    done = run_script(*command, "--prompts", "10", "--max_length", "128")
    assert done.returncode == 0, done.stderr[-3000:]
    results = json.loads(output.read_text(encoding="utf-8"))
    rows = {row["way"]: row for row in results["rows"]}
    assert list(rows) == ["plain", "soft", "hard", "plain, best of 8"]
    assert rows["hard"]["coverage"] == 1 > rows["plain, best of 8"]["coverage"]
    assert rows["plain, best of 8"]["coverage"] >= rows["plain"]["coverage"]
    bars = [line for line in done.stdout.splitlines() if line.startswith("bar ")]
    assert len(bars) == len(results["bars"]) == 6
    assert len(list(texts.glob("*.csv"))) == 4
