"""The intermediate results of a preparation, one file per chunk and stage, so that it can resume.

A file is written under a temporary name and then renamed, so it is either complete or absent. Each
combination of source, configuration and code has a folder of its own. The contents do not depend on
the number of workers.
"""

import contextlib
import hashlib
import importlib.metadata
import json
import os
import shutil
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pyarrow.parquet
from filelock import FileLock, Timeout

from jobgen.common.errors import InputError, TableError
from jobgen.common.files import hash_folder, read_arrays, write_arrays, write_beside_others

_LIBRARIES = (
    *("pandas", "ftfy", "datasketch", "HanTa", "scikit-learn", "torch", "sentence-transformers"),
    *("tokenizers", "transformers", "numpy", "scipy", "pyarrow", "charset-normalizer"),
    *("openpyxl", "SQLAlchemy", "datasets", "lxml", "phonenumbers", "py3langid", "wordfreq"),
    *("stop-words", "spacy-lookups-data", "snowballstemmer", "cleanco", "keybert"),
)
# What `split_source` writes.
_OF_SOURCE = ("source", "unusable")
# Folders of the package whose code decides the prepared rows.
_CODE_FOLDERS = ("data", "text", "models")
_PACKAGE = Path(__file__).parents[1]


def library_versions() -> dict[str, str]:
    """Versions of the libraries that decide the prepared rows."""
    return {name: importlib.metadata.version(name) for name in _LIBRARIES}


def code_hashes(package: Path = _PACKAGE) -> dict[str, str]:
    """Hashes of the code that decides the prepared rows.

    The rest of the package is left out: a changed comment in the trainer must not discard the
    results of hours.

    Args:
        package: folder of this package.
    """
    return {name: hash_folder(package / name) for name in _CODE_FOLDERS}


@dataclass(frozen=True)
class ChunkStore:
    """The folder of the intermediate results.

    Attributes:
        folder: folder of the files `STAGE-00000.parquet`, `.npz` and `.json` of each chunk.
    """

    folder: Path

    def file(self, name: str) -> Path:
        """Path of a file that belongs to the whole table."""
        return self.folder / name

    def chunks(self, stage: str) -> list[int]:
        """Numbers of the chunks for which a stage is complete."""
        return sorted(int(p.stem.rsplit("-", 1)[1]) for p in self.folder.glob(f"{stage}-*.parquet"))

    def write(self, stage: str, chunk: int, frame: pd.DataFrame) -> None:
        """Write the rows of a chunk, which makes the stage complete for it."""
        write_beside_others(self._path(stage, chunk, "parquet"), frame.to_parquet)

    def read(self, stage: str, chunk: int) -> pd.DataFrame:
        """Read the rows of a chunk."""
        return pd.read_parquet(self._path(stage, chunk, "parquet"))

    def n_rows(self, stage: str, chunk: int) -> int:
        """Number of rows of a chunk."""
        return pyarrow.parquet.read_metadata(self._path(stage, chunk, "parquet")).num_rows

    def rows_by_chunk(self, stage: str) -> dict[int, int]:
        """Number of each chunk for which a stage is complete -> number of its rows."""
        return {chunk: self.n_rows(stage, chunk) for chunk in self.chunks(stage)}

    def read_json(self, name: str) -> Any:
        """Read a file that belongs to the whole table."""
        return json.loads(self.file(name).read_text(encoding="utf-8"))

    def write_arrays(self, stage: str, chunk: int, **arrays: np.ndarray) -> None:
        """Write arrays of a chunk."""
        write_arrays(self._path(stage, chunk, "npz"), **arrays)

    def read_arrays(self, stage: str, chunk: int) -> dict[str, np.ndarray]:
        """Read arrays of a chunk."""
        return read_arrays(self._path(stage, chunk, "npz"))

    def write_counts(self, stage: str, chunk: int, counts: dict[str, Any]) -> None:
        """Write the counts of a chunk."""
        text = json.dumps(counts)
        write_beside_others(self._path(stage, chunk, "json"), lambda path: path.write_text(text))

    def read_counts(self, stage: str) -> list[dict[str, Any]]:
        """Read the counts of all chunks for which a stage is complete."""
        files = [self._path(stage, chunk, "json") for chunk in self.chunks(stage)]
        return [json.loads(file.read_text()) for file in files]

    def depend_on(self, models: list[str]) -> None:
        """Keep the results of an earlier run only if it had the same models.

        The chunks of the source do not depend on them: so its rows are checked before a model is
        looked for.

        Args:
            models: hashes of the models, and what else follows from them.
        """
        marker = self.file("models.json")
        if not marker.is_file() or self.read_json(marker.name) != models:
            # The marker goes last: without it nothing but the source is trusted either.
            results = [
                path
                for path in self.folder.iterdir()
                if path.is_file() and path.stem.rsplit("-", 1)[0] not in _OF_SOURCE
            ]
            for path in sorted(results, key=lambda path: path == marker):
                path.unlink()
        text = json.dumps(models)
        write_beside_others(marker, lambda path: path.write_text(text))

    def reset_progress(self) -> None:
        """Count postings from 0, for the bar of a new stage."""
        self.file("progress").unlink(missing_ok=True)

    def add_progress(self, n_postings: int) -> None:
        """Count postings that this process has done."""
        # Appended bytes add up without a lock, whichever process writes them.
        with self.file("progress").open("ab", buffering=0) as file:
            file.write(b"." * n_postings)

    def progress(self) -> int:
        """Number of postings that all processes have done since the reset."""
        try:
            return self.file("progress").stat().st_size
        except FileNotFoundError:
            return 0

    def _path(self, stage: str, chunk: int, ending: str) -> Path:
        return self.folder / f"{stage}-{chunk:05}.{ending}"


@contextlib.contextmanager
def open_chunk_store(folder: Path, decides: dict[str, Any]) -> Iterator[ChunkStore]:
    """Lock a folder for one preparation, and open the store in it.

    The store of an earlier run is used again if everything that decides the result is the same;
    stores of other runs are removed. When the `with` block ends, and when something is wrong with
    the table or before the first posting is cleaned, the store is removed. After any other
    exception it stays, so that the same command resumes.

    Args:
        folder: folder of stores, made if it is missing.
        decides: everything else that the result depends on, besides code and libraries.

    Raises:
        InputError: another process is using the folder, or it cannot be written.
        KeyboardInterrupt: the block was interrupted; the message says how to resume.
    """
    decides = decides | {"code": code_hashes(), "versions": library_versions()}
    name = hashlib.sha256(json.dumps(decides, sort_keys=True).encode()).hexdigest()[:16]
    new_folders = [path for path in folder.parents if not path.exists()]
    lock = _lock(folder, name)
    store = ChunkStore((folder / name).resolve())
    try:
        yield store
    except InputError as error:
        if isinstance(error, TableError) or not store.chunks("clean"):
            _remove(store)
            with contextlib.suppress(OSError):  # something else is in one of them now
                for path in new_folders:
                    path.rmdir()
        raise
    except KeyboardInterrupt:
        raise KeyboardInterrupt("The same command resumes where this one stopped.") from None
    else:
        _remove(store)
    finally:
        lock.release()


def _lock(folder: Path, name: str) -> FileLock:
    """Lock the folder, and leave in it the store of this name only."""
    lock = FileLock(folder / "lock")
    try:
        folder.mkdir(parents=True, exist_ok=True)
        lock.acquire(timeout=0)
        for path in folder.iterdir():
            if path.is_dir() and path.name != name:
                shutil.rmtree(path)
        (folder / name).mkdir(exist_ok=True)
    except Timeout:
        raise InputError(str(folder), "another preparation is running there") from None
    except OSError as error:
        raise InputError(str(folder), f"cannot be written: {error.strerror}") from None
    return lock


def _remove(store: ChunkStore) -> None:
    # Renamed first: the next run would use what is left of a folder that is only half removed.
    removed = store.folder.with_name(f"{store.folder.name}.done")
    os.replace(store.folder, removed)
    shutil.rmtree(removed)
    shutil.rmtree(store.folder.parent)
