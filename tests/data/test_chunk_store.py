"""Intermediate results are used again only by the same code, and removed when done with."""

import shutil
from pathlib import Path

import pandas as pd
import pytest

import jobgen
from jobgen.common.errors import TableError
from jobgen.data.chunk_store import ChunkStore, code_hashes, open_chunk_store


@pytest.fixture
def package(tmp_path) -> Path:
    """A copy of the package, to be changed."""
    folder = Path(jobgen.__file__).parent
    return shutil.copytree(folder, tmp_path / "jobgen", ignore=shutil.ignore_patterns("*.pyc"))


def append_comment(file: Path) -> None:
    with file.open("a", encoding="utf-8") as source:
        source.write("# a comment\n")


def test_code_that_decides_no_row_keeps_the_chunks(package):
    before = code_hashes(package)
    assert before == code_hashes()
    append_comment(package / "training" / "trainer.py")
    append_comment(package / "generation" / "sampling.py")
    append_comment(package / "evaluation" / "metrics.py")
    assert code_hashes(package) == before


@pytest.mark.parametrize(
    "name", ["data/cleaning/lists.py", "text/redaction/phones.py", "models/sequence.py"]
)
def test_code_that_decides_rows_discards_the_chunks(package, name):
    before = code_hashes(package)
    append_comment(package / name)
    after = code_hashes(package)
    folder = name.split("/")[0]
    assert {key for key in before if before[key] != after[key]} == {folder}


def test_a_store_is_removed_when_the_preparation_is_complete(tmp_path):
    with open_chunk_store(tmp_path / "out" / ".prepare", {}) as store:
        store.write("clean", 3, pd.DataFrame({"text": ["a"]}))
        assert store.chunks("clean") == [3]
        assert store.n_rows("clean", 3) == 1
    assert list((tmp_path / "out").iterdir()) == []


@pytest.mark.parametrize("reason", [KeyboardInterrupt, ValueError])
def test_an_interrupted_preparation_resumes(tmp_path, reason):
    folder = tmp_path / ".prepare"
    with pytest.raises(reason), open_chunk_store(folder, {"seed": 1}) as store:
        store.write("clean", 0, pd.DataFrame({"text": ["a"]}))
        raise reason
    with pytest.raises(reason), open_chunk_store(folder, {"seed": 1}) as store:
        assert store.chunks("clean") == [0]
        raise reason
    with open_chunk_store(folder, {"seed": 2}) as store:
        assert store.chunks("clean") == []


@pytest.mark.parametrize("output_exists", [True, False])
def test_a_table_that_cannot_be_prepared_leaves_nothing(tmp_path, output_exists):
    output = tmp_path / "out"
    if output_exists:
        output.mkdir()
    with pytest.raises(TableError), open_chunk_store(output / ".prepare", {}):
        raise TableError("t.csv", "every row was dropped")
    assert output.exists() == output_exists
    assert not (output / ".prepare").exists()


def test_progress_adds_up(tmp_path):
    store = ChunkStore(tmp_path)
    store.add_progress(5)
    store.reset_progress()
    assert store.progress() == 0
    store.add_progress(30)
    store.add_progress(0)
    store.add_progress(12)
    assert store.progress() == 42


def test_other_models_keep_the_source_only(tmp_path):
    store = ChunkStore(tmp_path)
    frame = pd.DataFrame({"text": ["a"]})
    store.write("source", 0, frame)
    store.depend_on(["model 1"])
    store.write("clean", 0, frame)
    store.depend_on(["model 1"])
    assert store.chunks("clean") == [0]
    store.depend_on(["model 2"])
    assert store.chunks("clean") == []
    assert store.chunks("source") == [0]
