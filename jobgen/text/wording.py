"""How postings are worded: gender-coded words and the reading grade.

The lists of gender-coded words are those of Gaucher, Friesen and Kay (2011), "Evidence That
Gendered Wording in Job Advertisements Exists and Sustains Gender Inequality", appendix A. The words
are counted and reported, never changed.
"""

import re

import textstat

_MASCULINE = """active* adventurous* aggress* ambitio* analy* assert* athlet* autonom* boast*
challeng* compet* confident* courag* decide* decision* decisive* determin* domina* force* greedy
headstrong hierarch* hostil* impulsive* independen* individual* intellect* lead* logic* masculine*
objective* opinion* outspoken* persist* principle* reckless* self-confiden* self-relian*
self-sufficien* stubborn* superior*"""
_FEMININE = """affectionate* cheer* child* commit* communal* compassion* connect* considerate*
cooperat* depend* emotiona* empath* feminine* flatterable* gentle* honest* interdependen*
interpersonal* kind kinship* loyal* modesty* nag* nurtur* pleasant* polite* quiet* respon* sensitiv*
submissive* support* sympath* tender* together* trust* understand* warm* whin* yield*"""


def _pattern(words: str) -> re.Pattern[str]:
    alternatives = "|".join(word.replace("*", r"\w*") for word in words.split())
    return re.compile(rf"(?<![\w-])(?:{alternatives})(?!\w)", re.IGNORECASE)


_MASCULINE_WORDS, _FEMININE_WORDS = _pattern(_MASCULINE), _pattern(_FEMININE)


def gender_coded(text: str) -> tuple[int, int]:
    """Numbers of masculine-coded and of feminine-coded words in a text.

    >>> gender_coded("You lead analyses and support our team. A leaderboard helps.")
    (3, 1)
    """
    return len(_MASCULINE_WORDS.findall(text)), len(_FEMININE_WORDS.findall(text))


def reading_grade(text: str) -> float:
    r"""School grade in the United States that a text requires of its readers; nan without a word.

    This is the index of Coleman and Liau (1975; `textstat`). It counts letters, words and sentences
    but no syllables, and so needs no dictionary. The end of a line ends a sentence, because items
    of lists have no full stop.

    >>> reading_grade("We hire.\nYou come.") < reading_grade("Organisational responsibilities")
    True
    """
    if not re.search(r"\w", text):
        return float("nan")
    return textstat.coleman_liau_index(re.sub(r"(?<![.!?\s])\s*\n", ".\n", text))
