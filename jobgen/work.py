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
from collections.abc import Callable
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Any

import joblib
import numpy as np
import pandas as pd
from filelock import FileLock, Timeout
from joblib.externals.loky import get_reusable_executor
from joblib.externals.loky.process_executor import TerminatedWorkerError
from threadpoolctl import threadpool_limits
from tqdm import tqdm

from jobgen.errors import InputError
from jobgen.frames import write_and_move

VERSIONED = (
    *("pandas", "ftfy", "datasketch", "HanTa", "scikit-learn", "torch", "sentence-transformers"),
    *("tokenizers", "transformers", "numpy", "scipy", "pyarrow"),
)


def versions() -> dict[str, str]:
    """Of the libraries that decide what comes out."""
    return {name: importlib.metadata.version(name) for name in VERSIONED}


@dataclass(frozen=True)
class Work:
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


def write_arrays(path: Path, **arrays: np.ndarray) -> None:
    """Write arrays into one file, whole."""

    def write(place: Path) -> None:
        with place.open("wb") as file:  # given a name, numpy would add an ending
            np.savez(file, **arrays)

    _write(path, write)


def read_arrays(path: Path) -> dict[str, np.ndarray]:
    """Read the arrays of a file."""
    with np.load(path) as arrays:
        return dict(arrays)


def _write(path: Path, write: Callable[[Path], Any]) -> None:
    """Write a file whole, in a folder that is there.

    A worker can outlive a killed script and write what the next one writes too: each has a place
    of its own, and no folder is made anew that was given up.
    """
    write_and_move(path.with_name(f".{path.name}.{os.getpid()}"), path, write)


def open_work(folder: Path, decides: dict[str, Any]) -> tuple[Work, FileLock]:
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
    return Work((folder / name).resolve()), lock


def close_work(work: Work, lock: FileLock) -> None:
    """Remove the work."""
    # Renamed first: of a folder half removed, the next run would believe what is left.
    given_up = work.folder.with_name(f"{work.folder.name}.done")
    os.replace(work.folder, given_up)
    shutil.rmtree(given_up)
    shutil.rmtree(work.folder.parent)
    lock.release()


def for_each_chunk(
    function: Callable[[int], None],
    chunks: list[int],
    label: str,
    engine: str,
    workers: int | None,
) -> None:
    """Call a function once for each chunk, in several processes.

    Args:
        function: picklable; reads and writes files of the work folder.
        chunks: what it is called with.
        label: of the progress bar.
        engine: "processes" of this machine, or "ray" for those of a Ray cluster, whose machines
            must see the same folders.
        workers: at the same time; None: one a core.
    """
    if engine == "ray":
        _for_each_with_ray(function, chunks, label, workers)
        return
    n = min(workers or joblib.cpu_count(), len(chunks))
    calls = joblib.Parallel(n_jobs=max(n, 1), return_as="generator_unordered")(
        joblib.delayed(_call)(function, chunk) for chunk in chunks
    )
    try:
        for _ in tqdm(calls, desc=label, unit=" chunks", total=len(chunks)):
            pass
    except TerminatedWorkerError:
        raise InputError(
            label, "a worker was killed, for want of memory perhaps; try --set workers=1"
        ) from None


def release_workers() -> None:
    """End the processes of `for_each_chunk`, with the models that they hold in memory."""
    get_reusable_executor().shutdown()


def _for_each_with_ray(
    function: Callable[[int], None], chunks: list[int], label: str, workers: int | None
) -> None:
    try:
        import ray
    except ImportError:
        raise InputError("--engine ray", "pip install -r requirements-ray.txt") from None
    if not chunks:
        return
    if not ray.is_initialized():
        environment = {"PYTHONPATH": str(Path(__file__).resolve().parent.parent)}
        # A cluster that is there already has its own number of processors.
        there = os.environ.get("RAY_ADDRESS")
        ray.init(
            num_cpus=None if there else workers,
            runtime_env={"env_vars": environment},
            log_to_driver=False,
        )
    ray.data.DataContext.get_current().raise_original_map_exception = True
    print(f"{label}: {len(chunks)} chunks with Ray", flush=True)
    rows = ray.data.from_items([{"chunk": chunk} for chunk in chunks])
    rows.repartition(len(chunks)).map_batches(
        partial(_call_for_batch, function), batch_size=1
    ).materialize()


def _call_for_batch(function: Callable[[int], None], batch: dict) -> dict:
    """Call the function for the chunks of a batch of Ray's."""
    for chunk in batch["chunk"]:
        _call(function, int(chunk))
    return batch


def _call(function: Callable[[int], None], chunk: int) -> None:
    # Products of matrices are rounded differently by another number of threads.
    with threadpool_limits(1):
        function(chunk)
