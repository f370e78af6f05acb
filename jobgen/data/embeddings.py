"""Embeddings of phrases and texts, each computed once and kept on disk.

The embedding of a text is bit for bit the same whatever else is embedded with it: a batch has a
fixed number of rows, which depends on the length of its texts alone, and all are equally long.
Kept are half-precision numbers, and these are what is given back, so that a cached embedding and a
new one are the same. So results do not depend on the number of workers or on an interruption.
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
from jobgen.common.files import hash_folder
from jobgen.models.loading import computes_bfloat16

_PADDED_FROM = 64  # tokens; longer texts are padded to a multiple of 16
_BATCH_ROWS, _BATCH_TOKENS = 16, 256  # at most


class Embedder:
    """A sentence-transformers model with a cache.

    Args:
        folder: the model.
        precision: "float32", "bfloat16", or "auto": bfloat16 where the hardware computes it.
        max_tokens: longer texts are represented by so many of their first tokens.
        cache: folder for the embeddings; None keeps none.

    Raises:
        InputError: it is no such model, or the cache cannot be used.
    """

    def __init__(self, folder: Path, precision: str, max_tokens: int, cache: Path | None):
        from sentence_transformers import SentenceTransformer

        try:
            self.model = SentenceTransformer(str(folder))
        except (OSError, ValueError, KeyError) as error:
            reason = str(error).split("\n")[0]
            raise InputError(str(folder), f"is no sentence-transformers model: {reason}") from None
        if self.model.tokenizer.pad_token_id is None:
            raise InputError(str(folder), "its tokenizer has no padding token; take another model")
        if precision == "auto":
            precision = "bfloat16" if computes_bfloat16(self.model.device) else "float32"
        self.model.to(getattr(torch, precision)).eval()
        self.max_tokens = min(max_tokens, self.model.max_seq_length or max_tokens)
        self.cache = None
        if cache:
            device = self.model.device.type
            self.cache = _open_cache(cache, folder, precision, self.max_tokens, device)

    def __call__(self, texts: Sequence[str]) -> np.ndarray:
        """Unit vectors, (len(texts), d), float32."""
        keys = [hashlib.blake2b(text.encode(), digest_size=16).digest() for text in texts]
        try:
            found = self._cached(keys)
            new = {key: text for key, text in zip(keys, texts, strict=True) if key not in found}
            # Workers share the cores; matrices this small gain little from more threads, and lose
            # much where the cores are busy.
            threads = torch.get_num_threads()
            torch.set_num_threads(1)
            computed = dict(zip(new, self._embed(list(new.values())), strict=True))
            torch.set_num_threads(threads)
            if self.cache:
                with self.cache:  # one transaction
                    self.cache.executemany(
                        "INSERT OR IGNORE INTO embeddings VALUES (?, ?)",
                        [(key, vector.tobytes()) for key, vector in computed.items()],
                    )
        except sqlite3.Error as error:
            raise InputError("embedding_cache", f"{error}; delete the cache or set false") from None
        found.update(computed)
        d = self.model.get_embedding_dimension()
        vectors = np.array([found[key] for key in keys], np.float32).reshape(len(keys), d)
        return vectors / np.maximum(np.linalg.norm(vectors, axis=1, keepdims=True), 1e-6)

    def _cached(self, keys: list[bytes]) -> dict[bytes, np.ndarray]:
        found = {}
        if self.cache:
            for start in range(0, len(keys), 500):
                part = keys[start : start + 500]
                query = f"SELECT * FROM embeddings WHERE text IN ({','.join('?' * len(part))})"
                for key, vector in self.cache.execute(query, part):
                    found[key] = np.frombuffer(vector, np.float16)
        return found

    def _embed(self, texts: list[str]) -> np.ndarray:
        """Unit vectors, (len(texts), d), float16."""
        if not texts:
            return np.zeros((0, 0), np.float16)
        tokenizer = self.model.tokenizer
        rows = tokenizer(texts, truncation=True, max_length=self.max_tokens)["input_ids"]
        of_length = defaultdict(list)
        for i, row in enumerate(rows):
            length = len(row)
            if length > _PADDED_FROM:
                length = min(-(-length // 16) * 16, self.max_tokens)
            of_length[length].append(i)
        vectors = np.zeros((len(texts), self.model.get_embedding_dimension()), np.float16)
        for length, members in sorted(of_length.items()):
            size = max(1, min(_BATCH_ROWS, _BATCH_TOKENS // length))
            for start in range(0, len(members), size):
                batch = members[start : start + size]
                filled = batch + batch[:1] * (size - len(batch))
                ids = torch.full((size, length), tokenizer.pad_token_id)  # (B, T)
                mask = torch.zeros((size, length), dtype=torch.bool)
                for place, i in enumerate(filled):
                    ids[place, : len(rows[i])] = torch.tensor(rows[i])
                    mask[place, : len(rows[i])] = True
                features = {"input_ids": ids, "attention_mask": mask}
                features = {name: part.to(self.model.device) for name, part in features.items()}
                with torch.inference_mode():
                    output = self.model(features)["sentence_embedding"].float()
                output = torch.nn.functional.normalize(output, dim=1)
                vectors[batch] = output[: len(batch)].cpu().numpy()
        return vectors


def _open_cache(
    cache: Path, folder: Path, precision: str, max_tokens: int, device: str
) -> sqlite3.Connection:
    """The file of embeddings made by the same model, in the same precision, by the same code."""
    libraries = ("torch", "sentence-transformers", "transformers", "tokenizers")
    versions = [importlib.metadata.version(name) for name in libraries]
    batches = (_PADDED_FROM, _BATCH_ROWS, _BATCH_TOKENS)
    made_by = (precision, max_tokens, device, versions, batches, hash_folder(folder))
    name = hashlib.sha256(repr(made_by).encode()).hexdigest()[:16]
    path = cache / f"embeddings-{name}.sqlite"
    try:
        cache.mkdir(parents=True, exist_ok=True)
        connection = sqlite3.connect(path, timeout=600)
        # SQLite waits for its own locks, but not for the one that this change of mode needs.
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
