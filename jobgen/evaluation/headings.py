"""Section headings of a posting."""

import re

_HEADING_WORDS = 6
_BULLET = "•-*–·"


def section_headings(text: str) -> list[str]:
    r"""The lines that look like headings.

    A heading has at most six words, begins with a capital, ends with no punctuation but a colon,
    and has a longer line or a list below it.

    >>> section_headings("We hire nurses for our wards.\nWhat you bring:\n• a degree\nApply!")
    ['What you bring:']
    """
    lines = [line.strip() for line in text.splitlines() if line.strip()]
    return [
        line
        for line, below in zip(lines, lines[1:], strict=False)
        if line[0].isupper()
        and len(line.split()) <= _HEADING_WORDS
        and re.search(r"[\w)&:]$", line)
        and (line.endswith(":") or below[0] in _BULLET or len(below) > len(line))
    ]
