"""What the rules share: placeholders, patterns of domains, glued words, a loop over the lines."""

import re
from collections.abc import Callable

from jobgen.text.characters import LOWER, UPPER

EMAIL, LINK, PHONE, NAME = "[e-mail]", "[link]", "[phone]", "[name]"
PLACEHOLDER = re.compile(r"\[(?:e-mail|link|phone|name)\]")
# Top-level domains; a closed list, used where `Node.js`, `Spark.ML` or `System.out` can occur.
TLD = (
    r"(?:com|org|net|edu|gov|mil|int|info|biz|io|ai|co|us|uk|ca|de|eu|in|fr|nl|ch|au|ie|es|it|at|"
    r"be|pt|se|dk|pl|cz|br|mx|ke|za|nz|ng|sg|ro|fi|lu|"
    r"me|tv|ly|app|dev|tech|jobs|careers|health|healthcare|care|bio|science|cloud|works|work|xyz)"
)
LABEL = r"[^\W_](?:[\w-]{0,61}[^\W_])?"
DOMAIN = rf"(?:{LABEL}\.){{1,5}}"

# The end of a host name to which a word is glued: `example.comPhone`, `example.orgACME`,
# `example.com.Please`, `example.com212-555-0100`, `example.com-Apply`, `example.comor call`.
_GLUED_HOST = re.compile(
    rf"(?<=\w)\.(?:{TLD}(?=[{UPPER}]|\.[{UPPER}][{LOWER}]+(?![\w-]*\.\w)|-[{UPPER}]|https?:|www\.)"
    rf"|(?i:com|org|net)(?=[A-Z][a-z]|\(?\+?\d{{3}})"
    r"|(?:com|org|net)(?=\.https?\Z|(?:or|and|to|for|with|if|by|the|we|you|our|your|please|no|phone|tel|oder|"
    r"und|ou|et|of|e)(?![\w.])))"
    # not `www.NetExample.com`
    rf"(?![\w-]*\.{TLD}(?!\w))"
)


def glued_host_end(host: str) -> int:
    """Length of a host name in front of a word that is glued to it; 0 if there is none.

    A known ending in lower case is over where a capital letter follows.

    >>> glued_host_end("example.co.ukPhone"), glued_host_end("mail.Example.com")
    (13, 0)
    """
    match = _GLUED_HOST.search(host)
    return match.end() if match else 0


def parted(before: str, placeholder: str, after: str) -> str:
    r"""The placeholder, parted from words that were glued to what it replaces.

    Args:
        before: the text before, or its last character.
        placeholder: such as `[phone]`.
        after: the text after, or its first character. A capital letter opens a sentence or a field
            of its own, so that it comes on a new line.

    >>> parted("", "[e-mail]", "Phone"), parted("link", "[link]", "or")
    ('[e-mail]\n', ' [link] ')
    """
    left = " " if before and (before[-1].isalnum() or before[-1] == "]") else ""
    if not after or not (after[0].isalnum() or after[0] == "["):
        return left + placeholder
    return left + placeholder + ("\n" if after[0].isupper() else " ")


def change_lines(
    text: str, mark: re.Pattern[str], change: Callable[[str, int], tuple[str, int]]
) -> tuple[str, int]:
    """Change the lines in which a mark occurs; they are few, so this is fast.

    Args:
        text: the whole text.
        mark: a pattern, cheap to search for, that occurs in every line to be changed.
        change: function from a line and its position in the text to the changed line and the number
            of replacements in it.

    Returns:
        The text, and the number of all replacements.
    """
    pieces: list[str] = []
    copied_to = total = 0
    for match in mark.finditer(text):
        if match.start() < copied_to:
            continue  # a second mark in a line that has been changed
        start = text.rfind("\n", 0, match.start()) + 1
        end = text.find("\n", match.start())
        end = len(text) if end < 0 else end
        line, count = change(text[start:end], start)
        pieces += [text[copied_to:start], line]
        copied_to, total = end, total + count
    return "".join([*pieces, text[copied_to:]]), total
