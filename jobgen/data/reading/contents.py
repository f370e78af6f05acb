"""The bytes of a table's file: as they are, or unpacked from .gz or .zip while they are read."""

import contextlib
import gzip
import io
import os
import shutil
import tempfile
import zipfile
import zlib
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import Any, BinaryIO

from jobgen.common.errors import InputError
from jobgen.common.locations import ending, is_table

# How files begin that are sometimes given the ending of another format, and what they are.
_MARKS = (
    (b"PK\x03\x04", "a workbook or zip", (".xlsx", ".xlsm", ".zip")),
    (b"\x1f\x8b", "packed by gzip; unpack it, or add .gz to its name", ()),
    (b"PAR1", "Parquet", (".parquet",)),
    (b"SQLite format 3\0", "a database of SQLite, which is given as sqlite:///FILE", ()),
    (b"%PDF-", "a PDF, which is not read", ()),
    (
        b"\xd0\xcf\x11\xe0\xa1\xb1\x1a\xe1",
        "an old .xls or protected by a password",
        (".xlsx", ".xlsm"),
    ),
)
# Within a zip these are not read.
_PACKED_TWICE = (".gz", ".zip", ".pkl")
# What grows beyond both when it is unpacked is no table.
_MOST_UNPACKED, _MOST_TIMES = 10**9, 100
_DAMAGED = (EOFError, gzip.BadGzipFile, zlib.error, zipfile.BadZipFile, NotImplementedError)


@dataclass(frozen=True)
class Content:
    """The bytes of a table.

    Attributes:
        path: the file.
        member: name of the table in the file, if that is a zip.
    """

    path: str
    member: str | None = None

    @property
    def where(self) -> str:
        """The name of the content in messages."""
        return self.path if self.member is None else f"{self.path} ({self.member})"

    @property
    def ending(self) -> str:
        """The ending that says the format."""
        return ending(self.member or self.path)

    @property
    def is_packed(self) -> bool:
        """Whether the bytes are unpacked while they are read."""
        return self.member is not None or self.path.lower().endswith(".gz")

    @contextlib.contextmanager
    def open(self) -> Iterator["ByteStream"]:
        """Open the unpacked bytes.

        Raises:
            InputError: they cannot be read, also later, while they are.
        """
        with contextlib.ExitStack() as stack:
            try:
                file = stack.enter_context(open(self.path, "rb"))
            except OSError as error:
                raise InputError(self.where, f"cannot be read: {error.strerror}") from None
            size = os.fstat(file.fileno()).st_size
            if self.member is not None:
                archive = stack.enter_context(zipfile.ZipFile(file))
                info = archive.getinfo(self.member)
                try:
                    member = stack.enter_context(archive.open(info))
                except Exception as error:  # a damaged directory can fail in any way
                    raise _damaged(self.where, error) from None
                yield ByteStream(
                    self.where, member, info.compress_size, member.tell, info.file_size
                )
            elif self.is_packed:
                unpacked = stack.enter_context(gzip.GzipFile(fileobj=file))
                yield ByteStream(self.where, unpacked, size, file.tell, size)
            else:
                yield ByteStream(self.where, file, None, file.tell, size)

    @contextlib.contextmanager
    def open_seekable(self) -> Iterator[BinaryIO]:
        """Open the bytes so that any part of them can be read again."""
        with contextlib.ExitStack() as stack:
            if self.is_packed:
                unpacked = stack.enter_context(self.open())
                file: Any = stack.enter_context(tempfile.TemporaryFile())
                shutil.copyfileobj(io.BufferedReader(unpacked), file)
                file.seek(0)
            else:
                try:
                    file = stack.enter_context(open(self.path, "rb"))
                except OSError as error:
                    raise InputError(self.where, f"cannot be read: {error.strerror}") from None
            yield file


class ByteStream(io.RawIOBase):
    """Unpacked bytes, which know how much has been read, and stop if they grow without end.

    Args:
        where: name for messages.
        stream: the unpacked bytes.
        packed_size: number of bytes that are unpacked; None if these are not.
        position: function that returns how far the stream has been read.
        end: the position at which all of it has been read.
    """

    def __init__(
        self,
        where: str,
        stream: Any,
        packed_size: int | None,
        position: Callable[[], int],
        end: int,
    ):
        self._where, self._stream, self._packed_size = where, stream, packed_size
        self._position, self._end = position, end
        self._n_read = 0

    @property
    def share_read(self) -> float:
        """How much has been read, 0 to 1."""
        return min(self._position() / max(self._end, 1), 1.0)

    def readable(self) -> bool:
        """Whether bytes can be read: always."""
        return True

    def readinto(self, buffer: Any) -> int:
        """Read the next bytes into a buffer.

        Raises:
            InputError: they cannot be unpacked, or are too many.
        """
        try:
            block = self._stream.read(len(buffer))
        except _DAMAGED as error:
            raise _damaged(self._where, error) from None
        except OSError as error:
            raise InputError(self._where, f"cannot be read: {error.strerror}") from None
        buffer[: len(block)] = block
        self._n_read += len(block)
        if self._packed_size is not None:
            refuse_bomb(self._where, self._packed_size, self._n_read)
        return len(block)


def refuse_bomb(where: str, packed_size: int, unpacked_size: int) -> None:
    """Refuse a content that a small file unpacks to a very large one.

    Raises:
        InputError: it does.
    """
    if unpacked_size > max(_MOST_UNPACKED, _MOST_TIMES * packed_size):
        raise InputError(
            where,
            f"refused: {packed_size} bytes unpack to {unpacked_size} or more, which no table does",
        )


def refuse_other_format(content: Content) -> None:
    """Refuse a file whose first bytes belong to another format than the ending of its name.

    Raises:
        InputError: they do, or the file cannot be read.
    """
    with content.open() as stream:
        start = stream.read(16) or b""
    for mark, what, endings in _MARKS:
        if start.startswith(mark) and content.ending not in endings:
            advice = f"; call it {endings[0]}" if endings and not content.is_packed else ""
            raise InputError(
                content.where, f"its name ends in {content.ending}, but it is {what}{advice}"
            )


def find_member(path: str, table: str | None) -> tuple[Content, str | None]:
    """The table that a zip holds, or the one of this name.

    Args:
        path: the zip.
        table: name of a file in it, with or without its folder; None for the only one.

    Returns:
        The table, and what remains to be picked in it: the sheet of a workbook, for example.

    Raises:
        InputError: there is no such table, there are several, or the zip cannot be unpacked.
    """
    infos = {info.filename: info for info in zip_entries(path) if is_table(info.filename)}
    packed_twice = [name for name in infos if name.lower().endswith(_PACKED_TWICE)]
    names = [name for name in infos if not _is_clutter(name) and name not in packed_twice]
    chosen = [name for name in names if table in (name, name.rsplit("/", 1)[-1])]
    if not chosen and len(names) == 1:
        chosen, inner_table = names, table
    else:
        inner_table = None
    if len(chosen) != 1:
        held = f"{', '.join(names[:20])}; pick one: table=NAME" if names else "no table"
        if not names and packed_twice:
            held = f"{packed_twice[0]}, which is not read within a zip: unpack it first"
        raise InputError(path, f"expected one table in it{_named(table)}; it holds {held}")
    info = infos[chosen[0]]
    if info.flag_bits & 1:
        raise InputError(path, f"{info.filename} is protected by a password; unpack it first")
    refuse_bomb(path, info.compress_size, info.file_size)
    return Content(path, info.filename), inner_table


def _named(table: str | None) -> str:
    return "" if table is None else f' named "{table}"'


def zip_entries(path: str, file: BinaryIO | None = None) -> list[zipfile.ZipInfo]:
    """The entries of a zip.

    Args:
        path: its name, for messages, and its path unless it is open.
        file: the open zip.

    Raises:
        InputError: it is none.
    """
    try:
        with zipfile.ZipFile(file or path) as archive:
            return [info for info in archive.infolist() if not info.is_dir()]
    except Exception as error:  # a damaged directory can fail in any way
        raise _damaged(path, error) from None


def _damaged(where: str, error: Exception) -> InputError:
    return InputError(where, f"cannot be unpacked, it is damaged or incomplete: {error}")


def _is_clutter(name: str) -> bool:
    """Whether a system has put a file into a zip beside what the user wanted there."""
    return any(part.startswith((".", "__MACOSX")) for part in name.split("/"))
