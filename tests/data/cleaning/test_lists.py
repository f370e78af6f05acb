"""Items in one line get lines of their own where they surely are a list."""

import pytest

from jobgen.data.cleaning.lists import split_inline_lists, unify_bullets


@pytest.mark.parametrize(
    ("line", "text"),
    [
        ("Duties: * Ride * Repair", "Duties:\n• Ride\n• Repair"),
        (
            "We ride. Your duties: - ride - repair - sell",
            "We ride.\nYour duties:\n• ride\n• repair\n• sell",
        ),
        (
            "Duties: • Ride • Repair bikes Key Skills: • Welding • English",
            "Duties:\n• Ride\n• Repair bikes\nKey Skills:\n• Welding\n• English",
        ),
        (
            "Aufgaben: – Räder reparieren – Kunden beraten",
            "Aufgaben:\n• Räder reparieren\n• Kunden beraten",
        ),
        ("You know: o Java and Go o SQL o Rust", "You know:\n• Java and Go\n• SQL\n• Rust"),
        ("Steps: 1. Call us 2. Meet us 3. Start", "Steps:\n1. Call us\n2. Meet us\n3. Start"),
        ("Steps: 1) Call us; 2) Meet us", "Steps:\n1) Call us;\n2) Meet us"),
        ("You: - ride; - repair; - sell", "You:\n• ride;\n• repair;\n• sell"),
        ("Hours: - 9 - 5 daily - more on Friday", "Hours:\n• 9 - 5 daily\n• more on Friday"),
        (
            "What we want from you * Knowledge of all the town * Some years of work",
            "What we want from you\n• Knowledge of all the town\n• Some years of work",
        ),
        ("* Ride * Repair", "• Ride\n• Repair"),
        ("- Ride - Repair - Sell", "• Ride\n• Repair\n• Sell"),
    ],
)
def test_lists_in_one_line(line, text):
    assert split_inline_lists(line)[0] == text


@pytest.mark.parametrize(
    "text",
    [
        "Berlin - Germany - Remote",
        "Location: Berlin - Germany - Remote",
        "Rider (m/w/d) - Bern - Vollzeit",
        "Example Inc. - Bern - Basel",
        "2 - 3 years - remote, 9 - 5, 8 am - 5 pm, well - known",
        "5 * 3 * 2 = 30",
        "Rider * Example Bikes * Bern",
        "Remote • Full-time • Bikes",
        "Si richiede: o Java o Python e inglese",
        "Se busca: Java o Python o SQL",
        "Note: * A star",
        "At level 1. We offer grade 2. You ride",
        "Version 1.2. and 2. More",
        "- Ride bikes - at least 3 years - in town\n- Repair bikes - all kinds\n- Sell",
        "Part-time - or not - as you like. We - all of us - ride",
    ],
)
def test_other_marks_stay(text):
    assert split_inline_lists(text) == (text, 0)


@pytest.mark.parametrize(
    ("text", "clean"),
    [
        ("+ Ride\n  + plan\n+ 5 years", "• Ride\n• plan\n+ 5 years"),
        ("bikes• 5 years• ride teams •Identify", "bikes\n• 5 years\n• ride teams\n• Identify"),
        ("+1 212 555 0100", "+1 212 555 0100"),
        ("Remote • Full-time • Bikes", "Remote • Full-time • Bikes"),
    ],
)
def test_bullets(text, clean):
    assert unify_bullets(text)[0] == clean


@pytest.mark.parametrize(
    ("text", "clean"),
    [
        ("•\nJava\n•\nSQL\n•\n\nEnd\n•", "• Java\n• SQL\n\nEnd\n"),
        ("•\no 7 years\n•\no 8 years", "• 7 years\n• 8 years"),
        (">Ride\n> Sell", "• Ride\n• Sell"),
        (". La vente\n. Le conseil", "• La vente\n• Le conseil"),
        ("*Ride bikes\n*5 years", "• Ride bikes\n• 5 years"),
        ("-SQL\n-Java", "• SQL\n• Java"),
        ("o .NET (C#)\no   Sell\no 2-4 years", "• .NET (C#)\n• Sell\n• 2-4 years"),
        ("◆ a\n✅ b\n» c\n― d\n👉 e\n'• f\n--- g", "• a\n• b\n• c\n• d\n• e\n• f\n• g"),
        (
            "Wanted :•3+ years\nC#•ASP.NET etc.•• Strong",
            "Wanted :\n• 3+ years\nC#\n• ASP.NET etc.\n• Strong",
        ),
    ],
)
def test_other_bullets(text, clean):
    assert unify_bullets(text)[0] == clean


@pytest.mark.parametrize(
    "text",
    [
        "*See below\nPay: 20*",
        "*great*\n*new*",
        "> 5 years\n> 3 years",
        "-5 °C\n-10 °C\n--help\n--version\n-v",
        ".NET\n.NET Core\n...",
        "»Räder«\n'quoted'",
        "Call 212•555•0100",
    ],
)
def test_other_beginnings_stay(text):
    assert unify_bullets(text) == (text, 0)


@pytest.mark.parametrize(
    ("line", "text"),
    [
        ("Duties: -Ride bikes -Sell bikes -Buy", "Duties:\n• Ride bikes\n• Sell bikes\n• Buy"),
        ("relevant. *Skill in C *Some years", "relevant.\n• Skill in C\n• Some years"),
        ("Tasks:- Ride bikes- Sell bikes", "Tasks:\n• Ride bikes\n• Sell bikes"),
        ("Duties: 1.Ride 2.Sell", "Duties:\n1.Ride\n2.Sell"),
        ("Duties:1. Ride bikes2. Sell", "Duties:\n1. Ride bikes\n2. Sell"),
    ],
)
def test_lists_with_glued_marks(line, text):
    assert split_inline_lists(line)[0] == text


@pytest.mark.parametrize(
    "text",
    [
        "He said: * and * are stars",
        "We are hiring! - Jane - CEO of Example",
        "Apply by: 1. May 2. June",
        "Rider- Bern- Full-time",
        "Note: *One* and *Two*, e-Bikes, X-Ray, Part-Time",
        "Place: Bern -Basel -Biel",
        "Version 1.2.3, Python2. Java1.",
    ],
)
def test_other_glued_marks_stay(text):
    assert split_inline_lists(text) == (text, 0)
