"""What a script needs before the rest is imported, which takes a second or two.

The scripts import this module first; a program that uses the package as a library does not.
"""

import contextlib
import os
import signal
import tempfile


def _end(number: int, frame: object) -> None:
    """End at Ctrl-C with a word in place of a traceback, until `cli.run` takes over."""
    os.write(2, b"\ninterrupted.\n")
    os._exit(1)


def _find_home() -> None:
    """Give a user without a home one: in a container that runs as a number, libraries fail."""
    if os.path.expanduser("~") == "~":
        home = os.path.join(tempfile.gettempdir(), f"home-{os.getuid()}")
        with contextlib.suppress(FileExistsError):  # it may be another's, or no folder
            os.makedirs(home, mode=0o700)
        is_own = os.path.isdir(home) and os.stat(home).st_uid == os.getuid()
        os.environ["HOME"] = home if is_own else tempfile.mkdtemp()


if signal.getsignal(signal.SIGINT) is signal.default_int_handler:
    signal.signal(signal.SIGINT, _end)
_find_home()
