"""What the benchmarks share: a record of rows, processes that are watched, bars."""

import contextlib
import importlib.metadata
import json
import math
import os
import platform
import re
import subprocess
import sys
import threading
import time
from collections.abc import Iterator
from datetime import datetime
from pathlib import Path

import psutil

ROOT = Path(__file__).resolve().parent.parent
sys.path.insert(0, str(ROOT))

CORES = os.cpu_count() or 1


def open_results(output: Path, resume: bool, libraries: tuple[str, ...], **about) -> dict:
    """Start a record of this run, or go on with the one in the file.

    Args:
        output: the file.
        resume: whether to keep its rows.
        libraries: whose versions are recorded.
        about: what else the rows must have in common.
    """
    cpuinfo = Path("/proc/cpuinfo")
    cpu = re.search(r"model name\s*: (.*)", cpuinfo.read_text() if cpuinfo.exists() else "")
    cpu = cpu[1] if cpu else platform.processor()
    about = {
        "machine": {"cores": CORES, "cpu": cpu},
        "versions": {name: importlib.metadata.version(name) for name in libraries},
        **about,
    }
    if resume and output.is_file():
        old = json.loads(output.read_text(encoding="utf-8"))
        if {key: old.get(key) for key in about} != about:
            sys.exit(f"error: {output} is of another machine, library or table")
        return old
    # Not among what rows must have in common: the memory of a virtual machine can grow with use.
    memory = round(psutil.virtual_memory().total / 1e9, 1)
    date = datetime.now().isoformat(timespec="minutes")
    return {"date": date, **about, "memory_gb": memory, "rows": [], "bars": []}


def save(path: Path, results: dict) -> None:
    """Write the record."""
    from jobgen.common.files import write_json

    path.parent.mkdir(parents=True, exist_ok=True)
    write_json(path, results)


def announce(what: str) -> float:
    """Say what is measured now; returns how busy the cores are with other work, in percent."""
    # KeyBERT has taken 11 s and, beside other processes, 128 s for the same 12 postings.
    busy = psutil.cpu_percent(interval=1)
    warning = f"; the cores are {busy} % busy with other work" if busy > 10 else ""
    print(f"{what}{warning}", flush=True)
    return busy


class OutOfTime(Exception):
    """A row was killed at its deadline."""


def watch(
    script: str, job: dict, workers: bool = True, deadline: float = math.inf
) -> Iterator[tuple[dict, int]]:
    """Run a script's row; yield each JSON object that it prints, with the peak of memory in MB.

    Args:
        script: that measures.
        job: its row.
        workers: whether it starts some. Then memory is sampled, because the kernel's own figure
            does not add up a process and its workers. A sample of 10 GB takes 0.1 s of a core.
        deadline: when the process is killed, by `time.monotonic`.

    Raises:
        OutOfTime: it was.
        SystemExit: it failed.
    """
    memory = _tree_memory if workers else _own_peak
    command = [sys.executable, script, "--row", json.dumps(job)]
    environment = {**os.environ, "TQDM_DISABLE": "1"}
    process = subprocess.Popen(command, stdout=subprocess.PIPE, text=True, env=environment)
    peak, ended, late = 0.0, threading.Event(), False

    def sample() -> None:
        nonlocal peak, late
        while not ended.wait(0.5):
            peak = max(peak, memory(process.pid))
            if time.monotonic() > deadline and not late:
                late = True
                _kill_tree(process.pid)

    threading.Thread(target=sample, daemon=True).start()
    try:
        for line in process.stdout:
            if line.startswith('{"'):  # Trainers print their own, which is not JSON
                yield json.loads(line), round(peak)
        if process.wait():
            if late:
                raise OutOfTime
            sys.exit(f"error: status {process.returncode} of {' '.join(command)}")
    finally:
        ended.set()
        if process.poll() is None:
            _kill_tree(process.pid)


def tell(**figures) -> None:
    """Hand figures to the process that started this one."""
    print(json.dumps(figures), flush=True)


def add_bar(results: dict, what: str, figure: float, wanted: str, holds: bool) -> None:
    """Put a bar into the record."""
    results["bars"].append({"bar": what, "figure": figure, "wanted": wanted, "holds": holds})


def print_results(results: dict, columns: dict[str, str]) -> None:
    """Print every row, then every bar; a column that no row has is left out.

    Args:
        results: the record.
        columns: heading -> key of a row.
    """
    from rich.console import Console
    from rich.table import Table

    rows = results["rows"]

    def shown(value: str | int | float | None) -> str:
        if isinstance(value, bool):
            return "yes" if value else "no"
        if isinstance(value, float):
            return f"{value:.4g}"
        return f"{value:,}" if isinstance(value, int) else value or ""

    columns = {heading: key for heading, key in columns.items() if any(key in row for row in rows)}
    table = Table(*columns)
    for row in rows:
        table.add_row(*(shown(row.get(key)) for key in columns.values()))
    Console(width=110).print(table)
    for bar in results["bars"]:
        verdict = "holds" if bar["holds"] else "falls short"
        print(f"bar {bar['bar']}: {bar['figure']:.4g} (wanted {bar['wanted']}) {verdict}")


def _kill_tree(pid: int) -> None:
    """Kill a process and all that it has started, such as compilers, which hold its output open."""
    try:
        process = psutil.Process(pid)
        tree = [process, *process.children(recursive=True)]
    except psutil.NoSuchProcess:
        return
    for part in tree:
        with contextlib.suppress(psutil.NoSuchProcess):
            part.kill()


def _own_peak(pid: int) -> float:
    """MB that a process had at most; the kernel keeps this figure."""
    try:
        status = Path(f"/proc/{pid}/status").read_text()
    except FileNotFoundError:
        return 0
    found = re.search(r"VmHWM:\s*(\d+) kB", status)
    return int(found[1]) * 1024 / 1e6 if found else 0


def _tree_memory(pid: int) -> float:
    """MB of a process and its descendants, shared pages counted once (PSS)."""
    total = 0
    try:
        parent = psutil.Process(pid)
        for process in [parent, *parent.children(recursive=True)]:
            used = process.memory_full_info()
            total += getattr(used, "pss", used.rss)
    except (psutil.NoSuchProcess, psutil.AccessDenied):
        return 0  # one ended meanwhile; the next sample counts
    return total / 1e6
