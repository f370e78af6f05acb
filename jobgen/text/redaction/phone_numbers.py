"""Tell telephone numbers from other groups of digits."""

import re
from functools import lru_cache

import phonenumbers

from jobgen.text.redaction.phone_contexts import (
    NO_PHONE,
    NO_PHONE_ALONE,
    find_cue,
    is_amount,
    is_identifier,
    is_near_telephone,
    is_telephone,
)

# A number of a town, without a code: `55 01 00`, `5-01-00`, `55 0100`, `555-010`, `550100`.
PAIRS = r"\d{1,2}[ ]?[ -][ ]?\d\d[ ]?[ -][ ]?\d\d(?!\d)"
_LOCAL = re.compile(
    rf"(?:{PAIRS}|\d{{2,3}}[ ]?[ -][ ]?\d{{3,4}}|\d{{4}}-\d\d|\d{{6}})(?:/\d\d){{0,3}}\Z"
)
# The same, where a verb stands some words before.
_FAR_SHAPE = re.compile(r"(?<!\d)\d\d-\d\d-\d\d(?:/\d\d){0,3}\Z")
GROUP = re.compile(r"\+?\(?\d+\)?")
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
        "AM": r"\(?374[ -]?\d{1,2}\)?[ -]?\d\d[- ]?\d\d[- ]?\d\d",
        "AU": r"1[38]00[ ]\d{3}[ ]\d{3}",
        "BR": r"\(\d\d\)[ ]?9?\d{4}[- ]?\d{4}",
        "FR": r"0[1-79]\d{8}",
        "IN": r"[6-9]\d{4}[ -](?!\d?0{3})\d{5}",
        "IT": r"3[2-9]\d[ ]\d{6,7}",
        "NG": r"0[789][01]\d{8}",
        "PL": r"(?:45|5[0137]|6[069]|7[2389]|88)\d([ -])\d{3}\1(?!000)\d{3}",
    }.items()
}
FORMATS_OF_DIGITS = re.compile(r"[^\d+]")
_ROUND = re.compile(r"(?:\+|00)\d{1,4}0{6,}\Z")  # `+10 000 000 users`
LONGEST = 15  # digits, E.164


@lru_cache(maxsize=4096)
def is_valid(digits: str, regions: tuple[str, ...]) -> bool:
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


def count_digits(number: str) -> int:
    """Number of its digits, its extension left out."""
    return sum(map(str.isdigit, re.split(r"[a-zA-Z*]", number)[0]))


def is_phone(
    number: str, before: str, after: str, regions: tuple[str, ...], n_previous: int
) -> bool:
    """Whether groups of digits are a telephone number, from their form and their surroundings."""
    n_digits = count_digits(number)
    if not 5 <= n_digits <= LONGEST + 1 or NO_PHONE.match(number) or is_amount(after):
        return False
    plain = re.split(r"[ ,-]*[a-zA-Z*]", number)[0]
    digits = FORMATS_OF_DIGITS.sub("", plain)
    groups = GROUP.findall(plain)
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
    if cue == "number" and n_digits >= 8 and (digits.startswith("0") or is_valid(digits, regions)):
        return True
    return _is_national(plain, digits, len(groups), before, after, regions)


def _is_local(number: str, cue: str, before: str, after: str, n_previous: int) -> bool:
    """Whether five or six digits are a number without the code of its town."""
    if cue == "list":
        is_over = re.match(r"\s*(?:[,;.|)\n]|\Z|(?i:or|and|e-?mail|fax)\b)", after)
        return count_digits(number) == n_previous or bool(is_over) and n_previous > 5
    if cue == "person":
        return bool(re.match(PAIRS, number))
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
        return is_valid(digits, ("US", "CA"))
    if not digits.startswith("0"):
        # `250 000 000` is an amount, and eight digits may be anything
        longest = max(len(group.strip("()")) for group in GROUP.findall(plain))
        if not is_alone and (len({len(g) for g in GROUP.findall(plain)}) == 1 or longest > 7):
            return False
        if re.match(r"\d{1,2}/", plain):
            return False  # `39/0010775` is the number of a register
        regions = tuple(region for region in regions if region not in ("US", "CA"))
    return is_valid(digits, regions)
