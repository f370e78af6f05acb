"""What job sites and recruiting systems put around a posting: buttons, codes, standing texts."""

import re

# A button alone on its line; or `Show more` and `Show less` glued to the end of the text.
_SHOW = r"show (?:more|less)"
_BUTTONS = re.compile(
    rf"(?im)^[ \t]*(?:{_SHOW}(?:\s+{_SHOW}){{0,9}}|(?:easy )?apply"
    r"(?:[ \t]{0,3}\n?[ \t]{0,3}(?:now|here|today))?"
    r"|apply (?:for this job|on (?:the )?company (?:web ?)?site)"
    r"|(?:save|share|report)(?: this)? job"
    r"|see who \S[^\n]{0,60} hired for this role|get notified about new [^\n]{1,90}"
    r"|sign in to [^\n]{1,60}|(?:set|create)(?: a)? job alert|similar jobs|people also viewed"
    r"|be among the first \d+ applicants|(?:over )?\d+ applicants|posted \d+\+? \w+ ago"
    r"|referrals increase your chances [^\n]{1,90})[.!]*[ \t]*$"
    rf"|(?<=[.!?\s]){_SHOW}(?:\s+{_SHOW}){{0,9}}\s*\Z"
)
# The end of a line after which a button may begin with a small letter; and the end of one that the
# next line goes on with.
_ENDED_LINE = re.compile(r"(?:\A|\n[ \t]*\n|[.!?;][ \t]*\n)\Z")
_OPEN_LINE = re.compile(r"[:,][ \t]*\n\Z")
_SITES = (
    "JazzHR",
    "Dice",
    "Jobot",
    "Easy Apply now",
    "Apply directly to this job",
    "Email Your Resume",
    "Looking forward to receiving",
    "do NOT change the email",
    "Posted By",
    "We can recommend jobs",
)
# Boilerplate that a job site puts around every posting. Details of the job in it, such as the
# client in the opening of Dice, stay.
_SITE_TEXTS = re.compile(
    r"(?m)^Powered by JazzHR(?:\s+\w{10}\s*\Z|[ \t]*$)"
    r"|Dice is the leading career destination for tech experts at every stage of their careers\. ?"
    r"|Apply via Dice today! ?"
    r"|^This Jobot Job is hosted by [^\n]{1,60}$"
    r"|(?:Are you a fit|Interested in hearing more)\? Easy Apply now by clicking the \"Apply\" "
    r"button(?: and sending us your resume)?\."
    r"|^(?:Apply directly to this job opening here!\s+Or\s+E-mail directly for more information to"
    r"(?: \S+@\S+)?|Email Your Resume In Word To)[ \t]*$"
    r"|Looking forward to receiving your resume through our website and going over the position "
    r"with you\. Clicking apply is the best way to apply, but you may also:(?:\s+\S+@\S+)?"
    r"|Please do NOT change the email subject line in any way\. You must keep the JobID: "
    r"[^\n]{1,60} in the email subject line for your application to be considered\.\**"
    r"|^Posted By:? [A-Z][^\n]{1,40}$"
    r"|^We can recommend jobs specifically for you! Create a custom Job Alert [^\n]{1,90}$"
)
# The criteria that LinkedIn shows below a posting, each a label and its value, with a line break,
# a colon or nothing between them.
_LABELS = "Seniority [Ll]evel|Employment [Tt]ype|Job [Ff]unctions?|Industries"
_CRITERION = (
    r"(?:Seniority [Ll]evel[ \t]{0,3}:?[\s•]{0,9}"
    r"(?i:Internship|Entry level|Associate|Mid-Senior level|Director|Executive|Not Applicable)"
    r"|Employment [Tt]ype[ \t]{0,3}:?[\s•]{0,9}"
    r"(?i:Full-time|Part-time|Contract|Temporary|Volunteer|Internship|Other)"
    rf"|(?:Job [Ff]unctions?|Industries)[ \t]{{0,3}}:?[\s•]{{0,9}}(?=[^\W\d_a-z])(?!{_LABELS})"
    rf"[^\n]{{1,200}}?(?=[ \t]*(?:{_LABELS}|\n|\Z))"
    rf"|(?:{_LABELS}|(?m:^)[ \t]{{0,9}}Industry)"
    rf"[ \t]{{0,3}}:?[ \t]{{0,3}}\n\s{{0,9}}[^\n]{{1,90}}(?=\n|\Z))"
)
_CRITERIA = re.compile(
    rf"(?:(?m:^)[ \t•]{{0,9}}|(?<=[\s.!?)])|(?=Seniority)){_CRITERION}"
    rf"(?:[\s•]{{0,9}}{_CRITERION}){{0,5}}"
)
_PAIRS = ({"Employment", "Job"}, {"Job", "Industries"})  # of labels, that only LinkedIn has
_LABEL = re.compile(rf"{_LABELS}|(?m:^)[ \t]*Industry(?=[ \t]*:?[ \t]*$)")
# One of these is in every text with criteria; to look for them is faster than the pattern.
_LABEL_WORDS = (
    "Seniority ",
    "Employment type",
    "Employment Type",
    "Job function",
    "Job Function",
    "Industries",
)
# The codes after `#LI-` are words of a place, or initials with a number. A word that is glued to
# the code begins with a capital letter, or follows its number.
_PLACE = r"(?i:remote|hybrid|on-?_?site|in-?office|in-?person|flexible|mobile|dni|dnp|post)"
# A name of two words is one code, unless the second begins a sentence.
_OPENING_WORD = r"(?:About|An?|As|At|For|If|In|Job|Our|The|This|To|We|What|Who|With|You|Your)"
_TRACKING_CODES = re.compile(
    r"PDN-[0-9a-f]{8}(?:-[0-9a-f]{4}){3}-[0-9a-f]{12}"
    rf"|#LI{_PLACE}(?![a-z])|#LI[-_–:]?(?=\s|$|#LI)"
    rf"|#[Ll]i-(?:{_PLACE}(?![a-z])|[A-Za-z]{{2}}\d{{1,6}}(?!\w))"
    rf"|#LI[-_–:](?:{_PLACE}\d{{0,4}}(?![a-z])|(?:[A-Z]{{1,3}}\d{{1,4}}){{2,5}}(?!\w)"
    rf"|[A-Z][a-z]{{1,12}}(?!{_OPENING_WORD}\b)[A-Z][a-z]{{1,9}}(?=[ \t]|$)"
    rf"|[A-Za-z]{{1,4}}\d{{1,6}}|[A-Z]{{1,12}}(?![A-Za-z])"
    r"|[A-Z]{2,12}?(?=[A-Z](?:[a-z']| ))|[A-Za-z][a-z]{1,20}|\w{1,40})"
    rf"(?:[-/](?:{_PLACE}(?![a-z])|[A-Z]{{0,3}}\d{{1,6}}|[A-Z]{{2,5}}(?![A-Za-z])))?"
)
_LAST_CODE = re.compile(
    # What `Req ID` and the like announce is part of the posting.
    r"(?<![:#\dA-Z-])(?<!: )(?<![Ii][Dd]\s)(?<![Nn]o\s)(?<![Nn]o\.\s)(?<![Rr]eq\s)(?<!ode\s)"
    r"(?<!umber\s)(?:PI\d{8,12}|\d{5,7}BR)\Z"
)


def remove_buttons(text: str) -> tuple[str, int]:
    r"""Remove the buttons of job sites: `Show more`, `Apply now`, `Report this job` and the like.

    A line in small letters is a button only after the end of a sentence or a blank line, for the
    line before may go on with it.

    >>> remove_buttons("Apply now for this role.\nApply now\nShow more\nShow less")
    ('Apply now for this role.\n\n', 2)
    >>> remove_buttons("How to apply\nSee who Example Bikes has hired for this role\n25 applicants")
    ('How to apply\n\n', 2)
    >>> remove_buttons("Riders are invited to\napply.\n\napply now")
    ('Riders are invited to\napply.\n\n', 1)
    """
    buttons = 0

    def remove(button: re.Match[str]) -> str:
        nonlocal buttons
        start, label = button.start(), button[0].lstrip()
        is_small = label[:1].islower()
        before = max(0, start - 20), start
        if is_small and not _ENDED_LINE.search(text, *before):
            return button[0]
        if label[:5] == "Apply" and _OPEN_LINE.search(text, *before):
            return button[0]
        buttons += 1
        return ""

    return _BUTTONS.sub(remove, text), buttons


def remove_site_texts(text: str) -> tuple[str, int]:
    r"""Remove the boilerplate of job sites around a posting, such as LinkedIn's criteria.

    >>> remove_site_texts("We build bikes.\n\nPowered by JazzHR\n\na1B2c3D4e5")
    ('We build bikes.\n\n', 1)
    >>> remove_site_texts("Our client, Example Inc., is hiring. Apply via Dice today!")
    ('Our client, Example Inc., is hiring. ', 1)
    >>> remove_site_texts("You ride.\nSeniority level\nEntry level\nEmployment type\nFull-time")
    ('You ride.\n', 1)
    >>> remove_site_texts("You ride.Seniority levelDirectorEmployment typeOtherIndustriesRetail")
    ('You ride.', 1)
    >>> remove_site_texts("Employment type\nFull-time")
    ('Employment type\nFull-time', 0)
    """
    criteria = 0

    def remove(block: re.Match[str]) -> str:
        nonlocal criteria
        labels = {label.split()[0] for label in _LABEL.findall(block[0])}
        is_last = not text[block.end() : block.end() + 9].strip()
        if "Seniority" in labels:
            is_linkedin = len(labels) > 1 or is_last
        else:
            is_linkedin = len(labels) > 2 or labels in _PAIRS
        criteria += is_linkedin
        return "" if is_linkedin else block[0]

    standing = 0
    if any(site in text for site in _SITES):
        text, standing = _SITE_TEXTS.subn("", text)
    if any(word in text for word in _LABEL_WORDS):
        text = _CRITERIA.sub(remove, text)
    return text, standing + criteria


def remove_tracking_codes(text: str) -> tuple[str, int]:
    r"""Remove the codes with which job boards and recruiting systems count their visitors.

    >>> remove_tracking_codes("Remote. #LI-remote")
    ('Remote. ', 1)
    >>> remove_tracking_codes("a plusPDN-0a1b2c3d-0a1b-0a1b-0a1b-0a1b2c3d4e5f\n\n123456BR")
    ('a plus\n\n', 2)
    >>> remove_tracking_codes("#LI-AB1The fleet#LI-REMOTEWe ride. #LI-On-site #LI-XY2A rider.")
    ('The fleet\nWe ride.  A rider.', 4)
    """

    def remove(code: re.Match[str]) -> str:
        before, after = text[code.start() - 1 : code.start()], text[code.end() : code.end() + 1]
        return "\n" if before.strip() and after.isalnum() else ""

    codes = 0
    if "#LI" in text or "#li-" in text or "#Li-" in text or "PDN-" in text:
        text, codes = _TRACKING_CODES.subn(remove, text)
    end = text.rstrip()
    last = _LAST_CODE.search(end, max(0, len(end) - 20))
    return (end[: last.start()], codes + 1) if last else (text, codes)
