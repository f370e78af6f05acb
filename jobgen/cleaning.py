"""Pure text functions that remove what scraping left in a posting.

`clean_text` applies `RULES` in their order. Each rule takes a text and returns it with the number
of places that it changed, so that the preparation can report what it did.
"""

import html
import re
from collections.abc import Callable

import ftfy

_BUTTON = r"show (?:more|less)"
_SITE_LINES = re.compile(
    rf"(?im)^[ \t]*{_BUTTON}(?:\s+{_BUTTON})*[ \t]*$|(?<=[.!?\s]){_BUTTON}(?:\s+{_BUTTON})*\s*\Z"
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
_ENTITY = re.compile(r"&(?:#\d+|#x[0-9a-fA-F]+|[a-zA-Z]\w*);")
_BULLET = re.compile(r"(?m)^[ \t]*[•·▪●◦‣⁃∙*–—-][ \t]+(?=\S)")
_CONTROL = re.compile("[\x00-\x08\x0b-\x1f\x7f]")
_INVISIBLE = re.compile("[\u00ad\u200b-\u200f\u2028-\u202e\u2060\ufeff]")
# A heading such as `Key Responsibilities:Design` or a sentence end such as `right.Key`. The word
# before must end in three small letters, so that `e.g.`, `Jane.Doe@...` and `3.Go` stay whole; what
# follows is a capitalised word before a blank, which `dask.DataFrames` is not.
_GLUED_SENTENCE = re.compile(r"(?<=[a-z)]{3}[.!?:])(?=[A-Z][a-z]*[ ,’'])")
# `responsibilitiesYou will`, `(12+Months)Rate`: a common opener of sentences or headings right
# after a small letter. A list, because names such as JavaScript and LinkedIn have the same form.
_GLUED_WORD = re.compile(
    r"(?:(?<=[a-z]{4})|(?<=[a-z]\)))(?=(?:You|We|Our|The|This|Your|Strong|Experience|Excellent|"
    r"Knowledge|Ability|Responsibilities|Requirements|Required|Qualifications|Preferred|Benefits|"
    r"About|What|Who|Key|Description|Candidates?|Bachelor|Master|Must|Minimum|Proven|Demonstrated|"
    r"Familiarity|Understanding|Competitive|Rate)(?:[ ’':,]))"
)


def remove_control_characters(text: str) -> str:
    """Drop what no one can see and some programs stumble over; tab and line feed stay.

    >>> remove_control_characters("a" + chr(0) + chr(13) + "b")
    'ab'
    """
    return _CONTROL.sub("", text)


def fix_encoding(text: str) -> tuple[str, int]:
    """Repair mojibake, curly leftovers of wrong encodings and invisible characters (ftfy).

    >>> fix_encoding("weâ€™re hiring")
    ("we're hiring", 1)
    """
    fixed = ftfy.fix_text(text, unescape_html=False)  # also turns CR and CRLF into LF
    fixed, invisible = _INVISIBLE.subn("", remove_control_characters(fixed))
    return fixed, max(invisible, int(fixed != text))


def remove_html(text: str) -> tuple[str, int]:
    r"""Decode entities; turn block tags into line breaks, items into bullets; drop other tags.

    Entities come first, because scraped tags are often escaped. `<5 years` is no tag and stays.

    >>> remove_html("<p>R&amp;D</p><ul><li>C++</li></ul>")
    ('\nR&D\n\n\n• C++\n', 7)
    """
    entities = 0
    while (decoded := _ENTITY.sub(lambda match: html.unescape(match[0]), text)) != text:
        text, entities = decoded, entities + len(_ENTITY.findall(text))
    text, items = _ITEM_TAGS.subn("\n• ", text)
    text, blocks = _BLOCK_TAGS.subn("\n", text)
    text, tags = _ANY_TAG.subn("", text)
    return text.replace("\xa0", " "), entities + items + blocks + tags


def remove_site_lines(text: str) -> tuple[str, int]:
    r"""Drop the `Show more` and `Show less` buttons of job sites.

    >>> remove_site_lines("Apply now.\nShow more\nShow less")
    ('Apply now.\n', 1)
    """
    return _SITE_LINES.subn("", text)


def split_glued_sentences(text: str) -> tuple[str, int]:
    r"""Put back the line break that was lost between two sentences.

    >>> split_glued_sentences("your responsibilitiesYou use JavaScript. Get it right.Key Skills")
    ('your responsibilities\nYou use JavaScript. Get it right.\nKey Skills', 2)
    """
    text, words = _GLUED_WORD.subn("\n", text)
    text, sentences = _GLUED_SENTENCE.subn("\n", text)
    return text, words + sentences


def unify_bullets(text: str) -> tuple[str, int]:
    r"""Write every list bullet as `• `.

    >>> unify_bullets("* Java\n  - Go")
    ('• Java\n• Go', 2)
    """
    changed = sum(match[0] != "• " for match in _BULLET.finditer(text))
    return _BULLET.sub("• ", text), changed


def squeeze_blanks(text: str) -> tuple[str, int]:
    r"""At most one empty line and one blank in a row, none at line ends or around the text.

    >>> squeeze_blanks("a  b \n\n\n\nc ")
    ('a b\n\nc', 1)
    """
    text = re.sub(r"[ \t\xa0]+", " ", text.replace("\r\n", "\n").replace("\r", "\n"))
    text = re.sub(r" ?\n ?", "\n", text)
    text, runs = re.subn(r"\n{3,}", "\n\n", text)
    return text.strip(), runs


RULES: dict[str, Callable[[str], tuple[str, int]]] = {
    "HTML tags and entities": remove_html,
    "broken encoding": fix_encoding,
    "show more / show less": remove_site_lines,
    "glued sentences": split_glued_sentences,
    "bullets": unify_bullets,
    "runs of blank lines": squeeze_blanks,
}


def clean_text(text: str) -> tuple[str, dict[str, int]]:
    r"""Apply all rules.

    Returns:
        The clean text, and by rule the number of places changed.

    >>> clean_text("<b>About us</b><br>We build bikes.")[0]
    'About us\nWe build bikes.'
    """
    fired = {}
    for name, rule in RULES.items():
        text, fired[name] = rule(text)
    return text, fired


def clean_title(title: str) -> str:
    """A title on one line, repaired like a text.

    >>> clean_title(" R&amp;D  <b>Engineer</b> ")
    'R&D Engineer'
    """
    return " ".join(fix_encoding(remove_html(title)[0])[0].split())
