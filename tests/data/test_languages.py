"""The languages of a table are told, with what becomes of them."""

from collections import Counter

import pytest

from jobgen.data.languages import describe_languages, language_of, languages_of_table


@pytest.mark.parametrize(
    ("text", "language"),
    [
        ("You repair bikes in our workshop and advise the customers at the counter.", "en"),
        ("Sie reparieren Fahrräder in unserer Werkstatt und beraten die Kundschaft.", "de"),
        ("Vous réparez des vélos dans notre atelier et vous conseillez la clientèle.", "fr"),
        ("Ripari biciclette nella nostra officina e consigli i clienti al banco.", "it"),
        ("Reparas bicicletas en nuestro taller y aconsejas a los clientes.", "es"),
        ("Je repareert fietsen in onze werkplaats en adviseert de klanten.", "nl"),
    ],
)
def test_language_of(text, language):
    assert language_of(text) == language


def test_what_is_told():
    assert describe_languages(Counter(en=98, la=1)) == "languages: 98 English, 1 la"
    mixed = describe_languages(Counter(en=90, de=10))
    assert mixed == "languages: 90 English, 10 German"
    with_polish = describe_languages(Counter(en=90, pl=10))
    assert with_polish.startswith("languages: 90 English, 10 Polish; keywords are made for German,")
    assert 'set extractor to "keybert"' in with_polish
    polish = describe_languages(Counter(en=10, pl=90))
    assert polish.startswith("most texts seem to be Polish (90 Polish, 10 English); keywords")
    many = Counter({code: 1 for code in ("en", "de", "fr", "es", "it", "nl", "pl", "pt")})
    assert "2 in others" in describe_languages(many)


def test_a_language_of_few_postings_is_none_of_the_table():
    assert languages_of_table(Counter(en=970, fr=29, la=1)) == ("en", "fr")
