"""What the cells of titles and texts hold: text, lines in a list, or what cannot be used."""

import ast
import datetime
import json
import numbers
import re
import warnings
from typing import Any

import numpy as np
import pandas as pd

# An entry of a list as Python or NumPy shows it, with the comma that may follow.
_ENTRY = re.compile(
    r"""\s*+("(?:[^"\\]|\\.)*+"|'(?:[^'\\]|\\.)*+'|None|nan|null)\s*+(?:,\s*+)?""", re.DOTALL
)
_BYTES = re.compile(r"""b(?:"(?:[^"\\]|\\.)*+"|'(?:[^'\\]|\\.)*+')""", re.DOTALL)
_SURROGATE = re.compile(r"[\ud800-\udfff]")
_NO_LITERAL = object()
_NOTHING = ("None", "nan", "null")


def text_of(cell: Any) -> Any:
    r"""The text of a cell, if it holds one in some form; else the cell as it is.

    The entries of a list of texts, also of one that is written out, become lines.

    >>> text_of('["We repair bikes. ", " ", "You ride."]')
    'We repair bikes.\nYou ride.'
    >>> text_of("[Remote] You ride.")
    '[Remote] You ride.'
    """
    if isinstance(cell, str):
        stripped = cell.strip()
        if stripped.startswith("[") and stripped.endswith("]"):
            entries = _parse_list(stripped)
            return cell if entries is None else _joined(entries)
        if stripped.startswith(("b'", 'b"')) and _BYTES.fullmatch(stripped):
            content = _parse_literal(stripped)
            return cell if content is _NO_LITERAL else _decoded(content)
        return cell
    if isinstance(cell, bytes):
        return _decoded(cell)
    if isinstance(cell, list | tuple | np.ndarray):
        entries = [entry for entry in cell if not is_nothing(entry)]
        if all(isinstance(entry, str) for entry in entries):
            return _joined(entries)
    return cell


def is_nothing(cell: Any) -> bool:
    """Whether a cell is empty: None, or one of the values that stand for a missing one."""
    return cell is None or (pd.api.types.is_scalar(cell) and bool(pd.isna(cell)))


def fault_of(cell: Any) -> str | None:
    """What a cell holds instead of a text that can be used; None if it holds one.

    >>> fault_of("Cook"), fault_of(" "), fault_of(4.5), fault_of(["Cook", 2])
    (None, 'no', 'a number in the', 'a list in the')
    """
    if isinstance(cell, str):
        if not cell.strip():
            return "no"
        if "\0" in cell:
            return "NUL characters in the"
        return "half characters (lone surrogates) in the" if _SURROGATE.search(cell) else None
    if is_nothing(cell):
        return "no"
    kinds = {
        "true or false": (bool, np.bool_),
        "a number": (numbers.Number, np.number),
        "a date": (datetime.date, datetime.time, datetime.timedelta, np.datetime64),
        "a list": (list, tuple, set, np.ndarray),
        "an object": (dict,),
        "bytes": (bytes, bytearray),
    }
    for name, types in kinds.items():
        if isinstance(cell, types):
            return f"{name} in the"
    return f"a {type(cell).__name__} in the"


def _parse_list(shown: str) -> list[str] | None:
    """The texts of a list that is written out, None if it is not one of texts only."""
    try:
        entries = json.loads(shown)
    except (ValueError, RecursionError):
        entries, at = [], 1
        while match := _ENTRY.match(shown, at):
            entries.append(None if match[1] in _NOTHING else _parse_literal(match[1]))
            at = match.end()
        if shown[at:].strip() != "]" or _NO_LITERAL in entries:
            return None
    texts = [entry for entry in entries if entry is not None]
    return texts if all(isinstance(entry, str) for entry in texts) else None


def _parse_literal(shown: str) -> Any:
    """The value of a literal of Python, `_NO_LITERAL` if it is none, for a line break in it."""
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")  # on a backslash that escapes nothing
            return ast.literal_eval(shown)
    except (ValueError, SyntaxError):
        return _NO_LITERAL


def _joined(entries: list[str]) -> str:
    return "\n".join(stripped for entry in entries if (stripped := entry.strip()))


def _decoded(cell: bytes) -> Any:
    """The text of bytes, None of whose encodings is told; the bytes if they hold none."""
    try:
        return cell.decode("utf-8")
    except UnicodeDecodeError:
        return cell.decode("cp1252", "replace") if b"\0" not in cell else cell
