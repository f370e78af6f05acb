"""The encoding of a text file, found from its bytes.

1. A byte order mark tells it.
2. NUL bytes in every second or fourth place: UTF-16 or UTF-32 without a mark.
3. What is valid UTF-8 is UTF-8; a few bytes that are not do not make it anything else.
4. Else an older encoding, guessed from the lines that are not ASCII: the first that makes words of
   European languages of them, cp1252 before others; or else what charset-normalizer finds.
"""

import codecs
import functools
import itertools
import os
import re
from collections.abc import Iterator
from typing import NamedTuple

from jobgen.common.logging import logger
from jobgen.data.reading.contents import Content

_BLOCK = 2**16
_SAMPLE = 2**16  # bytes of lines that are not ASCII
_MARKS = (  # the longer first: UTF-16's mark is the beginning of UTF-32's
    (codecs.BOM_UTF8, "utf-8-sig"),
    (codecs.BOM_UTF32_LE, "utf-32"),
    (codecs.BOM_UTF32_BE, "utf-32"),
    (codecs.BOM_UTF16_LE, "utf-16"),
    (codecs.BOM_UTF16_BE, "utf-16"),
)
_WESTERN = "àáâãäåæçèéêëìíîïñòóôõöøùúûüœ"
_TURKISH = "çğıöşüâîûİ"
_CENTRAL = "ąćęłńóśźżáčďéěíňřšťúůýžäľĺôŕöőüűăâîşţđ"
# Encodings whose texts are known by their letters, the likelier first.
_BY_LETTERS = {
    codec: frozenset(letters + letters.upper() + "ß")
    for codec, letters in (
        *(("cp1252", _WESTERN), ("mac_roman", _WESTERN), ("cp850", _WESTERN)),
        *(("cp1254", _TURKISH), ("cp1250", _CENTRAL), ("iso8859_2", _CENTRAL)),
    )
}
# Encodings in which tables are still written: also Cyrillic, Greek, Hebrew, Arabic, Thai, Japanese,
# Korean, Chinese.
_FURTHER = (
    *("cp1252", "cp1250", "iso8859_2", "cp1251", "koi8_r", "cp866", "cp1253", "cp1254", "cp1255"),
    *("cp1256", "cp874", "shift_jis", "euc_jp", "euc_kr", "gb18030", "big5"),
)
# What is found as one of these is read as the larger set of characters that Windows made of it.
_EXTENDED = {"shift_jis": "cp932", "euc_kr": "cp949"}
_PUNCTUATION = frozenset("‘’“”–—…•·«»‹›„‚€£©®™°§´¨\xa0\xad½¼¾²³ªº¿¡±×¢µ")
_BETWEEN_LETTERS = frozenset("’‘´–—·\xad\xa0…")
_NOT_ASCII = re.compile(r"(?<=(.))([^\x00-\x7f])(?=(.))", re.DOTALL)
_LONG_RUN = re.compile(r"[^\W\d_\x00-\x7f]{4}")
_ESCAPED_BYTES = re.compile(r"[\udc80-\udcff]")
# Of a thousand characters that are not ASCII, so many may be implausible in what is plausible.
_MOST_IMPLAUSIBLE = 50

CP1252_WHERE_INVALID = "cp1252_where_invalid"


class Encoding(NamedTuple):
    """How a file's bytes are decoded.

    Attributes:
        codec: Python's name of the encoding.
        errors: what is done with bytes that are not of it, as `open` takes it.
        note: what the user has to know of it; empty if it is UTF-8 without a fault.
    """

    codec: str
    errors: str = "strict"
    note: str = ""


def find_encoding(content: Content) -> Encoding:
    """The encoding of a text file.

    Raises:
        InputError: the file cannot be read.
    """
    stat = os.stat(content.path) if os.path.exists(content.path) else None
    return _find_encoding(content, stat and (stat.st_size, stat.st_mtime_ns))


@functools.lru_cache(maxsize=10_000)
def _find_encoding(content: Content, version: object) -> Encoding:
    """Of each version of a file, the encoding is looked for once."""
    start = next(_blocks(content), b"")
    for mark, codec in _MARKS:
        if start.startswith(mark):
            note = "" if codec == "utf-8-sig" else f"read as {codec.upper()}"
            return Encoding(codec, note=note)
    wide_codec = _wide_codec(start[:4096])
    if wide_codec:
        return Encoding(wide_codec, note=f"read as {wide_codec.upper()}")
    place = _first_invalid(content)
    if place is None:
        return Encoding("utf-8")
    n_valid, n_invalid = _count_utf8(content)
    if n_valid > n_invalid:
        note = f"{n_invalid} bytes are not UTF-8 (the first in line {place}), read as cp1252"
        return Encoding("utf-8", CP1252_WHERE_INVALID, note)
    codec = _guess_older(_sample(content))
    n_lost = _count_undecodable(content, codec)
    lost = f"; {n_lost} bytes are none of its characters, read as \ufffd" if n_lost else ""
    return Encoding(codec, "replace", f"read as {codec}, it is not UTF-8 (line {place}){lost}")


@functools.cache
def tell_encoding(where: str, note: str) -> None:
    """Tell once how a file is read."""
    logger.info(f"{where}: {note}; if that is wrong, set encoding=NAME")


def _blocks(content: Content) -> Iterator[bytes]:
    with content.open() as stream:
        while block := stream.read(_BLOCK):
            yield block


def _wide_codec(start: bytes) -> str | None:
    """UTF-16 or UTF-32 without a mark: where the NUL bytes of its ASCII characters stand."""
    n_units = len(start) // 4
    if n_units == 0 or b"\0" not in start:
        return None
    # Share of NUL bytes in each of four places, (4,).
    nul = [start[place : n_units * 4 : 4].count(0) / n_units for place in range(4)]
    for codec, few, many in (
        ("utf-32-le", (0,), (2, 3)),
        ("utf-32-be", (3,), (0, 1)),
        ("utf-16-le", (0, 2), (1, 3)),
        ("utf-16-be", (1, 3), (0, 2)),
    ):
        least = min(nul[place] for place in many)
        if least > 0.02 and all(nul[place] < least / 10 for place in few):
            try:
                start[: n_units * 4].decode(codec, "strict")
            except UnicodeDecodeError as error:
                if error.end < n_units * 4 - 4:  # not only a character that was cut
                    continue
            return codec
    return None


def _first_invalid(content: Content) -> int | None:
    """The line in which a file stops being UTF-8, None if it does not."""
    decoder = codecs.getincrementaldecoder("utf-8")()
    n_read = 0
    for block in itertools.chain(_blocks(content), [b""]):  # the empty one ends the text
        try:
            decoder.decode(block, final=not block)
        except UnicodeDecodeError as error:
            pending = len(error.object) - len(block)
            return _line_of(content, n_read - pending + error.start)
        n_read += len(block)
    return None


def _line_of(content: Content, position: int) -> int:
    """The number of the line in which a byte stands."""
    line = 1
    for block in _blocks(content):
        line += block.count(b"\n", 0, max(position, 0))
        position -= len(block)
    return line


def _count_utf8(content: Content) -> tuple[int, int]:
    """Numbers of the characters beyond ASCII, and of the bytes that are not UTF-8."""
    decoder = codecs.getincrementaldecoder("utf-8")("surrogateescape")
    n_beyond = n_invalid = 0
    for block in itertools.chain(_blocks(content), [b""]):
        text = decoder.decode(block, final=not block)
        n_beyond += len(text) - len(text.encode("ascii", "ignore"))
        n_invalid += len(_ESCAPED_BYTES.findall(text))
    return n_beyond - n_invalid, n_invalid


def _sample(content: Content) -> bytes:
    """Lines that are not ASCII, from the first on, about `_SAMPLE` bytes of them."""
    sample, left = bytearray(), b""
    for block in _blocks(content):
        *lines, left = (left + block).split(b"\n")
        if len(left) > _SAMPLE:  # a file without lines
            lines, left = [*lines, left], b""
        for line in lines:
            if not line.isascii():
                sample += line + b"\n"
            if len(sample) > _SAMPLE:
                # No character is cut in two at a blank.
                return bytes(sample[: max(sample.rfind(b" ", 0, _SAMPLE), 1000)])
    return bytes(sample) + (b"" if left.isascii() else left)


def _guess_older(sample: bytes) -> str:
    """The encoding of text that is not UTF-8."""
    for codec, letters in _BY_LETTERS.items():
        if _is_plausible(sample.decode(codec, "replace"), letters):
            return codec
    # Imported where it is needed, which for most tables is never.
    from charset_normalizer import from_bytes

    best = from_bytes(sample, cp_isolation=list(_FURTHER), enable_fallback=False).best()
    return "cp1252" if best is None else _EXTENDED.get(best.encoding, best.encoding)


def _is_plausible(text: str, letters: frozenset[str]) -> bool:
    """Whether a decoded text looks like one of the languages with these letters.

    >>> letters = _BY_LETTERS["cp1252"]
    >>> _is_plausible("Köchin für die Küche – près de l’hôtel", letters)
    True
    >>> _is_plausible("Òðåáóåòñÿ ïîâàð", letters)
    False
    """
    n = sum(character > "\x7f" for character in text)
    n_implausible = 4 * len(_LONG_RUN.findall(text))
    for before, character, after in _NOT_ASCII.findall(text):
        if character.isalpha() and character not in "ªº":
            is_upper_within = character.isupper() and before.islower()
            n_implausible += character not in letters or is_upper_within
        elif before.isalpha() and after.isalpha():
            n_implausible += character not in _BETWEEN_LETTERS
        else:
            n_implausible += character not in _PUNCTUATION
    # What Czech's ř, č and ě, and Hungarian's ő, become: no Western language has these together.
    has = {letter: letter in text for letter in "øèìåõáéã"}
    is_czech = has["ø"] and (has["è"] or has["ì"]) and not has["å"]
    is_hungarian = has["õ"] and (has["á"] or has["é"]) and not has["ã"]
    n_implausible += n * (is_czech or is_hungarian)
    return 1000 * n_implausible <= _MOST_IMPLAUSIBLE * n


def _count_undecodable(content: Content, codec: str) -> int:
    """Number of bytes or sequences that an encoding does not define."""
    decoder = codecs.getincrementaldecoder(codec)("replace")
    blocks = itertools.chain(_blocks(content), [b""])
    return sum(decoder.decode(block, final=not block).count("\ufffd") for block in blocks)


def _as_cp1252(error: UnicodeError) -> tuple[str, int]:
    """Decode a byte that is not UTF-8 as cp1252; a sequence that was cut off is lost."""
    assert isinstance(error, UnicodeDecodeError)
    invalid = error.object[error.start : error.end]
    text = invalid.decode("cp1252", "replace") if len(invalid) == 1 else "\ufffd"
    return text, error.end


codecs.register_error(CP1252_WHERE_INVALID, _as_cp1252)
