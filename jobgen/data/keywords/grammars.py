"""The little words that hold noun phrases together, in the languages other than English."""

from typing import NamedTuple


class Grammar(NamedTuple):
    """The little words of a language.

    Attributes:
        of: what joins a noun to another one that belongs to it.
        to: other prepositions that join two nouns: attention au détail.
        bare: of these, those that hold no article. Before a noun and `of` they are part of a longer
            preposition: en fonction de.
        articles: articles, which can stand after a joint.
        subjects: after these, a word that can be a verb is one.
    """

    of: frozenset[str]
    to: frozenset[str]
    bare: frozenset[str]
    articles: frozenset[str]
    subjects: frozenset[str]


def _grammar(*words: str) -> Grammar:
    return Grammar(*(frozenset(group.split()) for group in words))


GRAMMARS = {
    "de": _grammar(
        "von der des",
        "",
        "",
        "das dem den der des die ein eine einem einen einer eines",
        "du er es ich ihr man sie wir zu",
    ),
    "nl": _grammar("van", "", "", "de het een", "hij ik je jij men te u we wij ze zij"),
    "fr": _grammar(
        "de d' du des",
        "à au aux en",
        "à en",
        "l' la le les un une",
        "elle elles il ils j' je m' me n' ne nous on qui s' se t' te tu vous y",
    ),
    "es": _grammar(
        "de del",
        "a al en",
        "a en",
        "el la las los un una",
        "ella me no nos nosotros os que se te tú usted yo",
    ),
    "it": _grammar(
        "di d' del dello della dell' dei degli delle",
        "a al allo alla all' ai agli alle in da",
        "a in",
        "gli i il l' la le lo un un' una uno",
        "che ci io lei mi noi non si ti tu vi voi",
    ),
}
ROMANCE = ("es", "fr", "it")
