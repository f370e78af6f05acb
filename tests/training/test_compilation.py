"""DeepSpeed's operations: compiled once, by one process, whoever is killed meanwhile."""

import os
import shutil
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest

from jobgen.common.errors import InputError
from jobgen.training import compilation

# An operation that takes a second to compile, in place of DeepSpeed's that take minutes.
COMPILES = """
import sys, time
from pathlib import Path
from torch.utils.cpp_extension import load
from jobgen.common.logging import show_messages
from jobgen.training.compilation import _one_process_at_a_time
show_messages()
folder = Path(sys.argv[1])
with _one_process_at_a_time(folder):
    began = time.time()
    load("op", [str(folder / "op.cpp")], build_directory=str(folder))
    print("seconds", began, time.time(), flush=True)
"""


def start(folder):
    return subprocess.Popen(
        [sys.executable, "-c", COMPILES, str(folder)], stdout=subprocess.PIPE, text=True
    )


def test_the_ninja_of_the_environment_compiles(monkeypatch, tmp_path):
    (tmp_path / "ninja").touch(mode=0o755)  # another version, found first
    monkeypatch.setenv("PATH", f"{tmp_path}{os.pathsep}{os.environ['PATH']}")
    compilation.prefer_own_programs()
    assert Path(shutil.which("ninja")).parent == Path(sys.executable).parent
    path = os.environ["PATH"]
    compilation.prefer_own_programs()
    assert os.environ["PATH"] == path


def test_a_process_that_is_killed_while_it_compiles(tmp_path):
    """The next process compiles at once, and two that start together do so one after the other."""
    (tmp_path / "op.cpp").write_text(
        "#include <Python.h>\n"
        'static PyModuleDef op = {PyModuleDef_HEAD_INIT, "op"};\n'
        "PyMODINIT_FUNC PyInit_op(void) { return PyModule_Create(&op); }\n"
    )
    compilation.prefer_own_programs()
    killed = start(tmp_path)
    while not (tmp_path / "lock").exists():
        assert killed.poll() is None
        time.sleep(0.01)
    killed.send_signal(signal.SIGKILL)
    killed.wait()
    assert (tmp_path / "lock").exists()

    both = [start(tmp_path) for _ in range(2)]
    said = [process.communicate(timeout=300)[0] for process in both]
    assert [process.returncode for process in both] == [0, 0]
    assert sum("left by a process that was killed" in text for text in said) == 1
    times = sorted(text.split("seconds ")[1].split() for text in said)
    assert float(times[0][1]) <= float(times[1][0])
    assert not (tmp_path / "lock").exists()


def test_a_lock_of_another_program(tmp_path, capsys, monkeypatch):
    monkeypatch.setattr(compilation, "_SECONDS_TO_COMPILE", 1)
    lock = tmp_path / "lock"
    lock.touch()
    start = time.monotonic()
    with compilation._one_process_at_a_time(tmp_path):
        assert not lock.exists()
    assert time.monotonic() - start > 0.5
    assert "left by a program that was killed" in capsys.readouterr().out
    with compilation._one_process_at_a_time(tmp_path):
        pass
    assert capsys.readouterr().out == ""


def test_a_failed_compilation_leaves_no_mark(tmp_path):
    with pytest.raises(InputError), compilation._one_process_at_a_time(tmp_path):
        raise InputError("C++ compiler", "there is none")
    assert [path.name for path in tmp_path.iterdir()] == ["jobgen.lock"]
