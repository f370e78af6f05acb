"""Replace e-mail addresses by `[e-mail]`, also glued, cut, spelled out and damaged ones."""

import re

from jobgen.text.redaction.patterns import (
    DOMAIN,
    EMAIL,
    LABEL,
    TLD,
    change_lines,
    glued_host_end,
    parted,
)

# A telephone number may be glued to the address after it: `212-555-0100jane@example.com`.
_PHONE_BEFORE = r"(?:\d{3}[-.])?\d{3}[-.]\d{4}[a-zA-Z]"
_START = (
    rf"(?:(?<![\w.+%&-])(?<!\w['’])(?!{_PHONE_BEFORE})(?!(?<=\d{{3}}[ ])\d{{4}}[a-zA-Z])"
    r"|(?<=\d{3}[-. ]\d{4}))"
)
_LOCAL = rf"{_START}[\w.+%&-][\w.+%&'’-]{{0,63}}"
_EMAIL = re.compile(rf"(?:(?i:mailto)\s?:?\s?)?{_LOCAL}@(?P<host>{DOMAIN}[\w-]{{2,63}})")
_ENDING = re.compile(rf"\.(?:[^\W\d_]{{2,24}}\Z|{TLD}(?=[-_]))")
# `resume tojane@example.com`, `e-mail us atjane@example.com`
_GLUED_PREPOSITION = re.compile(
    r"(?i)\b(?:(?:us|me|him|her|them|mail)[ ]at"
    r"|(?:r[eé]sum[eé]s?|cvs?|cover letters?|applications?|send it)[ ]to)(?=[a-z][\w.+-]{1,63}@)"
    # `ToJane.Doe@example.com`
    r"|(?-i:(?<!\w)(?:To|At)(?=[A-Z][a-z]{1,20}(?:\.\w{1,30})?@))"
)
# What a site or a scraper left of an address: `jdoe@...`, `jane@exam...`
_CUT_EMAIL = re.compile(
    rf"{_START}\w[\w.+%-]{{1,63}}@(?:{LABEL}(?:\.{LABEL}){{0,3}})?(?:\.{{2,}}|…)(?:\w{{2,10}}(?!\w))?"
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
_AT = r"(?:@|\s?[\[({<]\s?(?:at|@|ät)\s?[\])}>]\s?|\(a\)|\s(?:ät|arroba)\s)"
_DOT = r"(?:\.|\s?[\[({<]\s?(?:dot|\.)\s?[\])}>]\s?|\s(?:dot|punto|ponto)\s)"
_SPELLED_EMAIL = re.compile(
    rf"(?i)(?<![\w.+%'-])[\w+%'-]{{1,64}}(?:{_DOT}[\w+%'-]{{1,64}}){{0,3}}"
    rf"(?:{_AT}[\w-]{{1,63}}(?:{_DOT}[\w-]{{1,63}}){{0,3}}{_DOT}"
    rf"(?:{TLD}(?![\w-])|(?-i:{TLD}(?=[A-Z][a-z]|\(?\d)))"
    rf"|\s(?:at|@)\s[\w-]{{1,63}}\s(?:dot|\.)\s{TLD}(?![\w-]))"
)
# The name of a mailbox, as far as a word of a sentence in lower case can be told from it.
_MAILBOX = (
    r"(?<![\w.+%'-])(?!(?:us|me|him|her|them|people|someone|anyone|everyone|hr|apply|work|working|"
    r"join|online|directly|now|customers|clients|users|candidates|members|students|partners|"
    r"colleagues|employees|teams?|management|staff)\b)[a-z][\w.+-]{1,63}"
)
_HOST_AT_END = rf"[a-z\d][\w-]{{1,62}}\.{TLD}(?![\w/-]|\.\w)"
# `jane@gmail. com`, `jane@example .com`, `jane@examplePh:` without its ending, and
# `jane AT example.com`
_BROKEN_EMAIL = re.compile(
    rf"{_START}\w[\w.+%-]{{0,63}}@(?:{LABEL}(?:\.[ ]|[ ]\.)"
    r"(?:com|org|net|edu|co\.uk|de|fr|it|es|nl)(?![\w-])"
    r"|[a-z][a-z\d-]{2,62}(?=(?:Ph|Phone|Tel|Mob|Mobile|Cell|Fax|Direct)\b[ ]?[:.]))"
    rf"|{_MAILBOX}[ ]AT[ ]{_HOST_AT_END}"
)
# `send your CV to jane at example.com`
_AT_HOST = re.compile(
    r"(\b(?i:send|submit|resumes?|cvs?|applications?|e-?mail|write|questions)\b"
    r"(?:[ ][\w'’-]{1,20}){0,4}?[ ]to[ ]|(?i:e-?mail)[ ]?:[ ]?)"
    rf"{_MAILBOX}[ ]at[ ]{_HOST_AT_END}"
)
# The job site Dice prints addresses without their @: `Email janeexample.com mailtojaneexample.com`.
_LOST_AT_EMAIL = re.compile(
    rf"()[mM]ailto[\w.+%'-]{{1,80}}\.(?i:{TLD})(?![\w-])"
    r"|([mM]ail ?:? ?|[rR]esumes? to )[\w-]{1,63}\.(?:com|org|net)(?![\w/-]|\.\w)"
    r"|(\bat )[a-z]{8,63}\.(?:com|org|net)(?= or (?:\+?1[-. ])?\(?\d{3})"
    r"|([rR]esumes? to (?:[A-Z]\w{1,20} ){1,3}at )[a-z]{8,63}\.(?:com|org|net)(?![\w/-]|\.\w)"
    # `resumes to jane@example`: without its ending
    r"|(\b(?:[rR]esumes?|CVs?|[aA]pplications?|[eE]-?mail) to )\w[\w.+-]{1,63}"
    r"@\w[\w-]{3,63}(?![\w.@-])"
)
# The same after words that announce an address to write to, not a site to visit:
# `write to janeexample.co.ke or joeexample.com`.
_DOCUMENT = (
    r"(?:r[eé]sum[eé]s?|cvs?|curricul(?:um|a)(?: vitae)?|(?:cover |motivation )?letters?|"
    r"applications?|portfolios?|candidatures?|candidature|lettres?|unterlagen|bewerbung(?:en)?|"
    r"lebenslauf|candidatura|sollicitatie|currículum|hoja de vida)"
)
_WRITE_CUE = (
    rf"(?:\b{_DOCUMENT}(?:[ ][\w'’-]{{1,20}}){{0,3}}?[ ](?:to|at|à|a|an|naar|via e-?mail to)"
    r"|\b(?:write|writing)(?:[ ](?:to|us|me))?(?:[ ](?:at|to|on))"
    r"|\be-?mail(?:ing|s)?(?:[ ](?:me|us|you|your|an?|the|full|up ?dated|latest|current|and|copy|"
    r"of|cvs?|r[eé]sum[eé]|cover(?:ing)?|letter|details|direct(?:ly)?|address|id)){0,8}"
    r"(?:[ ](?:to|at|on))?|\b(?:cvs?|contact)(?=[ ][a-z.-]{12})"
    r"|\b(?:envoy(?:er|ez)|adress(?:er|ez)|écri(?:re|vez))(?:[ ][\w'’-]{1,20}){0,5}?[ ]à"
    r"|\b(?:senden|schicken|schreiben)(?:[ ]Sie)?(?:[ ][\w'’-]{1,20}){0,4}?[ ]an"
    r"|\b(?:inviare|scrivere|enviar|escribir)(?:[ ][\w'’-]{1,20}){0,4}?[ ]a"
    r"|\b(?:stuur|mail)(?:[ ][\w'’-]{1,20}){0,4}?[ ]naar)"
)
_BARE_HOST = (
    rf"(?!www\.)[a-z\d][a-z\d.-]{{2,60}}\.(?:(?:co|com|ac|or|go|org|net)\.[a-z]{{2}}|{TLD})"
)
# `Jane.doeexample.co.uk`, `Janeexamplebikes.com`, but not `Example.com`
_CAPITAL_HOST = (
    rf"[A-Z][a-z]{{1,20}}(?:\.[a-zA-Z][a-z-]{{7,40}}|[a-z]{{10,40}})\.(?:co\.[a-z]{{2}}|{TLD})"
)
_CAPITALIZED = r"(?-i:[A-Z][a-z]{2,20})"
_LIST = r"(?:[ ]?[,;/&][ ]?|[ ](?:or|and|oder|und|ou|et|e|o|of|en|y)[ ])"
_WRITE_TO = re.compile(
    rf"(?P<cue>(?i:{_WRITE_CUE})[ ]?:?[ ](?:(?:{_CAPITALIZED}[ ]){{1,2}}(?:(?:at|on|via)[ ])?)?)"
    rf"(?P<hosts>(?:{_BARE_HOST}|{_CAPITAL_HOST})"
    rf"(?:{_LIST}{_BARE_HOST}){{0,5}})(?![\w/@-]|\.\w)"
)
# `jdoeexamplebikes.co.uk` in a text that names Example Bikes.
_LOST_AT_HOST = re.compile(
    r"(?<![\w./@-])(?!www\.)(?P<label>[a-zA-Z][a-z]{8,60})"
    r"\.(?:co\.uk|com|org|net|ie)(?![\w/@-]|\.\w)"
)
_NAMES = re.compile(r"(?<!\w)(?:[A-Z][\w&]{1,30}[ ]){1,4}[A-Z][\w&]{1,30}")
_OF_A_SITE = ("the", "my", "go", "get", "join", "jobs", "careers", "workat", "apply")
_HOST_IN_LIST = re.compile(rf"(?:{_CAPITAL_HOST}|{_BARE_HOST})(?![\w-])")
_EMAIL_MARK = re.compile(
    r"@|[\[({<]\s?[aAäÄ][tT]\s?[\])}>]|\([aA]\)[a-zA-Z]| (?:dot|DOT|\.|ät|[aA]rroba) |"
    r"[mM]ailto|[mM]ail ?:? ?[\w-]+\.\w"
    rf"|esumes? to \w+\.|at [a-z]{{8,63}}\.\w{{3}}\b"
    rf"| (?:to|at|AT|on|à|an?|naar)[ ]?:? [a-z\d][\w.-]{{2,80}}\.{TLD}\b"
    r"|\.(?:com|co\.uk|org|net|ie)\b"
)


def _change_emails(line: str, _: int) -> tuple[str, int]:
    count = 0

    def replace(match: re.Match[str]) -> str:
        nonlocal count
        host = match["host"]
        kept = glued_host_end(host)
        if not kept:
            ending = _ENDING.search(host)
            if not ending:
                return match[0]
            kept = ending.end()
        count += 1
        rest = host[kept:]
        before = match.string[max(0, match.start() - 1) : match.start()]
        after = rest or match.string[match.end() : match.end() + 1]
        # `_` and a hyphen part by themselves
        return parted(before if before.isdigit() else "", EMAIL, after) + rest

    def replace_hosts(match: re.Match[str]) -> str:
        nonlocal count
        hosts, replaced = _HOST_IN_LIST.subn(EMAIL, match["hosts"])
        count += replaced
        return match["cue"] + hosts

    def replace_plain(match: re.Match[str]) -> str:
        nonlocal count
        count += 1
        return parted("", EMAIL, match.string[match.end() : match.end() + 1])

    if "@" in line:
        line = _GLUED_PREPOSITION.sub(r"\g<0> ", line)
        line = _EMAIL.sub(replace, line)
        for pattern in (_BROKEN_EMAIL, _CUT_EMAIL, _SPACED_EMAIL):
            line = pattern.sub(replace_plain, line)
    elif " AT " in line:
        line = _BROKEN_EMAIL.sub(replace_plain, line)
    line = _SPELLED_EMAIL.sub(replace_plain, line)
    # The one group that matched is the cue before the address, which stays.
    line, replaced = _LOST_AT_EMAIL.subn(lambda match: match[match.lastindex or 0] + EMAIL, line)
    line, written_out = _AT_HOST.subn(rf"\g<1>{EMAIL}", line)
    line = _WRITE_TO.sub(replace_hosts, line)
    return line, count + replaced + written_out


def _glued_to_company(text: str) -> tuple[str, int]:
    """Replace hosts that are a mailbox and the squeezed name of a company, their @ lost."""
    companies: set[str] = set()
    for match in _NAMES.finditer(text):
        words = match[0].lower().split()
        for i in range(len(words) - 1):
            companies.update("".join(words[i:end]) for end in range(i + 2, len(words) + 1))
    count = 0

    def replace(match: re.Match[str]) -> str:
        nonlocal count
        label = match["label"].lower()
        if label in companies or label.startswith(_OF_A_SITE):
            return match[0]
        if not any(label[i:] in companies for i in range(2, len(label) - 5)):
            return match[0]
        count += 1
        return EMAIL

    return _LOST_AT_HOST.sub(replace, text), count


def redact_emails(text: str) -> tuple[str, int]:
    r"""Replace e-mail addresses; a word that is glued to one comes on a new line.

    >>> redact_emails("Write to jane.doe@example.com or jobs [at] example [dot] com.")
    ('Write to [e-mail] or [e-mail].', 2)
    >>> redact_emails("joe@example.comPhone, 'jane@example.com', jdoe@..., CV to janeexample.co.ke")
    ("[e-mail]\nPhone, '[e-mail]', [e-mail], CV to [e-mail]", 4)
    >>> redact_emails("ACME[at]SCALE, 4% match @ 100%, Engineer @ Example.com, react@17.0.2")
    ('ACME[at]SCALE, 4% match @ 100%, Engineer @ Example.com, react@17.0.2', 0)
    """
    has_at = "@" in text
    text, count = change_lines(text, _EMAIL_MARK, _change_emails)
    if has_at or not _LOST_AT_HOST.search(text):
        return text, count
    # A site that cuts every @ out
    text, glued = _glued_to_company(text)
    return text, count + glued
