"""Progress of a generation: it moves while texts are written, not only when they end."""

import re

import pytest

from jobgen.generation import progress
from jobgen.generation.progress import GenerationProgress


@pytest.fixture
def clock(monkeypatch):
    """A clock that is moved by hand."""
    now = [1000.0]
    monkeypatch.setattr(progress.time, "monotonic", lambda: now[0])
    return now


def test_tokens_show_while_no_text_has_ended(clock, capsys):
    with GenerationProgress(8, is_silent=False) as shown:
        for _ in range(50):
            clock[0] += 0.1
            shown.add_tokens(4)
        said = capsys.readouterr().err
        assert "0/8" in said
        assert re.search(r"[0-9]+ tokens, 4[0-9] tokens/s", said)
        assert 4 <= said.count("tokens/s") <= 6  # once a second
        shown.add_texts(8)
    assert "8/8" in capsys.readouterr().err


def test_silent_progress_says_nothing(clock, capsys):
    with GenerationProgress(8, is_silent=True) as shown:
        shown.add_tokens(4)
        shown.add_texts(1)
    assert capsys.readouterr().err == ""
