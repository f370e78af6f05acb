"""Cleaning removes what scraping left and leaves everything else alone (rules: see doctests)."""

import pytest
from conftest import REAL_POSTINGS, needs_real_postings

from jobgen.cleaning import RULES, clean_text, clean_title


@pytest.mark.parametrize(
    "text",
    [
        "We use JavaScript, TypeScript, TensorFlow, PyTorch, PostgreSQL and GitHub.",
        "LinkedIn, YouTube, iPhone and eCommerce experience",
        "C++, C#, .NET, Node.js, CI/CD, R&D and 401(k)",
        "Pay: $140,000 - $160,000 (3.5 % bonus), 5+ years, < 10 people, x > y",
        "e.g. Spark 3.4.1, i.e. the latest; Ph.D. or M.S.",
        "• a list\n• of two\n\nand an end",
        "part-time - or not",
        "Earn a <GPA of 3.0 and >2 years, List<String>, <Company Name>",
        "They show more than others show less of.",
        "Wir suchen Köchinnen für Zürich; 日本語も歓迎",
    ],
)
def test_clean_text_stays_as_it_is(text):
    assert clean_text(text) == (text, dict.fromkeys(RULES, 0))


@pytest.mark.parametrize(
    ("dirty", "clean"),
    [
        ("R&amp;D &lt;3", "R&D <3"),
        ("&lt;br&gt;escaped", "escaped"),
        ("<div class='x'>a</div><p>b</p>", "a\n\nb"),
        ("<ul><li>one</li><li>two</li></ul>", "• one\n• two"),
        ("a<!-- hidden -->b", "ab"),
        ("itâ€™s here", "it's here"),
        ("zero\u200bwidth\u00ad", "zerowidth"),
        ("your responsibilitiesYou will lead", "your responsibilities\nYou will lead"),
        ("get it right.Key Responsibilities:Ensure", "get it right.\nKey Responsibilities:Ensure"),
        ("Responsibilities:Ensure that", "Responsibilities:\nEnsure that"),
        ("Long Term (12+Months)Rate: Open", "Long Term (12+Months)\nRate: Open"),
        ("a\n\n\n\n\nb", "a\n\nb"),
        ("a\r\nb  c\t d ", "a\nb c d"),
        ("The end.\nShow more\nShow less", "The end."),
        ("The end. Show less", "The end."),
        ("The end.\nShow more Show less", "The end."),
        ("R&amp;amp;D", "R&D"),
        ("&unknown; stays", "&unknown; stays"),
        ("<style>p {a: b}</style>text", "text"),
        ("- one\n* two\n· three", "• one\n• two\n• three"),
    ],
)
def test_artifacts_go(dirty, clean):
    assert clean_text(dirty)[0] == clean


@pytest.mark.parametrize(
    "dirty",
    ["<p>weâ€™re&nbsp;hiring</p>\n\n\n\n* skillsYou bring", "R&amp;amp;D &amp;lt;br&amp;gt;"],
)
def test_cleaning_twice_changes_nothing_more(dirty):
    once, _ = clean_text(dirty)
    assert clean_text(once)[0] == once


def test_titles_are_one_line():
    assert clean_title("Senior\nC++&nbsp;<b>Developer</b> ") == "Senior C++ Developer"


@needs_real_postings
def test_on_real_postings():
    import pandas as pd

    texts = pd.read_csv(REAL_POSTINGS)["text"]
    changed = 0
    for text in texts:
        clean, _ = clean_text(text)
        changed += clean != text.strip()
        assert "\n\n\n" not in clean
        assert "  " not in clean
        assert "\u200c" not in clean
        # Letters are never lost: what goes is blanks, marks and tags.
        assert sum(map(str.isalnum, clean)) > 0.97 * sum(map(str.isalnum, text))
    assert 0 < changed < len(texts)
