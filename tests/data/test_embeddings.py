"""An embedding is the same bit for bit, whatever else is embedded and whatever is cached."""

import multiprocessing
import shutil

import numpy as np
import pytest
from safetensors.torch import load_file, save_file

from jobgen.common.config import OFFLINE_EMBEDDER
from jobgen.common.errors import InputError
from jobgen.data.embeddings import Embedder, _open_cache
from jobgen.models.hub import locate

FOLDER = locate(OFFLINE_EMBEDDER)
PHRASES = [f"{word} {thing}" for word in ("red", "industrial", "C++") for thing in ("", "paint")]
TEXTS = [" ".join([phrase] * n) for phrase in PHRASES for n in (1, 7, 30, 200)]


@pytest.mark.parametrize("precision", ["float32", "bfloat16"])
def test_other_texts_do_not_matter(precision):
    embed = Embedder(FOLDER, precision, 256, None)
    vectors = embed(TEXTS)
    assert vectors.shape == (24, 384)
    assert np.allclose(np.linalg.norm(vectors, axis=1), 1, atol=1e-6)
    assert np.array_equal(embed(TEXTS[::-1])[::-1], vectors)
    for i in (0, 5, 23):
        assert np.array_equal(embed([TEXTS[i]])[0], vectors[i])


def test_it_is_the_embedding_of_the_model():
    texts = TEXTS[:8]
    embed = Embedder(FOLDER, "float32", 256, None)
    expected = embed.model.encode(texts, normalize_embeddings=True)
    assert np.abs(embed(texts) - expected).max() < 1e-3  # rounded to half precision


def test_the_cache_returns_what_was_computed(tmp_path):
    embed = Embedder(FOLDER, "float32", 256, tmp_path)
    first = embed(TEXTS[:6])
    again = Embedder(FOLDER, "float32", 256, tmp_path)
    again.model.forward = None  # nothing may be computed
    assert np.array_equal(again(TEXTS[5::-1]), first[::-1])
    assert again([]).shape == (0, 384)
    other = Embedder(FOLDER, "float32", 128, tmp_path)
    other([TEXTS[0]])
    assert len(list(tmp_path.glob("embeddings-*.sqlite"))) == 2


def open_caches(folder, together):
    for n in range(30):
        together.wait(120)
        _open_cache(folder / str(n), FOLDER, "float32", 256, "cpu").close()


def test_several_processes_open_a_new_cache_at_once(tmp_path):
    context = multiprocessing.get_context("spawn")
    together = context.Barrier(4)
    workers = [context.Process(target=open_caches, args=(tmp_path, together)) for _ in range(4)]
    for worker in workers:
        worker.start()
    for worker in workers:
        worker.join(300)
    assert [worker.exitcode for worker in workers] == [0] * 4


def test_a_corrupt_cache_is_named(tmp_path):
    Embedder(FOLDER, "float32", 256, tmp_path).cache.close()
    (path,) = tmp_path.glob("embeddings-*.sqlite")
    path.write_bytes(b"nothing of the kind" * 100)
    with pytest.raises(InputError, match="cannot be used .* delete it"):
        Embedder(FOLDER, "float32", 256, tmp_path)


def test_an_embedder_that_lacks_weights(tiny_embedder, tmp_path):
    """sentence-transformers would replace them by random ones."""
    folder = shutil.copytree(tiny_embedder, tmp_path / "embedder")
    (file,) = folder.rglob("model.safetensors")
    weights = load_file(file)
    del weights["encoder.layer.0.output.dense.weight"]
    save_file(weights, file, metadata={"format": "pt"})
    with pytest.raises(InputError, match="lack encoder.layer.0.output.dense.weight"):
        Embedder(folder, "float32", 64, None)
