"""Markdown's marks go where they are marks; names, products and code stay."""

import pytest

from jobgen.data.cleaning.markdown import decode_escapes, remove_markdown


@pytest.mark.parametrize(
    ("markdown", "text"),
    [
        (
            r"2\-3\+ years, R\&D, a\_b, \#1\!, \(x\), 5\*3, 1\. One",
            "2-3+ years, R&D, a_b, #1!, (x), 5*3, 1. One",
        ),
        ("**Role** and __Tasks__", "Role and Tasks"),
        ("**Role: **\n** Pay **\n***Both***\n**Ort:** Köln", "Role:\nPay\nBoth\nOrt: Köln"),
        ("**Java**Script", "JavaScript"),
        ("**two\nlines** end", "two\nlines end"),
        ("# Rider\n## Tasks ##\n###Pay\n#### Ort", "Rider\nTasks\nPay\nOrt"),
        ("# Rider\n\nWe ride.\n\n# Tasks", "Rider\n\nWe ride.\n\nTasks"),
        ("**a** *great* _English_", "a great English"),
        ("[Apply](https://example.com/a_(b)?c=1#d) [Home](/jobs 'x')", "Apply [Home](/jobs 'x')"),
        ('[Us](https://example.com "Title") ![logo](https://example.com/a.png)', "Us logo"),
        ("[jane@example.com](mailto:jane@example.com)", "jane@example.com"),
        ("See <https://example.com/a>.", "See https://example.com/a."),
        ("Run `pip install x` or ``ls``", "Run pip install x or ls"),
        ("```python\nx = 1\n```", "\nx = 1\n"),
        ("**a**\n> We ride.\n> 5 years", "a\nWe ride.\n> 5 years"),
        ("| Role | Pay |\n|:---|---:|\n| Rider | 20 |\n| Cook | |", "Role | Pay\nRider | 20\nCook"),
        ("Role | Pay\n--- | ---\nRider | 20", "Role | Pay\nRider | 20"),
        ("one\\\ntwo", "one\ntwo"),
    ],
)
def test_markdown_is_removed(markdown, text):
    assert remove_markdown(markdown)[0] == text


@pytest.mark.parametrize(
    "text",
    [
        "C#, F#, #1 choice, #hashtag\n# of employees: 5",
        "5*3*2, 2**3 and 4**5, f(*args, **kwargs), g(**a, **b)",
        "Salary* depends on **. *See below",
        "**If not. Report it",
        "Salary** depends on the place, bonus** on sales",
        "__init__ and __name__, snake_case_name, _____, a_b_c",
        r"C:\-x, C:\Users\_x, \\server\share",
        "*great* and _small_ and *big*",
        "a [b] (c) [d](e)",
        "> 5 years, x > y\n> 3 years",
        "Bern | Basel | Biel",
        "don't `quote' me",
        "• Ride\n- Repair\n+ Sell",
    ],
)
def test_other_text_stays(text):
    assert remove_markdown(text) == (text, 0)


@pytest.mark.parametrize(
    ("dumped", "text"),
    [
        (r"We ride.\nYou too.", "We ride.\nYou too."),
        (r"Tasks\r\n- ride\r\n\r\n\t- repair", "Tasks\n- ride\n\n\t- repair"),
        (r"a\nb\nc \"d\" and\/or", 'a\nb\nc "d" and/or'),
        (r"d\u00e9j\u00E0\xa0vu \ud83d", "déjà\xa0vu \ud83d"),
        ("real\n" + r"break \u2013 and \n", "real\nbreak – and \\n"),
        (r"such as \n or \t", r"such as \n or \t"),
        (r"copy C:\new\nodes to D:\now.", r"copy C:\new\nodes to D:\now."),
    ],
)
def test_escapes_of_dumps(dumped, text):
    assert decode_escapes(dumped)[0] == text


@pytest.mark.parametrize(
    ("markdown", "text"),
    [
        ("**Tasks****Pay****Place**", "Tasks\nPay\nPlace"),
        ("**About us:**We ride.", "About us:\nWe ride."),
        ("**C:**ride, b****d **x**", "C:ride, b****d x"),
        ("[[Apply]](https://example.com) [a [b] c](https://example.com)", "[Apply] a [b] c"),
        ("| Pay | City |\n|---|---|\n| 20 | Bern |", "Pay | City\n20 | Bern"),
    ],
)
def test_glued_and_nested_marks(markdown, text):
    assert remove_markdown(markdown)[0] == text
