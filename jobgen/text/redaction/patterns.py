"""What the rules share: placeholders, domains, and how lines are changed."""

import re
from collections.abc import Callable

EMAIL, LINK, PHONE, NAME = "[e-mail]", "[link]", "[phone]", "[name]"
# Endings of domains; a closed list wherever `Node.js`, `Spark.ML` or `System.out` could be meant.
TLD = (
    r"(?:com|org|net|edu|gov|mil|int|info|biz|io|ai|co|us|uk|ca|de|eu|in|fr|nl|ch|au|ie|es|it|at|"
    r"me|tv|ly|app|dev|tech|jobs|careers|health|healthcare|care|bio|science|cloud|works|work|xyz)"
)
LABEL = r"[^\W_](?:[\w-]{0,61}[^\W_])?"
DOMAIN = rf"(?:{LABEL}\.){{1,5}}"


def change_lines(
    text: str, mark: re.Pattern[str], change: Callable[[str, int], tuple[str, int]]
) -> tuple[str, int]:
    """Apply a change to the lines in which a mark occurs, for speed: they are few.

    Args:
        text: The whole text.
        mark: What a line must contain, cheap to find.
        change: Takes a line and its position in the text; returns it changed, and in how many
            places.

    Returns:
        The text, and the sum of places.
    """
    pieces, done, count = [], 0, 0
    for match in mark.finditer(text):
        if match.start() < done:
            continue  # another mark in the line before
        start = text.rfind("\n", 0, match.start()) + 1
        end = text.find("\n", match.start())
        end = len(text) if end < 0 else end
        line, places = change(text[start:end], start)
        pieces += [text[done:start], line]
        done, count = end, count + places
    return "".join([*pieces, text[done:]]), count
