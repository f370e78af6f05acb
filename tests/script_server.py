"""Runs scripts for the tests, each in a process of its own, forked from one that has imported all.

Torch, transformers and DeepSpeed take ten seconds to import, and most tests run a script for less
than that. What is forked has the modules of its parent, and nothing else in common with it.
"""

import json
import os
import runpy
import signal
import subprocess
import sys
import tempfile
import threading
from pathlib import Path


class ScriptServer:
    """The side of the tests: starts the server, and asks it for one script at a time."""

    def __init__(self) -> None:
        self.process: subprocess.Popen | None = None
        self.lock = threading.Lock()

    def run(
        self, command: list[str], cwd: Path, env: dict[str, str]
    ) -> subprocess.CompletedProcess:
        """Run `script.py argument ...` to its end."""
        with self.lock, tempfile.TemporaryDirectory() as folder:
            if self.process is None:
                self.process = subprocess.Popen(
                    [sys.executable, __file__],
                    stdin=subprocess.PIPE,
                    stdout=subprocess.PIPE,
                    text=True,
                    cwd=Path(__file__).parent.parent,
                )
            request = {"command": command, "cwd": str(cwd), "env": env, "folder": folder}
            self.process.stdin.write(json.dumps(request) + "\n")
            self.process.stdin.flush()
            status = json.loads(self.process.stdout.readline())
            texts = [Path(folder, name).read_text(errors="replace") for name in ("out", "err")]
        return subprocess.CompletedProcess(command, status, *texts)

    def stop(self) -> None:
        """End the server; it ends by itself when its input is closed."""
        if self.process is not None:
            self.process.stdin.close()
            self.process.wait()
            self.process = None


def serve() -> None:
    """The side of the server: import, then fork for each request."""
    sys.path.insert(0, os.getcwd())
    os.environ["TRANSFORMERS_VERBOSITY"] = "error"  # as the scripts do before they import it
    replies = os.fdopen(os.dup(1), "w")
    os.dup2(2, 1)  # what libraries print is no reply
    from jobgen.common.logging import show_messages

    show_messages()
    import sentence_transformers  # noqa: F401

    import utils  # noqa: F401
    from jobgen.data import pipeline  # noqa: F401
    from jobgen.data.languages import language_of
    from jobgen.evaluation import comparison  # noqa: F401
    from jobgen.generation import generator  # noqa: F401
    from jobgen.training import export, memory, trainer  # noqa: F401

    language_of("its model takes half a second to load")
    for line in sys.stdin:
        request = json.loads(line)
        child = os.fork()
        if not child:
            be_the_script(**request)
        _, status = os.waitpid(child, 0)
        replies.write(f"{os.waitstatus_to_exitcode(status)}\n")
        replies.flush()


def be_the_script(command: list[str], cwd: str, env: dict[str, str], folder: str) -> None:
    """Become the script's process, as `python script.py argument ...` would."""
    for descriptor, name in ((1, "out"), (2, "err")):
        file = os.open(f"{folder}/{name}", os.O_WRONLY | os.O_CREAT | os.O_APPEND)
        os.dup2(file, descriptor)
    os.dup2(os.open(os.devnull, os.O_RDONLY), 0)
    sys.stdout, sys.stderr = open(1, "w", closefd=False), open(2, "w", closefd=False)  # noqa: SIM115
    os.environ.clear()
    os.environ.update(env)
    os.chdir(cwd)
    signal.signal(signal.SIGINT, signal.default_int_handler)
    sys.argv = command
    sys.path[0] = str(Path(command[0]).resolve().parent)
    status = 0
    try:
        runpy.run_path(command[0], run_name="__main__")
    except SystemExit as end:
        status = end.code if isinstance(end.code, int) else int(end.code is not None)
        if isinstance(end.code, str):
            print(end.code, file=sys.stderr)
    except BaseException:
        import traceback

        traceback.print_exc()
        status = 1
    finally:
        for stream in (sys.stdout, sys.stderr):
            stream.flush()
        os._exit(status)


if __name__ == "__main__":
    serve()
