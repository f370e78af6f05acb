"""Turn the masks that anonymisers leave in place of contacts into the project's placeholders."""

import re

from jobgen.text.characters import LOWER, UPPER
from jobgen.text.redaction.patterns import EMAIL, LINK, NAME, PHONE

_KINDS = {
    EMAIL: r"E-?MAIL(?:[ _]?(?:ADDRESS|ID))?|MAIL",
    LINK: r"URL|LINK|WEB ?SITE|HYPERLINK|WEB[ _]?ADDRESS",
    PHONE: r"(?:TELE|CELL|MOBILE[ _]?)?PHONE(?:[ _]?(?:NUMBER|NO))?|TEL|MOBILE|FAX(?:[ _]NUMBER)?",
    NAME: r"(?:FIRST|LAST|FULL|CONTACT|PERSON)?[ _]?NAME|PERSON|PER",
}
_GONE = r"(?:redacted|removed|hidden|protected|masked|anonymi[sz]ed|omitted|withheld|deleted)"
# Addresses and numbers of stars: `j***@example.com`, `***-***-1234`; two stars are Markdown.
_STARS = {
    EMAIL: (
        r"(?<![\w.+*•@-])(?:[\w.+-]{0,30}(?:[*•]{3,30}|[*•]{2}(?=@))[\w.+*•-]{0,30}@[\w*•-]{1,60}"
        r"(?:\.[\w*•-]{1,60}){0,4}"
        r"|[\w.+-]{1,64}@[\w-]{0,30}[*•]{2,30}[\w*•-]{0,60}(?:\.[\w*•-]{1,60}){0,4})"
        r"|(?<!\w)[xX]{3,20}@[xX]{3,20}\.\w{2,10}"
        # Joomla and Cloudflare put these in place of an address where scripts are turned off.
        r"|This e-?mail address is being protected from spambots\."
        r"(?: You need JavaScript enabled to view it\.)?"
        r"|(?<!\S)/cdn-cgi/l/email-protection(?:#[0-9a-f]{2,200})?"
    ),
    PHONE: (
        r"(?<![\w*])\(?(?:\*{3}|[xX]{3}|#{3})\)?[-. ]{1,2}(?:\*{3}|[xX]{3}|#{3}|\d{3})[-. ]"
        r"(?:\*{4}|[xX]{4}|#{4}|\d{4})(?![\w*])"
    ),
}


def _mask(kind: str) -> str:
    """Pattern of all the masks of a kind."""
    words = _KINDS[kind]
    stars = f"|{_STARS[kind]}" if kind in _STARS else ""
    return (
        # EMSCAD: `#URL_0a1b...#`; the kind in capitals and brackets; the kind beside `redacted`
        rf"#(?:{words})_[0-9A-Za-z]{{3,128}}#"
        rf"|(?<!\w)<(?:{words})(?:_\d{{1,4}})?>|\{{\{{[ ]?(?:{words})(?:_\d{{1,4}})?[ ]?\}}\}}"
        rf"|\[(?:{words})(?:_\d{{1,4}})?\](?!\()"
        rf"|[\[(<](?i:(?:the )?(?:{words})[ _\xa0-]?{_GONE}"
        rf"|{_GONE}[ _\xa0-](?:{words})|(?:{words}) removed, login to view"
        rf"|login to view (?:{words}))[\])>]"
        + (r"|\[(?i:email)\](?!\()" if kind == EMAIL else "")
        + stars
    )


_NAMES = {f"k{i}": kind for i, kind in enumerate(_KINDS)}
_MASK = re.compile("|".join(f"(?P<{group}>{_mask(kind)})" for group, kind in _NAMES.items()))
# One of these is in every text with a mask; to look for them is faster than the pattern.
_MARKS = tuple(
    "#email_ #e-mail_ #mail_ #url_ #link_ #web #hyperlink_ #phone #tel #mobile #cell #fax #name_ "
    "#first #last #full #contact #person #per_ <email <e-mail <mail <url <link <web <hyperlink "
    "<phone <tel <mobile <cell <fax <name <first <last <full <contact <per [email [e-mail_ [mail "
    "[url [link_ [web [hyperlink [tel [mobile [cell [fax [phone [name] "
    "[link] [first [last [full [contact [per "
    "{{ ** •• xxx ### spambots email-protection".split()
)
_MARK_START = re.compile(r"[#<\[][a-z]|\{\{|\*\*|••|xxx|###|spambots|email-protection")
_GONE_IN_BRACKETS = re.compile(rf"[\[(<](?:[^\[\]()<>\n]{{0,20}}[ _\xa0-])?(?:{_GONE}|login)")
_SENTENCE = re.compile(rf"[.,;:!?)]{{1,3}}(?=[{UPPER}][{LOWER}])")


def replace_masks(text: str) -> tuple[str, int]:
    """Replace the masks of anonymisers by placeholders, one blank apart from glued words.

    >>> replace_masks("Use link#URL_0a1b2c3d#Example is here. Call {{PHONE}}, [EMAIL REDACTED].")
    ('Use link [link] Example is here. Call [phone], [e-mail].', 3)
    >>> replace_masks("#HASH_TAG, C#, List<Name>, <div>, [URL](/a), f(**kwargs)")
    ('#HASH_TAG, C#, List<Name>, <div>, [URL](/a), f(**kwargs)', 0)
    """
    lower = text.lower()
    has_mark = _MARK_START.search(lower) and any(mark in lower for mark in _MARKS)
    if not has_mark and not _GONE_IN_BRACKETS.search(lower):
        return text, 0
    pieces: list[str] = []
    copied_to = count = 0
    for match in _MASK.finditer(text):
        start, end = match.span()
        left = " " if text[start - 1 : start].isalnum() or start and start == copied_to else ""
        pieces += [text[copied_to:start], left + _NAMES[match.lastgroup or ""]]
        count += 1
        sentence = _SENTENCE.match(text, end)
        if sentence:
            pieces.append(sentence[0] + " ")
            end = sentence.end()
        elif text[end : end + 1].isalnum():
            pieces.append(" ")
        copied_to = end
    return "".join([*pieces, text[copied_to:]]), count
