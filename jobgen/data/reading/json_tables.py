"""Tables in JSON: a list of objects wherever it stands, columns, or an object on each line."""

import itertools
import json
from collections.abc import Iterator
from typing import Any

from jobgen.common.errors import InputError
from jobgen.data.reading.chunks import RowCollector, TableChunk
from jobgen.data.reading.columns import count_usual
from jobgen.data.reading.contents import Content
from jobgen.data.reading.text_lines import TextLines

_DEEPEST = 4  # levels of objects within which a list is looked for


def read_json_table(
    content: Content, encoding: str, table: str | None, chunk_rows: int
) -> Iterator[TableChunk]:
    """Read JSON; all but an object on each line is loaded whole.

    Args:
        content: the bytes of the file.
        encoding: its encoding, or "auto".
        table: name or path of the list, such as `jobs` or `data.jobs`; None for the only one.
        chunk_rows: number of rows in each chunk but the last.

    Raises:
        InputError: it is no JSON, or has no such list.
    """
    lines = TextLines(content, encoding, newline="\n")
    if _has_object_on_each_line(content, lines):
        yield from _read_lines(lines, chunk_rows)
        return
    rows = _find_rows(content.where, _parse(content.where, lines.read()), table)
    collected = RowCollector(chunk_rows)
    for number, row in enumerate(rows, 1):
        if isinstance(row, dict):
            collected.add(row)
        else:
            collected.add_fault("expected an object {...}")
        if collected.is_full() or number == len(rows):
            chunk = collected.take(number / len(rows))
            yield chunk._replace(frame=chunk.frame.rename(columns=str))


def _has_object_on_each_line(content: Content, lines: TextLines) -> bool:
    first_two = list(itertools.islice((line for line in lines if line.strip()), 2))
    if content.ending in (".jsonl", ".ndjson"):
        return not first_two or not first_two[0].lstrip().startswith("[")
    if len(first_two) < 2 or not all(line.lstrip().startswith("{") for line in first_two):
        return False
    return any(map(_is_object, first_two))  # one of them may be broken


def _is_object(line: str) -> bool:
    try:
        return isinstance(json.loads(line), dict)
    except (ValueError, RecursionError):
        return False


def _read_lines(lines: TextLines, chunk_rows: int) -> Iterator[TableChunk]:
    rows = RowCollector(chunk_rows)
    for number, line in enumerate(lines, 1):
        if not line.strip():
            continue
        try:
            row = json.loads(line)
            if isinstance(row, dict):
                rows.add(row)
            else:
                rows.add_fault(f"line {number}: expected an object {{...}}")
        except json.JSONDecodeError as error:
            rows.add_fault(f"line {number}, column {error.colno}: {error.msg}")
        except (ValueError, RecursionError) as error:  # too many digits or levels
            rows.add_fault(f"line {number}: {_first_part(error)}")
        if rows.is_full():
            yield rows.take(lines.share_read)
    yield rows.take(1.0)


def _parse(where: str, text: str) -> Any:
    try:
        return json.loads(text)
    except (ValueError, RecursionError) as error:
        raise InputError(where, f"invalid JSON: {_first_part(error)}") from None


def _first_part(error: Exception) -> str:
    """The message of a parser, without advice for programmers."""
    return str(error).split(";")[0]


def _find_rows(where: str, content: Any, table: str | None) -> list[Any]:
    """The rows of a table, in whichever of the usual forms it was written.

    Some may be no objects, which are faults.
    """
    if _is_list_of_objects(content):
        return content
    if not isinstance(content, dict):
        raise InputError(where, f"expected a list of objects, got {_described(content)}")
    lists = dict(_lists_of_objects(content))
    if table is not None:
        found = [path for path in lists if table in (path, path.rsplit(".", 1)[-1])]
        if len(found) != 1:
            held = ", ".join(lists) or "none"
            raise InputError(where, f'no single list of objects "{table}"; it has {held}')
        return lists[found[0]]
    if lists:
        depth = min(path.count(".") for path in lists)
        nearest = [path for path in lists if path.count(".") == depth]
        if len(nearest) > 1:
            held = ", ".join(lists)
            raise InputError(
                where, f"it has several lists of objects: {held}; pick one: table=NAME"
            )
        return lists[nearest[0]]
    if set(content) == {"columns", "index", "data"}:
        return _rows_of_split(where, content["columns"], content["data"])
    return _rows_of_object(content)


def _rows_of_split(where: str, columns: Any, data: Any) -> list[dict[str, Any]]:
    """Rows of what pandas writes as "split": the names of the columns, and a list of each row.

    Raises:
        InputError: it is not of this form.
    """
    if not isinstance(columns, list) or not all(isinstance(name, str | int) for name in columns):
        raise InputError(where, 'expected a list of names as "columns", with "index" and "data"')
    if not isinstance(data, list):
        raise InputError(where, 'expected a list of rows as "data", with "columns" and "index"')
    for number, row in enumerate(data, 1):
        if not isinstance(row, list) or len(row) != len(columns):
            raise InputError(
                where, f'row {number} of "data": expected a list of {len(columns)} cells'
            )
    return [dict(zip(columns, row, strict=True)) for row in data]


def _lists_of_objects(content: dict[str, Any], path: str = "", depth: int = 1) -> Iterator[Any]:
    """Path and content of each list of objects within objects."""
    for key, value in content.items():
        if _is_list_of_objects(value):
            yield path + key, value
        elif isinstance(value, dict) and depth < _DEEPEST:
            yield from _lists_of_objects(value, f"{path}{key}.", depth + 1)


def _rows_of_object(content: dict[str, Any]) -> list[dict[str, Any]]:
    """Rows of columns or rows under their labels, of columns as lists, or of a single object."""
    values = list(content.values())
    if values and all(isinstance(value, dict) for value in values):
        labels = list(dict.fromkeys(label for value in values for label in value))
        n_outer, n_inner = count_usual(content), count_usual(labels)
        if n_inner > n_outer and (len(values) > 1 or n_inner > 1):
            return values  # an object of rows under their labels
        if len(values) > 1 and n_outer == n_inner and not all(map(str.isdigit, labels)):
            return values
        if len(values) > 1:
            return [{name: cells.get(label) for name, cells in content.items()} for label in labels]
    if len(values) > 1 and all(isinstance(value, list) for value in values):
        if len({len(value) for value in values}) == 1:
            return [dict(zip(content, row, strict=True)) for row in zip(*values, strict=True)]
    return [content] if content else []


def _is_list_of_objects(value: Any) -> bool:
    """Whether at least half of a list's entries are objects; the others are rows with a fault."""
    if not isinstance(value, list) or not value:
        return False
    return 2 * sum(isinstance(row, dict) for row in value) >= len(value)


def _described(value: Any) -> str:
    if isinstance(value, list):
        return "a list of something else" if value else "an empty list"
    return f"a single {type(value).__name__}"
