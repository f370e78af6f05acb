"""The lines of a text file, decoded as they are read."""

import codecs
import io
from collections.abc import Iterator

from jobgen.common.errors import InputError
from jobgen.data.reading.contents import ByteStream, Content
from jobgen.data.reading.encodings import Encoding, find_encoding

_BUFFER = 2**14  # bytes


class TextLines:
    """The lines of a text file; they can be iterated more than once.

    Args:
        content: the bytes of the file.
        encoding: name of the encoding, or "auto" to find it.
        newline: what ends a line, as `open` takes it.
    """

    def __init__(self, content: Content, encoding: str, newline: str):
        self._content, self._newline = content, newline
        self._name = encoding
        if encoding.lower() == "auto":
            self._encoding = find_encoding(content)
        else:
            self._encoding = Encoding(encoding)
        self._stream: ByteStream | None = None

    @property
    def share_read(self) -> float:
        """How much of the file has been read, 0 to 1."""
        return 0.0 if self._stream is None else self._stream.share_read

    def __iter__(self) -> Iterator[str]:
        """Read the lines from the first on.

        Raises:
            InputError: the file cannot be read, or is not in the encoding that was named.
        """
        codec, errors = self._encoding.codec, self._encoding.errors
        with self._content.open() as self._stream:
            try:
                # A byte order mark is no part of the text, whatever encoding was named.
                stream = io.BufferedReader(self._stream, _BUFFER)
                if stream.peek(3).startswith(codecs.BOM_UTF8):
                    stream.read(3)
                with io.TextIOWrapper(stream, codec, errors, self._newline) as text:
                    if first := next(text, "").removeprefix("\ufeff"):
                        yield first
                    yield from text
            except UnicodeError:
                raise InputError(
                    self._content.where,
                    f"not {self._name} at {_undecodable_position(self._content, codec)};"
                    " cli_prepare_data.py finds the encoding: --set encoding=auto",
                ) from None
            except (LookupError, ValueError):  # ValueError: NUL in the name
                raise InputError(
                    self._content.where,
                    f'unknown encoding "{self._name}", such as auto, utf-8 or cp1252',
                ) from None

    def read(self) -> str:
        """The whole text."""
        return "".join(self)


def _undecodable_position(content: Content, codec: str) -> str:
    """Where a file stops being text of an encoding."""
    decoder = codecs.getincrementaldecoder(codec)()
    line, block_start = 1, 0
    with content.open() as stream:
        while True:
            pending = decoder.getstate()[0]
            block = stream.read(2**20) or b""
            try:
                decoder.decode(block, final=not block)
            except UnicodeError as error:
                offset = getattr(error, "start", 0)
                line += (pending + block).count(b"\n", len(pending), offset)
                return f"line {line}, byte {block_start - len(pending) + offset}"
            if not block:
                return f"line {line}"
            line += block.count(b"\n")
            block_start += len(block)
