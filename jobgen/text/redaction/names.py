"""Replace the names of contacts by `[name]`: after a cue, beside an address, in a signature."""

import re
from typing import NamedTuple

from jobgen.text.redaction.patterns import NAME

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
# `RECRUITER: JANE DOE`; only after a label that announces a person.
_PERSON_OR_CAPITALS = (
    rf"(?:{_PERSON}|(?P<capitals>[{_UPPER}]{{2,20}}(?:[ ][{_UPPER}]{{2,20}}){{1,2}}\b))"
)
# Words that show that a capitalized phrase does not name a person.
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
    # Call Jane Doe at [phone]: `Call` is a verb only if the sentence continues like that, because
    # `Call Center` and `Text Mining` look the same.
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
_AFTER = {
    pattern: re.compile(pattern, re.M)
    for contact in _CONTACTS
    for pattern in (contact.after_first_name, contact.after_name)
}


def _name_length(phrase: str) -> int:
    """Length of the person's name at the start of a capitalized phrase; 0 if there is none."""
    end = n_words = 0
    for match in re.finditer(r"\S+", phrase):
        word = match[0].rstrip(".").lower()
        if word in ("mr", "mrs", "ms", "dr", "prof") and not n_words:
            continue
        if word in _NO_NAMES:
            # `Jane Doe Technical Recruiter` starts with a name, `Example Bikes Group` does not.
            return end if n_words == 2 and word in _TITLES or word in _PREPOSITIONS else 0
        end, n_words = match.end(), n_words + 1
    return end


def redact_names(text: str) -> tuple[str, int]:
    r"""Replace the names of people to contact and of people who sign.

    A first name alone counts only before an address or `at`, in a greeting and in a signature.
    Names elsewhere, for example those of founders and universities, stay.

    >>> redact_names("Dear Jane,\nplease contact John Doe at [phone].\nKind regards,\nAnn Roe")
    ('Dear [name],\nplease contact [name] at [phone].\nKind regards,\n[name]', 3)
    >>> redact_names("Contact Human Resources. Dear Hiring Manager, call Center Operations")
    ('Contact Human Resources. Dear Hiring Manager, call Center Operations', 0)
    """
    lower = text.lower()
    count = 0
    for contact in _CONTACTS:
        if not any(cue in lower for cue in contact.cues):
            continue

        def replace(match: re.Match[str], contact: _Contact = contact) -> str:
            nonlocal count
            group = "name" if match["name"] else "capitals"
            phrase, start = match[group], match.start(group)
            length = _name_length(phrase)
            if not length:
                return match[0]
            end = start + length
            is_first_name = " " not in phrase[:length]
            required = [contact.after_name]
            if is_first_name:
                required.append(contact.after_first_name)
            if not all(_AFTER[pattern].match(match.string, end) for pattern in required):
                return match[0]
            count += 1
            return match.string[match.start() : start] + NAME + match.string[end : match.end()]

        text = contact.pattern.sub(replace, text)
    return text, count
