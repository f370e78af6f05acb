"""Statements on equal opportunity: what an employer says of applicants, not of a job.

Such a sentence names several grounds on which nobody is to be discriminated against, or says in set
words that the employer gives everybody the same chances. What stands beside it in its paragraph and
speaks of diversity or of help with the application belongs to it.
"""

import re

# The grounds of laws on discrimination, by the beginnings of words in six languages; each group
# is one ground.
_GROUNDS = [
    re.compile(rf"\b(?:{stems})", re.IGNORECASE)
    for stems in (
        r"rac(?:e|ial)\b|hautfarbe|ras\b|raza|razza|colou?r\b|couleur|ethni|etni",
        r"religi|creed\b|weltanschauung|croyance|belie(?:f|fs)\b|geloof",
        r"sex\b|gender|geschlecht|sexe\b|sexo\b|sesso\b|geslacht|género|genere\b",
        r"sexual orientation|sexuelle|orientation sexuelle|orientación sexual|orientamento sess"
        r"|seksuele|geaardheid",
        r"national origin|nationalit|nationalität|ancestry|herkunft|origine|origen\b|afkomst"
        r"|citizenship",
        r"disabilit|disabled|behinderung|handicap|discapacidad|beperking",
        r"age\b|alter\b|âge\b|edad\b|età\b|leeftijd",
        r"veteran|military|uniformed",
        r"marital|civil partnership|familienstand|pregnan|parental status|family status",
        r"genetic|medical condition|protected (?:by law|class|characteristic|status|categor)",
    )
]
_MANY_GROUNDS = 3
_SET_WORDS = re.compile(
    r"\bequal[ -](?:employment[ -])?opportunit(?:y|ies)\b.{0,80}?"
    r"\b(?:employer|workplace|applicant)"
    r"|\b(?:employer|committed to|commitment to|provides?|promot\w+|believes? in|policy of)\b"
    r".{0,80}?\bequal[ -](?:employment[ -])?opportunit"
    r"|\bwithout regard to\b|\breasonable accommodations?\b|\baffirmative action\b.{0,40}\bemployer"
    r"|\ball qualified applicants\b|\bEEOC?\b.{0,40}\bemployer",
    re.IGNORECASE,
)
_BESIDE = re.compile(
    r"\bdivers|\binclus|\baccommodat|\bdiscriminat|\bharass|\bapplicants?\b|\bequal|\bbackgrounds?\b"
    r"|\bvielfalt|\bchancengleich|\bdiversité|\bégalité|\bdiversidad|\bpari opportunit",
    re.IGNORECASE,
)
# Where line breaks were lost, several blanks or a bullet stand for them.
_SENTENCE = re.compile(r"(.+?)((?<=[.!?])[ ]+|[ ]{2,}|[ ]•[ ]|$)")


def without_statements(text: str) -> str:
    r"""A posting without its statements on equal opportunity; the whole if nothing would be left.

    >>> without_statements("Fix bikes.\nWe hire without regard to race. All backgrounds welcome.")
    'Fix bikes.'
    """
    lines = text.split("\n")
    rest = [_kept_sentences(line) for line in lines]
    kept = [line for line, before in zip(rest, lines, strict=True) if line or not before]
    return "\n".join(kept).strip() or text


def _kept_sentences(line: str) -> str:
    sentences = _SENTENCE.findall(line)
    are_statements = [_is_statement(sentence) for sentence, _ in sentences]
    if not any(are_statements):
        return line
    kept = [
        sentence + end
        for (sentence, end), is_statement in zip(sentences, are_statements, strict=True)
        if not is_statement and not _BESIDE.search(sentence)
    ]
    return "".join(kept).strip()


def _is_statement(sentence: str) -> bool:
    grounds = sum(bool(ground.search(sentence)) for ground in _GROUNDS)
    return grounds >= _MANY_GROUNDS or bool(_SET_WORDS.search(sentence))
