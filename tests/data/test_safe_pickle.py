"""Pickles: those of tables are loaded, all others refused, and none does harm."""

import base64
import functools
import gzip
import json
import os
import pickle
import random
import resource
import signal
import sys
import time
import traceback
from collections import OrderedDict
from decimal import Decimal
from pathlib import Path

import numpy as np
import pandas as pd
import psutil
import pytest
from conftest import ROOT

from jobgen.common.errors import InputError
from jobgen.data.reading import Source, read_chunks
from jobgen.data.safe_pickle import load_pickle

CASES = ROOT.parent / "shared" / "cases" / "trust"
PROTOCOLS = range(pickle.HIGHEST_PROTOCOL + 1)
GIB = 2**30

texts = pd.DataFrame({"title": ["Cook", "Nurse"], "text": ["Soup é", "Care"]})
days = pd.to_datetime(["2021-01-01", "2021-01-02"])
FRAMES = {
    "object": texts.astype(object),
    "str": texts.astype("str"),
    "string[python]": texts.astype("string[python]"),
    "string[pyarrow]": texts.astype("string[pyarrow]"),
    "category": texts.astype("category"),
    "missing": pd.DataFrame({"title": ["Cook", None], "text": pd.array([None, "x"], dtype="str")}),
    "numbers": texts.assign(a=[1, 2], b=[0.5, np.nan], c=[True, False], d=[1 + 2j, 3]),
    "masked": texts.assign(a=pd.array([1, None], dtype="Int64"), b=pd.array([0.5, None])).assign(
        c=pd.array([True, None], dtype="boolean")
    ),
    "keywords": texts.assign(keywords=[["a", "b"], []]),
    "arrays": texts.assign(a=[np.array([1, 2]), np.array(["x"])]),
    "scalars": texts.assign(a=[np.float64(3), pd.NA], b=[pd.Timestamp("2020-02-01"), pd.NaT]),
    "spans": texts.assign(a=pd.to_timedelta([1, 2], unit="h"), b=[pd.Timedelta("1D"), None]),
    "index": texts.set_index("title"),
    "two indices": texts.assign(n=[1, 2]).set_index(["title", "n"]),
    "category index": texts.set_index(pd.CategoricalIndex(["a", "b"])),
    "part": pd.concat([texts] * 5).iloc[3:7],
    "numbered columns": pd.DataFrame([["a", 1], ["b", 2]]),
    "nothing": texts.head(0),
    "by columns": texts.apply(lambda row: row.str.upper(), axis=1),
    "transposed": pd.DataFrame([["Cook", "Nurse"], ["Soup", "Care"]], dtype=object).T,
    "decimals": texts.assign(a=[Decimal("1.5"), None]),
    "empty text": texts.assign(a=[np.str_(""), np.str_("x")]).astype({"a": object}),
    "half characters": pd.DataFrame({"title": ["a\ud800", "b"], "text": ["c", "d"]}, dtype=object),
    "days": texts.set_index(pd.date_range("2021-01-01", periods=2)),
}
CONTAINERS = {
    "rows": [{"title": "Cook", "keywords": ["a", "b"]}, {"title": "Nurse", "keywords": []}],
    "columns": {"title": {0: "Cook", 1: "Nurse"}, "n": {0: 1, 1: 2.5}},
    "of all kinds": [b"x", bytearray(b"y"), (1, (2, ())), {1}, frozenset([2]), 1j, None, 10**30]
    + [OrderedDict(a=1), slice(1, 2), days[0].date(), np.float32(0.5), np.arange(6).reshape(2, 3)],
}


def is_missing(value) -> bool:
    return not isinstance(value, list | np.ndarray) and pd.isna(value)


@pytest.mark.parametrize("protocol", PROTOCOLS)
@pytest.mark.parametrize("name", FRAMES)
def test_frames_are_what_they_were(tmp_path, name, protocol):
    path = tmp_path / "t.pkl"
    path.write_bytes(pickle.dumps(FRAMES[name], protocol))
    loaded = load_pickle(str(path))
    expected = FRAMES[name].reset_index(drop=True)
    assert list(loaded.columns) == list(expected.columns)
    for column in expected:
        ours, theirs = loaded[column].tolist(), expected[column].tolist()
        assert len(ours) == len(theirs)
        for a, b in zip(ours, theirs, strict=True):
            if isinstance(b, np.ndarray):
                assert np.array_equal(a, b)
            else:
                assert pd.isna(a) if is_missing(b) else a == b


def test_dates_and_zones(tmp_path):
    path = tmp_path / "t.pkl"
    zones = {"b": days.tz_localize("UTC"), "c": days.tz_localize("Europe/Berlin")}
    frame = texts.assign(a=days, **zones).set_index(days)
    frame.to_pickle(path)
    loaded = load_pickle(str(path))
    assert loaded["a"].tolist() == days.tolist()
    assert loaded["title"].tolist() == texts["title"].tolist()


@pytest.mark.parametrize("protocol", PROTOCOLS)
@pytest.mark.parametrize("name", CONTAINERS)
def test_containers_are_what_they_were(tmp_path, name, protocol):
    path = tmp_path / "t.pkl"
    path.write_bytes(pickle.dumps(CONTAINERS[name], protocol))
    assert repr(load_pickle(str(path))) == repr(CONTAINERS[name])


def old_pickles() -> dict[str, bytes]:
    """Pickles that other versions of pandas have written, by version, protocol and content."""
    file = Path(__file__).parent / "pickles_of_old_pandas.json.gz"
    return {
        name: base64.b64decode(content)
        for name, content in json.loads(gzip.decompress(file.read_bytes())).items()
    }


@pytest.mark.parametrize("name", old_pickles())
def test_pickles_of_older_versions(tmp_path, name):
    path = tmp_path / "t.pkl"
    path.write_bytes(old_pickles()[name])
    (chunk,) = read_chunks(Source(str(path)))
    assert chunk.frame[["title", "text"]].to_dict("list") == texts.to_dict("list")


def test_a_series_keeps_its_labels(tmp_path):
    """Columns that are pickled one by one are put together by their labels."""
    path = tmp_path / "t.pkl"
    path.write_bytes(pickle.dumps({"title": texts["title"], "text": texts["text"][::-1]}))
    (chunk,) = read_chunks(Source(str(path)))
    assert chunk.frame["text"].tolist() == texts["text"].tolist()


def in_limits(task, seconds: int = 60) -> int:
    """The status of a child that runs a task in 1 GiB more memory than it has; 9: it crashed."""
    child = os.fork()
    if child == 0:
        status = 1
        try:
            size = psutil.Process().memory_info().vms + GIB
            resource.setrlimit(resource.RLIMIT_AS, (size, size))
            signal.alarm(seconds)  # ends the process
            task()
            status = 0
        except BaseException:
            traceback.print_exc()
        finally:
            sys.stderr.flush()
            os._exit(status)
    return os.waitstatus_to_exitcode(os.waitpid(child, 0)[1])


def refused(path: Path) -> None:
    """Assert that a pickle is refused in less time than 400 million steps of Python take."""
    start = time.process_time()
    for _ in range(10**7):
        pass
    counted = time.process_time()
    with pytest.raises(InputError):
        list(read_chunks(Source(str(path))))
    assert time.process_time() - counted < 40 * (counted - start)


@pytest.mark.skipif(not CASES.is_dir(), reason="the cases are not beside the repository")
@pytest.mark.parametrize("name", [path.name for path in sorted(CASES.glob("*.pkl"))])
def test_cases_that_crashed(name):
    assert in_limits(lambda: refused(CASES / name)) == 0


def array_pickle(dtype: bytes, flags: int, shape: tuple, data: bytes) -> bytes:
    """An array as NumPy writes it, with whatever type, flags, shape and bytes."""
    state = pickle.dumps((3, "|", None, None, None, -1, -1, flags), 2)[2:-1]
    return (
        b"\x80\x02cnumpy.core.multiarray\n_reconstruct\ncnumpy\nndarray\nK\x00\x85C\x01b\x87R(K\x01"
        + pickle.dumps(shape, 2)[2:-1]
        + b"cnumpy\ndtype\nX"
        + len(dtype).to_bytes(4, "little")
        + dtype
        + b"\x89\x88\x87R"
        + state
        + b"b\x89B"
        + len(data).to_bytes(4, "little")
        + data
        + b"tb."
    )


@functools.cache
def small_to_large() -> dict[str, bytes]:
    """Pickles that are read in no time, and whose parts together are too much."""
    index = (
        b"cpandas.core.indexes.base\n_new_Index\ncpandas\nRangeIndex\n(X\x05\x00\x00\x00startK\x00"
    )
    index += b"X\x04\x00\x00\x00stopJ@B\x0f\x00X\x04\x00\x00\x00stepK\x01d\x86R"
    return {
        "indexes": b"\x80\x02](" + index * 300 + b"e." + bytes(10**6),
        "series": pickle.dumps({str(n): pd.Series(["x"], index=[n]) for n in range(5000)}),
        "many dimensions": array_pickle(b"i8", 0, (65535,) * 300_000, b""),
        "hashes": pickle.dumps({n * (2**61 - 1): 1 for n in range(20_000)}, 2),
        "hashes of a set": pickle.dumps({n * (2**61 - 1) for n in range(20_000)}, 2),
        "deep key": b"\x80\x04})" + b"\x85" * 2_000_000 + b"Ns.",
        "shared key": b"\x80\x04})" + b"2\x86" * 60 + b"Ns.",
        "shared element": b"\x80\x04\x8f()" + b"2\x86" * 60 + b"\x90.",
    }


LAUGHS = b"\x80\x02]q\x00K\x01a" + b"".join(
    b"]" + b"q%c" % (n + 1) + b"h%c" % n + b"a" + b"h%c" % n + b"a" for n in range(60)
)


@pytest.mark.parametrize(
    "content",
    [
        array_pickle(b"O8", 0, (2,), b"A" * 16),
        array_pickle(b"O8", 63, (2,), b"A" * 16),
        array_pickle(b"V8", 63, (2,), b"A" * 16),
        array_pickle(b"i8", 63, (2,), b"A" * 16),
        array_pickle(b"i8", 0, (2**40,), b"A" * 16),
        array_pickle(b"i8", 0, (-1,), b"A" * 16),
        array_pickle(b"U9999999", 8, (1,), b"A" * 16),
        b"\x80\x02cbuiltins\nbytearray\n\x8a\x05\x00\x00\x00@\x01\x85R.",
        b"\x80\x05\x96\x00\x00\x00\x00\x01\x00\x00\x00.",  # BYTEARRAY8 of 4 GiB
        b"\x80\x02cpandas\nRangeIndex\nK\x00\x8a\x06\x00\x00\x00\x00\x00\x01\x86R.",
        b"\x80\x02cpandas\nDataFrame\n)\x81}X\x01\x00\x00\x00aK\x01sb.",
        b"\x80\x02ccollections\nOrderedDict\n)Rq\x00h\x00K\x01h\x00sb.",
        LAUGHS + b".",
        b"\x80\x02]q\x00h\x00a.",  # a list that contains itself
        b"\x80\x02" + b"]" * 5000 + b"a" * 4999 + b".",
        b"\x80\x02K\x01\x82\x01.",  # an extension code
        b"\x80\x02K\x01Q.",  # a persistent id
    ],
)
def test_pickles_that_lie(tmp_path, content):
    path = tmp_path / "t.pkl"
    path.write_bytes(content)
    assert in_limits(lambda: refused(path)) == 0


@pytest.mark.parametrize("name", small_to_large())
def test_small_pickles_that_become_large(tmp_path, name):
    path = tmp_path / "t.pkl"
    path.write_bytes(small_to_large()[name])
    assert in_limits(lambda: refused(path)) == 0


def test_rows_may_share_their_parts(tmp_path):
    """Whoever makes rows of few titles writes the same list of keywords into many of them."""
    path, keywords = (
        tmp_path / "t.pkl",
        {t: [f"{t} {n}" for n in range(8)] for t in ("Cook", "Nurse")},
    )
    rows = [{"title": title, "keywords": keywords[title]} for title in ["Cook", "Nurse"] * 2000]
    path.write_bytes(pickle.dumps(rows))
    assert load_pickle(str(path)) == rows
    path.write_bytes(pickle.dumps([rows[0]] * 1000))
    assert load_pickle(str(path)) == [rows[0]] * 1000


def test_arrow_offsets_that_leave_their_buffer(tmp_path):
    path = tmp_path / "t.pkl"
    content = pickle.dumps(texts.astype("string[pyarrow]"), 4)
    offsets = np.array([0, 4, 9], dtype=np.int64).tobytes()
    assert offsets in content
    for wrong in ([0, 4, 2**40], [0, 2**40, 9], [-8, 4, 9], [0, 9, 4]):
        path.write_bytes(content.replace(offsets, np.array(wrong, dtype=np.int64).tobytes()))
        assert in_limits(lambda: refused(path)) == 0


def test_categories_that_there_are_not(tmp_path):
    path = tmp_path / "t.pkl"
    content = pickle.dumps(texts.astype("category"), 4)
    codes = np.array([0, 1], dtype=np.int8).tobytes()
    assert codes in content
    for wrong in (b"\x00\x02", b"\x7f\x00", b"\xfe\x00"):
        path.write_bytes(content.replace(codes, wrong))
        with pytest.raises(InputError):
            load_pickle(str(path))


def test_rows_without_common_columns_are_refused(tmp_path):
    path = tmp_path / "t.pkl"
    path.write_bytes(pickle.dumps([{f"c{n}": 1} for n in range(20_000)]))
    assert in_limits(lambda: refused(path)) == 0


def mutated(rng: random.Random) -> bytes:
    """A pickle of a table or of containers in which some bytes are others."""
    source = rng.choice([*FRAMES.values(), *CONTAINERS.values()])
    content = bytearray(pickle.dumps(source, rng.choice(PROTOCOLS)))
    for _ in range(rng.choice([1, 1, 2, 3, 8])):
        at, end = sorted(rng.randrange(len(content) + 1) for _ in range(2))
        end = min(end, at + rng.choice([1, 4, 40]))
        content[at:end] = rng.choice(
            [
                rng.randbytes(rng.choice([1, 1, 2, 8])),
                bytes(
                    [rng.choice(b"()0123.CBKJMNQRTUVXabcdeghilopqrstu]}\x81\x85\x86\x87\x8a\x93")]
                ),
                bytes(content[at:end] * 2),
                b"",
                rng.choice([b"\xff", b"\x7f", b"\x00", b"\x80"]) * (end - at),
            ]
        )
    return bytes(content)


def try_mutated(first: int, last: int, path: Path, log: Path) -> None:
    loaded = 0
    for seed in range(first, last):
        content = mutated(random.Random(seed))
        path.write_bytes(content)
        log.write_text(f"seed {seed}")
        signal.alarm(5)
        try:
            for chunk in read_chunks(Source(str(path))):
                repr(chunk.frame.to_dict())
            loaded += 1
        except InputError as error:
            str(error).encode("utf-8", "backslashreplace")
    assert 0.01 < loaded / (last - first) < 0.95, loaded


def mutated_pickles_do_no_harm(tmp_path, many):
    path, log = tmp_path / "t.pkl", tmp_path / "log"
    status = in_limits(lambda: try_mutated(0, many, path, log))
    assert status == 0, log.read_text()


def test_mutated_pickles_do_no_harm(tmp_path):
    mutated_pickles_do_no_harm(tmp_path, 3000)


@pytest.mark.slow
def test_many_mutated_pickles_do_no_harm(tmp_path):
    mutated_pickles_do_no_harm(tmp_path, 40_000)
