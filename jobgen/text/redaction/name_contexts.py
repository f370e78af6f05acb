"""Contexts in which the name of a contact stands, in English."""

import re
from typing import NamedTuple

from jobgen.text.characters import LOWER, UPPER

# Fields that scrapers glue to a name: `Jane DoeSenior Recruiter`, `Jane DoeEmail`.
_FIELD = (
    r"(?=(?:E-?mail|Phone|Ph|Tel|Technical|Senior|Sr|Recruiter|Lead|Executive|Mobile|Fax|Account|"
    r"Talent|Manager|Title|Job|Direct|Cell|Resource|Recruiting|HR|IT)(?![a-z]))"
)
# `Jane`, `O'Neil`, `McDoe`, `Anne-Marie`, an initial; not `API`, `iPhone`, `PayPal`, `Example's`.
_MIXED = rf"(?:(?:Mc|Mac|De|Di|Du|La|Le|Van|Von|Fitz)?[{UPPER}][{LOWER}]*)"
WORD = (
    rf"(?:[{UPPER}]\.(?!\w)"
    rf"|{_MIXED}(?:['’-][{UPPER}][{LOWER}]+|['’-]{_MIXED})*(?:{_FIELD}|(?![\w@-]|['’.]\w)))"
)
# A blank, or a line break that a text of fixed width has put in a sentence (`names.WRAPPED`).
SPACE = r"[ \v]"
# The start of a line.
START = r"(?:(?m:^)|(?<=\v))"
BREAK = r"[\n\v]"
_PARTICLE = r"(?:(?:van|von|de|der|den|la|del|al|bin|da|dos)[ ])"
_NAME = rf"{WORD}(?:{SPACE}{_PARTICLE}{{0,2}}{WORD}){{0,4}}"
_TITLED = rf"(?:(?:Mr|Mrs|Ms|Miss|Dr|Prof)\.?{SPACE})?{_NAME}"
PERSON = rf"(?P<name>{_TITLED})"
PERSON_BARE = rf"{WORD}(?:{SPACE}{WORD}){{0,2}}"
# `RECRUITER: JANE DOE`; only after a label that announces a person.
_PERSON_OR_CAPITALS = (
    rf"(?:{PERSON}|(?P<capitals>[{UPPER}]{{2,20}}(?:[ ][{UPPER}]{{2,20}}){{1,2}}\b"
    # DOE, Jane
    rf"|[{UPPER}]{{2,20}},[ ](?=[{UPPER}][{LOWER}]){WORD}))"
)


class Contact(NamedTuple):
    """A context in which the name of a contact stands.

    Attributes:
        cues: texts in lower case; the pattern is looked for only near one of them.
        pattern: the context, with the name in its group "name" or "capitals".
        after_first_name: pattern that must follow a first name without a surname; "" for any text.
        after_name: pattern that must follow every name.
        lead: most characters from the start of the context to a cue in it.
    """

    cues: tuple[str, ...]
    pattern: re.Pattern[str]
    after_first_name: str
    after_name: str = ""
    lead: int = 30


_REACHED = (
    r"[ ,(:]{1,2}(?:[ ]?(?:directly|direct|today|TODAY|now)[ ])?(?:(?:at|on|via|by)\b|@[ ]|\[)"
    r"|[ ](?:when you|for (?:further|more|details|an?|the)|today|or|as soon as|[aA]lternatively)\b"
    r"|[ ](?:(?:from|in)[ ](?:[A-Z]|our\b)|an updated\b|your\b|with your\b|\*\*)|[.!]?\s*\Z"
)
CONTACTS = (
    # Contact: Jane Doe; Hiring manager: Jane Doe; Attn Jane Doe; Posted by Jane Doe
    Contact(
        (
            "contact",
            "manager",
            "recruiter",
            "recruitment consultant",
            "recruiting consultant",
            "consultant name",
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
            r"\b(?i:(?:contact(?: person)?(?: name| information| details)?|"
            r"(?:(?:hiring|account|recruiting) )?manager['’]?s? name|"
            r"recruit(?:ment|ing) consultant(?: name)?|consultant name|"
            r"(?:hiring|account|recruiting) manager|recruiter(?: name)?|"
            r"(?:resource|recruiting) manager|attn|attention|point of contact|poc|supervisor|"
            r"interviewer|sourcer|reports to)"
            r"\.?[ ]?:[ ]?|"
            r"(?:posted by|hosted by)(?:[ ]?:[ \n]|[ ])|attn\.?[ ]|"
            rf"attention (?:to|of) ?:? ?(?=(?-i:(?:M(?:r|rs|s)\.? )?{WORD}{SPACE}{WORD}))|"
            r"attention (?=(?-i:M(?:r|rs|s)\b)))"
            rf"[\n\v]{{0,2}}{_PERSON_OR_CAPITALS}"
        ),
        r"[ ]?(?:[,(|:–-][ ]?)?(?:\[|(?:at|on|via|by)\b)|[.,]?$",
    ),
    # Hiring manager - Jane Doe; after `Recruiter -` a company is as likely.
    Contact(
        ("contact", "hiring manager"),
        re.compile(
            rf"(?:{START}(?:• )?(?i:contact(?: name)?|hiring manager)[ ]?[–-][ ]?"
            rf"|(?i:\bcontact person)[ ]?[–-][ \n\v]{{0,2}}){PERSON}"
        ),
        "(?!)",
    ),
    # Name: Jane Doe, above her telephone
    Contact(
        ("name:", "name :"),
        re.compile(
            rf"(?m)^Name[ ]?:[ ]?{PERSON}"
            r"(?=[ ]?\n(?i:tel|phone|fax|mobile|e-?mail|title|position))"
        ),
        "",
    ),
    # Mr. Jane Doe, wherever somebody is called so; not `Ms Office`, `12 Example Dr. Springfield`
    Contact(
        ("mr", "ms", "dr."),
        re.compile(
            rf"(?<!\w)(?P<name>(?:Mr|Mrs|Ms)\.?{SPACE}{_NAME}"
            rf"|(?:(?<=to )|(?<=with )|(?<=of )|(?<=contact )|(?<=by ))Dr\.{SPACE}{_NAME})"
        ),
        "",
    ),
    # Consultant: Jane Doe
    Contact(
        ("consultant: ", "consultant : "),
        re.compile(rf"\b[cC]onsultant[ ]?:[ ]{PERSON}"),
        "(?!)",
        r"[ ]?(?:$|[.,;|(\[]|(?:Ref|Tel|Phone|E-?mail|We|Our)\b)",
    ),
    # our recruiter Jane Doe; your recruiter is Jane Doe
    Contact(
        ("recruiter", "consultant"),
        re.compile(
            r"\b(?i:our|your|the)(?:[ ][a-z]+)?[ ](?:[rR]ecruiter|[cC]onsultant)(?:,|[ ]is)?[ ]"
            rf"{PERSON}"
        ),
        "(?!)",
        lead=50,
    ),
    # reach out to me (Jane Doe, Recruiter); connect with Technical Recruiter Jane Doe on LinkedIn
    Contact(
        ("me (", "recruiter "),
        re.compile(
            r"\b(?:[tT]o me[ ]\(|(?:Sr\.?|Senior|Technical|IT)[ ]Recruiter(?:[ ][–-])?[ ])"
            rf"{PERSON}"
        ),
        "(?!)",
        r",|[ ]on[ ]|[ ]?\[",
    ),
    # contact Jane Doe; reach out to Jane at [phone]
    Contact(
        (
            "contact ",
            "reach ",
            "call ",
            "calling ",
            "ask for",
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
            "telephone ",
            "phone ",
            "ring ",
        ),
        re.compile(
            r"\b(?:(?:[cC]ontact(?:ing)?|[rR]each(?:ing)?(?: out)?(?: to)?|[aA]sk(?:ing)? for:?|"
            r"[sS]peak (?:to|with)|[wW]rit(?:e|ing) to|[tT]ouch with|(?:re)?e-?mail(?:ing)?|"
            # not `it is what we call Friendly Fusion`
            r"(?<!\bwe )(?<!\bthey )(?<!\byou )(?<!\bI )call(?:ing)?|text|DM|messag(?:e|ing)|"
            r"telephone|(?:or|to|[pP]lease) (?:phone|ring))"
            rf"(?:[ ]directly)?[ \n\v])"
            rf"{PERSON}"
        ),
        _REACHED,
    ),
    # ask for Jane. More on our site
    Contact(
        ("ask for ",),
        re.compile(rf"\b[aA]sk[ ]for[ ]{PERSON}"),
        r"[ ]?[.,!(]|[ ]if\b",
    ),
    # Call Jane Doe at [phone]: `Call` is a verb only if the sentence continues like that, because
    # `Call Center` and `Text Mining` look the same.
    Contact(
        ("call ", "mail ", "text ", "message "),
        re.compile(rf"\b(?:Call|E-?[mM]ail|Text|Message)[ ]{PERSON}"),
        _REACHED,
        r"[ ,(]{1,2}(?:directly[ ])?(?:(?:at|on|via|for|to|if|with|or|today)\b|\[)|[.!]?$",
    ),
    # send your resume to Jane Doe
    Contact(
        ("resume", "résumé", "cv", "cover letter", "portfolio"),
        re.compile(
            r"\b(?i:r[eé]sum[eé]s?|cvs?|cover letters?|portfolios?)(?:['’]s)?"
            r"(?:[ ][a-z]+){0,4}?(?:[ ]\([\w ]{1,30}\))?"
            rf"[ ]to[ ]?:?{SPACE}{PERSON}"
        ),
        _REACHED,
    ),
    Contact(
        ("application", "question", "inquiries", "profile"),
        re.compile(
            r"\b(?i:send|submit|e-?mail|forward|direct|address)(?:ing|ed)?\b[^.\n\[]{0,40}?[ ]"
            r"(?:applications?|questions?|inquiries|profiles?)\b[^.\n\[]{0,20}?[ ]to[ ]?:?"
            rf"{SPACE}{PERSON}"
        ),
        _REACHED,
        lead=90,
    ),
    # Dear Jane, My name is Jane; Hi, this is Jane from Example
    Contact(
        (
            "dear ",
            "hi ",
            "hello ",
            "my name is ",
            "this is ",
            "hi, i",
            "hi! i",
            "hello, i",
            "hello! i",
        ),
        re.compile(
            rf"(?:(?m:^)(?:Dear|Hi|Hello)[ ]|\b[mM]y name is[ ]|"
            r"\b(?:Hi|Hello)[,!][ ]I(?:['’]m| am)[ ]|"
            rf"(?:Hi|Hello|Greetings)\b[^\w\n]{{0,3}}\s{{0,2}}(?i:this is)[ ]){PERSON}"
        ),
        r"[,!.:–-]|[ ](?i:from|with|and|at|i)\b|$",
        r"[,!.:–-]|[ ](?i:from|with|and|at|i)\b|$",
    ),
)
