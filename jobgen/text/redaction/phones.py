"""Replace telephone numbers by `[phone]`."""

import re
from collections.abc import Sequence
from functools import lru_cache

import phonenumbers

from jobgen.text.characters import UPPER
from jobgen.text.redaction.patterns import PHONE, change_lines, parted
from jobgen.text.redaction.phone_contexts import (
    NO_PHONE,
    NO_PHONE_ALONE,
    find_cue,
    is_amount,
    is_identifier,
    is_near_telephone,
    is_telephone,
)
from jobgen.text.redaction.regions import guess_regions

_PHONE_MARK = re.compile(r"\d[\d ()./–‐‑-]{4,}\d|\d-[A-Z]{3}|\d\)-?[ ]?\d")
_SEPARATOR = r"(?:[ \t]?[-./–‐‑][ \t]?|[ \t])"
_EXTENSION = (
    r"(?:[ ]?[,-]?[ ]?(?:ext?(?:ension|n)?|x|poste|interno|toestel|Durchwahl|DW|App(?:arat)?)"
    r"[ ]?[.:]?[ ]?(?:\d{1,6}|\(\d{1,6}\))|[ ]?\*\d{2,5})?"
)
# A word may be glued to a number of known shape, on either side: `Example303-555-0193Email`.
_NOT_INSIDE = r"(?:(?<![\w.,$€£#+-])|(?<=[a-zß-ÿ])|(?<=: -)|(?<=:-))(?<!\d[ ]-)"
_NOT_BEFORE = (
    rf"(?!\d|[$€%_]|[-–][\w(]|[.,]\d(?!\d\d[-.]\d{{3}})|[{UPPER}](?![^\W\d_]|[ ]?:)|[^\W\d{UPPER}_]"
    r"(?![^\W\d_]))"
)
_COUNTRY = rf"(?:\+[ ]?)?(?:1{_SEPARATOR}?{_SEPARATOR}?)?"
_AFTER = rf"(?i:{_EXTENSION}){_NOT_BEFORE}"
# North America: brackets or punctuation between the groups; spaces alone only after +1 or 1.
_AMERICAN = re.compile(
    rf"(?<![$€£#+])(?<![.,]){_COUNTRY}\(\d{{3}}\)[ ]?{_SEPARATOR}?[ ]?\(?\d{{3}}\)?{_SEPARATOR}?"
    rf"\(?\d{{4}}\)?{_AFTER}"
    rf"|{_NOT_INSIDE}{_COUNTRY}[2-9]\d\d[ ]?[-.–/][ ]?[2-9]\d\d[ ]?[-.– ][ ]?\d{{4}}{_AFTER}"
    rf"|{_NOT_INSIDE}\+?1{_SEPARATOR}\d{{3}}{_SEPARATOR}\d{{3}}{_SEPARATOR}\d{{4}}{_AFTER}"
    # letters for digits: 1-800-EXAMPLE
    rf"|{_NOT_INSIDE}(?:\+?1-)?8\d\d-(?:[A-Z]{{7}}|\d{{3}}-[A-Z]{{4}}|[A-Z]{{3}}-[A-Z]{{4}})"
    r"(?![\w$€%]|[-–][\w(]|[.,]\d)"
)
_PHONE_ON_ITS_LINE = re.compile(r"^(?:[2-9]\d{9}|[2-9]\d\d[ ]\d{3}[ ]\d{4})$")
# Groups of digits in any other format; what they are is told from their surroundings.
_GAP = r"(?:[ ]?[-/–‐‑][ ]?|\.|[ ]|[ ]?\.[ ]|(?<=\))|(?=\())"
# A number of a town, without a code: `55 01 00`, `5-01-00`, `55 0100`, `555-010`, `550100`; where
# several differ only in their last digits, these alone may follow: `55-01-00/01`, `55 01 00, 01`.
_PAIRS = r"\d{1,2}[ ]?[ -][ ]?\d\d[ ]?[ -][ ]?\d\d(?!\d)"
_LOCAL = re.compile(rf"(?:{_PAIRS}|\d{{2,3}}[ ]?[ -][ ]?\d{{3,4}}|\d{{6}})(?:/\d\d){{0,3}}\Z")
_FAR_SHAPE = re.compile(r"(?<!\d)\d\d-\d\d-\d\d(?:/\d\d){0,3}\Z")
# Digits in words: `Two*One*Two---Five*Five*Five---Zero*One*Zero*Zero`.
_IN_WORDS = re.compile(
    r"(?i)(?<!\w)(?:(?:zero|one|two|three|four|five|six|seven|eight|nine)[^\w\n,;]{1,4}){6,14}"
    r"(?:zero|one|two|three|four|five|six|seven|eight|nine)(?!\w)"
)
_OTHER_ENDING = re.compile(r"(?:,[ ]?\d\d){1,3}(?=[.;)]?(?:\s|\Z)(?![ ]?[a-z\d]))")
_RUN = re.compile(
    rf"(?:(?<![\w$€£#@+])|(?<=[a-zß-ÿ]))(?<!\d\.)(?:(?<!\d,)|(?={_PAIRS}))(?<!\w-)(?<!\d[ ]-)"
    rf"(?>(?:\[\d[\d ]{{1,5}}\][ ]?)?(?:\+[ ]?)?\(?\+?\d[\d()]{{0,15}}"
    rf"(?:{_GAP}[ ]?[\d()]{{1,16}}){{0,14}}(?i:{_EXTENSION}))"
)
# A line break inside a number, whose last digits begin the next line, and what stands before it.
_WRAP = re.compile(
    r"(?<=[\d)])\n(?=(\d\d(?:[ -]?\d\d){0,2})(?:[.,;)\n]|\Z|[ ](?i:or|and|e-?mail|fax)\b))"
)
_LINE_END = re.compile(r"\(?\+?\d[\d() -]{0,16}\Z")
_GROUP = re.compile(r"\+?\(?\d+\)?")
# Shapes that need no other evidence than their groups: Britain `0161 555 0100`, `(0161) 555 0100`,
# `01632-555010`, and France `06 51 00 00 15`.
_NATIONAL_SHAPE = re.compile(
    r"\(?0[1-9]\d{1,3}\)?[ ]\d{3,4}[ ]?\d{3,4}\Z|\(0[1-9]\d{1,4}\)[ ]?\d{2,4}[ -]?\d{2,6}\Z"
    r"|0[1-9]([ ./-])\d\d(?:\1\d\d){3}\Z"
)
_BRITISH = re.compile(r"\(?0[12378]\d{1,9}\)?(?:(?:[ ]?[ .-][ ]?)?\d{2,8}){0,4}\Z")
# Shapes that need no other evidence than a text of their region.
_SHAPES_OF_REGIONS = {
    region: re.compile(shape + r"\Z")
    for region, shape in {
        "AM": r"\(374[ -]?\d\d\)[ ]?\d\d[- ]?\d\d[- ]?\d\d",
        "AU": r"1[38]00[ ]\d{3}[ ]\d{3}",
        "BR": r"\(\d\d\)[ ]?9?\d{4}[- ]?\d{4}",
        "FR": r"0[1-79]\d{8}",
        "IN": r"[6-9]\d{4}[ -](?!\d?0{3})\d{5}",
        "IT": r"3[2-9]\d[ ]\d{6,7}",
        "NG": r"0[789][01]\d{8}",
        "PL": r"(?:45|5[0137]|6[069]|7[2389]|88)\d([ -])\d{3}\1(?!000)\d{3}",
    }.items()
}
_FORMATS_OF_DIGITS = re.compile(r"[^\d+]")
_HOURS = re.compile(r"[ ](?:24[ ]?/[ ]?7(?:/365)?|[6-9][ ]?[-–][ ]?[1-9]|(?:19|20)\d\d)\Z")
_ROUND = re.compile(r"(?:\+|00)\d{1,4}0{6,}\Z")  # `+10 000 000 users`
_LONGEST = 15  # digits, E.164


@lru_cache(maxsize=4096)
def _is_valid(digits: str, regions: tuple[str, ...]) -> bool:
    """Whether digits, with or without `+`, are a valid number of one of the regions."""
    for region in ("ZZ",) if digits.startswith("+") else regions:
        metadata = phonenumbers.PhoneMetadata.metadata_for_region(region)
        # Where numbers are written with a 0 before them, those without one are something else.
        if metadata and metadata.national_prefix == "0" and not digits.startswith("0"):
            continue
        try:
            number = phonenumbers.parse(digits, region)
        except phonenumbers.NumberParseException:
            continue
        # A number that begins like the calling code of its region (`39/...` in Italy) is none.
        n_lost = len(digits) - len(phonenumbers.national_significant_number(number))
        if (n_lost <= 1 or region == "ZZ") and phonenumbers.is_valid_number(number):
            return True
    return False


def _count(number: str) -> int:
    """Number of its digits, its extension left out."""
    return sum(map(str.isdigit, re.split(r"[a-zA-Z*]", number)[0]))


def _trim(text: str, start: int, end: int) -> tuple[int, int]:
    """Leave brackets that close what the number stands in, blanks and hours outside of it."""
    number = text[start:end]
    while number and (
        number[-1] in " (" or number[-1] == ")" and number.count("(") < number.count(")")
    ):
        number = number[:-1]
    if number.startswith("(") and number.count("(") > number.count(")"):
        number, start = number[1:], start + 1
    if re.match(r"\([^()]*\)\Z", number) and _count(number) > 6:
        number, start = number[1:-1], start + 1
    hours = _HOURS.search(number)
    if hours and _count(number[: hours.start()]) >= 9:
        number = number[: hours.start()]
    return start, start + len(number)


def _pieces(text: str, start: int, end: int, regions: tuple[str, ...]) -> list[tuple[int, int]]:
    """The single numbers of a run of digits, as spans of the text."""
    run = text[start:end]
    for gap in re.finditer(r"[ ]?/[ ]?|[ ][–-][ ]|[ ](?=\+|00|\()", run):
        left, right = run[: gap.start()], run[gap.end() :]
        fewest = 9 if left.startswith(("+", "00")) else 6
        if (_count(left) >= fewest and _count(right) >= 6) or (
            _count(run) > _LONGEST and _count(left) >= 6
        ):
            return [
                _trim(text, start, start + gap.start()),
                *_pieces(text, start + gap.end(), end, regions),
            ]
    if _count(run) > _LONGEST:
        for group in reversed(list(_GROUP.finditer(run))[:-1]):
            digits = _FORMATS_OF_DIGITS.sub("", run[: group.end()])
            if len(digits) <= _LONGEST and _is_valid(digits, regions):
                rest = start + group.end() + 1
                return [_trim(text, start, start + group.end()), *_pieces(text, rest, end, regions)]
    return [_trim(text, start, end)]


def _is_phone(
    number: str, before: str, after: str, regions: tuple[str, ...], n_previous: int
) -> bool:
    """Whether groups of digits are a telephone number, from their form and their surroundings."""
    n_digits = _count(number)
    if not 5 <= n_digits <= _LONGEST + 1 or NO_PHONE.match(number) or is_amount(after):
        return False
    plain = re.split(r"[ ,-]*[a-zA-Z*]", number)[0]
    digits = _FORMATS_OF_DIGITS.sub("", plain)
    groups = _GROUP.findall(plain)
    is_glued = before[-1:].isalpha()
    if digits.startswith("+") or (
        digits.startswith("00") and re.match(r"00[1-9]\d?[ ./(-]", plain)
    ):
        return n_digits >= 8 and not _ROUND.match(digits) and not is_identifier(before)
    cue = find_cue(before)
    if _LOCAL.match(plain) and _is_local(plain, cue, before, after, n_previous):
        return True
    if cue == "far" and _FAR_SHAPE.search(plain) or is_telephone(after):
        return True
    if n_digits < 6 or NO_PHONE_ALONE.match(number):
        return False
    if cue == "strong":
        fewest = 7 if len(groups) > 1 else 7 if before.rstrip()[-1:] in ":.=\"'" else 9
        return n_digits >= fewest or len(groups) > 2
    if cue == "list":
        return n_digits >= 7 or len(groups) > 2
    if is_glued or is_identifier(before):
        return False
    if cue == "weak" and n_digits >= (7 if len(groups) > 1 else 8):
        return True
    if cue == "person" and n_digits >= 10:
        return True
    if cue == "number" and n_digits >= 8 and (digits.startswith("0") or _is_valid(digits, regions)):
        return True
    return _is_national(plain, digits, len(groups), before, after, regions)


def _is_local(number: str, cue: str, before: str, after: str, n_previous: int) -> bool:
    """Whether five or six digits are a number without the code of its town."""
    if cue == "list":
        is_over = re.match(r"\s*(?:[,;.|)\n]|\Z|(?i:or|and|e-?mail|fax)\b)", after)
        return _count(number) == n_previous or bool(is_over) and n_previous > 5
    # `call 100-150 customers`
    is_range = NO_PHONE_ALONE.match(number) and number.count("-") == 1
    is_noun = (
        cue == "strong"
        or cue == "weak"
        and (not is_range or before.rstrip(" :(")[-3:] in (" at", " on"))
    )
    return is_noun and is_near_telephone(before)


def _is_national(
    plain: str, digits: str, n_groups: int, before: str, after: str, regions: tuple[str, ...]
) -> bool:
    """Whether digits without a word that announces them are a number of one of the regions."""
    if (
        not 9 <= len(digits) <= 12
        or re.search(r"(?<!\d)(?:19|20)\d\d(?!\d)", plain)
        and n_groups < 4
    ):
        return False
    if re.match(r"[,]\d", after) or before.endswith(("+", "=", "*")):
        return False
    if digits.startswith("0"):
        if n_groups > 1 and len(digits) >= 10 and _NATIONAL_SHAPE.match(plain):
            return True
        if "GB" in regions and len(digits) in (10, 11) and _BRITISH.match(plain):
            return True
    if any(shape.match(plain) for region, shape in _SHAPES_OF_REGIONS.items() if region in regions):
        return True
    is_alone = not before.split("\n")[-1].strip("• ") and after[:1] in ("", "\n")
    if n_groups == 1 and not is_alone:
        return False
    if re.match(r"[2-9]\d\d[ ]\d{3}[ -.]?\d{4}\Z", plain):
        return _is_valid(digits, ("US", "CA"))
    if not digits.startswith("0"):
        # `250 000 000` is an amount, and eight digits may be anything
        longest = max(len(group.strip("()")) for group in _GROUP.findall(plain))
        if not is_alone and (len({len(g) for g in _GROUP.findall(plain)}) == 1 or longest > 7):
            return False
        if re.match(r"\d{1,2}/", plain):
            return False  # `39/0010775` is the number of a register
        regions = tuple(region for region in regions if region not in ("US", "CA"))
    return _is_valid(digits, regions)


def _join_wrapped(match: re.Match[str]) -> str:
    """A blank instead of a line break inside a number, where a word announces the number."""
    before = match.string[max(0, match.start() - 90) : match.start()]
    left = _LINE_END.search(before)
    if not left or not find_cue(before[: left.start()]):
        return match[0]
    n_left, n_right = _count(left[0]), sum(map(str.isdigit, match[1]))
    is_whole = n_left >= 6 and (n_right > 4 or len(_GROUP.findall(left[0])[-1]) != 2)
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
            if _count(match[0]) < 5:
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
                ) or not _is_phone(line[start:end], before, after, chosen, n_previous):
                    continue
                n_previous = _count(line[start:end])
                more = _OTHER_ENDING.match(line, end)
                if more and n_previous < 8:
                    end = more.end()
                    after = line[end : end + 20]
                done += line[copied_to:start] + parted(before[-1:], PHONE, after)
                copied_to, count = end, count + 1
        return done + line[copied_to:], count

    text, count = change_lines(text, _PHONE_MARK, change)
    return text, count + n_in_words
