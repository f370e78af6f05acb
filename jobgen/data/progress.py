"""Progress bars of the preparation, counted in postings."""

import contextlib
import shutil
import sys
import threading
from collections.abc import Callable, Iterator
from typing import Any

from tqdm import tqdm

_REFRESH_SECONDS = 1.0


def progress_bar(label: str, total: int | None, done: int = 0, unit: str = "postings") -> Any:
    """A bar with what is done, what is left and the rate.

    Args:
        label: name of the stage.
        total: number of postings of the stage; None if it is not known.
        done: number of postings that an earlier run has done; the rate leaves them out.
        unit: name of what is counted.

    Returns:
        A `tqdm` bar, to be used in a `with` statement.
    """
    # tqdm shows nothing in a terminal that does not know its size; this falls back to 80 x 24.
    size = shutil.get_terminal_size()
    return tqdm(
        desc=label,
        total=total,
        initial=done,
        unit=f" {unit}",
        mininterval=0.5,
        miniters=1,
        ncols=size.columns,
        nrows=size.lines,
    )


@contextlib.contextmanager
def polled_bar(label: str, total: int, done: int, count: Callable[[], int]) -> Iterator[None]:
    """Show a bar that keeps itself up to date while the `with` block waits for workers.

    Args:
        label: name of the stage.
        total: number of postings of the stage.
        done: number of postings that an earlier run has done.
        count: function that returns how many more the workers have done by now.
    """
    is_terminal = sys.stderr.isatty()
    ended = threading.Event()
    with progress_bar(label, total, done) as bar:

        def refresh() -> None:
            n_new = min(done + count(), total) - bar.n
            if n_new > 0:
                bar.set_postfix_str("", refresh=False)
                bar.update(n_new)
            elif is_terminal:  # the clock goes on; a file would get a line each time
                bar.refresh()

        def poll() -> None:
            while not ended.wait(_REFRESH_SECONDS):
                refresh()

        if done < total:
            bar.set_postfix_str("waiting for workers")
        thread = threading.Thread(target=poll, daemon=True)
        thread.start()
        try:
            yield
        finally:
            ended.set()
            thread.join()
            refresh()
