"""One function for each chunk, in several processes or on a Ray cluster."""

import os
from collections.abc import Callable
from functools import partial
from pathlib import Path

import joblib
from joblib.externals.loky import get_reusable_executor
from joblib.externals.loky.process_executor import TerminatedWorkerError
from threadpoolctl import threadpool_limits
from tqdm import tqdm

from jobgen.common.errors import InputError


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
        environment = {"PYTHONPATH": str(Path(__file__).resolve().parents[2])}
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
