"""Restore line breaks that were lost after punctuation, numbers and brackets, and before fields."""

import re

from jobgen.data.cleaning.openers import HEADINGS, OPENERS, SHORT_OPENERS, SURE_HEADINGS
from jobgen.data.vocabulary import LABEL, Vocabulary
from jobgen.text.characters import LOWER, UPPER

# So many postings must have the name of a field, or a sentence that begins with a word.
_FEW, _MANY = 3, 10
# `Requirements3+ years`, `physics2 years`: a count of time after a word.
_COUNT = re.compile(
    rf"(?:(?<=[{LOWER}]{{3}})|(?<=[{UPPER}]{{3}})|(?<=\)))"
    r"(?=\d{1,2}(?:\s?[-–]\s?\d{1,2})?(?:\s?\+|\s(?:or|to)\s(?:more|\d{1,2}))?"
    r"\s?(?:\+\s|(?i:years?|yrs?|months?|weeks?|jahre?n?|monate?|ans?|années|mois|años|meses|anni|mesi"
    r"|jaar|maanden)\b))"
)
# `experienceA minimum`, `experienceB.S. in`: only where a table has lost most of its line breaks.
_ARTICLE = re.compile(
    rf"(?<=[{LOWER}]{{2}})(?=A [^\W\d_])"
    rf"|(?<=[{LOWER}]{{2}})(?=(?:[BM]\.?(?:S|A|Sc|Tech)|MBA|Ph\.? ?D)\b)"
    rf"|(?<=[{LOWER}]{{4}})(?=C(?:\+\+|#))"
)
# `NapoliSettore: IT`, `Manchester NHDuration: 3 months`: the name of a field.
_FIELD = re.compile(rf"(?:(?<=[^\W_])|(?<=\)))({LABEL})")
# `Node.jsExperience`
_FILE = re.compile(rf"(?<=\w\.js)(?=[{UPPER}][{LOWER}])")
# What may end a sentence, heading or item, right before a capitalized word that ends there, unlike
# in `dask.DataFrames`, and that is not the ending of a file or a domain.
_MARK = re.compile(
    rf"(?P<mark>[.!?:;]{{1,3}}|[%)+#]|(?<=\d\d)\d)"
    rf"(?=(?P<word>[{UPPER}][{LOWER}]+|[AI])[ ,’'\n:])"
    r"(?!(?:Net|Js|Ts|Ai|Io|Ml|Com|Org|Co|Py|Health)\b)"
)
# Three small letters before the mark: a word, unlike `e.g.`, `Jane.Doe@...` and `3.Go`.
_WORD_END = re.compile(rf"[{LOWER})]{{3}}\Z")
_BRACKET_END = re.compile(r"[^\W_.%]\Z")
_ABBREVIATION = re.compile(
    r"(?i)(?:\b(?:e\.g|i\.e|vs|approx|incl|mr|mrs|ms|dr|st|no)|(?:\A|\s)\d{1,2})\Z"
)
_SHARP = re.compile(r"\b[CF]\Z")
_CODE = re.compile(r"\w\.[a-z]+\Z")  # `java.util.List`


def split_at_fields(text: str, vocabulary: Vocabulary) -> tuple[str, int]:
    r"""Begin a line before counts of time, and before the names of fields of other postings too.

    >>> split_at_fields("Requirements3+ years of work", Vocabulary())
    ('Requirements\n3+ years of work', 1)
    """
    text, counts = _COUNT.subn("\n", text)
    if vocabulary.has_lost_breaks:
        text, articles = _ARTICLE.subn("\n", text)
        counts += articles
    pieces: list[str] = []
    copied_to = 0
    for match in _FIELD.finditer(text):
        if vocabulary.labels.get(match[1], 0) >= _FEW:
            pieces.append(text[copied_to : match.start()])
            copied_to = match.start()
    return "\n".join([*pieces, text[copied_to:]]), counts + len(pieces)


def split_at_marks(text: str, vocabulary: Vocabulary) -> tuple[str, int]:
    r"""Begin a line after the end of a sentence or heading to which the next word is glued.

    >>> split_at_marks("Get it right.Key skills: e.g.Java, SQL.You ride 10.Go", Vocabulary())
    ('Get it right.\nKey skills: e.g.Java, SQL.\nYou ride 10.Go', 2)
    """
    pieces: list[str] = []
    copied_to = 0
    for match in _MARK.finditer(text):
        before = text[max(0, match.start() - 40) : match.start()]
        if _ends(before, match["mark"], match["word"], vocabulary):
            pieces.append(text[copied_to : match.end()])
            copied_to = match.end()
    split = "\n".join([*pieces, text[copied_to:]])
    split, files = _FILE.subn("\n", split)
    return split, len(pieces) + files


def _ends(before: str, mark: str, word: str, vocabulary: Vocabulary) -> bool:
    """Whether a sentence, heading or item ends with a mark.

    Args:
        before: what stands before the mark.
        mark: punctuation, a closing bracket, a digit or another sign.
        word: the capitalized word after it.
        vocabulary: the words of the table.
    """
    if mark[0] in ".!?:;" and _WORD_END.search(before):
        return not _CODE.search(before) or word.lower() in OPENERS
    if mark == ")" and len(word) > 2 and _BRACKET_END.search(before):
        return True
    is_weak = mark.startswith((":", "..")) or before[-1:].isspace()
    if is_weak or _ABBREVIATION.search(before) or (mark == "#" and not _SHARP.search(before)):
        return False
    # `SQL.You`, `10%Must`, `2018Experience`: by the word that follows.
    opener, starts = word.lower(), vocabulary.starts.get(word, 0)
    if vocabulary.has_lost_breaks:
        return opener in OPENERS | HEADINGS | SHORT_OPENERS or starts >= _FEW
    is_sign = not mark.isdigit()
    return is_sign and (opener in OPENERS | SURE_HEADINGS or starts >= _MANY)
