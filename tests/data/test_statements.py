"""Statements on equal opportunity are told from what a posting says of its job."""

import pytest

from jobgen.data.keywords.statements import without_statements

JOB = "You repair bikes and keep the stock in order."


@pytest.mark.parametrize(
    "statement",
    [
        "Veo is an equal opportunity employer.",
        "We are proud to be an Equal Employment Opportunity workplace.",
        "All qualified applicants will be heard.",
        "We hire without regard to race, color, religion, sex or national origin.",
        "Nobody is treated worse for their age, disability, gender identity or veteran status.",
        "If you need a reasonable accommodation to apply, write to us.",
        "Wir stellen unabhängig von Geschlecht, Herkunft, Religion, Alter und Behinderung ein.",
        "Nous recrutons sans distinction d'origine, de sexe, d'âge, de religion ou de handicap.",
        "Contratamos sin distinción de raza, religión, sexo, edad o discapacidad.",
        "Assumiamo senza distinzione di razza, religione, sesso, età o disabilità.",
        "Wij letten niet op afkomst, geloof, geslacht, leeftijd of beperking.",
    ],
)
@pytest.mark.parametrize(
    "form", ["{job}\n{statement}", "{statement}\n\n{job}", "{job} {statement}"]
)
def test_statements_are_left_out(form, statement):
    assert without_statements(form.format(job=JOB, statement=statement)) == JOB


def test_what_stands_beside_a_statement_belongs_to_it():
    beside = "We celebrate diversity. Veo is an equal opportunity employer. Our team is inclusive."
    assert without_statements(f"{JOB}\n{beside}") == JOB


@pytest.mark.parametrize(
    "sentence",
    [
        "You lead our diversity programme and advise applicants.",
        "You audit affirmative action plans and report to the EEOC.",
        "You care for people with a disability, of any age.",
        "The race team trains young riders of both sexes.",
        "You write colour profiles for printers.",
        "Equal parts of sales and service.",
    ],
)
def test_jobs_stay(sentence):
    assert without_statements(sentence + " More.") == sentence + " More."


def test_a_posting_is_never_emptied():
    statement = "Veo is an equal opportunity employer."
    assert without_statements(statement) == statement
