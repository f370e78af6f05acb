"""Replace links and bare domains by `[link]`."""

import re

from jobgen.text.characters import UPPER
from jobgen.text.redaction.patterns import LABEL, LINK, TLD, change_lines, glued_host_end, parted

# `https://`, and what is left of it: `https:`, `http:/`, `http//:`, `http:// www.`
_SCHEME = (
    rf"(?:(?:https?|s?ftps?)://|h?ttps?[ ]?(?:[:;][ ]?/{{0,3}}|/{{1,2}}:?/{{0,2}})[ ]?"
    rf"(?=(?:www\.)?(?-i:{LABEL})(?:\.{LABEL}){{0,3}}\.(?-i:{TLD}(?:(?![\w-])|(?=[A-Z])))))"
)
_URL = re.compile(
    rf"(?i)(?:{_SCHEME}|(?<![\w@.])www\.|(?<=[a-z\d])(?<!http)(?<!https)www\.(?={LABEL}\.(?:{LABEL}\.)?{TLD}\b))"
    # A quote or bracket that closes what the link stands in is no part of it.
    r"(?:\([^\s<>\"|()]{1,80}\)(?=\w)|[^\s<>\"“”«»|)'’\\]|\)(?=[/#?&=%_-])|['’](?=\w)"
    # nor a break that was written as `\n`
    r"|\\(?![nrt](?!(?-i:[a-z]))))*[^\s<>\"“”«»|.,;:!?()\[\]{}'’\\]/?"
    # The job site Dice prints links without their punctuation: `httpwww.example.com`.
    rf"|(?-i:\bhttps?(?:www\.)?[a-z][\w-]{{1,62}}(?:\.[a-z][\w-]{{1,62}}){{0,4}}\."
    rf"(?:{TLD}(?:[/!#?][^\s<>]*|(?!\w))|(?:com|org|net)[A-Z]\w*))"
)
_HOST = re.compile(r"(?i)(?:[a-z]{3,5}[ ]?[:;/]{1,4}[ ]?)?[^/?#]*")
# A link that is glued to what stands before it, such as another link: `applyhttps://`.
_GLUED_LINK = re.compile(
    rf"(?<=\w)(?=https?://)|(?<=[a-z\d])(?<!http)(?<!https)(?=(?i:www)\.{LABEL}\.(?:{LABEL}\.)?{TLD}(?:\b|[{UPPER}]))"
)
# Words that open what follows a link, glued to its path: `example.com/jobsApply now`.
_GLUED_PATH = re.compile(
    r"(?<=[a-z\d])(?=(?:The|We|You|Your|Our|Apply|Please|For|About|Why|What|Who|How|If|To|This|"
    r"These|Visit|Contact|Call|Email|E-mail|Phone|Tel|Fax|Twitter|LinkedIn|Facebook|Instagram|"
    r"Website|Web|Equal|All|As|At|In|On|And|Or|Follow|Learn|Read|Note|Job|Location|Salary|Company|"
    r"Required|Requirements|Responsibilities|Benefits|Qualifications|Skills|Send|Thanks|Regards)"
    r"(?:\Z|[:,]|https?:))"
)
_NOT_A_SITE = r"(?!(?i:(?:asp|vb|ado|ml|dot|paint|c|f|akka|microsoft|studio)\.net\b))"
_BARE = rf"(?<![\w@./#-]){_NOT_A_SITE}(?:{LABEL}\.)"
_END = r"(?![\w@-]|\.\w)"
_END_OR_GLUED = r"(?:(?![\w@-]|\.\w)|(?=[A-Z][a-z]))"
_BARE_LINK = re.compile(
    # with a path, unless it is another name: `Example.com/Example.org` names two companies
    rf"(?:{_BARE}{{1,4}}(?i:{TLD})|(?<![\w@./#-])(?:goo\.gl|forms\.gle))/(?![\w-]*\.(?i:{TLD})\b)(?:[\w#?%~][^\s<>\"|]*[^\s<>\"|.,;:!?()\[\]'’]|\w)/?"
    # with a subdomain: `careers.example.com`, but not `Amazon.co.uk` or `java.util.io`
    rf"|{_BARE}(?!(?:com?|org|ac|gov|net)\.)(?:{LABEL}\.){{1,3}}(?:com|org|net|edu|gov|co|us)"
    rf"{_END_OR_GLUED}"
    # a site for vacancies: `examplecareers.com`, `example.jobs`
    rf"|(?<![\w@./#-])(?:[a-z\d-]{{0,40}}(?:careers|jobs)\.(?:com|org|net)|[a-z\d-]{{2,40}}\.jobs){_END}"
)
_CUED_LINK = re.compile(
    r"(?i)(\b(?:visit(?:ing)?|web ?sites?|sites?(?=:)|homepage|url|web|apply|learn more|"
    r"find out more|read more|information|details|go to|log ?on|follow us|register|browse)"
    r"(?:[ ](?:us|our|the|their|web ?site|site|page|web|online|directly|at|on|to|via|is|careers|"
    r"for|more|today|now|by|company)(?![\w.])){0,5}[ ]?[:–-]?[ ]?)"
    rf"(?-i:(?!Node\.|Asp\.){_BARE})(?-i:(?:{LABEL}\.)?(?:{TLD}{_END}|(?:com|org|net)(?=[A-Z][a-z]))"
    rf"|(?:{LABEL}\.)?{TLD}{_END})"
)
_LINK_ON_ITS_LINE = re.compile(
    rf"^(•?[ ]?){_NOT_A_SITE}[a-z\d-]{{2,60}}\.(?:com|org|edu|gov|net|co\.uk)/?$"
)
_LINK_MARK = re.compile(
    rf"\.(?i:{TLD})(?!\w)|://|[wW]{{3}}\.|https?\w|\.(?:com|org|net)[A-Z]|goo\.gl/|forms\.gle/"
)


def _split_url(url: str) -> int:
    """Length of a link in front of the word that is glued to it; 0 if there is none."""
    host = _HOST.match(url)
    glued = glued_host_end(host[0]) if host else 0
    if glued:
        return glued
    following = _GLUED_PATH.search(url, 8)
    return following.start() if following else 0


def _change_links(line: str, _: int) -> tuple[str, int]:
    count = 0

    def replace_url(match: re.Match[str]) -> str:
        nonlocal count
        count += 1
        url = match[0]
        # Without its punctuation, `httpwww.example.comExample` is the page `/Example` of a site.
        end = 0 if re.match(r"https?+\w", url) else _split_url(url)
        before = match.string[max(0, match.start() - 1) : match.start()]
        if not end:
            return parted(before, LINK, match.string[match.end() : match.end() + 1])
        return parted(before, LINK, url[end:]) + url[end:]

    def replace_bare(match: re.Match[str]) -> str:
        nonlocal count
        count += 1
        cue = match[1] if match.re is not _BARE_LINK else ""
        return cue + parted("", LINK, match.string[match.end() : match.end() + 1])

    line = _GLUED_LINK.sub(" ", line)
    line = _URL.sub(replace_url, line)
    for pattern in (_BARE_LINK, _CUED_LINK, _LINK_ON_ITS_LINE):
        line = pattern.sub(replace_bare, line)
    return line, count


def redact_links(text: str) -> tuple[str, int]:
    r"""Replace addresses of web sites; a word that is glued to one comes on a new line.

    A bare domain in running prose mostly names a company or a product (`Example.com is hiring`).
    It counts as a link only if it has a path or a subdomain, is a site for vacancies, follows words
    such as `visit` and `apply at`, or stands in lower case on a line of its own.

    >>> redact_links("See https://example.com/jobs?id=1, www.example.org or visit example.com!")
    ('See [link], [link] or visit [link]!', 3)
    >>> redact_links("careers.example.com, example.com/apply, linkedin.com/in/jane-doe")
    ('[link], [link], [link]', 3)
    >>> redact_links("http:/example.com, https:www.example.orgApply today")
    ('[link], [link]\nApply today', 2)
    >>> redact_links("Example.com uses Node.js, ASP.NET/C#, VB.NET and Example.ai")
    ('Example.com uses Node.js, ASP.NET/C#, VB.NET and Example.ai', 0)
    """
    return change_lines(text, _LINK_MARK, _change_links)
