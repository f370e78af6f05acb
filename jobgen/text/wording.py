"""How postings are worded: for men or for women, and for readers of which grade.

The lists of gender-coded words are those of Gaucher, Friesen and Kay (2011), "Evidence That
Gendered Wording in Job Advertisements Exists and Sustains Gender Inequality", appendix A. Counted
and shown, never changed.
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
    parts = "|".join(word.replace("*", r"\w*") for word in words.split())
    return re.compile(rf"(?<![\w-])(?:{parts})(?!\w)", re.IGNORECASE)


_MASCULINE_WORDS, _FEMININE_WORDS = _pattern(_MASCULINE), _pattern(_FEMININE)


def gender_coded(text: str) -> tuple[int, int]:
    """How many masculine-coded and how many feminine-coded words a text has.

    >>> gender_coded("You lead analyses and support our team. A leaderboard helps.")
    (3, 1)
    """
    return len(_MASCULINE_WORDS.findall(text)), len(_FEMININE_WORDS.findall(text))


def reading_grade(text: str) -> float:
    r"""School grade in the United States that a text asks of its readers; nan without a word.

    The index of Coleman and Liau (1975; `textstat`), which knows letters, words and sentences but
    no syllables, and so needs no dictionary. A line ends a sentence, as the items of lists do.

    >>> reading_grade("We hire.\nYou come.") < reading_grade("Organisational responsibilities")
    True
    """
    if not re.search(r"\w", text):
        return float("nan")
    return textstat.coleman_liau_index(re.sub(r"(?<![.!?\s])\s*\n", ".\n", text))
