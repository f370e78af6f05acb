"""Data sets that `datasets` has saved, and ids that cannot be loaded."""

import pytest
from datasets import Dataset, DatasetDict, NamedSplit

from jobgen.common.errors import InputError
from jobgen.data.reading import Source, fingerprint, read_chunks

ROWS = {"title": ["Cook", "Nurse", "Rider"], "text": ["a", "b", "c"], "tags": [["x"], [], None]}


def titles(folder, split=None):
    chunks = read_chunks(Source(str(folder), split), chunk_rows=2)
    return [chunk.frame["title"].tolist() for chunk in chunks]


def fault(location, split=None):
    with pytest.raises(InputError) as error:
        list(read_chunks(Source(str(location), split)))
    return str(error.value)


def test_a_saved_table(tmp_path):
    Dataset.from_dict(ROWS).save_to_disk(tmp_path / "one")
    assert titles(tmp_path / "one") == [["Cook", "Nurse"], ["Rider"]]
    (chunk,) = read_chunks(Source(str(tmp_path / "one")))
    assert chunk.frame.index.tolist() == [1, 2, 3]
    assert chunk.frame["tags"].tolist() == [["x"], [], None]
    assert 'no split "test"' in fault(tmp_path / "one", "test")
    Dataset.from_dict(ROWS, split=NamedSplit("train")).save_to_disk(tmp_path / "train")
    assert titles(tmp_path / "train", "train") == [["Cook", "Nurse"], ["Rider"]]
    source = Source(str(tmp_path / "one"))
    assert fingerprint(source) == fingerprint(Source(str(tmp_path / "train")))


def test_saved_splits(tmp_path):
    one, two = Dataset.from_dict(ROWS), Dataset.from_dict({"title": ["Cook"], "text": ["a"]})
    DatasetDict(train=one, test=two).save_to_disk(tmp_path / "both")
    assert titles(tmp_path / "both") == [["Cook", "Nurse"], ["Rider"]]
    assert titles(tmp_path / "both", "test") == [["Cook"]]
    assert "pick one by table=NAME: train, test" in fault(tmp_path / "both", "dev")
    DatasetDict(dev=two).save_to_disk(tmp_path / "dev")
    assert titles(tmp_path / "dev") == [["Cook"]]
    DatasetDict(dev=two, test=two).save_to_disk(tmp_path / "no_train")
    assert "several splits; pick one by table=NAME: dev, test" in fault(tmp_path / "no_train")


def test_a_damaged_folder(tmp_path):
    Dataset.from_dict(ROWS).save_to_disk(tmp_path / "one")
    (tmp_path / "one" / "state.json").write_text("{")
    assert "no complete data set" in fault(tmp_path / "one")


def test_an_id_that_cannot_be_loaded(monkeypatch, tmp_path):
    monkeypatch.chdir(tmp_path)
    message = fault("example-owner/no-such-postings")
    assert message.startswith(
        "example-owner/no-such-postings: no such file or folder, and no data set of this name"
    )
