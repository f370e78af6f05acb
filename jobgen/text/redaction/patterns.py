"""What the rules share: placeholders, patterns of domains, and a loop over the lines."""

import re
from collections.abc import Callable

EMAIL, LINK, PHONE, NAME = "[e-mail]", "[link]", "[phone]", "[name]"
# Top-level domains; a closed list, used where `Node.js`, `Spark.ML` or `System.out` can occur.
TLD = (
    r"(?:com|org|net|edu|gov|mil|int|info|biz|io|ai|co|us|uk|ca|de|eu|in|fr|nl|ch|au|ie|es|it|at|"
    r"me|tv|ly|app|dev|tech|jobs|careers|health|healthcare|care|bio|science|cloud|works|work|xyz)"
)
LABEL = r"[^\W_](?:[\w-]{0,61}[^\W_])?"
DOMAIN = rf"(?:{LABEL}\.){{1,5}}"


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
