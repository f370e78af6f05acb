"""Pure text functions that remove the traces of scraping from a posting.

`clean_text` applies `RULES` in their order. Each rule takes a text and returns it with the number
of its changes, so that the preparation can report what was done.
"""

import html
import re
from collections.abc import Callable

import ftfy

from jobgen.text.characters import CONTROL_CHARACTERS, remove_control_characters
from jobgen.text.redaction import redact_personal_data

# A button alone on its line; or `Show more` and `Show less` glued to the end of the text.
_SHOW = r"show (?:more|less)"
_BUTTONS = re.compile(
    rf"(?im)^[ \t]*(?:{_SHOW}(?:\s+{_SHOW}){{0,9}}|(?:easy )?apply(?: now| here| today)?"
    r"|apply (?:for this job|on (?:the )?company (?:web ?)?site)"
    r"|(?:save|share|report)(?: this)? job"
    r"|see who \S[^\n]{0,60} hired for this role|get notified about new [^\n]{1,90}"
    r"|sign in to [^\n]{1,60}|(?:set|create)(?: a)? job alert|similar jobs|people also viewed"
    r"|be among the first \d+ applicants|(?:over )?\d+ applicants|posted \d+\+? \w+ ago"
    r"|referrals increase your chances [^\n]{1,90})[.!]*[ \t]*$"
    rf"|(?<=[.!?\s]){_SHOW}(?:\s+{_SHOW}){{0,9}}\s*\Z"
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
    # The criteria that LinkedIn shows below a posting.
    r"|^Seniority level\n+[^\n]{1,90}\n+Employment type\n+[^\n]{1,90}"
    r"(?:\n+Job function\n+[^\n]{1,90})?(?:\n+Industries\n+[^\n]{1,90})?$"
)
_TRACKING_CODES = re.compile(
    r"PDN-[0-9a-f]{8}(?:-[0-9a-f]{4}){3}-[0-9a-f]{12}|#LI-\w+|\n\s{0,3}(?:PI\d{8,}|\d{5,7}BR)\s*\Z"
)
_BLOCK_TAGS = re.compile(r"(?i)<\s*(?:br|/?p|/?div|/?ul|/?ol|/?h[1-6]|/?tr|/?table)\b[^<>]*>")
_ITEM_TAGS = re.compile(r"(?i)<\s*li\b[^<>]*>")
# Tags by name, so that `<5 years`, `List<String>` and `<GPA of 3.0` stay.
_ANY_TAG = re.compile(
    r"(?i)</?(?:a|abbr|article|b|big|blockquote|body|button|center|code|em|font|footer|form|head|"
    r"header|hr|html|i|iframe|img|input|label|li|link|main|meta|nav|option|pre|s|section|select|"
    r"small|span|strike|strong|sub|sup|svg|tbody|td|th|thead|time|title|u)(?:\s[^<>]*)?/?>"
    r"|(?s:<(script|style)\b.*?</\1\s*>)|(?s:<!--.*?-->)"
)
# A tag that the scraper cut off before its end.
_CUT_TAG = re.compile(r"(?im)<(?:a|div|font|p|span|td)\s+(?:class|href|style)\s*=[^<>\n]*$")
_ENTITY = re.compile(r"&(?:#\d+|#x[0-9a-fA-F]+|[a-zA-Z]\w*);")
# The job site Dice prints entities without `&` and `;`: `Bachelorrsquos degree`,
# `ldquoDeveloper ndash 2rdquo`.
_STRIPPED_ENTITY = re.compile(
    r"(?<=\w)(?P<quote>rsquo)(?=(?:s|ve|re|ll|t|d)?\b)|\b(?P<open>ldquo)(?=[A-Z])"
    r"|(?<=\w)(?P<close>rdquo)\b|\b(?P<dash>[nm]dash)\b|\s{0,3}\bmiddot\b[ \t]*(?P<bullet>)"
)
_STRIPPED_BULL = re.compile(r"\s{0,3}\bbull(?:[ \t]+(?=[A-Z])|(?=[A-Z][a-z])|[ \t]*\n)")
_DOTS = "•·▪●◦‣⁃∙○■□►➢➤❖✓✔"
_BULLET = re.compile(
    # Nested marks, such as `•` before a scraped `o`, count as one. A dot needs no space after it. A
    # hyphen needs a space or a word, because `-5 °C` is a number, and a star needs a space, because
    # `*this*` is emphasis.
    rf"(?m)^[ \t]*(?:(?:[{_DOTS}]|§(?![ \t]*\d))(?:\s{{0,3}}\n[ \t]*(?=[^\s{_DOTS}]))?[ \t]*"
    r"|[*–—−→-][ \t]+|--[ \t]+)+"
    r"(?:[o?][ \t]+(?=[A-Z]))?(?=\S)"
    r"|(?m:^)[ \t]*(?:[o?][ \t]+(?=[A-Z][a-z'’]*[ ,])|-(?=[A-Za-z][a-z]*[ ,]))"
)
_EMPTY_BULLET = re.compile(rf"(?m)^[ \t]*[{_DOTS}][ \t]*(?:\n|\Z)")
# Items that follow one another in one line: `businesses• Experience`, `technologies · 5+ years`.
_INLINE_BULLET = re.compile(
    r"(?<=[\w.,;:)])(?:[•●▪][ \t]*(?=[A-Z])|[ \t]+[•●▪·][ \t]+(?=[^\n•●▪·]{40}))"
)
_INVISIBLE = re.compile("[\u00ad\u200b-\u200f\u2028-\u202e\u2060\ufeff]")
# A heading such as `Key Responsibilities:Design` or the end of a sentence such as `right.Key`. The
# word before must end in three lower-case letters, so that `e.g.`, `Jane.Doe@...` and `3.Go` stay
# whole. After it comes a capitalized word before a space, unlike in `dask.DataFrames`, that is not
# the ending of a file or a domain.
_GLUED_SENTENCE = re.compile(
    r"[.!?:](?<=[a-z)]{3}.)(?=[A-Z][a-z]*[ ,’'])(?!(?:Net|Js|Ts|Ai|Io|Ml|Com|Org|Co|Py|Health)\b)"
)
# `responsibilitiesYou will`, `(12+Months)Rate`: a word that often opens a sentence or heading,
# right after a lower-case letter. It is a list, because names such as JavaScript and LinkedIn look
# the same. A heading may also be glued on both sides: `dayDescriptionExpertise in`.
_GLUED_WORD = re.compile(
    r"(?:(?<=[a-z]{4})|(?<=[a-z]\)))(?=(?:(?:You|We|Our|The|This|Your|Strong|Experience|Excellent|"
    r"Knowledge|Ability|Responsibilities|Requirements|Required|Qualifications|Preferred|Benefits|"
    r"About|What|Who|Key|Description|Candidates?|Bachelor|Master|Must|Minimum|Proven|Demonstrated|"
    r"Familiarity|Understanding|Competitive|Rate|Additional|Desired|Please|Proficient|Education)"
    r"(?:[ ’':,\n]|\Z)|Description[A-Z][a-z]))"
    r"|(?<=[a-z.]\))(?=[A-Z][a-z]{3,}[ ,])"
)
# `SummaryApple is looking`: a heading without the line break after it.
_GLUED_HEADING = re.compile(
    r"(?m)^((?:Job )?(?:Summary|Description|Overview)|Education & Experience|Responsibilities"
    r"|(?:(?:Key|Preferred|Minimum|Basic) )?Qualifications|(?:Additional )?Requirements)"
    r"(?=(?!Description)[A-Z][a-z’']*[ ,.])"
)


def fix_encoding(text: str) -> tuple[str, int]:
    """Repair mojibake and remove invisible characters (ftfy).

    >>> fix_encoding("weâ€™re hiring")
    ("we're hiring", 1)
    """
    if text.isascii() and not CONTROL_CHARACTERS.search(text):
        return text, 0  # ftfy would change nothing, and it takes most of the time of the cleaning
    fixed = ftfy.fix_text(text, unescape_html=False)  # also turns CR and CRLF into LF
    fixed, invisible = _INVISIBLE.subn("", remove_control_characters(fixed))
    return fixed, max(invisible, int(fixed != text))


def remove_html(text: str) -> tuple[str, int]:
    r"""Decode entities; turn block tags into line breaks, items into bullets; remove other tags.

    Entities come first, because scraped tags are often escaped. `<5 years` is not a tag and stays.

    >>> remove_html("<p>R&amp;D</p><ul><li>C++</li></ul>")
    ('\nR&D\n\n\n• C++\n', 7)
    """
    if "<" not in text and "&" not in text:
        return text.replace("\xa0", " "), 0
    entities = 0
    while (decoded := _ENTITY.sub(lambda match: html.unescape(match[0]), text)) != text:
        text, entities = decoded, entities + len(_ENTITY.findall(text))
    text, items = _ITEM_TAGS.subn("\n• ", text)
    text, blocks = _BLOCK_TAGS.subn("\n", text)
    text, tags = _ANY_TAG.subn("", text)
    text, cut = _CUT_TAG.subn("", text)
    return text.replace("\xa0", " "), entities + items + blocks + tags + cut


def restore_stripped_entities(text: str) -> tuple[str, int]:
    r"""Restore the characters of entities that lost their `&` and `;`.

    `bull` is also a word: it is a bullet only in a text with two of them before capital letters.

    >>> restore_stripped_entities("a Bachelorrsquos degree ndash or more middot Java")
    ("a Bachelor's degree – or more\n• Java", 3)
    >>> restore_stripped_entities("Tasks bullWrite code bull Test it")
    ('Tasks\n• Write code\n• Test it', 2)
    >>> restore_stripped_entities("Red bull Racing")
    ('Red bull Racing', 0)
    """
    characters = {"quote": "'", "open": '"', "close": '"', "dash": "–", "bullet": "\n• "}
    restored = bulls = 0
    if "quo" in text or "dash" in text or "middot" in text:
        text, restored = _STRIPPED_ENTITY.subn(
            lambda match: characters[match.lastgroup or ""], text
        )
    if "bull" in text and len(_STRIPPED_BULL.findall(text)) > 1:
        text, bulls = _STRIPPED_BULL.subn("\n• ", text)
    return text, restored + bulls


def remove_buttons(text: str) -> tuple[str, int]:
    r"""Remove the buttons of job sites: `Show more`, `Apply now`, `Report this job` and the like.

    >>> remove_buttons("Apply now for this role.\nApply now\nShow more\nShow less")
    ('Apply now for this role.\n\n', 2)
    >>> remove_buttons("How to apply\nSee who Example Bikes has hired for this role\n25 applicants")
    ('How to apply\n\n', 2)
    """
    return _BUTTONS.subn("", text)


def remove_site_texts(text: str) -> tuple[str, int]:
    r"""Remove the boilerplate of job sites around a posting, such as LinkedIn's criteria.

    >>> remove_site_texts("We build bikes.\n\nPowered by JazzHR\n\na1B2c3D4e5")
    ('We build bikes.\n\n', 1)
    >>> remove_site_texts("Our client, Example Inc., is hiring. Apply via Dice today!")
    ('Our client, Example Inc., is hiring. ', 1)
    >>> remove_site_texts("You ride.\nSeniority level\nEntry level\nEmployment type\nFull-time")
    ('You ride.\n', 1)
    """
    return _SITE_TEXTS.subn("", text)


def remove_tracking_codes(text: str) -> tuple[str, int]:
    r"""Remove the codes with which job boards and recruiting systems count their visitors.

    >>> remove_tracking_codes("Remote. #LI-remote")
    ('Remote. ', 1)
    >>> remove_tracking_codes("a plusPDN-0a1b2c3d-0a1b-0a1b-0a1b-0a1b2c3d4e5f\n\n123456BR")
    ('a plus', 2)
    """
    return _TRACKING_CODES.subn("", text)


def split_glued_sentences(text: str) -> tuple[str, int]:
    r"""Restore the lost line break between two sentences, or between heading and text.

    >>> split_glued_sentences("your responsibilitiesYou use JavaScript. Get it right.Key Skills")
    ('your responsibilities\nYou use JavaScript. Get it right.\nKey Skills', 2)
    >>> split_glued_sentences("SummaryBikes are what we do (and more)Benefits are great")
    ('Summary\nBikes are what we do (and more)\nBenefits are great', 2)
    """
    text, words = _GLUED_WORD.subn("\n", text)
    text, sentences = _GLUED_SENTENCE.subn(r"\g<0>\n", text)
    text, headings = _GLUED_HEADING.subn(r"\1\n", text)
    return text, headings + words + sentences


def unify_bullets(text: str) -> tuple[str, int]:
    r"""Write every bullet as `• ` at the start of a line; remove bullets without an item.

    A question mark before a capital letter is what a wrong encoding leaves of a bullet.

    >>> unify_bullets("* Java\n  - Go\n? Develop reports\no Test them\n•\n• §Rust")
    ('• Java\n• Go\n• Develop reports\n• Test them\n• Rust', 6)
    >>> unify_bullets("web shops• Experience in C\n-5 °C, *bold*")
    ('web shops\n• Experience in C\n-5 °C, *bold*', 1)
    """
    text, inline = _INLINE_BULLET.subn("\n• ", text)
    text, empty = _EMPTY_BULLET.subn("", text)
    changed = sum(match[0] != "• " for match in _BULLET.finditer(text))
    return _BULLET.sub("• ", text), inline + empty + changed


def squeeze_whitespace(text: str) -> tuple[str, int]:
    r"""Leave at most one empty line and one space in a row, none at line ends or around the text.

    >>> squeeze_whitespace("a  b \n\n\n\nc ")
    ('a b\n\nc', 1)
    """
    text = re.sub(r"[ \t\xa0]+", " ", text.replace("\r\n", "\n").replace("\r", "\n"))
    text = re.sub(r" ?\n ?", "\n", text)
    text, runs = re.subn(r"\n{3,}", "\n\n", text)
    return text.strip(), runs


RULES: dict[str, Callable[[str], tuple[str, int]]] = {
    "HTML tags and entities": remove_html,
    "broken encoding": fix_encoding,
    "entities without their marks": restore_stripped_entities,
    "buttons of job sites": remove_buttons,
    "standing texts of job sites": remove_site_texts,
    "tracking codes": remove_tracking_codes,
    "glued sentences": split_glued_sentences,
    "bullets": unify_bullets,
    "runs of blank lines": squeeze_whitespace,
}


def clean_text(text: str, personal_data: str = "replace") -> tuple[str, dict[str, int]]:
    r"""Apply all rules, those for personal data last.

    Args:
        text: a posting as scraped.
        personal_data: what is done with personal data: "replace", "remove" or "keep"
            (`jobgen.text.redaction.redact_personal_data`).

    Returns:
        The clean text, and for each rule the number of its changes.

    >>> clean_text("<b>About us</b><br>We build bikes. Call +1 212 555 0100.")[0]
    'About us\nWe build bikes. Call [phone].'
    """
    changes = {}
    for name, rule in RULES.items():
        text, changes[name] = rule(text)
    text, redacted = redact_personal_data(text, personal_data)
    return text, changes | redacted


def clean_title(title: str, personal_data: str = "replace") -> str:
    """Clean a title, and put it on one line.

    Unless personal data is kept, it is replaced; it is never removed with its sentence.

    >>> clean_title(" R&amp;D  <b>Engineer</b> (jane@example.com) ")
    'R&D Engineer ([e-mail])'
    """
    title = " ".join(fix_encoding(remove_html(title)[0])[0].split())
    mode = "keep" if personal_data == "keep" else "replace"
    return redact_personal_data(title, mode)[0]
