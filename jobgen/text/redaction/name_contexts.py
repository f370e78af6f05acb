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
_PARTICLE = r"(?:(?:van|von|de|der|den|la|del|al|bin|da|dos)[ ])"
_PERSON = rf"(?P<name>(?:(?:Mr|Mrs|Ms|Dr|Prof)\.?[ ])?{WORD}(?:[ ]{_PARTICLE}{{0,2}}{WORD}){{0,3}})"
_PERSON_BARE = rf"{WORD}(?:[ ]{WORD}){{0,2}}"
# `RECRUITER: JANE DOE`; only after a label that announces a person.
_PERSON_OR_CAPITALS = (
    rf"(?:{_PERSON}|(?P<capitals>[{UPPER}]{{2,20}}(?:[ ][{UPPER}]{{2,20}}){{1,2}}\b"
    # DOE, Jane
    rf"|[{UPPER}]{{2,20}},[ ](?=[{UPPER}][{LOWER}]){WORD}))"
)


class Contact(NamedTuple):
    """A context in which the name of a contact stands.

    Attributes:
        cues: texts in lower case; the pattern is searched for only if one of them occurs.
        pattern: the context, with the name in its group "name" or "capitals".
        after_first_name: pattern that must follow a first name without a surname; "" for any text.
        after_name: pattern that must follow every name.
    """

    cues: tuple[str, ...]
    pattern: re.Pattern[str]
    after_first_name: str
    after_name: str = ""


_REACHED = r"[ ,(:]{1,2}(?:[ ]?directly[ ])?(?:(?:at|on|via|by)\b|@[ ]|\[)|[ ]when you\b"
_RANK = r"(?:Sr|Jr|Senior|Junior|Lead|Principal|Executive|Technical|IT|Corporate|Head|of)"
_TITLE = (
    rf"(?:{_RANK}\b\.?[ ])*(?:(?:Recruiter|Recruitment|Talent|Account (?:Manager|Executive)|"
    r"Sourcer|Resource (?:Development )?Manager|HR|Delivery Manager|Hiring Manager)\b"
    # but not industries, departments and buttons
    r"|(?:Human Resources|Staffing|Recruiting)\b"
    r"(?!(?: and Recruiting| Video| Department)?[ ]*(?:\n|\Z)))"
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
            r"(?:posted by|hosted by)(?:[ ]?:[ \n]|[ ])|attn\.?[ ]|for the attention of )"
            rf"\n{{0,2}}{_PERSON_OR_CAPITALS}"
        ),
        r"[ ]?(?:[,(|:–-][ ]?)?(?:\[|(?:at|on|via|by)\b)|[.,]?$",
    ),
    # Hiring manager - Jane Doe; after `Recruiter -` a company is as likely.
    Contact(
        ("contact", "hiring manager"),
        re.compile(
            rf"(?m)^(?:• )?(?i:contact(?: person| name)?|hiring manager)[ ]?[–-][ ]?{_PERSON}"
        ),
        "(?!)",
    ),
    # our recruiter Jane Doe; your recruiter is Jane Doe
    Contact(
        ("recruiter",),
        re.compile(rf"\b(?i:our|your|the)(?:[ ][a-z]+)?[ ][rR]ecruiter(?:,|[ ]is)?[ ]{_PERSON}"),
        "(?!)",
    ),
    # reach out to me (Jane Doe, Recruiter); connect with Technical Recruiter Jane Doe on LinkedIn
    Contact(
        ("me (", "recruiter "),
        re.compile(
            r"\b(?:[tT]o me[ ]\(|(?:Sr\.?|Senior|Technical|IT)[ ]Recruiter(?:[ ][–-])?[ ])"
            rf"{_PERSON}"
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
            # not `it is what we call Friendly Fusion`
            r"(?<!\bwe )(?<!\bthey )(?<!\byou )(?<!\bI )call(?:ing)?|text|DM|messag(?:e|ing))"
            r"(?:[ ]directly)?[ ])"
            rf"{_PERSON}"
        ),
        _REACHED,
    ),
    # Call Jane Doe at [phone]: `Call` is a verb only if the sentence continues like that, because
    # `Call Center` and `Text Mining` look the same.
    Contact(
        ("call ", "mail ", "text ", "message "),
        re.compile(rf"\b(?:Call|E-?[mM]ail|Text|Message)[ ]{_PERSON}"),
        _REACHED,
        r"[ ,(]{1,2}(?:directly[ ])?(?:(?:at|on|via|for|to|if|with|or|today)\b|\[)|[.!]?$",
    ),
    # send your resume to Jane Doe
    Contact(
        ("resume", "résumé", "cv", "cover letter", "portfolio"),
        re.compile(
            r"\b(?i:r[eé]sum[eé]s?|cvs?|cover letters?|portfolios?)(?:[ ][a-z]+){0,4}?[ ]to[ ]"
            rf"{_PERSON}"
        ),
        _REACHED,
    ),
    Contact(
        ("application", "question", "inquiries", "profile"),
        re.compile(
            r"\b(?i:send|submit|e-?mail|forward|direct|address)(?:ing|ed)?\b[^.\n\[]{0,40}?[ ]"
            r"(?:applications?|questions?|inquiries|profiles?)\b[^.\n\[]{0,20}?[ ]to[ ]"
            rf"{_PERSON}"
        ),
        _REACHED,
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
            rf"(?:Hi|Hello|Greetings)\b[^\w\n]{{0,3}}\s{{0,2}}(?i:this is)[ ]){_PERSON}"
        ),
        r"[,!.:–-]|[ ](?i:from|with|and|at|i)\b|$",
        r"[,!.:–-]|[ ](?i:from|with|and|at|i)\b|$",
    ),
    # Regards,\nJane Doe
    Contact(
        ("regards", "sincerely", "cheers", "thanks", "thank you", "best wishes", "yours")
        + ("\nbest", "best,\n", "best\n"),
        re.compile(
            r"(?i:regards|sincerely(?: yours)?|cheers|thanks|thank you|best wishes|yours truly|"
            r"(?m:^)best)"
            rf"(?:[,.!]*\n{{1,2}}|,[ ]?|[.!]?[ ](?={_PERSON_BARE}[ ]?[|,–-]?[ ]?\[)){_PERSON}"
        ),
        r"[.,]?$|[ ]?\|",
        r"[.,]?[ ]?(?:[|(\[–-]|$)|,?[ ]?(?:IT\b|Sr|Senior|Technical|Executive|Lead|Recruit|Talent|"
        r"HR)",
    ),
    # Jane Doe, above or before the title of a recruiter
    Contact(
        ("recruit", "talent", "account ", "sourcer", "staffing", "resource", "hr", "manager"),
        re.compile(rf"(?m)^(?:• )?{_PERSON}(?=(?:[.,]?\n{{1,2}}|[ ]?[–|,(-][ ]?){_TITLE})"),
        r"\n",
    ),
    # Jane Doe, above a telephone number or an e-mail address
    Contact(
        ("[phone]", "[e-mail]"),
        re.compile(
            rf"(?m)^{_PERSON}(?=[.,]?\n{{1,2}}(?:[\w(][^\n\[]{{0,14}})?\[(?:phone|e-mail)\]|"
            r"[ ]?[–|,:(-]?[ ]?\[(?:phone|e-mail)\])"
        ),
        r"(?!)",
    ),
    # your resume to Jane Doe at [e-mail]; CALL Jane @ [phone]
    Contact(
        ("[phone]", "[e-mail]"),
        re.compile(
            r"\b(?:to|[cC]all|CALL|[cC]ontact|CONTACT|contract|[eE]-?mail|details|reach)[ ]"
            rf"{_PERSON}"
            r"(?=[ ]?(?:at|@|on|:|–|-|\()[ ]?(?:[a-z]{2,12}[ :]{1,2})?\[(?:phone|e-mail)\])"
        ),
        "",
    ),
    # Questions? Jane Doe will help: [e-mail]
    Contact(
        ("questions?",),
        re.compile(
            rf"\b[qQ]uestions\?[ ]{_PERSON}"
            r"(?=[ ](?:will|can|is|would)\b[^.\n\[]{0,60}\[(?:phone|e-mail)\])"
        ),
        "",
    ),
    # HR Priya - [phone]; Call HR Priya [phone]
    Contact(
        ("hr ",),
        re.compile(rf"(?<!\w)(?:HR|Hr)[ ]{_PERSON}(?=[ ]?[–:,(|-]?[ ]?\[(?:phone|e-mail)\])"),
        "",
    ),
    # Jane DoeSenior Recruiter: the line break between name and title is lost
    Contact(
        ("recruit", "talent", "account ", "sourcer", "staffing", "resource"),
        re.compile(
            rf"(?:(?m:^)|[.!?:,][ ])(?:• )?(?P<name>[{UPPER}][{LOWER}]{{1,20}}"
            rf"(?:[ ][{UPPER}]\.)?[ ][{UPPER}][{LOWER}]{{1,20}})"
            rf"(?=(?:{_RANK}\.?[ ]?){{0,3}}(?:Recruit|Talent|Account (?:Manager|Exec)|Sourcer|"
            r"Staffing|Resource (?:Development )?Manager))"
        ),
        r"(?!)",
    ),
)
