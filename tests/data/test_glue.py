"""Lost line breaks are restored where two words of the table meet, and names stay whole."""

import time

import pytest

from jobgen.data.cleaning.glue import split_glued
from jobgen.data.vocabulary import Vocabulary, build_vocabulary, camel_words

# A table that has lost its line breaks: many plain words go on with a capital letter.
GLUED = build_vocabulary(
    [
        f"Plan routes for shop {n}Repair brakes dailySell helmets and locksKeep the floor clean."
        f" Parts. Brakes. Tour {n}."
        for n in range(12)
    ]
)


@pytest.mark.parametrize(
    ("glued", "split"),
    [
        ("you repair bikesOrder the parts", "you repair bikes\nOrder the parts"),
        ("Keep the dock cleanLift boxesSmile", "Keep the dock clean\nLift boxes\nSmile"),
        ("in our teamYou will ride", "in our team\nYou will ride"),
        ("BenefitsPaid leave", "Benefits\nPaid leave"),
        ("RequirementsBachelor of Arts", "Requirements\nBachelor of Arts"),
        ("DescriptionVeloria rides. Join Veloria", "Description\nVeloria rides. Join Veloria"),
        ("About VeloriaVeloria rides. Veloria!", "About Veloria\nVeloria rides. Veloria!"),
        ("we know JavaScriptExperience with it", "we know JavaScript\nExperience with it"),
        ("Requirements2+ years of bikes", "Requirements\n2+ years of bikes"),
        ("knows physics3 years of work", "knows physics\n3 years of work"),
        ("the shop.Repair bikes", "the shop.\nRepair bikes"),
        ("Duties:Repair bikes", "Duties:\nRepair bikes"),
        ("(all week)Benefits are great", "(all week)\nBenefits are great"),
        ("clean the shop;Order parts", "clean the shop;\nOrder parts"),
        ("with Node.jsExperience", "with Node.js\nExperience"),
        ("knows SQL.You will ride", "knows SQL.\nYou will ride"),
        ("Join us!We ride daily", "Join us!\nWe ride daily"),
        ("C++Experience in C#Strong will", "C++\nExperience in C#\nStrong will"),
        ("growth.Responsibilities:Ride bikes", "growth.\nResponsibilities:\nRide bikes"),
    ],
)
def test_lost_breaks_without_a_table(glued, split):
    assert split_glued(glued)[0] == split


@pytest.mark.parametrize(
    "text",
    [
        "JavaScript, TypeScript, PowerPoint, LinkedIn, GitHub, YouTube, PayPal, DevOps, MySQL",
        "iPhone, iPad, eBay, macOS, jQuery, eCommerce, NoSQL, PhD, MSc, SaaS, IoT",
        "McDonald and MacArthur ride; O'Neil, DeVries and VanDyke too",
        "call getName(), use dataLayer.push or $.openDialog; see snake_caseName",
        "see example.com/JobSearch, www.example.org/BikeShop or jane@ExampleBikes.com",
        "#BikeJobs @ExampleBikes",
        "Node.js, dask.DataFrames, Example.Com, Monday.Com, Inc. e.g. Ph.D. U.S.A",
        "Python3, Windows10, COVID19, ES6, 3D, 401k, B2B, 24/7 and 2020-2021",
        "RIDE AND REPAIR, THEN REST",
        "java.util.List, e.g.Bikes, i.e.Trams, 10.Go and vs.The rest",
        "Job Type :Full time # Remote #Remote and 3.Ride",
        "jane (at) ExampleBikes (dot) com or jane at ExampleBikes dot com",
        "The DataRover of BikeWorks, RideAway and WheelBase",
        "Mitarbeiter:innen, Köchin und Koch; cœur de métier",
    ],
)
def test_names_and_code_stay(text):
    assert split_glued(text) == (text, 0)


def test_german_endings_stay():
    german = Vocabulary(languages=("de",))
    assert split_glued("Unsere MitarbeiterInnen und StudentInnen", german)[1] == 0
    assert split_glued("du hast ErfahrungWir bieten", german)[0] == "du hast Erfahrung\nWir bieten"


def test_french_and_spanish():
    french = Vocabulary(languages=("fr",))
    assert split_glued("une expérienceVous livrez", french)[0] == "une expérience\nVous livrez"
    spanish = Vocabulary(languages=("es",))
    assert split_glued("con experienciaReparar bicis", spanish)[1] == 1


def test_a_table_that_has_lost_its_breaks():
    assert GLUED.glued_share > 0.1
    # A capitalized word before another one could be a name; not where breaks are lost.
    assert split_glued("Order PartsTour the shop", GLUED)[0] == "Order Parts\nTour the shop"
    assert split_glued("Order PartsTour the shop")[0] == "Order PartsTour the shop"


def test_fields_of_other_postings_begin_a_line():
    texts = [f"Settore: bici\nSede di lavoro: Roma {n}" for n in range(4)]
    vocabulary = build_vocabulary(texts, ["it"])
    glued = "Luogo: Manchester NHSettore: bici (MO)Sede di lavoro: Roma"
    split = "Luogo: Manchester NH\nSettore: bici (MO)\nSede di lavoro: Roma"
    assert split_glued(glued, vocabulary) == (split, 2)
    assert split_glued("BikeSettoreX: bici, BikeShop: http://x", vocabulary)[1] == 0


def test_names_stay_where_breaks_are_lost():
    # No sentence of the table ends with the first half, or begins with the second.
    for name in ("LoadRunner", "DataRobot", "PagerDuty"):
        assert split_glued(f"You know {name} well.", GLUED)[1] == 0
        assert split_glued(f"with {name}Experience", GLUED)[0] == f"with {name}\nExperience"


def test_no_plain_word_is_split_before_what_begins_no_sentence():
    clean = build_vocabulary([f"You use a forest of bikes {n}. Order one." for n in range(60)])
    assert split_glued("glmnet, randomForest and caret", clean)[1] == 0
    assert split_glued("glmnet, randomOrder and caret", clean)[1] == 1


def test_a_name_of_the_table_stays():
    texts = [f"Use bikeTool in {n}: the bikeTool of shop {n}, bikeTool {n}." for n in range(9)]
    vocabulary = build_vocabulary(texts)
    assert vocabulary.joined == {"bikeTool": 11}
    assert split_glued(texts[0], vocabulary) == (texts[0], 0)
    # Copies of one posting do not make a name of what is glued in it.
    copies = build_vocabulary(["Clean the bikeTool belts are here."] * 9)
    assert split_glued("Clean the bikeTool belts are here.", copies)[1] == 1


def test_vocabulary_counts():
    vocabulary = build_vocabulary(
        ["Ride bikes. Sell Bikes.", "ride bikes\nSell BikeLocks", "Sell bike locks"], ["en", "xx"]
    )
    assert vocabulary.words == {"bikes": 2, "Sell": 3}
    assert vocabulary.starts == {"Sell": 3}
    assert vocabulary.pairs == {"bike locks": 1}
    assert vocabulary.joined == {}  # in one context
    assert vocabulary.languages == ("en",)


@pytest.mark.parametrize("part", ["a", "aB", "A", "a.B", "bikesSell", "x@yourTeam/", "ÄaÖ"])
def test_time_is_linear(part):
    def seconds(n_letters: int) -> float:
        text = part * (n_letters // len(part))
        start = time.process_time()
        split_glued(text)
        list(camel_words(text))
        build_vocabulary([text])
        return time.process_time() - start

    assert seconds(400_000) < 8 * max(seconds(100_000), 0.05)  # 4 times if linear, 16 if quadratic
