"""Entities of HTML: whole, escaped again, or without their marks."""

import html
import re

# `&amp;lt;` is `<`. Numbers are short, because Python refuses to read long ones. Without the
# semicolon only those that no parameter of an address is called like.
_ENTITY = re.compile(
    r"&(?:amp;)*+(?:#\d{1,7};|#x[0-9a-f]{1,6};|[a-z]\w{1,31};|(?:amp|nbsp|lt|gt|quot)(?![\w;=]))"
    r"|&(?:amp;)++",
    re.IGNORECASE,
)
_AMPERSANDS = re.compile(r"&(?:amp;)++", re.IGNORECASE)
# The job site Dice prints entities without `&` and `;`: `Bachelorrsquos degree`,
# `ldquoDeveloper ndash 2rdquo`.
_STRIPPED_ENTITY = re.compile(
    r"(?<=\w)(?P<quote>rsquo)(?=(?:s|ve|re|ll|t|d)?\b)|\b(?P<open>ldquo)(?=[A-Z])"
    r"|(?<=\w)(?P<close>rdquo)\b|\b(?P<dash>[nm]dash)\b|\s{0,3}\bmiddot\b[ \t]*(?P<bullet>)"
)
_STRIPPED_BULL = re.compile(r"\s{0,3}\bbull(?:[ \t]+(?=[A-Z])|(?=[A-Z][a-z])|[ \t]*\n)")


def decode_entities(text: str) -> tuple[str, int]:
    """Decode entities, also those that were escaped again and again.

    >>> decode_entities("R&amp;amp;D &#8211; &unknown; ?a=1&copy=2")
    ('R&D – &unknown; ?a=1&copy=2', 2)
    """
    entities = 0

    def decode(entity: re.Match[str]) -> str:
        nonlocal entities
        character = html.unescape(_AMPERSANDS.sub("&", entity[0]))
        entities += character != entity[0]
        return character

    for _ in range(3):  # `&#38;lt;`, and what comes of it
        before, text = text, _ENTITY.sub(decode, text)
        if text == before:
            break
    return text, entities


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
