"""Cleaning removes the traces of scraping and nothing else (each rule also has doctests)."""

import time

import pytest
from conftest import REAL_POSTINGS, needs_real_postings

from jobgen.data.cleaning import (
    RULES,
    clean_text,
    clean_title,
    remove_buttons,
    remove_html,
    remove_site_texts,
    remove_tracking_codes,
    restore_stripped_entities,
)
from jobgen.text import redaction


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
        "How to apply\nApply now and save jobs. Report to the board.\nApply for details",
        "Powered by JazzHR's rivals, we post this job.",
        "Employment type\nFull-time\nIndustry\nBikes",
        "a bull market, the Red bull Racing team, a dash of trade",
        "see Example.Net or Primary.Health for it",
        "-5 °C to -10 °C\n*not a bullet*",
        "o'clock\nO level\n? what",
        "Who are you ? We ride.",
        "Remote • Full-time • Bikes",
        "§ 1681 of the law",
        "UnitedHealth, HashiCorp, Wav2Letter (SQL)\nSummary\nDescriptions",
        "#LIVE coding, PI of 3.14",
        "Wir suchen Köchinnen für Zürich; 日本語も歓迎",
        "Berlin - Germany - Remote, 9 - 5, 2 - 3 years, 5 * 3, Java o Python",
        "Skills:\npython\ndjango\nsql and nosql",
        "__init__, snake_case, #1 choice, Salary* depends, C:\\-x",
        "if a < b: return List<String>",
        "Name: ______\nDate: 3/5/2024",
        "OUR TEAM:\nRIDERS AND COOKS",
        "1. Ride\n2. Repair\n(a) bikes\n(b) wheels",
        "Vous aimez le vélo : postulez !",
    ],
)
def test_clean_text_stays_as_it_is(text):
    assert clean_text(text) == (text, dict.fromkeys([*RULES, *redaction.RULES], 0))


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
        ("§ one\n○ two\n→ three\n− four\n●five", "• one\n• two\n• three\n• four\n• five"),
        (
            "o Lead bikes\n? Develop bikes\n-Ride bikes\n-- build",
            "• Lead bikes\n• Develop bikes\n• Ride bikes\n• build",
        ),
        ("•\no Masters in bikes\n•\n", "• Masters in bikes"),
        ("shops• Experience with bikes• Helmets", "shops\n• Experience with bikes\n• Helmets"),
        (
            "a Bachelorrsquos degree ndash ldquoOur Best 2rdquo",
            'a Bachelor\'s degree – "Our Best 2"',
        ),
        (
            "Duties bullRide bikes bull\nSell bikes middot Rest",
            "Duties\n• Ride bikes\n• Sell bikes\n• Rest",
        ),
        ("<p>a</p><span style='x: y", "a"),
        ("SummaryExample Bikes rides.", "Summary\nExample Bikes rides."),
        ("each weekDescriptionWe ride", "each week\nDescription\nWe ride"),
        ("(SQL, etc.)Experience with bikes", "(SQL, etc.)\nExperience with bikes"),
        ("The end.\n\nApply now!", "The end."),
        ("The end.\nReport this job\nSave", "The end.\n\nSave"),
        (
            "We ride.\nGet notified about new Rider jobs in Bern.\nSign in to create job alert",
            "We ride.",
        ),
        ("We ride.\n\nPowered by JazzHR\n\na1B2c3D4e5", "We ride."),
        ("Apply via Dice today!\n\nWe ride.", "We ride."),
        (
            "A job\n\nThis Jobot Job is hosted by Jane Doe\n\nAre you a fit? Easy Apply now by "
            'clicking the "Apply" button and sending us your resume.\n\nWe ride.',
            "A job\n\nWe ride.",
        ),
        (
            "Email Your Resume In Word To\n\nLooking forward to receiving your resume through our "
            "website and going over the position with you. Clicking apply is the best way to "
            "apply, but you may also:\n\nJane.Doe@example.com\nPlease do NOT change the email "
            "subject line in any way. You must keep the JobID: linkedin : JD1-5550100 -- in the "
            "email subject line for your application to be considered.***\n"
            "Jane Doe - Recruiter - Example",
            "[name] - Recruiter - Example",
        ),
        ("We ride.\n\nPosted By: Jane Doe", "We ride."),
        (
            "We ride.\nSeniority level\nEntry level\nEmployment type\nFull-time\nJob function\n"
            "Bikes\nIndustries\nRetail",
            "We ride.",
        ),
        ("We ride.PDN-0a1b2c3d-0a1b-0a1b-0a1b-0a1b2c3d4e5f", "We ride."),
        ("We ride. #LI-remote\n\nPI555010099", "We ride."),
    ],
)
def test_traces_of_scraping_are_removed(dirty, clean):
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


@pytest.mark.parametrize(
    ("dirty", "title"),
    [
        ("Senior Rider (m/w/d) - #LI-Remote", "Senior Rider (m/w/d)"),
        (r"Rider\n(m/f)", "Rider (m/f)"),
        ("* Rider *", "Rider"),
        ("- Rider – Bern |", "Rider – Bern"),
        ("Rider-------Berlin", "Rider Berlin"),
        ("C++ / C# Rider, R&D - Bern", "C++ / C# Rider, R&D - Bern"),
        ("Mitarbeiter* (m/w/*)", "Mitarbeiter* (m/w/*)"),
    ],
)
def test_marks_around_titles_go(dirty, title):
    assert clean_title(dirty) == title


@pytest.mark.parametrize(
    "text",
    [
        "\n" * 100_000,
        " " * 100_000,
        "•\n" * 50_000,
        "• " * 50_000 + "\n" * 50_000,
        "Show more " * 10_000 + "x",
        "Seniority level" + "\n" * 50_000,
        "bull " * 20_000,
        "middot " + " " * 100_000,
        "(Aa" * 30_000,
        "<p " * 30_000,
        "<b>x</i>" * 30_000,
        "<!-- " * 40_000,
        "&amp;" * 60_000,
        "**a " * 50_000,
        "[a](" * 50_000,
        "`a" * 100_000,
        "\\n" * 100_000,
        "- a" * 60_000,
        ": - " * 50_000,
        "1. A 2. B " * 20_000,
        "-- " * 60_000,
        "parcels to the town-\n" * 10_000,
        "Job function A" * 15_000,
        "#LI-A" * 40_000,
        "12345BR " * 25_000,
    ],
    ids=lambda text: repr(text[:9]),
)
def test_time_is_linear_in_the_length(text):
    start = time.process_time()
    clean_text(text)
    assert time.process_time() - start < 2


@needs_real_postings
def test_on_real_postings():
    import pandas as pd

    texts = pd.read_csv(REAL_POSTINGS)["text"]
    changed = 0
    for i, text in enumerate(texts):
        clean, _ = clean_text(text, personal_data="keep")
        changed += clean != text.strip()
        assert "\n\n\n" not in clean
        assert "  " not in clean
        assert "\u200c" not in clean
        if i % 8 == 0:
            assert clean_text(clean, personal_data="keep")[0] == clean
        # No letters of the posting itself are lost. What is removed besides blanks, punctuation and
        # tags is the boilerplate of job sites, which is much of a short posting, and the letters of
        # `middot` and of tags. The comparison therefore leaves these out.
        own_text = text
        for rule in (
            remove_html,
            restore_stripped_entities,
            remove_buttons,
            remove_site_texts,
            remove_tracking_codes,
        ):
            own_text, _ = rule(own_text)
        assert sum(map(str.isalnum, clean)) > 0.97 * sum(map(str.isalnum, own_text))
        assert sum(map(str.isalnum, own_text)) > 0.6 * sum(map(str.isalnum, text))
    assert 0 < changed < len(texts)
