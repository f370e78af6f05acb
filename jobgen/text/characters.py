"""Characters that no text should contain."""

import re

CONTROL_CHARACTERS = re.compile("[\x00-\x08\x0b-\x1f\x7f]")


def remove_control_characters(text: str) -> str:
    """Remove control characters, which some programs cannot read; tab and line feed stay.

    >>> remove_control_characters("a" + chr(0) + chr(13) + "b")
    'ab'
    """
    return CONTROL_CHARACTERS.sub("", text)
