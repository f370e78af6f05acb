"""Replace telephone numbers by `[phone]`."""

import re

from jobgen.text.redaction.patterns import PHONE, change_lines

_PHONE_MARK = re.compile(r"\d[\d ()./–-]{5,}\d|\d-[A-Z]{3}")
_SEPARATOR = r"(?:[ \t]?[-./–][ \t]?|[ \t])"
_EXTENSION = r"(?:,?[ ]?(?:ext(?:ension|n)?|x)[ ]?[.:]?[ ]?\d{1,6})?"
_NOT_INSIDE = r"(?<![\w.,$€£#+-])(?<!\d[ ]-)"
_NOT_BEFORE = r"(?![\w$€%]|[-–][\w(]|[.,]\d)"
_COUNTRY = rf"(?:\+?1{_SEPARATOR}?{_SEPARATOR}?)?"
_AFTER = rf"(?i:{_EXTENSION}){_NOT_BEFORE}"
_PHONE = re.compile(
    # North America: brackets or punctuation between the groups; spaces alone only after +1 or 1
    rf"{_NOT_INSIDE}{_COUNTRY}\(\d{{3}}\)[ ]?{_SEPARATOR}?[ ]?\(?\d{{3}}\)?{_SEPARATOR}?"
    rf"\(?\d{{4}}\)?{_AFTER}"
    rf"|{_NOT_INSIDE}{_COUNTRY}[2-9]\d\d[ ]?[-.–/][ ]?[2-9]\d\d[ ]?[-.– ][ ]?\d{{4}}{_AFTER}"
    rf"|{_NOT_INSIDE}\+?1{_SEPARATOR}\d{{3}}{_SEPARATOR}\d{{3}}{_SEPARATOR}\d{{4}}{_AFTER}"
    # letters for digits: 1-800-EXAMPLE
    rf"|{_NOT_INSIDE}(?:\+?1-)?8\d\d-(?:[A-Z]{{7}}|\d{{3}}-[A-Z]{{4}}|[A-Z]{{3}}-[A-Z]{{4}})"
    rf"{_NOT_BEFORE}"
    # other countries
    rf"|(?<![\w.,+-])(?:\+[ ]?[1-9]|00[1-9]\d?[ ./(-])[\d ()./–-]{{6,22}}\d{_AFTER}"
    # Britain, whose groups differ: 0161 555 0100, 07700 900123
    rf"|{_NOT_INSIDE}0[1-9]\d{{1,3}}[ ]\d{{3,4}}[ ]?\d{{3,4}}{_AFTER}"
)
# Any other format, after a word that announces a telephone number.
_CUED_PHONE = re.compile(
    r"(\b(?:(?i:telephone|phone|cell ?phone|tele?fon|tel|cell|mobile|mobil|fax|ph|whatsapp|sms|"
    r"hotline|handy|dial)(?:[ ](?i:no|number|nr|line|is))?"
    r"|(?i:call|calling|text|reach|ring)(?:[ ](?:me|us|him|her|them|now|today|toll[- ]free))?"
    r"(?:[ ](?:at|on|under))?|[MPTCDF](?=[ ]?:))[ ]?[.:#–-]{0,2}[ ]?(?:\([A-Z]\)[ ]?)?[.:]?[ ]?)"
    rf"(\+?\(?\d[\d()]{{0,9}}(?:{_SEPARATOR}{_SEPARATOR}?[\d()]{{1,11}}){{0,5}}(?i:{_EXTENSION}))"
    rf"{_NOT_BEFORE}"
)
_PHONE_ON_ITS_LINE = re.compile(r"^(?:[2-9]\d{9}|[2-9]\d\d[ ]\d{3}[ ]\d{4})$")
# Words before a number that show that it is an identifier.
_ID_BEFORE = re.compile(
    r"(?i)(?:\b(?:id|ids|req|requisition|ref|reference|code|position|posting|job|case|part|model|"
    r"sku|isbn|issn|order|invoice|account|ticket|patent|no|vacancy|version|license|ip)\b"
    r"[\s.:#()s–-]*|#[ ]?|\bnumber[\s:#(s)]*)\Z"
)
_PHONE_BEFORE = re.compile(r"(?i)\b(?:phone|tel|telephone|cell|mobile|fax|call|contact|direct)\b")
# Years, dates and amounts that can follow a cue such as `mobile`: `mobile 2019-2021`.
_NO_PHONE = re.compile(
    r"(?:19|20)\d\d[ ]?[-–/. ][ ]?(?:(?:19|20)\d\d|\d{1,2}[-–/.]\d{1,2})\b"
    r"|\d{1,2}[/.]\d{1,2}[/.]\d{2,4}\b"
    r"|\d{1,3}(?:\.\d{1,3}){3}\b|\d{1,3}(?:[ .]0{3})+\b|24/7"
)


def redact_phones(text: str) -> tuple[str, int]:
    """Replace telephone and fax numbers with their extensions.

    Ten digits in a row count as a phone number only after a word such as `Call`, or alone on a line
    that follows no heading such as `Requisition ID`.

    >>> redact_phones("(212) 555-0100 ext. 12, +49 30 5550100, 1.800.555.0199, Call 2125550100")
    ('[phone], [phone], [phone], Call [phone]', 4)
    >>> redact_phones("401(k), $555.0100, 2015-2021, Python 3.11.2, ID 212-555-0100")
    ('401(k), $555.0100, 2015-2021, Python 3.11.2, ID 212-555-0100', 0)
    """

    def change(line: str, position: int) -> tuple[str, int]:
        count = 0

        def replace_plain(match: re.Match[str]) -> str:
            nonlocal count
            start = position + match.start()
            # Taken from the whole text: a heading `Requisition ID` may be on the line above.
            before = text[max(0, start - 30) : start]
            n_digits = sum(map(str.isdigit, match[0]))
            is_foreign = match[0].startswith(("+", "00"))
            if match[0].startswith("0") and not is_foreign and n_digits < 10:
                return match[0]
            if is_foreign and (not 8 <= n_digits <= 20 or match[0].endswith("000000")):
                return match[0]
            if _ID_BEFORE.search(before) and not _PHONE_BEFORE.search(before):
                return match[0]
            count += 1
            return PHONE

        def replace_cued(match: re.Match[str]) -> str:
            nonlocal count
            cue, number = match.groups()
            n_digits = sum(map(str.isdigit, re.split("[a-zA-Z]", number)[0]))
            fewest = 7 if re.search(r"\d[ ()./–-]+\d", number) else 10
            if not fewest <= n_digits <= 15 or _NO_PHONE.match(number):
                return match[0]
            count += 1
            return cue + PHONE

        line = _PHONE_ON_ITS_LINE.sub(replace_plain, line)
        line = _PHONE.sub(replace_plain, line)
        return _CUED_PHONE.sub(replace_cued, line), count

    return change_lines(text, _PHONE_MARK, change)
