"""Characters that no text should contain, or no cell of a spreadsheet begin with."""

import re
from unicodedata import category

# Latin, Greek and Cyrillic letters, for sets in regular expressions.
_LETTERS = [chr(code) for code in (*range(0x530), *range(0x1E00, 0x2000))]
UPPER = "".join(letter for letter in _LETTERS if category(letter) == "Lu")
LOWER = "".join(letter for letter in _LETTERS if category(letter) == "Ll")
CONTROL_CHARACTERS = re.compile("[\x00-\x08\x0b-\x1f\x7f]")


def remove_control_characters(text: str) -> str:
    """Remove control characters, which some programs cannot read; tab and line feed stay.

    >>> remove_control_characters("a" + chr(0) + chr(13) + "b")
    'ab'
    """
    return CONTROL_CHARACTERS.sub("", text)


# A spreadsheet computes a cell that begins with one of these; an apostrophe makes it a text.
_FORMULA = re.compile("(?='*[=+@\\t\\r-])")
_ESCAPED_FORMULA = re.compile("'(?='*[=+@\\t\\r-])")


def escape_formula(text: str, formulas_too: bool = True) -> str:
    """Put an apostrophe before what a spreadsheet would compute; `unescape_formula` takes it away.

    Args:
        text: any text.
        formulas_too: false to leave formulas as they are, and escape only what begins like an
            escaped one, so that `unescape_formula` gives back the text all the same.

    >>> escape_formula("=1+1"), escape_formula("C++")
    ("'=1+1", 'C++')
    """
    pattern = _FORMULA if formulas_too else _ESCAPED_FORMULA
    return f"'{text}" if pattern.match(text) else text


def unescape_formula(text: str) -> str:
    """Take away the apostrophe that `escape_formula` has put.

    >>> unescape_formula("'=1+1"), unescape_formula("'n' roll")
    ('=1+1', "'n' roll")
    """
    return text[1:] if _ESCAPED_FORMULA.match(text) else text
