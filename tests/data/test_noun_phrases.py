"""German, Dutch, French, Spanish and Italian postings have keywords of their own language."""

import json
import time
from pathlib import Path

import pytest
from conftest import ROOT

from jobgen.common.config import OFFLINE_EMBEDDER
from jobgen.data.embeddings import Embedder
from jobgen.data.keywords.extraction import Background, extract_keywords, train_keyword_classifier
from jobgen.data.keywords.phrases import build_corpus, find_phrases
from jobgen.data.languages import language_of
from jobgen.models.hub import locate

# Written for this test: postings of different trades, with what a recruiter would search for, and
# what no keyword may be.
POSTINGS = json.loads((ROOT / "tests" / "data" / "postings_by_language.json").read_text("utf-8"))
CASES = [(language, row) for language, rows in POSTINGS.items() for row in rows]


def texts_of(text: str, language: str, ngram_max: int = 3) -> list[str]:
    return [phrase.text for phrase in find_phrases(text, ngram_max, language=language).values()]


@pytest.fixture(scope="module")
def keywords() -> dict[str, list[str]]:
    """Posting -> its keywords; the ten postings are one table."""
    embed = Embedder(locate(OFFLINE_EMBEDDER), "float32", 256, None)
    languages, rows = zip(*CASES, strict=True)
    texts = [row["text"] for row in rows]
    corpus = build_corpus(texts, 3, languages)
    background = Background(corpus, embed(texts), train_keyword_classifier(embed))
    found, _ = extract_keywords(texts, embed, background, 16, (1, 3), 0.4, languages)
    return dict(zip(texts, found, strict=True))


@pytest.mark.parametrize(("language", "row"), CASES, ids=[row["text"][:20] for _, row in CASES])
def test_keywords_of_a_posting(language, row, keywords):
    text, found = row["text"], keywords[row["text"]]
    assert language_of(text) == language
    assert all(keyword in text for keyword in found)
    padded = [f" {keyword.lower()} " for keyword in found]
    present = [w for w in row["wanted"] if any(f" {w.lower()} " in keyword for keyword in padded)]
    assert len(present) >= 0.5 * len(row["wanted"]), set(row["wanted"]) - set(present)
    candidates = find_phrases(text, 3, language=language).keys()
    assert not candidates & {unwanted.lower() for unwanted in row["unwanted"]}


@pytest.mark.parametrize(
    ("language", "text", "expected"),
    [
        ("fr", "Gestion de projet, attention au détail.", "gestion de projet|attention au détail"),
        ("fr", "Vous êtes rigoureux, autonome et motivé.", ""),
        ("fr", "Chef d'équipe\nmise en place", "chef d'équipe"),
        ("fr", "Un technicien(ne), un(e) vendeur/euse, H/F", "technicien|vendeur"),
        ("fr", "une boulangerie située à Lyon", "boulangerie"),
        ("fr", "Notre entreprise étudie votre candidature. Poste en CDI.", ""),
        ("es", "Atención al cliente en Cádiz.", "atención al cliente"),
        ("es", "Buscamos a alguien para encargarse de las facturas.", "facturas"),
        ("it", "Gestione clienti e controllo qualità.", "gestione clienti|controllo qualità"),
        ("it", "Ti occuperai della saldatura.", "saldatura"),
        ("de", "Wartung elektrischer Anlagen.", "wartung elektrischer anlagen"),
        ("de", "Heizungs- und Klimatechnik für Kund:innen (m/w/d)", "klimatechnik"),
        ("de", "Wir suchen Sie für unser Unternehmen.", ""),
        ("nl", "Onderhoud van machines, rijbewijs B.", "onderhoud van machines|rijbewijs b"),
        ("nl", "Je werkt in een leuk team.", ""),
        ("de", "Python, C++, CI/CD und [e-mail]", "python|c++|ci/cd"),
    ],
)
def test_whole_phrases(language, text, expected):
    phrases = find_phrases(text, 3, language=language)
    whole = [key for key, phrase in phrases.items() if phrase.whole]
    assert "|".join(whole) == expected
    assert all(phrase.language == language for phrase in phrases.values())


def test_words_between_blanks_are_counted():
    assert "chef d'équipe" in texts_of("Un chef d'équipe.", "fr", ngram_max=2)
    assert texts_of("La gestion de sinistres.", "fr", ngram_max=2) == ["sinistres"]


def test_names_end_a_phrase():
    found = find_phrases("Service de Brimwell, soudure Brimwell", 3, frozenset({"brimwell"}), "fr")
    assert not any("brimwell" in key for key in found)
    assert "soudure" in found


def test_other_languages_are_read_as_english():
    text = "You analyze customer feedback."
    assert find_phrases(text, 3, language="pl") == find_phrases(text, 3)


@pytest.mark.parametrize("language", ["de", "es", "fr", "it", "nl"])
@pytest.mark.parametrize(
    "text",
    ["de " * 4000, "l'" * 5000, "A/" * 5000, "gestion de " * 1000, "e.e" * 3333, "a-" * 5000],
    ids=lambda text: repr(text[:9]),
)
def test_time_is_linear_in_the_length(text, language):
    find_phrases("warm up", 3, language=language)
    start = time.process_time()
    find_phrases(text, 3, language=language)
    assert time.process_time() - start < 1


def test_the_lists_of_filler_are_short_and_have_no_word_twice():
    path = Path(ROOT, "jobgen", "data", "keywords", "filler_words.json")
    for language, words in json.loads(path.read_text("utf-8")).items():
        assert len(words.split()) < 150, language
        assert len(set(words.split())) == len(words.split()), language
