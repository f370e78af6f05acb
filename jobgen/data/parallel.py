"""Call one function for each chunk, in several processes or on a Ray cluster."""

import logging
import os
from collections.abc import Callable
from functools import partial
from pathlib import Path
from typing import Any

import joblib
from joblib.externals.loky import get_reusable_executor
from joblib.externals.loky.process_executor import TerminatedWorkerError
from threadpoolctl import threadpool_limits

from jobgen.common.errors import InputError


def for_each_chunk(
    function: Callable[[int], None], chunks: list[int], engine: str, workers: int | None
) -> None:
    """Call a function once for each chunk, in several processes.

    Args:
        function: picklable function that reads and writes files of the chunk store.
        chunks: numbers of the chunks, its arguments.
        engine: "processes" of this machine, or "ray" for those of a Ray cluster, whose machines
            must see the same folders.
        workers: number of processes at a time; None for one per core.

    Raises:
        InputError: a worker was killed, or Ray is not installed.
    """
    if not chunks:
        return
    if engine == "ray":
        _for_each_with_ray(function, chunks, workers)
        return
    n_workers = min(workers or joblib.cpu_count(), len(chunks))
    calls = joblib.Parallel(n_jobs=n_workers)
    try:
        calls(joblib.delayed(_call)(function, chunk) for chunk in chunks)
    except TerminatedWorkerError:
        raise InputError(
            "workers", "one was killed, perhaps for lack of memory; try --set workers=1"
        ) from None


def release_workers() -> None:
    """End the processes of `for_each_chunk`, which hold models in memory."""
    get_reusable_executor().shutdown()


def _for_each_with_ray(
    function: Callable[[int], None], chunks: list[int], workers: int | None
) -> None:
    try:
        import ray
    except ImportError:
        raise InputError("--engine ray", "pip install -r requirements-ray.txt") from None
    if not ray.is_initialized():
        environment = {"PYTHONPATH": str(Path(__file__).resolve().parents[2])}
        # A running cluster has its own number of processors.
        cluster = os.environ.get("RAY_ADDRESS")
        ray.init(
            num_cpus=None if cluster else workers,
            runtime_env={"env_vars": environment},
            log_to_driver=False,
            logging_level=logging.ERROR,
        )
    context = ray.data.DataContext.get_current()
    context.raise_original_map_exception = True
    context.enable_progress_bars = False  # the stage shows its own, counted in postings
    rows = ray.data.from_items([{"chunk": chunk} for chunk in chunks])
    logging.getLogger("ray.data").setLevel(logging.ERROR)  # it would print its plan of execution
    rows.repartition(len(chunks)).map_batches(
        partial(_call_for_batch, function), batch_size=1
    ).materialize()


def _call_for_batch(function: Callable[[int], None], batch: dict[str, Any]) -> dict[str, Any]:
    """Call the function for the chunks of one of Ray's batches."""
    for chunk in batch["chunk"]:
        _call(function, int(chunk))
    return batch


def _call(function: Callable[[int], None], chunk: int) -> None:
    # Another number of threads would round products of matrices differently.
    with threadpool_limits(1):
        function(chunk)
