"""Messages to the terminal."""

from jobgen.common.distributed import is_main_process


def say(message: str) -> None:
    """Print to the terminal, once however many processes there are."""
    if is_main_process():
        print(message, flush=True)
