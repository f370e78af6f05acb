"""Which files a source stands for."""

import glob
import os
import re
from pathlib import Path
from typing import NamedTuple

from jobgen.common.errors import InputError
from jobgen.common.locations import (
    DOCUMENTS,
    FORMATS,
    TEXT_TABLES,
    is_table,
    kind_of,
    matches,
    no_such_file,
    without_password,
)
from jobgen.data.reading.chunks import Source

# What a preparation writes, also beside its source: it must not be read by the next one.
_OWN_OUTPUT = re.compile(r"dropped\.csv|(?:train|test)_\d+_\d+\.pkl|manifest_\d+_\d+\.json")


class SourceFile(NamedTuple):
    """A file of a source.

    Attributes:
        name: its path within the source; None if it is all of the source.
        path: where it is.
        is_document: whether it holds a single posting, not a table.
    """

    name: str | None
    path: str
    is_document: bool


def find_files(source: Source) -> list[SourceFile]:
    """The files of a source, sorted by their names.

    The files of a folder or pattern with one of the endings of `DOCUMENTS` are postings, unless the
    source says how their cells are separated. The results of preparations are left out.

    Raises:
        InputError: there is none, or they are of different kinds.
    """
    location = source.location
    try:
        kind = kind_of(location)
    except (OSError, ValueError) as error:  # ValueError: NUL in the name
        raise InputError(without_password(location), f"cannot be read: {error}") from None
    if kind == "file":
        if not is_table(location):
            raise InputError(location, f"unknown format, expected {FORMATS}{_advice(location)}")
        return [SourceFile(None, location, False)]
    if kind == "folder":
        folder, paths = location, _visible_files(location)
    elif kind == "pattern":
        folder, paths = _fixed_part(location), matches(location)
    else:
        raise InputError(without_password(location), no_such_file(location))
    paths = [path for path in paths if not _OWN_OUTPUT.fullmatch(Path(path).name)]
    documents = [path for path in paths if path.lower().endswith(DOCUMENTS)]
    if source.separator is not None:
        documents = [path for path in documents if not path.lower().endswith(TEXT_TABLES)]
    tables = [path for path in paths if is_table(path) and path not in documents]
    if kind == "pattern" and (others := sorted({*paths} - {*documents} - {*tables})):
        raise InputError(others[0], f"unknown format, expected {FORMATS}")
    if documents and tables:
        raise InputError(
            location,
            f"holds tables ({os.path.relpath(tables[0], folder)}) and postings"
            f" ({os.path.relpath(documents[0], folder)}); name those that are meant by a pattern"
            f" such as {folder}/**/*{Path(tables[0]).suffix}",
        )
    if not paths or not (documents or tables):
        what = "no file matches this pattern" if kind == "pattern" else "holds no file that is read"
        raise InputError(without_password(location), f"{what}; expected {FORMATS}")
    return [
        SourceFile(os.path.relpath(path, folder), path, bool(documents))
        for path in documents or tables
    ]


def _visible_files(folder: str) -> list[str]:
    """The files in a folder and in its folders, without hidden ones."""
    return matches(os.path.join(glob.escape(folder), "**", "*"))


def _fixed_part(pattern: str) -> str:
    """The folder in which all files of a pattern are."""
    parts = Path(pattern).parts[:-1]
    n_fixed = next((i for i, part in enumerate(parts) if glob.has_magic(part)), len(parts))
    return os.path.join(*parts[:n_fixed]) if n_fixed else "."


def _advice(location: str) -> str:
    if location.lower().endswith((".db", ".sqlite", ".sqlite3")):
        return f"; for a database give sqlite:///{location}"
    if location.lower().endswith((".xls", ".ods")):
        return "; save it as .xlsx"
    return ""
