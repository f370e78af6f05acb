"""Wrapped lines are joined at every width, and lines that were meant stay."""

import textwrap

import pytest

from jobgen.data.cleaning.lines import join_wrapped_lines, remove_rules

PARAGRAPHS = [
    "The Example Bikes company is looking for a rider who brings parcels to the people of the "
    "town. The rider looks after the bikes of the shop when there is nothing to bring. Candidates "
    "know the town and the villages around it, and have a driving licence. We offer fair pay.",
    "Wir suchen zum nächsten Sommer eine Fahrerin, die Pakete zu den Menschen der Stadt bringt. "
    "Sie kümmert sich um die Räder des Ladens, wenn es nichts zu bringen gibt. Wir bieten gute "
    "Bezahlung und fünf Wochen Urlaub.",
    "Cerchiamo una persona che porti i pacchi alla gente della città e che curi le biciclette del "
    "negozio quando non c'è niente da portare. Offriamo una paga equa e cinque settimane di ferie.",
    "Nous cherchons une personne qui apporte les colis aux gens de la ville et qui s'occupe des "
    "vélos du magasin quand il n'y a rien à livrer. Nous offrons un bon salaire et des congés.",
]


@pytest.mark.parametrize("width", [55, 60, 72, 78, 100])
def test_wrapped_paragraphs_are_joined(width):
    text = "\n\n".join(PARAGRAPHS)
    wrapped = "\n\n".join(textwrap.fill(paragraph, width) for paragraph in PARAGRAPHS)
    assert join_wrapped_lines(wrapped) == (text, wrapped.count("\n") - text.count("\n"))


@pytest.mark.parametrize("indent", ["", "  ", "    "])
def test_wrapped_items_are_joined_and_headings_stay(indent):
    items = [f"- {sentence}." for sentence in PARAGRAPHS[0].rstrip(".").split(". ")]
    wrapped = [textwrap.fill(item, 60, subsequent_indent=indent) for item in items]
    text = "\n".join(["TITLE:  Rider", "TASKS:", *items, "PAY: 20", "1. one", "2) two"])
    assert join_wrapped_lines(
        "\n".join(["TITLE:  Rider", "TASKS:", *wrapped, "PAY: 20", "1. one", "2) two"])
    ) == (text, "\n".join(wrapped).count("\n") - len(items) + 1)


def test_a_hyphen_at_a_line_end_goes_only_if_the_text_has_the_word_whole():
    lines = [
        "We look for a rider who brings parcels to the town, with know-",
        "ledge of the town and the villages; some knowledge of well-",
        "known bikes, and of the way to all of the villages for part-",
        "and full-time work.",
    ]
    assert join_wrapped_lines("\n".join(lines)) == (
        "We look for a rider who brings parcels to the town, with knowledge of the town and the "
        "villages; some knowledge of well-known bikes, and of the way to all of the villages for "
        "part- and full-time work.",
        3,
    )


def test_a_line_that_ends_in_an_article_goes_on():
    text = "The shop looks for a rider. All are invited to\napply.\nPay: 20"
    joined = "The shop looks for a rider. All are invited to apply.\nPay: 20"
    assert join_wrapped_lines(text) == (joined, 1)


@pytest.mark.parametrize(
    "text",
    [
        "Skills:\npython\ndjango\ndocker\nsql and nosql\nlinux",
        "You will\nmanage the riders of the town\nrepair bikes\nwrite reports for the owner\nsell",
        "manage bikes and riders in the city of Bern and\nrepair all bikes which are brought by "
        "owners\nsell bikes and helmets to customers of the shop",
        "We ride through the whole town every day.\nYou repair the bikes of the shop.\nPay: 20",
        "Experience with bikes\nKnowledge of the town\nDriving licence of class B\nGood English",
        "One long line of a paragraph that no one has ever wrapped, because it goes on and on "
        "until it ends at last, far on the right\nand another\nand one more",
        "Please send your letter of interest in this job to\njobs@example.com",
        "Bern\nBasel\n\nBiel",
        "",
    ],
)
def test_lines_that_were_meant_stay(text):
    assert join_wrapped_lines(text) == (text, 0)


@pytest.mark.parametrize(
    ("ruled", "text"),
    [
        ("a\n-----\nb", "a\n\nb"),
        (
            "a\n* * *\nb\n- - -\n___\n=====\n~~~~\n•••••\n═════\n-=-=-=-\nc",
            "a\n\nb\n\n\n\n\n\n\n\nc",
        ),
        ("Tasks\n=====\nWe ride", "Tasks\n\nWe ride"),
        ("------Tasks------\n====Pay\nPlace ~~~~\n____Time____", "Tasks\nPay\nPlace\nTime"),
        ("We ride.----------Tasks =========We repair", "We ride.\nTasks\nWe repair"),
        ("+-----+-----+\n| a | b |", "\n| a | b |"),
    ],
)
def test_rules_of_dashes(ruled, text):
    assert remove_rules(ruled)[0] == text


@pytest.mark.parametrize(
    "text",
    [
        "Name: ______",
        "--\nJane",
        "a -- b --- c",
        "5 ---- 6",
        "**bold**",
        "C++\n...\n--help",
        "x == y",
    ],
)
def test_other_dashes_stay(text):
    assert remove_rules(text) == (text, 0)


@pytest.mark.parametrize(
    ("ruled", "text"),
    [
        ("--- Tasks ---\nWe ride", "Tasks\nWe ride"),
        ("Salary ----------- 20,000", "Salary 20,000"),
        ("Rider-----Bern", "Rider\nBern"),
        ("|---|---|\na-----b", "|---|---|\na-----b"),
    ],
)
def test_rules_around_headings_and_before_figures(ruled, text):
    assert remove_rules(ruled)[0] == text


def test_a_word_with_hyphens_stays_whole():
    text = (
        "We look for a person who makes the shop a state-\nof-the-art place for bikes, and who "
        "likes part-\nand full-time work of the shop with our old and\nnew bikes."
    )
    assert join_wrapped_lines(text)[0] == (
        "We look for a person who makes the shop a state-of-the-art place for bikes, and who "
        "likes part- and full-time work of the shop with our old and new bikes."
    )
