"""What the command lines of all scripts share: arguments, help, messages, exit status."""

import argparse
import contextlib
import errno
import io
import json
import os
import signal
import stat
import sys
import time
from collections.abc import Callable
from typing import Any

from jobgen.common.config import Config
from jobgen.common.config_loader import Model, field_type, load_config
from jobgen.common.distributed import is_main_process
from jobgen.common.errors import InputError
from jobgen.common.files import is_disk_full
from jobgen.common.logging import logger, show_messages

# A signal that comes sooner after another is no second request: a launcher answers Ctrl-C with a
# SIGTERM of its own.
SAME_REQUEST_SECONDS = 1.0
# For so many seconds after a request an error is likely what a library made of it.
_MOMENT = 5.0


def parse_arguments(
    doc: str, model: type[Config], flags: Callable[[argparse.ArgumentParser], None] | None = None
) -> argparse.Namespace:
    """Parse `-cfg FILE --set key=value ...` and the script's own flags.

    Args:
        doc: the script's docstring, shown by --help.
        model: its configuration, whose fields --help lists.
        flags: adds the arguments that only this script has.
    """
    parser = argparse.ArgumentParser(
        description=doc,
        epilog=options_text(model),
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    parser.add_argument("-cfg", "--cfg", metavar="FILE.json", required=True, help="configuration")
    parser.add_argument(
        "--set",
        metavar="key=value",
        action="append",
        default=[],
        dest="overrides",
        help="replace a value of the file; may be given several times",
    )
    parser.add_argument("--verbose", action="store_true", help="also show notes of libraries")
    if flags:
        flags(parser)
    return parser.parse_args()


def options_text(model: type[Config]) -> str:
    """Every option of a configuration file: name, type, default, meaning."""
    lines = ["options of the configuration file:"]
    for name, info in model.model_fields.items():
        default = "required" if info.is_required() else f"default {json.dumps(info.default)}"
        lines.append(f"  {name} ({field_type(info)}; {default})\n      {info.description}")
    return "\n".join(lines)


def read_config(arguments: argparse.Namespace, model: type[Model], **options) -> Model:
    """`load_config` for a command line; prints its notes."""
    config, notes = load_config(arguments.cfg, model, arguments.overrides, **options)
    for note in notes:
        logger.info(f"note: {arguments.cfg}: {note}")
    return config


def run(main: Callable[[], None]) -> None:
    """Run a script's main: status 0, 2 for bad input, 1 for an interruption or failure."""
    show_messages(verbose="--verbose" in sys.argv)  # before libraries are imported
    interruption = _Interruption()
    for number in stop_signals():
        signal.signal(number, interruption.ask)
    sys.unraisablehook = interruption.repeat
    for name in ("stdout", "stderr"):
        setattr(sys, name, _Output.around(getattr(sys, name)))
    status, message = 0, ""
    try:
        main()
    except InputError as error:
        status, message = 2, f"error: {error}"
    except OSError as error:  # a file that may not be read, a disk without room
        is_known = error.filename is not None or is_disk_full(error)
        if not is_known or "--verbose" in sys.argv:
            raise
        where = "" if error.filename is None else f"{os.fsdecode(error.filename)}: "
        status, message = 2, f"error: {where}{error.strerror or error}"
    except KeyboardInterrupt as error:
        status, message = 1, f"\ninterrupted. {error}".rstrip()
    except Exception:  # what became of the interruption in a library
        if not interruption.is_recent():
            raise
        status, message = 1, "\ninterrupted."
    # Nothing is left to interrupt. To find the terminal lost by the message is no request either.
    signal.setitimer(signal.ITIMER_REAL, 0)
    for number in stop_signals():
        signal.signal(number, signal.SIG_IGN)
    if message and is_main_process():
        print(message, file=sys.stderr, flush=True)
    sys.exit(status)


def stop_signals() -> list[int]:
    """Signals of Ctrl-C, of a request to end, and of a lost terminal unless nohup ignores it."""
    is_ignored = signal.getsignal(signal.SIGHUP) == signal.SIG_IGN
    return [signal.SIGINT, signal.SIGTERM, *([] if is_ignored else [signal.SIGHUP])]


def forget_terminal() -> None:
    """Stop printing, except into files: writing to a lost terminal would raise an error."""
    for descriptor in (1, 2):
        with contextlib.suppress(OSError):  # it is closed
            if not _is_file(descriptor):
                _forget(descriptor)


def _is_file(descriptor: int) -> bool:
    return stat.S_ISREG(os.fstat(descriptor).st_mode)


def _forget(descriptor: int) -> None:
    nowhere = os.open(os.devnull, os.O_WRONLY)
    os.dup2(nowhere, descriptor)
    os.close(nowhere)


class _Output(io.FileIO):
    """Standard output or error, whose loss is a request to end, unless the script runs by nohup.

    A lost terminal sends SIGHUP only a moment later, and a dead pipe sends nothing.
    """

    @classmethod
    def around(cls, stream: Any) -> io.TextIOWrapper | None:
        """The same text stream through this class; None if it is closed."""
        if stream is None:
            return None
        raw = cls(stream.fileno(), "w", closefd=False)
        return io.TextIOWrapper(
            raw if stream.write_through else io.BufferedWriter(raw),  # python -u has no buffer
            stream.encoding,
            # A terminal that lacks a character shows its number.
            "backslashreplace" if stream.errors == "strict" else stream.errors,
            line_buffering=stream.line_buffering,
            write_through=stream.write_through,
        )

    def write(self, data: Any) -> int:
        try:
            return super().write(data)
        except OSError as error:
            if error.errno not in (errno.EIO, errno.EPIPE) or _is_file(self.fileno()):
                raise
            _forget(self.fileno())
            if signal.getsignal(signal.SIGHUP) != signal.SIG_IGN:
                signal.raise_signal(signal.SIGTERM)
            return len(data)


class _Interruption:
    """A request to end, raised as KeyboardInterrupt until it arrives.

    Libraries can lose an exception that is raised in them, above all while they are imported: in a
    destructor Python prints and forgets it, and other code turns it into an error of its own.

    Attributes:
        asked_at: when the end was asked for, by the monotonic clock; None: it was not.
    """

    def __init__(self) -> None:
        self.asked_at: float | None = None

    def ask(self, number: int, frame: object) -> None:
        """The handler of the stop signals."""
        now = time.monotonic()
        if self.asked_at is not None and now - self.asked_at < SAME_REQUEST_SECONDS:
            return
        self.asked_at = now
        if number == signal.SIGHUP:
            forget_terminal()
        raise KeyboardInterrupt

    def is_recent(self) -> bool:
        """Whether the end was asked for a moment ago."""
        return self.asked_at is not None and time.monotonic() - self.asked_at < _MOMENT

    def repeat(self, lost: Any) -> None:
        """The hook for exceptions that are forgotten: raise the request again a moment later."""
        if not issubclass(lost.exc_type, KeyboardInterrupt):
            sys.__unraisablehook__(lost)
            return
        signal.signal(signal.SIGALRM, self._again)
        signal.setitimer(signal.ITIMER_REAL, 0.05)

    def _again(self, number: int, frame: object) -> None:
        raise KeyboardInterrupt
