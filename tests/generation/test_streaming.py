"""What the terminal shows of a text while it is written is what is kept of it."""

import os
import random

import pandas as pd
import pytest
from conftest import REAL_POSTINGS, needs_real_postings, run_script

from jobgen.generation.posting import clean
from jobgen.generation.streaming import RedactedStream

CONTACTS = [
    *("jane.doe@example.com", "jane . doe (at) example . com", "JANE at example dot com"),
    *("https://www.example.com/jobs/12345?ref=abc&utm=x", "www.example.com/a", "example.co.uk"),
    *("+1 (555) 010-9999", "0800 123 4567", "555-010-9999 ext. 12", "020 7946 0958"),
    "jane [at] hr-department [dot] talent-acquisition-and-people-operations [dot]"
    " international-example-company [dot] com",
    f"x@ {'a' * 60}.{'b' * 60}.com",
    *("12,000 - 15,000 USD", "a" * 300, "2020-2024", "call 1-800-555-0199 x 5, now"),
]


class Letters:
    """A tokenizer whose tokens are characters."""

    def decode(self, ids: list[int], skip_special_tokens: bool) -> str:
        return "".join(map(chr, ids))


def stream(text: str, draw: random.Random) -> tuple[list[str], str]:
    """What was shown before the end, and what was kept; tokens have 1 to 9 letters."""
    parts: list[str] = []
    shown = RedactedStream(Letters(), parts.append)
    at = 0
    while at < len(text):
        step = draw.randint(1, 9)
        for letter in text[at : at + step - 1]:
            shown.ids.append(ord(letter))
        shown.put(ord(text[min(at + step, len(text)) - 1]))
        at += step
    kept = clean(text)
    before = "".join(parts)
    shown.end(kept)
    assert "".join(parts) == f"{kept}\n"
    return before, kept


@pytest.mark.parametrize("contact", CONTACTS)
@pytest.mark.parametrize("seed", range(3))
def test_contacts_are_never_shown(contact, seed):
    draw = random.Random(seed)
    words = ["word"] * draw.randint(0, 30)
    text = " ".join([*words, f"Write to {contact}", *["more"] * 200])
    before, kept = stream(text, draw)
    assert kept.startswith(before)
    assert len(before) > len(kept) - 900


@needs_real_postings
def test_real_postings_with_contacts():
    postings = pd.read_csv(REAL_POSTINGS).iloc[:, -1].astype(str).head(40)
    draw = random.Random(7)
    for text in postings:
        words = text[:2500].split(" ")
        for contact in draw.sample(CONTACTS, 3):
            words.insert(draw.randrange(len(words) + 1), contact)
        before, kept = stream(" ".join(words), draw)
        assert kept.startswith(before)


def test_the_terminal_shows_what_is_judged(tiny_fine_tuned, tmp_path):
    """The tiny model writes nonsense, to a terminal that knows no letters beyond ASCII."""
    config = tmp_path / "c.json"
    config.write_text(
        f'{{"model": "{tiny_fine_tuned}", "max_length": 100, "guidance": "hard"}}', "utf-8"
    )
    keywords = "jane.doe@example.com, café, 0800 123 4567"
    done = run_script(
        *("cli_generate_text.py", "-cfg", str(config), "--title", "Kürsch", "--keywords", keywords),
        env=os.environ | {"PYTHONIOENCODING": "ascii", "PYTHONUTF8": "0"},
    )
    assert done.returncode == 0, done.stderr[-3000:]
    assert "jane.doe" not in done.stdout.split("missing:")[0]
