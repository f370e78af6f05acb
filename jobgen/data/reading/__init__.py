"""Read tables of postings in chunks, wherever they are and in whichever form.

    Source -> `files`: the files that it stands for, or a database or data set
           -> `contents`: the bytes of a file, unpacked
           -> `encodings`, `text_lines`: the lines of a text
           -> `separated`, `json_tables`, `binary`, `workbooks`, `documents`: rows, by format
           -> `chunks`: numbered rows, and those that cannot be read

Libraries that only some sources need are imported when such a source is read.
"""

import hashlib
from collections.abc import Iterator

from jobgen.common.errors import InputError
from jobgen.common.files import hash_file
from jobgen.common.locations import FORMATS, TEXT_TABLES, kind_of, without_password
from jobgen.data.reading.binary import read_parquet, read_pickle
from jobgen.data.reading.chunks import Source, TableChunk
from jobgen.data.reading.contents import Content, find_member, refuse_other_format
from jobgen.data.reading.documents import read_document
from jobgen.data.reading.encodings import find_encoding, tell_encoding
from jobgen.data.reading.files import find_files
from jobgen.data.reading.json_tables import read_json_table
from jobgen.data.reading.separated import read_separated

__all__ = [
    *("Source", "TableChunk", "encoding_of", "fingerprint", "has_fixed_columns", "read_chunks"),
    "shown",
]

_JSON = (".json", ".jsonl", ".ndjson")
_OF_ROWS = ("database", "saved data set", "data set")  # sources that are no files


def read_chunks(
    source: Source, chunk_rows: int = 10_000, drop_bad: bool = False
) -> Iterator[TableChunk]:
    """Read a table in chunks; only pickles, and JSON but for lines, are loaded whole.

    Args:
        source: the table, and how it is read.
        chunk_rows: number of rows in each chunk but the last of each file.
        drop_bad: whether rows that cannot be read are left out and named in each chunk's faults;
            otherwise there must be none.

    Raises:
        InputError: as `jobgen.data.tables.read_table`, once the faulty chunk is reached.
    """
    is_empty = True
    for chunk in _chunks(source, chunk_rows):
        where = chunk.file or shown(source)
        if chunk.faults and not drop_bad:
            row, fault = next(iter(chunk.faults.items()))
            raise InputError(where, f"row {row}: {fault}")
        if len(chunk.frame) or chunk.faults:
            is_empty = False
            yield chunk
    if is_empty:
        raise InputError(shown(source), "the table is empty")


def shown(source: Source) -> str:
    """The location of a source without a password."""
    return without_password(source.location)


def fingerprint(source: Source) -> str:
    """SHA-256 of a source's content.

    Returns:
        That of a file's bytes; of several files, that of their names and hashes; of a database or
        data set, that of all rows.

    Raises:
        InputError: it cannot be read.
    """
    if kind_of(source.location) not in _OF_ROWS:
        files = find_files(source)
        if files[0].name is None:
            return hash_file(files[0].path)
        told = [(file.name, hash_file(file.path)) for file in files]
        return hashlib.sha256(repr(told).encode()).hexdigest()
    digest = hashlib.sha256()
    for chunk in read_chunks(source, drop_bad=True):
        digest.update(repr(list(chunk.frame.columns)).encode("utf-8", "surrogatepass"))
        for row in chunk.frame.itertuples(index=False, name=None):
            digest.update(repr(row).encode("utf-8", "surrogatepass"))
    return digest.hexdigest()


def encoding_of(source: Source) -> str | None:
    """The encodings in which the texts of a source are read; None if it is not made of texts."""
    if kind_of(source.location) in _OF_ROWS:
        return None
    names: dict[str, None] = {}  # in the order of the files
    for file in find_files(source):
        content, _ = _content_of(file.path, source.table)
        if file.is_document or content.ending in TEXT_TABLES:
            is_auto = source.encoding.lower() == "auto"
            names[find_encoding(content).codec if is_auto else source.encoding] = None
    return ", ".join(names) or None


def has_fixed_columns(source: Source) -> bool:
    """Whether all rows have the same columns; an object in JSON may lack any."""
    if kind_of(source.location) in _OF_ROWS:
        return True
    contents = [_content_of(file.path, source.table)[0] for file in find_files(source)]
    return not any(content.ending in _JSON for content in contents)


def _chunks(source: Source, chunk_rows: int) -> Iterator[TableChunk]:
    try:
        kind = kind_of(source.location)
    except (OSError, ValueError) as error:  # ValueError: NUL in the name
        raise InputError(shown(source), f"cannot be read: {error}") from None
    if kind == "database":
        from jobgen.data.reading.databases import read_database

        yield from read_database(source, chunk_rows)
    elif kind in ("saved data set", "data set"):
        from jobgen.data.reading.data_sets import read_data_set

        yield from read_data_set(source, kind == "saved data set", chunk_rows)
    else:
        yield from _read_files(source, chunk_rows)


def _read_files(source: Source, chunk_rows: int) -> Iterator[TableChunk]:
    files = find_files(source)
    notes: dict[str, list[str]] = {}
    try:
        for n_before, file in enumerate(files):
            content, table = _content_of(file.path, source.table)
            refuse_other_format(content)
            is_text = file.is_document or content.ending in TEXT_TABLES
            if is_text and source.encoding.lower() == "auto":
                if note := find_encoding(content).note:
                    notes.setdefault(note, []).append(content.where)
            if file.is_document:
                chunks = iter([read_document(content, source.encoding, file.name or file.path)])
            else:
                chunks = _read_file(content, table, source, chunk_rows)
            for chunk in chunks:
                share = (n_before + chunk.share_read) / len(files)
                yield chunk._replace(file=file.name, share_read=share)
    finally:  # also if only the first rows are wanted
        for note, names in notes.items():
            others = f" and {len(names) - 1} other files" if len(names) > 1 else ""
            tell_encoding(names[0] + others, note)


def _content_of(path: str, table: str | None) -> tuple[Content, str | None]:
    """The bytes of a file's table, and what remains to be picked in them."""
    if path.lower().endswith(".zip"):
        return find_member(path, table)
    return Content(path), table


def _read_file(
    content: Content, table: str | None, source: Source, chunk_rows: int
) -> Iterator[TableChunk]:
    if content.ending in _JSON:
        return read_json_table(content, source.encoding, table, chunk_rows)
    if content.ending in (".xlsx", ".xlsm"):
        from jobgen.data.reading.workbooks import read_workbook

        return read_workbook(content, table, chunk_rows)
    if table is not None:
        raise InputError(content.where, f'holds one table; leave out table = "{table}"')
    if content.ending in (".csv", ".tsv", ".txt"):
        return read_separated(content, source.encoding, source.separator, chunk_rows)
    if content.ending == ".parquet":
        return read_parquet(content, chunk_rows)
    if content.ending == ".pkl":
        return read_pickle(content, chunk_rows)
    raise InputError(content.where, f"unknown format, expected {FORMATS}")
