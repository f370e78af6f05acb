"""Messages of the package: one logger, shown by the scripts, by one of several processes.

A script calls `show_messages`; who uses the package as a library configures `logging` as usual.
"""

import logging
import os
import sys
from collections.abc import Iterator
from contextlib import contextmanager

from jobgen.common.distributed import is_main_process

logger = logging.getLogger("jobgen")

# Of libraries, unless --verbose: what says nothing to a user. Their other warnings are shown.
_NOISE = ("Setting accelerator to CPU",)  # DeepSpeed, at every start without a GPU


class _Terminal(logging.Handler):
    """Prints the messages of the main process.

    Attributes:
        in_stderr: whether to print to standard error, where standard output is the result.
    """

    in_stderr = False

    def emit(self, record: logging.LogRecord) -> None:
        if is_main_process():
            prefix = "warning: " if record.levelno == logging.WARNING else ""
            stream = sys.stderr if self.in_stderr else sys.stdout
            print(f"{prefix}{record.getMessage()}", file=stream, flush=True)


def show_messages(verbose: bool = False) -> None:
    """Print the messages of this package; with `verbose` also the notes of libraries."""
    if not any(isinstance(handler, _Terminal) for handler in logger.handlers):
        logger.addHandler(_Terminal())
        logger.propagate = False
    logger.setLevel(logging.DEBUG if verbose else logging.INFO)
    if not verbose:
        # Its notes explain our deliberate choices, such as batches without an attention mask.
        os.environ.setdefault("TRANSFORMERS_VERBOSITY", "error")
        logging.getLogger("DeepSpeed").addFilter(_is_no_noise)


def show_messages_in_stderr() -> None:
    """Leave standard output to the result of the script."""
    for handler in logger.handlers:
        if isinstance(handler, _Terminal):
            handler.in_stderr = True


def _is_no_noise(record: logging.LogRecord) -> bool:
    return not any(part in record.getMessage() for part in _NOISE)


@contextmanager
def without_progress_bars() -> Iterator[None]:
    """Hide the progress bars of transformers, which for models of this size last seconds."""
    from transformers.utils import logging as notes

    were_shown = notes.is_progress_bar_enabled()
    notes.disable_progress_bar()
    try:
        yield
    finally:
        if were_shown:
            notes.enable_progress_bar()
