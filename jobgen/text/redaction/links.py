"""Replace links and bare domains by `[link]`."""

import re

from jobgen.text.redaction.patterns import LABEL, LINK, TLD, change_lines

_URL = re.compile(
    r"(?i)(?:(?:https?|ftp)://|(?<![\w@.])www\.)[^\s<>\"“”|]*[^\s<>\"“”|.,;:!?()\[\]{}'’]/?"
    # The job site Dice prints links without their punctuation: `httpwww.example.com`.
    rf"|(?-i:\bhttps?(?:www\.)?[a-z][\w-]{{1,62}}(?:\.[a-z][\w-]{{1,62}}){{0,4}}\."
    rf"(?:{TLD}(?:[/!#?][^\s<>]*|(?!\w))|(?:com|org|net)[A-Z]\w*))"
)
_NOT_A_SITE = r"(?!(?i:(?:asp|vb|ado|ml|dot|paint|c|f|akka|microsoft|studio)\.net\b))"
_BARE = rf"(?<![\w@./#-]){_NOT_A_SITE}(?:{LABEL}\.)"
_END = r"(?![\w@-]|\.\w)"
_BARE_LINK = re.compile(
    # with a path, unless it is another name: `Example.com/Example.org` names two companies
    rf"{_BARE}{{1,4}}(?i:{TLD})/(?![\w-]*\.(?i:{TLD})\b)(?:[\w#?%~][^\s<>\"|]*[^\s<>\"|.,;:!?()\[\]'’]|\w)/?"
    # with a subdomain: `careers.example.com`, but not `Amazon.co.uk` or `java.util.io`
    rf"|{_BARE}(?!(?:com?|org|ac|gov|net)\.)(?:{LABEL}\.){{1,3}}(?:com|org|net|edu|gov|co|us){_END}"
    # a site for vacancies: `examplecareers.com`, `example.jobs`
    rf"|(?<![\w@./#-])(?:[a-z\d-]{{0,40}}(?:careers|jobs)\.(?:com|org|net)|[a-z\d-]{{2,40}}\.jobs){_END}"
)
_CUED_LINK = re.compile(
    r"(?i)(\b(?:visit(?:ing)?|web ?site|homepage|url|web|apply|learn more|find out more|read more|"
    r"information|details|go to|log ?on|follow us|register|browse)"
    r"(?:[ ](?:us|our|the|their|web ?site|site|page|web|online|directly|at|on|to|via|is|careers|"
    r"for|more|today|now|by|company)(?![\w.])){0,5}[ ]?[:–-]?[ ]?)"
    rf"(?-i:(?!Node\.|Asp\.){_BARE})(?:{LABEL}\.)?{TLD}{_END}"
)
_LINK_ON_ITS_LINE = re.compile(
    rf"^(•?[ ]?){_NOT_A_SITE}[a-z\d-]{{2,60}}\.(?:com|org|edu|gov|net|co\.uk)/?$"
)
_LINK_MARK = re.compile(rf"\.(?i:{TLD})(?!\w)|://|[wW]{{3}}\.|https?\w")


def _change_links(line: str, _: int) -> tuple[str, int]:
    line, urls = _URL.subn(LINK, line)
    line, bare = _BARE_LINK.subn(LINK, line)
    line, cued = _CUED_LINK.subn(rf"\1{LINK}", line)
    line, alone = _LINK_ON_ITS_LINE.subn(rf"\1{LINK}", line)
    return line, urls + cued + bare + alone


def redact_links(text: str) -> tuple[str, int]:
    """Replace addresses of web sites.

    A bare domain in running prose mostly names a company or a product (`Example.com is hiring`).
    It counts as a link only if it has a path or a subdomain, is a site for vacancies, follows words
    such as `visit` and `apply at`, or stands in lower case on a line of its own.

    >>> redact_links("See https://example.com/jobs?id=1, www.example.org or visit example.com!")
    ('See [link], [link] or visit [link]!', 3)
    >>> redact_links("careers.example.com, example.com/apply, linkedin.com/in/jane-doe")
    ('[link], [link], [link]', 3)
    >>> redact_links("Example.com uses Node.js, ASP.NET/C#, VB.NET and Example.ai")
    ('Example.com uses Node.js, ASP.NET/C#, VB.NET and Example.ai', 0)
    """
    return change_lines(text, _LINK_MARK, _change_links)
