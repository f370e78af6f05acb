"""Replace telephone numbers by `[phone]`."""

import re
from collections.abc import Sequence

from jobgen.text.characters import UPPER
from jobgen.text.redaction.patterns import PHONE, change_lines, parted
from jobgen.text.redaction.phone_contexts import find_cue, is_identifier
from jobgen.text.redaction.phone_numbers import (
    FORMATS_OF_DIGITS,
    GROUP,
    LONGEST,
    PAIRS,
    count_digits,
    is_phone,
    is_valid,
)
from jobgen.text.redaction.regions import guess_regions

_PHONE_MARK = re.compile(r"\d[\d ()./–‐‑-]{4,}\d|\d-[A-Z]{3}|\d\)-?[ ]?\d")
_SEPARATOR = r"(?:[ \t]?[-./–‐‑][ \t]?|[ \t])"
_EXTENSION = (
    r"(?:[ ]?[,;|-]?[ ]?\(?[ ]?(?:ext?(?:ension|n)?|x(?:tn)?|poste|interno|toestel|Durchwahl|DW|"
    r"App(?:arat)?)(?:[ ]no)?[ ]?[.:#]{0,2}[ ]?[#-]?[ ]?(?:\d{1,6}|\(\d{1,6}\))(?:[/]\d{2,6})?\)?"
    r"|[ ]?\*\d{2,5})?"
)
# A word may be glued to a number of known shape, on either side: `Example303-555-0193Email`.
_NOT_INSIDE = r"(?:(?<![\w.,$€£#+-])|(?<=[a-zß-ÿ])|(?<=: -)|(?<=:-))(?<!\d[ ]-)"
_NOT_BEFORE = (
    rf"(?!\d|[$€%_]|[-–][\w(]|[.,]\d(?!\d\d[-.]\d{{3}})|[{UPPER}](?![^\W\d_]|[ ]?:)|[^\W\d{UPPER}_]"
    r"(?![^\W\d_]))"
)
_COUNTRY = rf"(?:\(\+?1\)[ -]?|(?:\+[ ]?)?(?:1{_SEPARATOR}?{_SEPARATOR}?)?)"
_AFTER = rf"(?i:{_EXTENSION}){_NOT_BEFORE}"
# North America: brackets or punctuation between the groups; spaces alone only after +1 or 1.
_AMERICAN = re.compile(
    rf"(?<![$€£#+])(?<![.,]){_COUNTRY}\([ ]?\d{{3}}[ ]?\)[ ]?{_SEPARATOR}?[ ]?"
    rf"\(?\d{{3}}\)?{_SEPARATOR}?\(?\d{{4}}\)?{_AFTER}"
    rf"|{_NOT_INSIDE}{_COUNTRY}[2-9]\d\d[ ]?(?:--|[-.–/])[ ]?[2-9]\d\d[ ]?(?:--|[-.– ])[ ]?"
    rf"\d{{4}}{_AFTER}"
    rf"|{_NOT_INSIDE}\+?1{_SEPARATOR}\d{{3}}{_SEPARATOR}\d{{3}}{_SEPARATOR}\d{{4}}{_AFTER}"
    # letters for digits: 1-800-EXAMPLE
    rf"|{_NOT_INSIDE}(?:\+?1-)?8\d\d-(?:[A-Z]{{7}}|\d{{3}}-[A-Z]{{4}}|[A-Z]{{3}}-[A-Z]{{4}})"
    r"(?![\w$€%]|[-–][\w(]|[.,]\d)"
)
_PHONE_ON_ITS_LINE = re.compile(r"^(?:[2-9]\d{9}|[2-9]\d\d[ ]\d{3}[ ]\d{4})$")
# Groups of digits in any other format; what they are is told from their surroundings.
_GAP = r"(?:[ ]?[-/–‐‑][ ]?|\.|[ ]|[ ]?\.[ ]|(?<=\))|(?=\())"
# Digits in words: `Two*One*Two---Five*Five*Five---Zero*One*Zero*Zero`.
_IN_WORDS = re.compile(
    r"(?i)(?<!\w)(?:(?:zero|one|two|three|four|five|six|seven|eight|nine)[^\w\n,;]{1,4}){6,14}"
    r"(?:zero|one|two|three|four|five|six|seven|eight|nine)(?!\w)"
)
# Where several numbers differ only in their last digits, these alone may follow: `55 01 00, 01`.
_OTHER_ENDING = re.compile(
    r"(?:(?:,|[ ](?:and|or))[ ]?-?\d\d){1,3}(?=[.;)]?(?:\s|\Z)(?![ ]?[a-z\d]))"
)
_RUN = re.compile(
    rf"(?:(?<![\w$€£#@+])|(?<=[a-zß-ÿ]))(?<!\d\.)(?:(?<!\d,)|(?={PAIRS}))(?<!\w-)(?<!\d[ ]-)"
    rf"(?>(?:\[\d[\d ]{{1,5}}\][ ]?)?(?:\+[ ]?)?\(?\+?\d[\d()]{{0,15}}"
    rf"(?:{_GAP}[ ]?[\d()]{{1,16}}){{0,14}}(?i:{_EXTENSION}))"
)
# A line break inside a number, whose last digits begin the next line, and what stands before it.
_WRAP = re.compile(
    r"(?<=[\d)])\n(?=(\d\d(?:[ -]?\d\d){0,2})(?:[.,;)\n]|\Z|[ ](?i:or|and|e-?mail|fax)\b))"
)
_LINE_END = re.compile(r"\(?\+?\d[\d() -]{0,16}\Z")
_HOURS = re.compile(r"[ ](?:24[ ]?/[ ]?7(?:/365)?|[6-9][ ]?[-–][ ]?[1-9]|(?:19|20)\d\d)\Z")


def _trim(text: str, start: int, end: int) -> tuple[int, int]:
    """Leave brackets that close what the number stands in, blanks and hours outside of it."""
    number = text[start:end]
    while number and (
        number[-1] in " (" or number[-1] == ")" and number.count("(") < number.count(")")
    ):
        number = number[:-1]
    if number.startswith("(") and number.count("(") > number.count(")"):
        number, start = number[1:], start + 1
    if re.match(r"\([^()]*\)\Z", number) and count_digits(number) >= 6:
        number, start = number[1:-1], start + 1
    hours = _HOURS.search(number)
    if hours and count_digits(number[: hours.start()]) >= 9:
        number = number[: hours.start()]
    return start, start + len(number)


def _pieces(text: str, start: int, end: int, regions: tuple[str, ...]) -> list[tuple[int, int]]:
    """The single numbers of a run of digits, as spans of the text."""
    run = text[start:end]
    for gap in re.finditer(r"[ ]?/[ ]?|[ ][–-][ ]|[ ](?=\+|00|\()", run):
        left, right = run[: gap.start()], run[gap.end() :]
        fewest = 9 if left.startswith(("+", "00")) else 6
        if (count_digits(left) >= fewest and count_digits(right) >= 6) or (
            count_digits(run) > LONGEST and count_digits(left) >= 6
        ):
            return [
                _trim(text, start, start + gap.start()),
                *_pieces(text, start + gap.end(), end, regions),
            ]
    if count_digits(run) > LONGEST:
        for group in reversed(list(GROUP.finditer(run))[:-1]):
            digits = FORMATS_OF_DIGITS.sub("", run[: group.end()])
            if len(digits) <= LONGEST and is_valid(digits, regions):
                rest = start + group.end() + 1
                return [_trim(text, start, start + group.end()), *_pieces(text, rest, end, regions)]
    return [_trim(text, start, end)]


def _join_wrapped(match: re.Match[str]) -> str:
    """A blank instead of a line break inside a number, where a word announces the number."""
    before = match.string[max(0, match.start() - 90) : match.start()]
    left = _LINE_END.search(before)
    if not left or not find_cue(before[: left.start()]):
        return match[0]
    n_left, n_right = count_digits(left[0]), sum(map(str.isdigit, match[1]))
    is_whole = n_left >= 6 and (n_right > 4 or len(GROUP.findall(left[0])[-1]) != 2)
    return match[0] if is_whole or not 5 <= n_left + n_right <= 12 else " "


def redact_phones(
    text: str, regions: Sequence[str] | None = None, origin: str | None = None
) -> tuple[str, int]:
    """Replace telephone and fax numbers with their extensions.

    Numbers with a calling code and those of American, British and French form are found anywhere;
    national numbers of other forms where they are valid in one of the regions
    (https://github.com/google/libphonenumber); others after words such as `Tel.` or `call`. Ten
    digits in a row count as a phone number only after such a word, or alone on a line that follows
    no heading such as `Requisition ID`.

    Args:
        text: the whole text.
        regions: ISO codes of the countries whose national numbers are looked for, such as "FR".
            None takes them from `origin` (`jobgen.text.redaction.regions.guess_regions`).
        origin: the text with its addresses, if they have been replaced in `text`.

    Returns:
        The text, and the number of replacements.

    >>> redact_phones("(212) 555-0100 ext. 12, +49 30 5550100, 1.800.555.0199, Call 2125550100")
    ('[phone], [phone], [phone], Call [phone]', 4)
    >>> redact_phones("Tel: 54 21 00, 54 39 00; (04/75/00/00/31); Rufnummer 0179 / 300 0 100")
    ('Tel: [phone], [phone]; ([phone]); Rufnummer [phone]', 4)
    >>> redact_phones("401(k), $555.0100, 2015-2021, Python 3.11.2, ID 212-555-0100")
    ('401(k), $555.0100, 2015-2021, Python 3.11.2, ID 212-555-0100', 0)
    """
    chosen = None if regions is None else tuple(regions)
    text = _WRAP.sub(_join_wrapped, text)
    text, n_in_words = _IN_WORDS.subn(PHONE, text)

    def change(line: str, position: int) -> tuple[str, int]:
        nonlocal chosen
        count = n_previous = 0

        def replace_american(match: re.Match[str]) -> str:
            nonlocal count
            start = position + match.start()
            # Taken from the whole text: a heading `Requisition ID` may be on the line above.
            if is_identifier(text[max(0, start - 30) : start]):
                return match[0]
            count += 1
            return parted(text[start - 1 : start], PHONE, match.string[match.end() :][:1])

        line = _PHONE_ON_ITS_LINE.sub(replace_american, line)
        line = _AMERICAN.sub(replace_american, line)
        done = ""
        copied_to = 0
        for match in _RUN.finditer(line):
            if count_digits(match[0]) < 5:
                continue
            if chosen is None:
                chosen = guess_regions(text if origin is None else origin)
            for start, end in _pieces(line, match.start(), match.end(), chosen):
                before = (text[max(0, position - 80) : position] + done + line[copied_to:start])[
                    -90:
                ]
                after = line[end : end + 20]
                if re.match(
                    r"[$€£%_]|[.]\d|[-–]\d|(?!E-?[mM]ail)[-–]?\w(?![\w:])", after
                ) or not is_phone(line[start:end], before, after, chosen, n_previous):
                    continue
                n_previous = count_digits(line[start:end])
                more = _OTHER_ENDING.match(line, end)
                if more and n_previous < 8:
                    end = more.end()
                    after = line[end : end + 20]
                done += line[copied_to:start] + parted(before[-1:], PHONE, after)
                copied_to, count = end, count + 1
        return done + line[copied_to:], count

    text, count = change_lines(text, _PHONE_MARK, change)
    return text, count + n_in_words
