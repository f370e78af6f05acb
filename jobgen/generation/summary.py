"""A generated posting in the terminal."""

from rich.console import Console
from rich.text import Text

from jobgen.generation.posting import Posting


def print_title(title: str) -> None:
    """Announce a posting."""
    Console().rule(Text(title))


def print_figures(posting: Posting) -> None:
    """Print which keywords a posting mentions, which it does not, and what it has memorized."""
    console = Console()
    console.rule()
    mentioned = [word for word in posting.keywords if word not in posting.missing]
    for words, label in ((mentioned, "mentioned"), (posting.missing, "missing")):
        if words:
            console.print(f"{label}: {', '.join(words)}", markup=False, highlight=False)
    if posting.memorized_words:
        console.print(
            f"longest memorized span: {posting.memorized_words} words"
            f" (training row {posting.nearest_training_row})",
            highlight=False,
        )
    console.print(
        f"gender-coded words: {posting.masculine} masculine, {posting.feminine} feminine",
        highlight=False,
    )
    if not posting.finished:
        console.print("cut off at max_length")
