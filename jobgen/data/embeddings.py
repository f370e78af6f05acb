"""Embeddings of phrases and texts, each computed once and cached on disk.

The embedding of a text is the same bit for bit whatever else is embedded with it: the number of
rows in a batch depends only on the length of its texts, and all of them are equally long. A cached
embedding and a new one are the same as well, because both are rounded to half precision. So results
depend neither on the number of workers nor on interruptions.
"""

import hashlib
import importlib.metadata
import sqlite3
from collections import defaultdict
from collections.abc import Sequence
from pathlib import Path

import numpy as np
import torch
from filelock import FileLock

from jobgen.common.errors import InputError
from jobgen.common.files import hash_folder, read_json
from jobgen.common.logging import without_progress_bars
from jobgen.models.loading import computes_bfloat16
from jobgen.models.weights import check_encoder

_PADDED_FROM = 64  # tokens; longer texts are padded to a multiple of 16
_MAX_BATCH_ROWS, _MAX_BATCH_TOKENS = 16, 256


class Embedder:
    """A sentence-transformers model with a cache.

    Args:
        folder: folder of the model.
        precision: "float32", "bfloat16", or "auto" for bfloat16 where the hardware computes it.
        max_tokens: number of tokens of a text that are embedded; the rest is ignored.
        cache: folder of the cached embeddings; None for no cache.

    Raises:
        InputError: the folder holds no such model, or the cache cannot be used.
    """

    def __init__(self, folder: Path, precision: str, max_tokens: int, cache: Path | None):
        from sentence_transformers import SentenceTransformer

        try:
            with without_progress_bars():
                self.model = SentenceTransformer(str(folder))
        except (OSError, ValueError, KeyError) as error:
            reason = str(error).split("\n")[0]
            raise InputError(str(folder), f"is no sentence-transformers model: {reason}") from None
        modules = folder / "modules.json"
        first = read_json(str(modules))[0] if modules.is_file() else {"type": ""}
        if first["type"].endswith("Transformer"):
            check_encoder(folder / first["path"])
        if self.model.tokenizer.pad_token_id is None:
            raise InputError(
                str(folder), "its tokenizer has no padding token; choose another model"
            )
        if precision == "auto":
            precision = "bfloat16" if computes_bfloat16(self.model.device) else "float32"
        self.model.to(getattr(torch, precision)).eval()
        self.max_tokens = min(max_tokens, self.model.max_seq_length or max_tokens)
        self.dimension = int(self.model.get_embedding_dimension() or 0)
        self.cache: sqlite3.Connection | None = None
        if cache:
            device = self.model.device.type
            self.cache = _open_cache(cache, folder, precision, self.max_tokens, device)

    def __call__(self, texts: Sequence[str]) -> np.ndarray:
        """Embed texts as unit vectors, (len(texts), d), float32."""
        keys = [hashlib.blake2b(text.encode(), digest_size=16).digest() for text in texts]
        try:
            vector_of = self._read_cache(keys)
            new = {key: text for key, text in zip(keys, texts, strict=True) if key not in vector_of}
            computed = dict(zip(new, self._embed(list(new.values())), strict=True))
            if self.cache:
                with self.cache:  # one transaction
                    self.cache.executemany(
                        "INSERT OR IGNORE INTO embeddings VALUES (?, ?)",
                        [(key, vector.tobytes()) for key, vector in computed.items()],
                    )
        except sqlite3.Error as error:
            raise InputError("embedding_cache", f"{error}; delete the cache or set false") from None
        vector_of |= computed
        vectors = np.array([vector_of[key] for key in keys], np.float32)
        return _unit(vectors.reshape(len(keys), self.dimension))

    def compute(self, texts: Sequence[str]) -> np.ndarray:
        """Embed texts as unit vectors, (len(texts), d), float32, past the cache.

        For what is too much to keep: KeyBERT embeds every n-gram of a posting.
        """
        vectors = self._embed(list(texts)).astype(np.float32)
        return _unit(vectors.reshape(len(texts), self.dimension))

    def _read_cache(self, keys: list[bytes]) -> dict[bytes, np.ndarray]:
        vector_of = {}
        if self.cache:
            for start in range(0, len(keys), 500):  # SQLite limits the parameters of a query
                some_keys = keys[start : start + 500]
                marks = ",".join("?" * len(some_keys))
                query = f"SELECT * FROM embeddings WHERE text IN ({marks})"
                for key, vector in self.cache.execute(query, some_keys):
                    vector_of[key] = np.frombuffer(vector, np.float16)
        return vector_of

    def _embed(self, texts: list[str]) -> np.ndarray:
        """Compute unit vectors, (len(texts), d), float16."""
        if not texts:
            return np.zeros((0, 0), np.float16)
        tokenizer = self.model.tokenizer
        token_ids = tokenizer(texts, truncation=True, max_length=self.max_tokens)["input_ids"]

        # 1. Sort the texts by their padded length.
        texts_of_length: defaultdict[int, list[int]] = defaultdict(list)
        for i, ids in enumerate(token_ids):
            length = len(ids)
            if length > _PADDED_FROM:
                length = min(-(-length // 16) * 16, self.max_tokens)
            texts_of_length[length].append(i)

        # 2. Embed them in batches, whose size depends on that length only. Workers share the cores:
        # matrices this small gain little from more threads, and lose much if the cores are busy.
        threads = torch.get_num_threads()
        torch.set_num_threads(1)
        vectors = np.zeros((len(texts), self.dimension), np.float16)
        for length, members in sorted(texts_of_length.items()):
            size = max(1, min(_MAX_BATCH_ROWS, _MAX_BATCH_TOKENS // length))
            for start in range(0, len(members), size):
                batch = members[start : start + size]
                full_batch = batch + batch[:1] * (size - len(batch))
                input_ids = torch.full((size, length), tokenizer.pad_token_id)  # (B, T)
                attention_mask = torch.zeros((size, length), dtype=torch.bool)  # (B, T)
                for row, i in enumerate(full_batch):
                    input_ids[row, : len(token_ids[i])] = torch.tensor(token_ids[i])
                    attention_mask[row, : len(token_ids[i])] = True
                features = {
                    "input_ids": input_ids.to(self.model.device),
                    "attention_mask": attention_mask.to(self.model.device),
                }
                with torch.inference_mode():
                    output = self.model(features)["sentence_embedding"].float()
                output = torch.nn.functional.normalize(output, dim=1)
                vectors[batch] = output[: len(batch)].cpu().numpy()
        torch.set_num_threads(threads)
        return vectors


def _unit(vectors: np.ndarray) -> np.ndarray:
    return vectors / np.maximum(np.linalg.norm(vectors, axis=1, keepdims=True), 1e-6)


def _open_cache(
    cache: Path, folder: Path, precision: str, max_tokens: int, device: str
) -> sqlite3.Connection:
    """Open the file of embeddings of the same model, precision, device and libraries."""
    libraries = ("torch", "sentence-transformers", "transformers", "tokenizers")
    versions = [importlib.metadata.version(name) for name in libraries]
    batches = (_PADDED_FROM, _MAX_BATCH_ROWS, _MAX_BATCH_TOKENS)
    made_by = (precision, max_tokens, device, versions, batches, hash_folder(folder))
    name = hashlib.sha256(repr(made_by).encode()).hexdigest()[:16]
    path = cache / f"embeddings-{name}.sqlite"
    try:
        cache.mkdir(parents=True, exist_ok=True)
        connection = sqlite3.connect(path, timeout=600)
        # SQLite waits for its own locks, but not for the one that changing this mode needs.
        with FileLock(f"{path}.lock"):
            connection.execute("PRAGMA journal_mode=WAL")
        connection.execute("PRAGMA synchronous=NORMAL")
        connection.execute(
            "CREATE TABLE IF NOT EXISTS embeddings (text BLOB PRIMARY KEY, vector BLOB)"
            " WITHOUT ROWID"
        )
    except (OSError, sqlite3.Error) as error:
        raise InputError(
            str(path), f"the cache of embeddings cannot be used ({error}); delete it"
        ) from None
    return connection
