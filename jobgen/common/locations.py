"""Where a table of postings may be: a file, several, a folder, a database or a data set.

By these functions the configuration is checked before any table is read.
"""

import glob
import re
from pathlib import Path
from typing import Literal

from jobgen.common.files import nearby

# Endings of files that are read; those of texts may be followed by .gz.
TEXT_TABLES = (".csv", ".tsv", ".txt", ".json", ".jsonl", ".ndjson")
BINARY_TABLES = (".xlsx", ".xlsm", ".parquet", ".pkl")
DOCUMENTS = (".txt", ".html", ".htm", ".md")  # a posting each, in a folder
FORMATS = (
    ".csv, .tsv, .txt, .json, .jsonl, .ndjson, each also as .gz; .zip with one of them; .xlsx,"
    " .parquet, .pkl; a folder or pattern of such files or of .txt, .html and .md postings;"
    " sqlite:///FILE, postgresql://USER@HOST/DATABASE; owner/name of a data set"
)

_URL = re.compile(r"[a-z][a-z0-9+.-]{1,40}://", re.IGNORECASE)
_DATASET_ID = re.compile(r"[A-Za-z0-9][\w.-]{0,95}/[A-Za-z0-9][\w.-]{0,95}")
# From the first colon after the scheme to the last @, since a user or password may hold what should
# have been written %40 or %2F; also where slashes or the colon of the scheme are missing. SQLite
# has no passwords, and its paths may hold both characters.
_PASSWORD = re.compile(
    r"((?!sqlite:///)[a-z][a-z0-9+.-]{1,40}(?::/{0,2}|//)[^:]{0,1000}):.*@",
    re.IGNORECASE | re.DOTALL,
)
_PASSWORD_OPTION = re.compile(r"(?i)([?&][a-z_]{0,20}(?:password|passwd|pwd)=)[^&]*")

Kind = Literal["database", "file", "folder", "saved data set", "pattern", "data set", "missing"]


def ending(name: str) -> str:
    """The ending that says a file's format, in lower case: `.csv` of `Jobs.CSV.gz`."""
    path = Path(name.lower())
    return Path(path.stem).suffix if path.suffix == ".gz" else path.suffix


def is_table(name: str) -> bool:
    """Whether a file's ending is one of those that are read."""
    packed = name.lower().endswith((".gz", ".zip"))
    return packed or ending(name) in TEXT_TABLES + BINARY_TABLES


def kind_of(location: str) -> Kind:
    """What a location is, as far as it can be told without opening it.

    Raises:
        OSError: a folder may not be entered, or a name is too long.
    """
    path = Path(location)
    if _URL.match(location):
        return "database"
    if path.is_dir():
        marks = [("dataset_dict.json",), ("dataset_info.json", "state.json")]
        is_saved = any(all((path / name).is_file() for name in names) for names in marks)
        return "saved data set" if is_saved else "folder"
    if path.exists():
        return "file"
    if glob.has_magic(location):
        return "pattern"
    if _DATASET_ID.fullmatch(location) and not is_table(location):
        return "data set"
    return "missing"


def matches(pattern: str) -> list[str]:
    """The files that a pattern such as `data/**/*.csv` stands for, sorted; none that is hidden."""
    return sorted(path for path in glob.glob(pattern, recursive=True) if Path(path).is_file())


def find_fault(location: str) -> str | None:
    """What is wrong with a location, if that can be told without opening it.

    Raises:
        OSError: as `kind_of`.
    """
    kind = kind_of(location)
    if kind == "missing":
        return no_such_file(location)
    if kind == "pattern" and not matches(location):
        return "no file matches this pattern"
    return None


def no_such_file(location: str) -> str:
    """What is told of a file that is missing: what may be meant, but no part of a password."""
    if without_password(location) != location:
        return "no such file; a database is given as postgresql://USER@HOST/DATABASE"
    return f"no such file{nearby(Path(location))}"


def without_password(location: str) -> str:
    """A location as it may be shown.

    >>> without_password("postgresql://ann:s3cr@t@localhost/jobs?sslmode=require")
    'postgresql://ann:***@localhost/jobs?sslmode=require'
    """
    if match := _PASSWORD.match(location):
        location = f"{match[1]}:***@{location[match.end() :]}"
    return _PASSWORD_OPTION.sub(r"\1***", location) if _URL.match(location) else location
