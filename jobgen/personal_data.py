"""Pure text functions that take people's contact data out of a posting.

A posting's e-mail addresses, links, telephone numbers and names of contacts say nothing of the job,
and a model trained on them would repeat them. Each rule takes a clean text and returns it with
neutral forms such as `[phone]` and the number of places that it changed. The rule for names runs
last, because `Jane Doe` on a line above `[phone]` is a contact.

All repetitions that can start anywhere are bounded, so that the time grows with the length only.
"""

import re
from collections.abc import Callable
from typing import NamedTuple

EMAIL, LINK, PHONE, NAME = "[e-mail]", "[link]", "[phone]", "[name]"
_NEUTRAL_FORM = re.compile(r"\[(?:e-mail|link|phone|name)\]")
# Longer stretches without a full stop are scraped lists in one line, not sentences.
_LONGEST_SENTENCE = 600


def _change_lines(
    text: str, mark: re.Pattern[str], change: Callable[[str, int], tuple[str, int]]
) -> tuple[str, int]:
    """Apply a change to the lines in which a mark occurs, for speed: they are few.

    Args:
        text: The whole text.
        mark: What a line must contain, cheap to find.
        change: Takes a line and its position in the text; returns it changed, and in how many
            places.

    Returns:
        The text, and the sum of places.
    """
    pieces, done, count = [], 0, 0
    for match in mark.finditer(text):
        if match.start() < done:
            continue  # another mark in the line before
        start = text.rfind("\n", 0, match.start()) + 1
        end = text.find("\n", match.start())
        end = len(text) if end < 0 else end
        line, places = change(text[start:end], start)
        pieces += [text[done:start], line]
        done, count = end, count + places
    return "".join([*pieces, text[done:]]), count


# --- e-mail addresses ---------------------------------------------------------------------------

# Endings of domains; a closed list wherever `Node.js`, `Spark.ML` or `System.out` could be meant.
_TLD = (
    r"(?:com|org|net|edu|gov|mil|int|info|biz|io|ai|co|us|uk|ca|de|eu|in|fr|nl|ch|au|ie|es|it|at|"
    r"me|tv|ly|app|dev|tech|jobs|careers|health|healthcare|care|bio|science|cloud|works|work|xyz)"
)
_LABEL = r"[^\W_](?:[\w-]{0,61}[^\W_])?"
_DOMAIN = rf"(?:{_LABEL}\.){{1,5}}"
_LOCAL = r"(?<![\w.+%&'’-])[\w.+%&'’-]{1,64}"
_EMAIL = re.compile(
    # A known ending may have the next word glued to it: `jane@example.comAbout us`.
    rf"(?:(?i:mailto)\s?:?\s?)?{_LOCAL}@{_DOMAIN}"
    r"(?:(?:com|org|net|edu|gov|io|ai)(?=[A-Z][a-z])|[^\W\d_]{2,24}(?![\w-]))"
)
# `jobs @example.com`, `jobs@ example.com`; with blanks on both sides only what cannot be prose, as
# `Engineer @ Example.com` is a title: the name has a dot, a digit or a word such as `email` before.
_SPACED_EMAIL = re.compile(
    r"(?<![\w.+%'-])(?!(?:with|at|in|on|to|from|and|or|of|the|us|me|via|is|our|for|by|follow)\s)"
    rf"(?:[\w.+%'-]{{1,64}}(?:[ ]@|@[ ])|[\w+%'-]{{1,40}}[.\d_][\w.+%'-]{{1,40}}[ ]@[ ]"
    r"|(?:(?<=mail )|(?<=mail: )|(?<=mail : )|(?<=contact )|(?<=to: )|(?<=resume to )|(?<=[eE]: ))"
    rf"[\w.+%'-]{{1,64}}[ ]@[ ]){_DOMAIN}(?i:{_TLD})(?![\w-])"
)
_AT = r"(?:@|\s?[\[({<]\s?(?:at|@)\s?[\])}>]\s?)"
_DOT = r"(?:\.|\s?[\[({<]\s?(?:dot|\.)\s?[\])}>]\s?|\sdot\s)"
_SPELLED_EMAIL = re.compile(
    rf"(?i)(?<![\w.+%'-])[\w+%'-]{{1,64}}(?:{_DOT}[\w+%'-]{{1,64}}){{0,3}}"
    rf"(?:{_AT}[\w-]{{1,63}}(?:{_DOT}[\w-]{{1,63}}){{0,3}}{_DOT}{_TLD}"
    rf"|\sat\s[\w-]{{1,63}}\sdot\s{_TLD})(?![\w-])"
)
# Dice prints addresses without their @: `Email janeexample.com mailtojaneexample.com`.
_LOST_AT_EMAIL = re.compile(
    rf"()[mM]ailto[\w.+%'-]{{1,80}}\.(?i:{_TLD})(?![\w-])"
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
    for pattern, form in (
        (_EMAIL, EMAIL),
        (_SPACED_EMAIL, EMAIL),
        (_SPELLED_EMAIL, EMAIL),
        (_LOST_AT_EMAIL, lambda match: match[match.lastindex] + EMAIL),
    ):
        line, places = pattern.subn(form, line)
        count += places
    return line, count


def neutralise_emails(text: str) -> tuple[str, int]:
    """Put `[e-mail]` in place of e-mail addresses, spelled out ones included.

    >>> neutralise_emails("Write to jane.doe@example.com or jobs [at] example [dot] com.")
    ('Write to [e-mail] or [e-mail].', 2)
    >>> neutralise_emails("ACME[at]SCALE, 4% match @ 100%, Engineer @ Example.com, react@17.0.2")
    ('ACME[at]SCALE, 4% match @ 100%, Engineer @ Example.com, react@17.0.2', 0)
    """
    return _change_lines(text, _EMAIL_MARK, _change_emails)


# --- links --------------------------------------------------------------------------------------

_URL = re.compile(
    r"(?i)(?:(?:https?|ftp)://|(?<![\w@.])www\.)[^\s<>\"“”|]*[^\s<>\"“”|.,;:!?()\[\]{}'’]/?"
    # Dice prints links without their signs: `httpwww.example.com`.
    rf"|(?-i:\bhttps?(?:www\.)?[a-z][\w-]{{1,62}}(?:\.[a-z][\w-]{{1,62}}){{0,4}}\."
    rf"(?:{_TLD}(?:[/!#?][^\s<>]*|(?!\w))|(?:com|org|net)[A-Z]\w*))"
)
_NOT_A_SITE = r"(?!(?i:(?:asp|vb|ado|ml|dot|paint|c|f|akka|microsoft|studio)\.net\b))"
_BARE = rf"(?<![\w@./#-]){_NOT_A_SITE}(?:{_LABEL}\.)"
_END = r"(?![\w@-]|\.\w)"
_BARE_LINK = re.compile(
    # with a path, which is not another name: `Example.com/Example.org` names two companies
    rf"{_BARE}{{1,4}}(?i:{_TLD})/(?![\w-]*\.(?i:{_TLD})\b)(?:[\w#?%~][^\s<>\"|]*[^\s<>\"|.,;:!?()\[\]'’]|\w)/?"
    # with a sub-domain: `careers.example.com`, but not `Amazon.co.uk` or `java.util.io`
    rf"|{_BARE}(?!(?:com?|org|ac|gov|net)\.)(?:{_LABEL}\.){{1,3}}(?:com|org|net|edu|gov|co|us){_END}"
    # a site of vacancies: `examplecareers.com`, `example.jobs`
    rf"|(?<![\w@./#-])(?:[a-z\d-]{{0,40}}(?:careers|jobs)\.(?:com|org|net)|[a-z\d-]{{2,40}}\.jobs){_END}"
)
_CUED_LINK = re.compile(
    r"(?i)(\b(?:visit(?:ing)?|web ?site|homepage|url|web|apply|learn more|find out more|read more|"
    r"information|details|go to|log ?on|follow us|register|browse)"
    r"(?:[ ](?:us|our|the|their|web ?site|site|page|web|online|directly|at|on|to|via|is|careers|"
    r"for|more|today|now|by|company)(?![\w.])){0,5}[ ]?[:–-]?[ ]?)"
    rf"(?-i:(?!Node\.|Asp\.){_BARE})(?:{_LABEL}\.)?{_TLD}{_END}"
)
_LINK_ON_ITS_LINE = re.compile(
    rf"^(•?[ ]?){_NOT_A_SITE}[a-z\d-]{{2,60}}\.(?:com|org|edu|gov|net|co\.uk)/?$"
)


_LINK_MARK = re.compile(rf"\.(?i:{_TLD})(?!\w)|://|[wW]{{3}}\.|https?\w")


def _change_links(line: str, _: int) -> tuple[str, int]:
    line, urls = _URL.subn(LINK, line)
    line, bare = _BARE_LINK.subn(LINK, line)
    line, cued = _CUED_LINK.subn(rf"\1{LINK}", line)
    line, alone = _LINK_ON_ITS_LINE.subn(rf"\1{LINK}", line)
    return line, urls + cued + bare + alone


def neutralise_links(text: str) -> tuple[str, int]:
    """Put `[link]` in place of addresses on the web.

    A bare domain in running prose mostly names a company or a product (`Example.com is hiring`),
    so it is a link only with a path, with a sub-domain, as a site of vacancies, after words such as
    `visit` and `apply at`, or in small letters on a line of its own.

    >>> neutralise_links("See https://example.com/jobs?id=1, www.example.org or visit example.com!")
    ('See [link], [link] or visit [link]!', 3)
    >>> neutralise_links("careers.example.com, example.com/apply, linkedin.com/in/jane-doe")
    ('[link], [link], [link]', 3)
    >>> neutralise_links("Example.com uses Node.js, ASP.NET/C#, VB.NET and Example.ai")
    ('Example.com uses Node.js, ASP.NET/C#, VB.NET and Example.ai', 0)
    """
    return _change_lines(text, _LINK_MARK, _change_links)


# --- telephone numbers --------------------------------------------------------------------------

_PHONE_MARK = re.compile(r"\d[\d ()./–-]{5,}\d|\d-[A-Z]{3}")
_SEPARATOR = r"(?:[ \t]?[-./–][ \t]?|[ \t])"
_EXTENSION = r"(?:,?[ ]?(?:ext(?:ension|n)?|x)[ ]?[.:]?[ ]?\d{1,6})?"
_NOT_INSIDE = r"(?<![\w.,$€£#+-])(?<!\d[ ]-)"
_NOT_BEFORE = r"(?![\w$€%]|[-–][\w(]|[.,]\d)"
_COUNTRY = rf"(?:\+?1{_SEPARATOR}?{_SEPARATOR}?)?"
_AFTER = rf"(?i:{_EXTENSION}){_NOT_BEFORE}"
_PHONE = re.compile(
    # North America: brackets or marks between the groups; bare blanks only after +1 or 1
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
# Any other form, after a word that announces a telephone number.
_CUED_PHONE = re.compile(
    r"(\b(?:(?i:telephone|phone|cell ?phone|tele?fon|tel|cell|mobile|mobil|fax|ph|whatsapp|sms|"
    r"hotline|handy|dial)(?:[ ](?i:no|number|nr|line|is))?"
    r"|(?i:call|calling|text|reach|ring)(?:[ ](?:me|us|him|her|them|now|today|toll[- ]free))?"
    r"(?:[ ](?:at|on|under))?|[MPTCDF](?=[ ]?:))[ ]?[.:#–-]{0,2}[ ]?(?:\([A-Z]\)[ ]?)?[.:]?[ ]?)"
    rf"(\+?\(?\d[\d()]{{0,9}}(?:{_SEPARATOR}{_SEPARATOR}?[\d()]{{1,11}}){{0,5}}(?i:{_EXTENSION}))"
    rf"{_NOT_BEFORE}"
)
_PHONE_ON_ITS_LINE = re.compile(r"^(?:[2-9]\d{9}|[2-9]\d\d[ ]\d{3}[ ]\d{4})$")
# What stands before a number that is an identifier.
_ID_BEFORE = re.compile(
    r"(?i)(?:\b(?:id|ids|req|requisition|ref|reference|code|position|posting|job|case|part|model|"
    r"sku|isbn|issn|order|invoice|account|ticket|patent|no|vacancy|version|license|ip)\b"
    r"[\s.:#()s–-]*|#[ ]?|\bnumber[\s:#(s)]*)\Z"
)
_PHONE_BEFORE = re.compile(r"(?i)\b(?:phone|tel|telephone|cell|mobile|fax|call|contact|direct)\b")
# Years, dates and sums that a telephone's cue may precede: `mobile 2019-2021`.
_NO_PHONE = re.compile(
    r"(?:19|20)\d\d[ ]?[-–/. ][ ]?(?:(?:19|20)\d\d|\d{1,2}[-–/.]\d{1,2})\b"
    r"|\d{1,2}[/.]\d{1,2}[/.]\d{2,4}\b"
    r"|\d{1,3}(?:\.\d{1,3}){3}\b|\d{1,3}(?:[ .]0{3})+\b|24/7"
)


def neutralise_phones(text: str) -> tuple[str, int]:
    """Put `[phone]` in place of telephone and fax numbers with their extensions.

    Ten digits in a row are a number only after a word such as `Call`, or alone on a line that no
    heading such as `Requisition ID` precedes.

    >>> neutralise_phones("(212) 555-0100 ext. 12, +49 30 5550100, 1.800.555.0199, Call 2125550100")
    ('[phone], [phone], [phone], Call [phone]', 4)
    >>> neutralise_phones("401(k), $555.0100, 2015-2021, Python 3.11.2, ID 212-555-0100")
    ('401(k), $555.0100, 2015-2021, Python 3.11.2, ID 212-555-0100', 0)
    """

    def change(line: str, position: int) -> tuple[str, int]:
        count = 0

        def plain(match: re.Match[str]) -> str:
            nonlocal count
            start = position + match.start()
            # The text itself: the heading `Requisition ID` may stand on a line of its own.
            before = text[max(0, start - 30) : start]
            digits = sum(map(str.isdigit, match[0]))
            foreign = match[0].startswith(("+", "00"))
            if match[0].startswith("0") and not foreign and digits < 10:
                return match[0]
            if foreign and (not 8 <= digits <= 20 or match[0].endswith("000000")):
                return match[0]
            if _ID_BEFORE.search(before) and not _PHONE_BEFORE.search(before):
                return match[0]
            count += 1
            return PHONE

        def cued(match: re.Match[str]) -> str:
            nonlocal count
            cue, number = match.groups()
            digits = sum(map(str.isdigit, re.split("[a-zA-Z]", number)[0]))
            shortest = 7 if re.search(r"\d[ ()./–-]+\d", number) else 10
            if not shortest <= digits <= 15 or _NO_PHONE.match(number):
                return match[0]
            count += 1
            return cue + PHONE

        line = _PHONE_ON_ITS_LINE.sub(plain, line)
        line = _PHONE.sub(plain, line)
        return _CUED_PHONE.sub(cued, line), count

    return _change_lines(text, _PHONE_MARK, change)


# --- names of contacts --------------------------------------------------------------------------

_UPPER = "A-ZÀ-ÖØ-ÞĀĂĄĆČĎĐĒĖĘĚĞĢĪİĶĹĽŁŃŅŇŌŐŘŚŞŠŢŤŪŮŰŹŻŽ"
_LOWER = "a-zß-öø-ÿāăąćčďđēėęěğģīıķĺľłńņňōőřśşšţťūůűźżž"
# `Jane`, `O'Neil`, `McDoe`, `Anne-Marie`, an initial; not `API`, `iPhone` or `Example's`.
_WORD = (
    rf"(?:[{_UPPER}]\.(?!\w)"
    rf"|[{_UPPER}][{_LOWER}]*(?:['’-]?[{_UPPER}][{_LOWER}]+)*(?![\w@-]|['’.]\w))"
)
_PARTICLE = r"(?:(?:van|von|de|der|den|la|del|al|bin|da|dos)[ ])"
_PERSON = (
    rf"(?P<name>(?:(?:Mr|Mrs|Ms|Dr|Prof)\.?[ ])?{_WORD}(?:[ ]{_PARTICLE}{{0,2}}{_WORD}){{0,3}})"
)
# `RECRUITER: JANE DOE`; only where a label announces a person.
_PERSON_OR_CAPITALS = (
    rf"(?:{_PERSON}|(?P<capitals>[{_UPPER}]{{2,20}}(?:[ ][{_UPPER}]{{2,20}}){{1,2}}\b))"
)
# Words that show that a capitalised phrase names no person.
_NO_NAMES = frozenset(
    """a about academy access accommodation accommodations account accounting accounts
    acquisition admin administration advisor affairs africa after agency agile ai all america
    american an analyst analytics and angeles any api apis app applicant applicants application
    applications apply architect architecture area artificial asia assistance assistant
    associate associates association at atlanta austin automation available bachelor backend
    bank banking benefits berlin big board boston branch bureau business california call
    campaign campaigns campus canada candidate candidates candidature care career careers
    carolina cell center centers centre chain channel chat chicago chief city client clients
    clinic cloud coach colleague colleagues college commerce commission committee communications
    community company compensation compliance computer conditions conference consultant
    consultants consulting consumer contact content contract control coordinator core corp
    corporate corporation council count country county court crm customer customers dallas data
    database day days dear december degree delivery denver department dept description design
    desk details developer developers development device devops digital direct direction
    director disability diversity division doctor easy ecommerce education email employee
    employees employer employers employment engine engineer engineering engineers enterprise
    equal equity europe european everybody everyone excel executive executives experience
    experts family fax february federal finance financial first flow folks foundation francisco
    free friday friends from front full functions fund future general generation germany git
    github global gmbh google government group groups guest head headquarters health healthcare
    hello help helpdesk hi high hiring home hospital hospitals hotline houston hr human i if in
    inc india industry information infrastructure innovation inquiries inside insights institute
    institution insurance integration intelligence interest intern internal international
    internet interns interview it january java jersey job jobs july kafka kind lab laboratories
    labs language las lead leader leaders leadership leads learning legal level library life
    limited line link linkedin list llc llp local location logistics london los ltd machine main
    management manager managers manufacturing map march market marketing markets master me media
    medical member members message method methods microsoft ministry mobile model models monday
    more mr ms munich my name national native network new no north note november now number
    october of office officer offices on online only operations opportunities opportunity option
    options or orchestration order organization our outreach owners partner partners payments
    payroll people perks person personal personnel phone platform please policy position power
    practice preferred president primary principal privacy process processing product production
    products professional professionals professor program programs project projects provider
    providers public python qa quality question questions queue queues recruiter recruiters
    recruiting recruitment references region regional relations remote representative requests
    required requirements research resource resources responsibilities responsibility
    responsible results resume retail risk role routes routing salary sales san saturday school
    schools science sciences scientist scientists script scripts search seattle secretary
    section security senior september server service services shared sir site skills slack
    social society software solution solutions source sourcing south specialist specialists
    speech sr staff staffing stakeholder stakeholders state states storage store strategy street
    strong student students studio subcontractor subject success summit sunday supervisor
    supervisors supply support system systems talent team teams tech technical technologies
    technology test testing texas text thank thanks that the there they this thursday title to
    today tool tools toronto total trade trading training treatment tuesday union unit united
    university us user users vendor vendors via vice video view visa vision visit volume
    volunteer washington we web website wednesday what when who why with work workday worker
    workers workforce world yes york you your zoom""".split()
)

_PREPOSITIONS = frozenset(("and", "at", "from", "if", "or", "with"))
_TITLES = frozenset(
    "account executive hr lead principal recruiter recruiting senior sr talent technical".split()
)


class _Contact(NamedTuple):
    """Where a contact's name stands."""

    cues: tuple[str, ...]  # in small letters: the pattern is tried only where one of them occurs
    pattern: re.Pattern[str]
    alone: str  # what must follow a first name without a surname; "" for nothing
    following: str = ""  # what must follow any name


_REACHED = r"[ ,(]{1,2}(?:[ ]?directly[ ])?(?:(?:at|on|via|by)\b|\[)"
_TITLE = (
    r"(?:(?:Sr|Jr|Senior|Junior|Lead|Principal|Executive|Technical|IT|Corporate|Head|of)\b\.?[ ])*"
    r"(?:Recruiter|Recruiting|Recruitment|Talent|Account (?:Manager|Executive)|Sourcer|Staffing|"
    r"Resource (?:Development )?Manager|Human Resources|HR|Delivery Manager|Hiring Manager)\b"
)
_CONTACTS = (
    # Contact: Jane Doe; Hiring manager: Jane Doe; Attn Jane Doe; Posted by Jane Doe
    _Contact(
        (
            "contact",
            "ansprechpartner",
            "manager",
            "recruiter",
            "attn",
            "attention",
            "poc",
            "posted by",
            "hosted by",
            "supervisor",
            "interviewer",
            "sourcer",
            "reports to",
            "sincerely",
        ),
        re.compile(
            r"\b(?i:(?:contact(?: person| name| information| details)?|ansprechpartner(?:in)?|"
            r"(?:hiring|account|recruiting) manager|recruiter|"
            r"attn|attention|point of contact|poc|supervisor|interviewer|sourcer|reports to)"
            r"\.?[ ]?:[ ]?|"
            r"(?:posted by|hosted by)[ ]?:?[ ]|attn\.?[ ]|for the attention of )"
            rf"\n{{0,2}}{_PERSON_OR_CAPITALS}"
        ),
        "",
    ),
    # Hiring manager - Jane Doe; after `Recruiter -` a company is as likely.
    _Contact(
        ("contact", "hiring manager"),
        re.compile(
            rf"(?m)^(?:• )?(?i:contact(?: person| name)?|hiring manager)[ ]?[–-][ ]?{_PERSON}"
        ),
        "(?!)",
    ),
    # our recruiter Jane Doe; your recruiter is Jane Doe
    _Contact(
        ("recruiter",),
        re.compile(rf"\b(?i:our|your|the)(?:[ ][a-z]+)?[ ][rR]ecruiter(?:,|[ ]is)?[ ]{_PERSON}"),
        "(?!)",
    ),
    # contact Jane Doe; reach out to Jane at [phone]
    _Contact(
        (
            "contact ",
            "reach ",
            "call ",
            "calling ",
            "ask for ",
            "speak ",
            "talk to ",
            "write to ",
            "touch with ",
            "mail ",
            "mailing ",
            "text ",
            "message ",
            "messaging ",
            "dm ",
            "writing to ",
        ),
        re.compile(
            r"\b(?:(?:[cC]ontact(?:ing)?|[rR]each(?:ing)?(?: out)?(?: to)?|[aA]sk(?:ing)? for|"
            r"[sS]peak (?:to|with)|[wW]rit(?:e|ing) to|[tT]ouch with|(?:re)?e-?mail(?:ing)?|"
            r"call(?:ing)?|text|DM|messag(?:e|ing))(?:[ ]directly)?[ ])"
            rf"{_PERSON}"
        ),
        _REACHED,
    ),
    # Call Jane Doe at [phone]: a verb only where the sentence goes on like that, for `Call Center`
    # and `Text Mining` have the same form.
    _Contact(
        ("call ", "mail ", "text ", "message "),
        re.compile(rf"\b(?:Call|E-?[mM]ail|Text|Message)[ ]{_PERSON}"),
        _REACHED,
        r"[ ,(]{1,2}(?:directly[ ])?(?:(?:at|on|via|for|to|if|with|or|today)\b|\[)|[.!]?$",
    ),
    # send your resume to Jane Doe
    _Contact(
        ("resume", "résumé", "cv", "cover letter", "portfolio"),
        re.compile(
            r"\b(?i:r[eé]sum[eé]s?|cvs?|cover letters?|portfolios?)(?:[ ][a-z]+){0,4}?[ ]to[ ]"
            rf"{_PERSON}"
        ),
        _REACHED,
    ),
    _Contact(
        ("application", "question", "inquiries", "profile"),
        re.compile(
            r"\b(?i:send|submit|e-?mail|forward|direct|address)(?:ing|ed)?\b[^.\n\[]{0,40}?[ ]"
            r"(?:applications?|questions?|inquiries|profiles?)\b[^.\n\[]{0,20}?[ ]to[ ]"
            rf"{_PERSON}"
        ),
        _REACHED,
    ),
    # Dear Jane, My name is Jane; Hi, this is Jane from Example
    _Contact(
        ("dear ", "hi ", "hello ", "my name is ", "this is "),
        re.compile(
            rf"(?:(?m:^)(?:Dear|Hi|Hello)[ ]|\b[mM]y name is[ ]|"
            rf"(?:Hi|Hello|Greetings)\b[^\w\n]{{0,3}}\s{{0,2}}(?i:this is)[ ]){_PERSON}"
        ),
        r"[,!.:–-]|[ ](?i:from|with|and|at|i)\b|$",
        r"[,!.:–-]|[ ](?i:from|with|and|at|i)\b|$",
    ),
    # Regards,\nJane Doe
    _Contact(
        ("regards", "sincerely", "cheers", "thanks", "thank you", "best wishes", "yours", "\nbest"),
        re.compile(
            r"(?i:regards|sincerely(?: yours)?|cheers|thanks|thank you|best wishes|yours truly|"
            r"\nbest)"
            rf"(?:[,.!]*\n{{1,2}}|,[ ]){_PERSON}"
        ),
        r"[.,]?$",
        r"[.,]?[ ]?(?:[|(\[–-]|$)|[ ](?:Sr|Senior|Technical|Executive|Lead|Recruit|Talent|HR)",
    ),
    # Jane Doe, above or before the title of a recruiter
    _Contact(
        ("recruit", "talent", "account ", "sourcer", "staffing", "resource", "hr", "manager"),
        re.compile(rf"(?m)^(?:• )?{_PERSON}(?=(?:[.,]?\n{{1,2}}|[ ]?[–|,(-][ ]?){_TITLE})"),
        r"\n",
    ),
    # Jane Doe, above a telephone number or an e-mail address
    _Contact(
        ("[phone]", "[e-mail]"),
        re.compile(
            rf"(?m)^{_PERSON}(?=[.,]?\n{{1,2}}(?:[\w(][^\n\[]{{0,14}})?\[(?:phone|e-mail)\]|"
            r"[ ]?[–|,:(-]?[ ]?\[(?:phone|e-mail)\])"
        ),
        r"(?!)",
    ),
)
_ALONE = {contact.alone: re.compile(contact.alone, re.M) for contact in _CONTACTS}
_FOLLOWING = {contact.following: re.compile(contact.following, re.M) for contact in _CONTACTS}


def _length_of_name(phrase: str) -> int:
    """Length of the person's name at the start of a capitalised phrase, 0 if it names no one."""
    end = words = 0
    for match in re.finditer(r"\S+", phrase):
        word = match[0].rstrip(".").lower()
        if word in ("mr", "mrs", "ms", "dr", "prof") and not words:
            continue
        if word in _NO_NAMES:
            # `Jane Doe Technical Recruiter` starts with a name, `Example Bikes Group` does not.
            return end if words == 2 and word in _TITLES or word in _PREPOSITIONS else 0
        end, words = match.end(), words + 1
    return end


def neutralise_names(text: str) -> tuple[str, int]:
    r"""Put `[name]` in place of people to contact and people who sign.

    A first name alone counts only where an address or `at` follows it, in a greeting and in a
    signature. Names elsewhere, as of founders and universities, stay.

    >>> neutralise_names("Dear Jane,\nplease contact John Doe at [phone].\nKind regards,\nAnn Roe")
    ('Dear [name],\nplease contact [name] at [phone].\nKind regards,\n[name]', 3)
    >>> neutralise_names("Contact Human Resources. Dear Hiring Manager, call Center Operations")
    ('Contact Human Resources. Dear Hiring Manager, call Center Operations', 0)
    """
    small = text.lower()
    count = 0
    for contact in _CONTACTS:
        if not any(cue in small for cue in contact.cues):
            continue

        def replace(match: re.Match[str], contact: _Contact = contact) -> str:
            nonlocal count
            kind = "name" if match["name"] else "capitals"
            phrase, start = match[kind], match.start(kind)
            length = _length_of_name(phrase)
            end = start + length
            alone = " " not in phrase[:length]
            if (
                not length
                or (alone and not _ALONE[contact.alone].match(match.string, end))
                or not _FOLLOWING[contact.following].match(match.string, end)
            ):
                return match[0]
            count += 1
            return match.string[match.start() : start] + NAME + match.string[end : match.end()]

        text = contact.pattern.sub(replace, text)
    return text, count


# --- all rules ----------------------------------------------------------------------------------

RULES: dict[str, Callable[[str], tuple[str, int]]] = {
    "e-mail addresses": neutralise_emails,
    "links": neutralise_links,
    "phone numbers": neutralise_phones,
    "names of contacts": neutralise_names,
}
MODES = ("replace", "remove", "keep")
_SENTENCE_END = re.compile(
    r"(?<=[.!?])(?<!\bMr\.)(?<!\bMs\.)(?<!\bDr\.)(?<!\bMrs\.)(?<!\bSr\.)(?<!\bJr\.)(?<!\bInc\.)"
    r"(?<!\be\.g\.)(?<!\bi\.e\.)[ ]+(?=[^\W_a-z]|[\[(\"“])"
)


def neutralise_contacts(text: str) -> tuple[str, int]:
    """Replace e-mail addresses, links and phone numbers; also returns how many there were."""
    total = 0
    for rule in (neutralise_emails, neutralise_links, neutralise_phones):
        text, found = rule(text)
        total += found
    return text, total


def _remove_sentences(text: str) -> str:
    r"""Take out the sentences that hold a neutral form, and lines of which nothing is left.

    >>> _remove_sentences("We build bikes. Call [phone].\n• [link]\nApply!")
    'We build bikes.\nApply!'
    """
    lines = []
    for line in text.split("\n"):
        if _NEUTRAL_FORM.search(line):
            kept = [
                sentence
                for sentence in _SENTENCE_END.split(line)
                if len(sentence) > _LONGEST_SENTENCE or not _NEUTRAL_FORM.search(sentence)
            ]
            line = " ".join(kept)
            if not line.strip("• "):
                continue
        lines.append(line)
    return re.sub(r"\n{3,}", "\n\n", "\n".join(lines)).strip()


def neutralise_personal_data(text: str, mode: str) -> tuple[str, dict[str, int]]:
    """Apply all rules.

    Args:
        text: A clean text, with single blanks and `• ` as its only bullet.
        mode: "replace" puts a neutral form in place of personal data; "remove" takes out the
            sentence, line or list item that holds it (the neutral form stays in what has more than
            600 characters without an end of a sentence); "keep" changes nothing.

    Returns:
        The text, and by rule the number of places found, 0 where the mode is "keep".

    Raises:
        ValueError: unknown mode.

    >>> neutralise_personal_data("We ride. Write to jane@example.com.", "remove")[0]
    'We ride.'
    """
    if mode not in MODES:
        raise ValueError(f"mode = {mode!r}: expected one of {', '.join(MODES)}")
    found = dict.fromkeys(RULES, 0)
    if mode == "keep":
        return text, found
    for name, rule in RULES.items():
        text, found[name] = rule(text)
    if mode == "remove" and any(found.values()):
        text = _remove_sentences(text)
    return text, found
