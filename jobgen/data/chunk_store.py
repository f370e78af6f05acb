"""A preparation's unfinished work: one file a chunk and stage, so that it can be gone on with.

A file is written beside its place and moved there, so that it is whole or not there. The work of
each source, configuration and state of the code has a folder of its own. What it holds does not
depend on the number of workers.
"""

import hashlib
import importlib.metadata
import json
import os
import shutil
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
from filelock import FileLock, Timeout

from jobgen.common.errors import InputError
from jobgen.common.files import _write, read_arrays, write_arrays

VERSIONED = (
    *("pandas", "ftfy", "datasketch", "HanTa", "scikit-learn", "torch", "sentence-transformers"),
    *("tokenizers", "transformers", "numpy", "scipy", "pyarrow"),
)


def versions() -> dict[str, str]:
    """Of the libraries that decide what comes out."""
    return {name: importlib.metadata.version(name) for name in VERSIONED}


@dataclass(frozen=True)
class ChunkStore:
    """The folder of the unfinished work.

    Attributes:
        folder: holds `STAGE-00000.parquet` and `STAGE-00000.npz` of each chunk.
    """

    folder: Path

    def file(self, name: str) -> Path:
        """A file of the whole table."""
        return self.folder / name

    def chunks(self, stage: str) -> list[int]:
        """Numbers of the chunks of which a stage is done."""
        return sorted(int(p.stem.rsplit("-", 1)[1]) for p in self.folder.glob(f"{stage}-*.parquet"))

    def write(self, stage: str, chunk: int, frame: pd.DataFrame) -> None:
        """Write the rows of a chunk; with them the stage is done for it."""
        _write(self._path(stage, chunk, "parquet"), frame.to_parquet)

    def read(self, stage: str, chunk: int) -> pd.DataFrame:
        """Read the rows of a chunk."""
        return pd.read_parquet(self._path(stage, chunk, "parquet"))

    def write_arrays(self, stage: str, chunk: int, **arrays: np.ndarray) -> None:
        """Write arrays of a chunk."""
        write_arrays(self._path(stage, chunk, "npz"), **arrays)

    def read_arrays(self, stage: str, chunk: int) -> dict[str, np.ndarray]:
        """Read arrays of a chunk."""
        return read_arrays(self._path(stage, chunk, "npz"))

    def write_counts(self, stage: str, chunk: int, counts: dict[str, Any]) -> None:
        """Write what was counted in a chunk."""
        text = json.dumps(counts)
        _write(self._path(stage, chunk, "json"), lambda place: place.write_text(text))

    def read_counts(self, stage: str) -> list[dict[str, Any]]:
        """Read what was counted in the chunks of which a stage is done."""
        files = [self._path(stage, chunk, "json") for chunk in self.chunks(stage)]
        return [json.loads(file.read_text()) for file in files]

    def _path(self, stage: str, chunk: int, ending: str) -> Path:
        return self.folder / f"{stage}-{chunk:05}.{ending}"


def open_chunk_store(folder: Path, decides: dict[str, Any]) -> tuple[ChunkStore, FileLock]:
    """Take hold of a work folder; what is there of another source or configuration goes.

    Args:
        folder: made if absent.
        decides: all that the result depends on.

    Returns:
        The work and its lock, held until it is released or the process ends.

    Raises:
        InputError: another process works there, or it cannot be written.
    """
    decides = json.dumps(decides | {"versions": versions()}, sort_keys=True)
    name = hashlib.sha256(decides.encode()).hexdigest()[:16]
    lock = FileLock(folder / "lock")
    try:
        folder.mkdir(parents=True, exist_ok=True)
        lock.acquire(timeout=0)
        for path in folder.iterdir():
            if path.is_dir() and path.name != name:
                shutil.rmtree(path)
        (folder / name).mkdir(exist_ok=True)
    except Timeout:
        raise InputError(str(folder), "another preparation is at work there") from None
    except OSError as error:
        raise InputError(str(folder), f"cannot be written: {error.strerror}") from None
    return ChunkStore((folder / name).resolve()), lock


def close_chunk_store(store: ChunkStore, lock: FileLock) -> None:
    """Remove the work."""
    # Renamed first: of a folder half removed, the next run would believe what is left.
    given_up = store.folder.with_name(f"{store.folder.name}.done")
    os.replace(store.folder, given_up)
    shutil.rmtree(given_up)
    shutil.rmtree(store.folder.parent)
    lock.release()
