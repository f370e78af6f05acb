"""Characters that a wrong encoding, a word processor or a web page left in a text (ftfy)."""

import re
import unicodedata

import ftfy
from ftfy.fixes import fix_character_width, fix_latin_ligatures, fix_surrogates

from jobgen.text.characters import CONTROL_CHARACTERS, remove_control_characters

_ENCODING_ONLY = ftfy.TextFixerConfig(
    unescape_html=False,
    remove_terminal_escapes=False,
    fix_latin_ligatures=False,
    fix_character_width=False,
    uncurl_quotes=False,
    fix_line_breaks=False,
    fix_surrogates=False,
    remove_control_chars=False,
    normalization=None,
)
_SINGLE_QUOTES = re.compile("[\u02bc\u2018-\u201b]")
_DOUBLE_QUOTES = re.compile("[\u201c-\u201f]")
_INVISIBLE = re.compile("[\u00ad\u200b-\u200f\u202a-\u202e\u2060\ufeff]")
_LINE_ENDS = re.compile("\r\n|[\r\x0b\x0c\u2028\u2029]")
# Bullets of symbol fonts, ligatures, digraphs, letters of full or half width, halves of surrogate
# pairs.
_UNUSUAL = re.compile(
    "[\u0132\u0133\u0149\u01c4-\u01f3\u3000\uf000-\uf0ff\ufb00-\ufb06\uff01-\uffee\ud800-\udfff]"
)
# Bullets of the fonts Symbol and Wingdings, which other fonts have no character for.
_SYMBOLS = re.compile(r"(?<![^\s.,;:!?)])[\uf000-\uf0ff](?=\s|[^\W_])")
_WIDE = "\t\xa0\u2000-\u200a\u202f\u205f\u3000"
_BLANKS = re.compile(f"[{_WIDE}][ {_WIDE}]*| [ {_WIDE}]+")  # all but the single space


def unify_characters(text: str) -> tuple[str, int]:
    r"""Write line ends as line feeds, ligatures and full-width letters as plain ones, NFC (ftfy).

    The bullets of symbol fonts become plain ones.

    >>> unify_characters("a\r\nﬁrst ＡＢ test")
    ('a\nfirst AB test', 2)
    >>> unify_characters("\uf0b7 Ride\n\uf0a7Sell")
    ('• Ride\n•Sell', 2)
    """
    text, changes = _LINE_ENDS.subn("\n", text)
    if text.isascii():
        return text, changes
    if _UNUSUAL.search(text) or not unicodedata.is_normalized("NFC", text):
        text, symbols = _SYMBOLS.subn("•", text)
        changes += symbols
        plain = fix_surrogates(fix_character_width(fix_latin_ligatures(text)))
        plain = unicodedata.normalize("NFC", plain)
        return plain, changes + int(plain != text)
    return text, changes


def fix_encoding(text: str) -> tuple[str, int]:
    """Repair mojibake (ftfy); counts the lines that had some.

    >>> fix_encoding("weâ€™re hiring")
    ('we’re hiring', 1)
    """
    if text.isascii():
        return text, 0
    fixed = ftfy.fix_text(text, _ENCODING_ONLY)
    if fixed == text:
        return text, 0
    lines = zip(text.split("\n"), fixed.split("\n"), strict=False)
    return fixed, max(1, sum(before != after for before, after in lines))


def straighten_quotes(text: str) -> tuple[str, int]:
    r"""Write curly quotation marks and apostrophes as straight ones.

    >>> straighten_quotes("We’re a “small” shop – and it’s fun.")
    ('We\'re a "small" shop – and it\'s fun.', 4)
    """
    if text.isascii():
        return text, 0
    text, single = _SINGLE_QUOTES.subn("'", text)
    text, double = _DOUBLE_QUOTES.subn('"', text)
    return text, single + double


def remove_invisible(text: str) -> tuple[str, int]:
    r"""Remove control characters, soft hyphens, marks of direction and spaces without width.

    >>> remove_invisible("zero\u200bwidth\x00")
    ('zerowidth', 2)
    """
    controls = len(CONTROL_CHARACTERS.findall(text))
    if controls:
        text = remove_control_characters(text)
    if text.isascii():
        return text, controls
    text, invisible = _INVISIBLE.subn("", text)
    return text, controls + invisible


def squeeze_whitespace(text: str) -> tuple[str, int]:
    r"""Leave at most one empty line and one space in a row, none at line ends or around the text.

    >>> squeeze_whitespace("a  b \n\n\n\nc ")
    ('a b\n\nc', 1)
    """
    text = re.sub(r" \n ?|\n ", "\n", _BLANKS.sub(" ", text))
    text, runs = re.subn(r"\n{3,}", "\n\n", text)
    return text.strip(), runs
