"""Contexts in which the name of a contact stands: signatures, titles, addresses after it."""

import re

from jobgen.text.characters import LOWER, UPPER
from jobgen.text.redaction.name_contexts import BREAK, PERSON, PERSON_BARE, SPACE, START, Contact

# What parts a name, and a position after it, from an address.
_POSITION = rf"(?:[,;]{SPACE}(?:[\w/&'’-]{{1,20}},?{SPACE}){{0,7}}[\w/&'’-]{{1,20}}[,;:]?)?"
_ROLE = (
    rf"(?:[,;]{SPACE}(?:[\w/&'’-]{{1,20}}{SPACE}){{0,6}}(?i:manager|director|coordinator|officer|"
    r"assistant|recruiter|consultant|specialist|executive|representative|secretary|chief|head|"
    r"leader|president)\b[,;:]?)"
)
_ADDRESS = (
    rf"{SPACE}?(?:at|At|@|on|via|by|through|or|:|–|-|\(|,)?[ :]{{0,2}}"
    r"(?:[a-zA-Z][\w-]{1,12}[ :.]{1,2}){0,3}[\n\v]?\[(?:phone|e-mail)\]"
)
_RANK = r"(?:Sr|Jr|Senior|Junior|Lead|Principal|Executive|Technical|IT|Corporate|Head|of)"
_TITLE = (
    rf"(?:{_RANK}\b\.?[ ])*(?:(?:Recruiter|Recruitment|Talent|Account (?:Manager|Executive)|"
    r"Sourcer|Resource (?:Development )?Manager|HR|Delivery Manager|Hiring Manager)\b"
    # but not industries, departments and buttons
    r"|(?:Human Resources|Staffing|Recruiting)\b"
    r"(?!(?: and Recruiting| Video| Department)?[ ]*(?:\n|\Z)))"
)
SIGNATURES = (
    # Regards,\nJane Doe
    Contact(
        ("regards", "sincerely", "cheers", "thanks", "thank you", "best wishes", "yours")
        + ("\nbest", "best,\n", "best\n"),
        re.compile(
            r"(?i:regards|sincerely(?: yours)?|cheers|thanks|thank you|best wishes|yours truly|"
            r"(?m:^)best)"
            rf"(?:[,.!]*{BREAK}{{1,2}}|,[ ]?|[.!]?[ ]?(?={PERSON_BARE}[ ]?[|,–-]?[ ]?\[))"
            rf"{PERSON}"
        ),
        r"[.,]?$|[ ]?\||[ ]?[,–-]?[ ]?\[(?:phone|e-mail)\]|(?:Ph|Phone|Tel|E-?mail|Mobile|Cell)\b",
        r"[.,]?[ ]?(?:[|(\[–-]|$)|,?[ ]?(?:IT\b|Sr|Senior|Technical|Executive|Lead|Recruit|Talent|"
        r"HR|Ph\b|Phone|Tel\b|E-?mail|Mobile|Cell)",
    ),
    # Jane Doe, above or before the title of a recruiter
    Contact(
        ("recruit", "talent", "account ", "sourcer", "staffing", "resource", "hr", "manager"),
        re.compile(rf"{START}(?:• )?{PERSON}(?=(?:[.,]?{BREAK}{{1,2}}|[ ]?[–|,(-][ ]?){_TITLE})"),
        r"\n",
        lead=140,
    ),
    # Jane Doe, above a telephone number or an e-mail address
    Contact(
        ("[phone]", "[e-mail]"),
        re.compile(
            rf"(?:{START}|(?<=[a-z])(?=[A-Z])){PERSON}(?=[.,]?{BREAK}{{1,2}}(?:[\w(][^\n\[]{{0,14}})?\[(?:phone|e-mail)\]|"
            r"[ ]?[–|,:(-]?[ ]?\[(?:phone|e-mail)\])"
        ),
        r"(?!)",
        lead=120,
    ),
    # your resume to Jane Doe at [e-mail]; CALL Jane @ [phone]
    Contact(
        ("[phone]", "[e-mail]"),
        re.compile(
            r"\b(?:to|To|TO|or|of|[cC]all|CALL|[cC]ontact|CONTACT|contract|[eE]-?mail|details|reach)"
            rf"[ ]?[:,]?[ \n\v]{{0,2}}(?<=[\s:,]){PERSON}(?={_POSITION}{_ADDRESS})"
        ),
        "",
        lead=260,
    ),
    # Jane Doe, Example Officer, e-mail: [e-mail]; the office, Jane Doe at: [phone]
    Contact(
        ("[phone]", "[e-mail]"),
        re.compile(rf"(?:{START}|[,;][ \v]){PERSON}(?={_ROLE}?{_ADDRESS})"),
        "(?!)",
        r"[,;]|[ \v]?(?:at|via)\b",
        lead=260,
    ),
    # [e-mail], Personnel Department, Jane Doe.
    Contact(
        ("[phone]", "[e-mail]"),
        re.compile(
            r"\[(?:phone|e-mail)\](?:[,;]?[ \n\v](?:[A-Z][\w-]{1,15}[ \v]){1,4}"
            rf"(?:Department|Office|Division|Unit|Team),?[ \n\v]{PERSON}(?=[.,]|$)"
            rf"|[,;]?[ \n\v]{{1,2}}(?P<capitals>{PERSON_BARE})(?={_ROLE}))"
        ),
        "(?!)",
    ),
    # forwarded to Jane Doe, Team Leader
    Contact(
        (" to", " with"),
        re.compile(rf"(?<=[a-z])[ ](?:to|with)[ ]?:?[ \n\v]{PERSON}(?={_ROLE})"),
        "(?!)",
    ),
    # RegardsJane DoeExample Bikes: line breaks around the name are lost
    Contact(
        ("regards", "thanks", "thank you", "yours"),
        re.compile(
            r"(?i:regards|thanks|thank you|yours)[,.!]{0,3}\s?(?P<name>"
            r"[A-Z][a-z]{1,15}(?:[ ][A-Z][a-z]{1,15}){0,2}+(?=[A-Z]|[ ][A-Z]|[\n\v])"
            r"|[A-Z]{3,15}[ ][A-Z]{3,15}(?=[A-Z][a-z]))(?=[^\[]{0,90}\[(?:phone|e-mail)\])"
        ),
        "",
    ),
    # spokenJane DoeExample Solutions, Inc.\nWork [phone]
    Contact(
        (" inc", "llc", "solutions", "technologies", "systems", "corp"),
        re.compile(
            r"(?<=[a-z.])(?P<name>[A-Z][a-z]{2,15}[ ][A-Z][a-z]{2,15})(?=[A-Z][a-z][^\[\n]{0,40}"
            r"\b(?:Inc|LLC|Solutions|Technologies|Systems|Corp)[^\[]{0,30}\[(?:phone|e-mail)\])"
        ),
        "(?!)",
        lead=90,
    ),
    # required Jane Doe\nTechnical Recruiter: the line break before the name is lost
    Contact(
        ("recruiter",),
        re.compile(
            r"(?<=[a-z] )(?<! in )(?<! at )(?<! of )(?<! with )(?<! for )(?<! on )(?<! and )"
            rf"(?P<name>[{UPPER}][{LOWER}]{{1,15}}[ ][{UPPER}][{LOWER}]{{1,15}})"
            rf"(?={BREAK}(?:{_RANK}\b\.?[ ]){{0,3}}Recruiter\b(?!:))"
        ),
        "(?!)",
        lead=80,
    ),
    # Questions? Jane Doe will help: [e-mail]
    Contact(
        ("questions?",),
        re.compile(
            rf"\b[qQ]uestions\?[ ]{PERSON}"
            r"(?=[ ](?:will|can|is|would)\b[^.\n\[]{0,60}\[(?:phone|e-mail)\])"
        ),
        "",
    ),
    # HR Priya - [phone]; Call HR Priya [phone]
    Contact(
        ("hr ",),
        re.compile(rf"(?<!\w)(?:HR|Hr)[ ]{PERSON}(?=[ ]?[–:,(|-]?[ ]?\[(?:phone|e-mail)\])"),
        "",
    ),
    # Jane DoeSenior Recruiter: the line break between name and title is lost
    Contact(
        ("recruit", "talent", "account ", "sourcer", "staffing", "resource"),
        re.compile(
            rf"(?:{START}|[.!?:,][ ])(?:• )?(?P<name>[{UPPER}][{LOWER}]{{1,20}}"
            rf"(?:[ ][{UPPER}]\.)?[ ][{UPPER}][{LOWER}]{{1,20}})"
            rf"(?=(?:{_RANK}\.?[ ]?){{0,3}}(?:Recruit|Talent|Account (?:Manager|Exec)|Sourcer|"
            r"Staffing|Resource (?:Development )?Manager))"
        ),
        r"(?!)",
        lead=100,
    ),
)
