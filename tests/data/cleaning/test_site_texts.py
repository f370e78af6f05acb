"""What sites add goes; a word glued to it, and a posting's own lines, stay."""

import pytest

from jobgen.data.cleaning.site_texts import (
    remove_buttons,
    remove_site_texts,
    remove_tracking_codes,
)

CRITERIA = {
    "Seniority level": "Entry level",
    "Employment type": "Full-time",
    "Job function": "Engineering and Information Technology",
    "Industries": "Sporting Goods",
}


@pytest.mark.parametrize("labels", [[0, 1, 2, 3], [0, 1], [0, 3], [0]])
@pytest.mark.parametrize(("between", "after"), [("", ""), (" ", " "), (": ", " ")])
def test_criteria_in_one_line(labels, between, after):
    names = [list(CRITERIA)[i] for i in labels]
    block = after.join(name + between + CRITERIA[name] for name in names)
    assert remove_site_texts(f"You ride.\n{block}") == ("You ride.\n", 1)
    assert remove_site_texts(f"You ride. {block}") == ("You ride. ", 1)


@pytest.mark.parametrize("labels", [[0, 1, 2, 3], [3, 1, 0, 2], [0, 1], [1, 2], [0, 3], [1, 2, 3]])
@pytest.mark.parametrize(
    ("between", "after"),
    [("\n", "\n"), ("\n\n", "\n\n"), (": ", "\n"), ("\n      ", "\n   "), (": ", "\n• ")],
)
def test_criteria_in_several_lines(labels, between, after):
    names = [list(CRITERIA)[i] for i in labels]
    block = after.join(name + between + CRITERIA[name] for name in names)
    assert remove_site_texts(f"You ride.\n{block}\nWe ride.") == ("You ride.\n\nWe ride.", 1)


def test_criteria_glued_to_the_posting():
    text = "You ride.Seniority levelNot ApplicableEmployment typeContractIndustriesRetail"
    assert remove_site_texts(text) == ("You ride.", 1)


@pytest.mark.parametrize(
    "text",
    [
        "Employment type\nFull-time",
        "Employment type: Full-time\nLocation: Bern",
        "Employment type\nFull-time\nIndustry\nBikes",
        "Industries we serve: bikes\nJob function: riding",
        "Seniority level\nEntry level\nWe ride bikes.",
        "The Seniority level is open.",
    ],
)
def test_lines_of_the_posting_stay(text):
    assert remove_site_texts(text) == (text, 0)


@pytest.mark.parametrize(
    ("text", "clean"),
    [
        ("#LI-AB1The rider", "The rider"),
        ("#LI-REMOTEWe ride", "We ride"),
        ("#LI-RemoteThe", "The"),
        ("#LI-XY2As a rider", "As a rider"),
        ("#LI-JT1A rider", "A rider"),
        ("#LI-XYWir", "Wir"),
        ("#LI-HYBRIDÉquipe", "Équipe"),
        ("Ride!#LI-DNI", "Ride!"),
        ("to ride#LI-JD1We ride", "to ride\nWe ride"),
        ("#LI-On-site #LI-Hybrid #LI-JD-12 #LI-onsite", "   "),
        ("#LIRemote and #LI", " and "),
        ("a plusPDN-0a1b2c3d-0a1b-0a1b-0a1b-0a1b2c3d4e5fThe", "a plus\nThe"),
        ("We ride.PI555010099", "We ride."),
        ("We ride. 12345BR", "We ride. "),
        ("#LIVE, #LinkedIn", "#LIVE, #LinkedIn"),
        ("Job code: 12345BR", "Job code: 12345BR"),
        ("12345BR is the code", "12345BR is the code"),
    ],
)
def test_tracking_codes_give_the_word_back(text, clean):
    assert remove_tracking_codes(text)[0] == clean


@pytest.mark.parametrize(
    ("text", "clean"),
    [
        ("All are invited to\napply.", "All are invited to\napply."),
        ("All are invited to\napply now\nor later", "All are invited to\napply now\nor later"),
        ("We ride.\napply now", "We ride.\n"),
        ("We ride\n\napply", "We ride\n\n"),
        ("We ride\nApply Now", "We ride\n"),
        ("show more", ""),
    ],
)
def test_buttons(text, clean):
    assert remove_buttons(text)[0] == clean


@pytest.mark.parametrize(
    ("text", "clean"),
    [
        ("#LI-JaneDoe We ride", " We ride"),
        ("#LI-JaneThe rider", "The rider"),
        ("#LI-A1B2C3 Ride", " Ride"),
        ("Ride #li-remote #li-jd1", "Ride  "),
        ("#LI-Remote/Hybrid", ""),
        ("#LI-#LI-JD1", ""),
        ("Auto req ID 123456BR", "Auto req ID 123456BR"),
        ("#life, #li-fe, #linkedin", "#life, #li-fe, #linkedin"),
    ],
)
def test_other_tracking_codes(text, clean):
    assert remove_tracking_codes(text)[0] == clean


@pytest.mark.parametrize(
    "block",
    [
        "Seniority Level\nAssociate\nIndustry\nRetail\nEmployment Type\nFull-time\n"
        "Job Functions\nOther",
        "Job function\nDesign\nIndustries\nRetail Industry",
    ],
)
def test_other_criteria(block):
    assert remove_site_texts(f"You ride.\n{block}\nWe ride.") == ("You ride.\n\nWe ride.", 1)


@pytest.mark.parametrize(
    ("text", "clean"),
    [
        ("How to apply:\napply", "How to apply:\napply"),
        ("To learn more,\nApply today.", "To learn more,\nApply today."),
        ("We ride.\nApply\nNow", "We ride.\n"),
        ("We ride:\nShow more", "We ride:\n"),
    ],
)
def test_buttons_and_the_line_before(text, clean):
    assert remove_buttons(text)[0] == clean
