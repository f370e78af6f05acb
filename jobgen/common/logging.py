"""Messages of the package: one logger, shown by the scripts, by one of several processes.

A script calls `show_messages`; who uses the package as a library configures `logging` as usual.
"""

import logging
import os

from jobgen.common.distributed import is_main_process

logger = logging.getLogger("jobgen")

# Variables that quieten what is loaded later, in this process and in those that it starts: progress
# bars of model files, notes of transformers that explain our deliberate choices (such as batches
# without an attention mask), and the banners of DeepSpeed and its launcher.
_QUIET = {
    "TRANSFORMERS_VERBOSITY": "error",
    "HF_HUB_DISABLE_PROGRESS_BARS": "1",
    "DS_LOG_LEVEL": "error",
}


class _Terminal(logging.Handler):
    """Prints the messages of the main process."""

    def emit(self, record: logging.LogRecord) -> None:
        if is_main_process():
            prefix = "warning: " if record.levelno == logging.WARNING else ""
            print(f"{prefix}{record.getMessage()}", flush=True)


def show_messages(verbose: bool = False) -> None:
    """Print the messages of this package; let libraries speak only if `verbose`."""
    if not any(isinstance(handler, _Terminal) for handler in logger.handlers):
        logger.addHandler(_Terminal())
    logger.propagate = False
    logger.setLevel(logging.DEBUG if verbose else logging.INFO)
    if not verbose:
        for name, value in _QUIET.items():
            os.environ.setdefault(name, value)


def say(message: str) -> None:
    """Print to the terminal, once however many processes there are."""
    if is_main_process():
        print(message, flush=True)
