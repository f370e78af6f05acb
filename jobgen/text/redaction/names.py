"""Replace the names of contacts by `[name]`: after a cue, beside an address, in a signature."""

import re
from collections.abc import Callable

from jobgen.text.redaction.name_contexts import CONTACTS, WORD, Contact
from jobgen.text.redaction.name_contexts_abroad import CONTACTS_ABROAD
from jobgen.text.redaction.name_signatures import SIGNATURES
from jobgen.text.redaction.name_words import name_length, names_no_person, role_length
from jobgen.text.redaction.patterns import NAME, parted

# The abroad ones first: they know the forms of address that belong to a name.
_CONTACTS = (*CONTACTS_ABROAD, *CONTACTS, *SIGNATURES)
_MOST_NAMES = 50
# A line break inside a sentence: after a long line that ends with a letter, a comma, a colon or
# `Mr.`, before a capital letter. The name of a contact may go on there.
WRAPPED = re.compile(r"(?<=[a-z,:])\n(?=[A-Z][a-z])|(?<=\bM[rs]\.)\n|(?<=\bMrs\.)\n")
_SHORTEST_LINE = 45
_FOLLOWING = 120  # characters after a name that are looked at
# Contact [name] or John Doe at [phone]; Contact: [name] / John Doe
_NEXT = re.compile(
    rf"(?m)\[name\](?:[ ](?:or|and|oder|und|ou|et|o|e|y|of|en)[ ]|[ ]?/[ ]?)"
    rf"(?P<name>{WORD}[ ]{WORD})(?=[ ](?:at|on|via|by|au|unter|al|op)\b|[ ]?[(,|:–-]?[ ]?\[|[.]?$)"
)
_AFTER = {
    pattern: re.compile(pattern, re.M)
    for contact in _CONTACTS
    for pattern in (contact.after_first_name, contact.after_name)
}


def _mark_wrapped(match: re.Match[str]) -> str:
    r"""A vertical tab, which no clean text has, for a line break inside a sentence."""
    text, end = match.string, match.start()
    return "\v" if end - text.rfind("\n", 0, end) > _SHORTEST_LINE else "\n"


def _replace_near_cues(
    contact: Contact, replace: Callable[[re.Match[str]], str], text: str, lower: str
) -> str:
    """What `contact.pattern.sub` does, without a look at what is far from all cues.

    Args:
        contact: the context.
        replace: function from a match to what takes its place.
        text: the text.
        lower: the same in lower case.
    """
    if len(lower) != len(text):
        return contact.pattern.sub(replace, text)  # `İ` has become two characters
    cues = []
    for cue in contact.cues:
        found = lower.find(cue)
        while found >= 0:
            cues.append(found)
            found = lower.find(cue, found + 1)
    if not cues:
        return text
    pieces: list[str] = []
    copied_to = position = 0
    for cue_start in sorted(cues):
        position = max(position, cue_start - contact.lead)
        while position <= cue_start:
            match = contact.pattern.match(text, position)
            position += 1
            if match:
                pieces += [text[copied_to : match.start()], replace(match)]
                copied_to = match.end()
                position = max(position, copied_to)
    return "".join([*pieces, text[copied_to:]])


def redact_names(text: str) -> tuple[str, int]:
    r"""Replace the names of people to contact and of people who sign.

    A first name alone counts only before an address or `at`, in a greeting and in a signature.
    Names elsewhere, for example those of founders and universities, stay, as do companies, teams,
    countries and greetings that name nobody.

    >>> redact_names("Dear Jane,\nplease contact John Doe at [phone].\nKind regards,\nAnn Roe")
    ('Dear [name],\nplease contact [name] at [phone].\nKind regards,\n[name]', 3)
    >>> redact_names("Ihre Ansprechpartnerin ist Frau Erika Mustermann. Contact : M. Eric DUPONT")
    ('Ihre Ansprechpartnerin ist [name]. Contact : [name]', 2)
    >>> redact_names("Contact Human Resources. Dear Hiring Manager, call Center Operations")
    ('Contact Human Resources. Dear Hiring Manager, call Center Operations', 0)
    """
    whole = text
    text = WRAPPED.sub(_mark_wrapped, text)
    lower = text.lower()
    count = 0
    companies: dict[str, bool] = {}
    people: set[str] = set()

    def is_company(phrase: str) -> bool:
        if phrase not in companies:
            # So many contacts are a list of people; to search the text for each takes too long.
            too_many = len(companies) >= _MOST_NAMES
            companies[phrase] = not too_many and names_no_person(phrase, whole)
        return companies[phrase]

    for contact in _CONTACTS:

        def replace(match: re.Match[str], contact: Contact = contact) -> str:
            nonlocal count
            groups = match.groupdict()
            group = "name" if groups["name"] else "capitals"
            phrase, start = match[group], match.start(group)
            role = role_length(phrase)
            phrase, start = phrase[role:], start + role
            length = name_length(phrase)
            if not length or is_company(phrase[:length]):
                return match[0]
            end = start + length
            is_first_name = len(phrase[:length].split()) == 1
            if role and is_first_name:
                return match[0]
            required = [contact.after_name]
            if is_first_name:
                required.append(contact.after_first_name)
            following = match.string[end : end + _FOLLOWING].replace("\v", "\n")
            if not all(_AFTER[pattern].match(following) for pattern in required):
                return match[0]
            count += 1
            if not is_first_name:
                people.add(phrase[:length])
            rest = match.string[end : match.end()]
            after = match.string[end : end + 1]
            return match.string[match.start() : start] + parted("", NAME, after) + rest

        changed = _replace_near_cues(contact, replace, text, lower)
        if changed != text:
            text, lower = changed, changed.lower()

    def replace_next(match: re.Match[str]) -> str:
        nonlocal count
        phrase = match["name"]
        if name_length(phrase) < len(phrase) or is_company(phrase):
            return match[0]
        count += 1
        return match[0].removesuffix(phrase) + NAME

    if count:
        text = _NEXT.sub(replace_next, text)
    if people:
        # A contact who was found once is a contact wherever the posting names him in full.
        longest_first = sorted(map(re.escape, people), key=len, reverse=True)
        again = re.compile(rf"(?<!\w)(?:{'|'.join(longest_first)})(?!\w)")
        text, repeated = again.subn(NAME, text)
        count += repeated
    return text.replace("\v", "\n"), count
