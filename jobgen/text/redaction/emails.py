"""Replace e-mail addresses, also masked or spelled out ones, by `[e-mail]`."""

import re

from jobgen.text.redaction.patterns import DOMAIN, EMAIL, TLD, change_lines

_LOCAL = r"(?<![\w.+%&'’-])[\w.+%&'’-]{1,64}"
_EMAIL = re.compile(
    # A known ending may have the next word glued to it: `jane@example.comAbout us`.
    rf"(?:(?i:mailto)\s?:?\s?)?{_LOCAL}@{DOMAIN}"
    r"(?:(?:com|org|net|edu|gov|io|ai)(?=[A-Z][a-z])|[^\W\d_]{2,24}(?![\w-]))"
)
# `jobs @example.com`, `jobs@ example.com`. With spaces on both sides the address may be prose:
# `Engineer @ Example.com` is a title. So its name must have a dot or a digit, or a word such as
# `email` before it.
_SPACED_EMAIL = re.compile(
    r"(?<![\w.+%'-])(?!(?:with|at|in|on|to|from|and|or|of|the|us|me|via|is|our|for|by|follow)\s)"
    rf"(?:[\w.+%'-]{{1,64}}(?:[ ]@|@[ ])|[\w+%'-]{{1,40}}[.\d_][\w.+%'-]{{1,40}}[ ]@[ ]"
    r"|(?:(?<=mail )|(?<=mail: )|(?<=mail : )|(?<=contact )|(?<=to: )|(?<=resume to )|(?<=[eE]: ))"
    rf"[\w.+%'-]{{1,64}}[ ]@[ ]){DOMAIN}(?i:{TLD})(?![\w-])"
)
_AT = r"(?:@|\s?[\[({<]\s?(?:at|@)\s?[\])}>]\s?)"
_DOT = r"(?:\.|\s?[\[({<]\s?(?:dot|\.)\s?[\])}>]\s?|\sdot\s)"
_SPELLED_EMAIL = re.compile(
    rf"(?i)(?<![\w.+%'-])[\w+%'-]{{1,64}}(?:{_DOT}[\w+%'-]{{1,64}}){{0,3}}"
    rf"(?:{_AT}[\w-]{{1,63}}(?:{_DOT}[\w-]{{1,63}}){{0,3}}{_DOT}{TLD}"
    rf"|\sat\s[\w-]{{1,63}}\sdot\s{TLD})(?![\w-])"
)
# The job site Dice prints addresses without their @: `Email janeexample.com mailtojaneexample.com`.
_LOST_AT_EMAIL = re.compile(
    rf"()[mM]ailto[\w.+%'-]{{1,80}}\.(?i:{TLD})(?![\w-])"
    r"|([mM]ail ?:? ?|[rR]esumes? to )[\w-]{1,63}\.(?:com|org|net)(?![\w/-]|\.\w)"
    r"|(\bat )[a-z]{8,63}\.(?:com|org|net)(?= or (?:\+?1[-. ])?\(?\d{3})"
    r"|([rR]esumes? to (?:[A-Z]\w{1,20} ){1,3}at )[a-z]{8,63}\.(?:com|org|net)(?![\w/-]|\.\w)"
)
_EMAIL_MARK = re.compile(
    r"@|[\[({<]\s?[aA][tT]\s?[\])}>]| (?:dot|DOT) |[mM]ailto|[mM]ail ?:? ?[\w-]+\.\w"
    r"|esumes? to \w+\.|at [a-z]{8,63}\.\w{3}\b"
)


def _change_emails(line: str, _: int) -> tuple[str, int]:
    count = 0
    for pattern in (_EMAIL, _SPACED_EMAIL, _SPELLED_EMAIL):
        line, replaced = pattern.subn(EMAIL, line)
        count += replaced
    # The one group that matched is the cue before the address, which stays.
    line, replaced = _LOST_AT_EMAIL.subn(lambda match: match[match.lastindex or 0] + EMAIL, line)
    return line, count + replaced


def redact_emails(text: str) -> tuple[str, int]:
    """Replace e-mail addresses, spelled out ones included.

    >>> redact_emails("Write to jane.doe@example.com or jobs [at] example [dot] com.")
    ('Write to [e-mail] or [e-mail].', 2)
    >>> redact_emails("ACME[at]SCALE, 4% match @ 100%, Engineer @ Example.com, react@17.0.2")
    ('ACME[at]SCALE, 4% match @ 100%, Engineer @ Example.com, react@17.0.2', 0)
    """
    return change_lines(text, _EMAIL_MARK, _change_emails)
