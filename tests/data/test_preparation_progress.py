"""Bars show what is done, what is left and the rate, in postings."""

import re
import time

from jobgen.data.progress import polled_bar, progress_bar


def lines(capsys) -> list[str]:
    return re.split(r"[\r\n]+", capsys.readouterr().err.strip())


def test_a_bar_shows_at_once_what_is_left(capsys):
    with progress_bar("cleaning", 200, done=50) as bar:
        assert "cleaning:  25%" in lines(capsys)[0]
        bar.update(150)
    assert re.search(r"200/200 \[.*postings/s\]", lines(capsys)[-1])


def test_a_polled_bar_follows_the_workers(capsys):
    count = 0
    with polled_bar("keywords", 200, done=50, count=lambda: count):
        assert "50/200" in lines(capsys)[-1]
        count = 70
        time.sleep(1.5)
        assert re.search(r"120/200 \[.*postings/s\]", lines(capsys)[-1])
        count = 150
    assert "200/200" in lines(capsys)[-1]


def test_workers_of_a_killed_run_cannot_overfill_a_bar(capsys):
    with polled_bar("keywords", 10, done=0, count=lambda: 12):
        pass
    assert "10/10" in lines(capsys)[-1]
