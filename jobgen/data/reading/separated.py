"""Separated text (.csv, .tsv, .txt): its delimiter and quoting are found, its rows are read."""

import csv
import itertools
import re
from collections.abc import Iterable, Iterator
from typing import Any, NamedTuple

from jobgen.common.errors import InputError
from jobgen.data.reading.chunks import RowCollector, TableChunk
from jobgen.data.reading.contents import Content
from jobgen.data.reading.text_lines import TextLines

_COMMON, _RARE = ",\t;|", "^~\x01\x1f:"
_NO_DELIMITER = "\x1e"  # for a table of one column: it parts records, and does not occur in cells
# Ways of quoting, the likelier first, as arguments of the csv module.
_DOUBLED: dict[str, Any] = {}
_SINGLE_QUOTES = {"quotechar": "'"}
_STYLES: tuple[dict[str, Any], ...] = (
    _DOUBLED,
    {"skipinitialspace": True},
    {"escapechar": "\\"},
    _SINGLE_QUOTES,
    {"quotechar": "'", "escapechar": "\\"},
    {"quoting": csv.QUOTE_NONE},
    {"quoting": csv.QUOTE_NONE, "escapechar": "\\"},
)
_SINGLE_QUOTED = re.compile(r"'.+'", re.DOTALL)
_TRIED_ROWS = 50
_SAMPLE = 300_000  # characters of whole lines
_LONGEST_CELL = 2**24  # characters; a quotation mark that never closes must not fill the memory
_TOO_LONG = "field larger than field limit"
_UNCLOSED = ("unexpected end of data", _TOO_LONG)
# Excel writes it before the header, for itself.
_SEPARATOR_LINE = re.compile(r'"?sep=(.)"?\s*', re.IGNORECASE | re.DOTALL)


class Dialect(NamedTuple):
    """How cells are parted and quoted.

    Attributes:
        delimiter: character between cells.
        style: further arguments of the csv module.
    """

    delimiter: str
    style: dict[str, Any]

    def reader(self, lines: Iterable[str]) -> Any:
        """A strict reader of the rows of lines."""
        return csv.reader(lines, delimiter=self.delimiter, strict=True, **self.style)


def read_separated(
    content: Content, encoding: str, separator: str | None, chunk_rows: int
) -> Iterator[TableChunk]:
    """Read separated text; a row that is ragged or wrongly quoted is a fault.

    Args:
        content: the bytes of the file.
        encoding: its encoding, or "auto".
        separator: the delimiter; None to find it, in a .tsv a tab.
        chunk_rows: number of rows in each chunk but the last.

    Raises:
        InputError: a quotation mark never closes, or the header cannot be read.
    """
    csv.field_size_limit(_LONGEST_CELL)
    text = TextLines(content, encoding, newline="")
    lines = _first_lines(text)
    told = _SEPARATOR_LINE.fullmatch(lines[0]) if lines else None
    if separator is None and told:
        separator = told[1]
    if separator is None and content.ending == ".tsv":
        separator = "\t"
    n_skipped = 1 if told else 0
    dialect = find_dialect(lines[n_skipped:], separator)
    yield from _read_rows(content.where, text, dialect, n_skipped, chunk_rows)


def find_dialect(lines: list[str], separator: str | None = None) -> Dialect:
    """The delimiter and quoting with which the most of the first rows are as long as the header.

    Args:
        lines: the first lines of the table, from the header on.
        separator: the delimiter, if it is known.
    """
    header = next((line for line in lines if line.strip()), "")
    if separator is not None:
        return _best(lines, [separator])[0]
    common = [delimiter for delimiter in _COMMON if delimiter in header]
    rare = [delimiter for delimiter in _RARE if delimiter in header]
    for delimiters in (common, rare):
        dialect, share = _best(lines, delimiters, least_cells=2)
        if share > 0.5:
            return dialect
    # Either most rows are ragged, or there is one column, whose cells may hold any delimiter.
    return _best(lines, common, 2)[0] if common else _best(lines, [",", _NO_DELIMITER])[0]


def _best(lines: list[str], delimiters: list[str], least_cells: int = 1) -> tuple[Dialect, float]:
    """The dialect with the largest share of whole rows, the first of equals, and that share."""
    best, best_share = Dialect(",", _DOUBLED), -1.0
    for delimiter, style in itertools.product(delimiters, _STYLES):
        dialect = Dialect(delimiter, style)
        share = _share_whole(dialect, lines, least_cells, _TRIED_ROWS)
        if share > best_share:
            best, best_share = dialect, share
        if share == 1:
            break
    if '\\"' in "".join(lines):
        # Quotation marks after a backslash may be few: here all lines count.
        styles = [Dialect(best.delimiter, style) for style in (best.style, *_STYLES)]
        best = max(styles, key=lambda dialect: _share_whole(dialect, lines, least_cells, None))
    single = Dialect(best.delimiter, _SINGLE_QUOTES)
    if best.style == _DOUBLED and _share_whole(single, lines, least_cells, _TRIED_ROWS) == 1:
        # Without commas in them, cells in single quotes read as if the quotes belonged to them.
        rows = [row or [] for row in _rows(best, lines, _TRIED_ROWS)][1:]
        if rows and all(map(_is_in_single_quotes, rows)):
            best = single
    return best, best_share


def _is_in_single_quotes(row: list[str]) -> bool:
    """Whether half of the cells with letters or more are."""
    worded = [cell for cell in row if not cell.isdecimal()]
    quoted = [cell for cell in worded if _SINGLE_QUOTED.fullmatch(cell)]
    return 2 * len(quoted) >= max(len(worded), 1)


def _share_whole(
    dialect: Dialect, lines: list[str], least_cells: int, tried_rows: int | None
) -> float:
    """The share of the first rows that are as long as the header, 0 to 1."""
    rows = _rows(dialect, lines, tried_rows)
    n_cells = len(next(rows, None) or [])
    if n_cells < least_cells:
        return 0.0
    is_whole = [row is not None and len(_trimmed(row, n_cells)) == n_cells for row in rows]
    return sum(is_whole) / len(is_whole) if is_whole else 1.0


def _rows(dialect: Dialect, lines: list[str], most: int | None) -> Iterator[list[str] | None]:
    """The header and the first rows; None for one whose quotation marks are broken."""
    reader = dialect.reader(lines)
    n_rows = 0
    while most is None or n_rows <= most:
        try:
            row = next(reader)
        except StopIteration:
            return
        except csv.Error as error:
            if str(error).startswith(_UNCLOSED) and len(lines) > 1:
                return  # it may close after the sample
            row = None
        if row is None or not _is_blank(row):
            n_rows += 1
            yield row


def _first_lines(text: TextLines) -> list[str]:
    """The lines by which the dialect is found."""
    lines, length = [], 0
    for line in text:
        lines.append(line)
        length += len(line)
        if length > _SAMPLE:
            break
    return lines


def _read_rows(
    where: str, text: TextLines, dialect: Dialect, n_skipped: int, chunk_rows: int
) -> Iterator[TableChunk]:
    """The rows of all lines after those that are skipped."""
    reader = dialect.reader(itertools.islice(text, n_skipped, None))
    header: list[str] = []
    rows = RowCollector(chunk_rows)
    while True:
        first_line = n_skipped + reader.line_num + 1
        try:
            row = next(reader)
        except StopIteration:
            break
        except csv.Error as error:
            # After any other fault the next line begins a new row.
            fault = f"broken quotation marks in line {n_skipped + reader.line_num} ({error})"
            if str(error).startswith(_TOO_LONG):
                fault = (
                    f"line {first_line}: a cell of more than {_LONGEST_CELL:,} characters; perhaps"
                    " a quotation mark never closes"
                )
            elif str(error).startswith(_UNCLOSED):
                fault = f"line {first_line}: a quotation mark opens in this row and never closes"
            if str(error).startswith(_UNCLOSED) or not header:
                raise InputError(where, fault) from None
            rows.add_fault(fault)
            row = []
        if not header:
            header = [name.strip() for name in row]
            if any("\0" in name for name in header):
                raise InputError(where, "NUL characters in the header; set encoding=auto")
            if header:
                rows = RowCollector(chunk_rows, header)
        elif not _is_blank(row):
            row = _trimmed(row, len(header))
            if len(row) == len(header):
                rows.add(row)
            else:
                rows.add_fault(f"{len(row)} cells, the header has {len(header)}")
        if rows.is_full():
            yield rows.take(text.share_read)
    if header:
        yield rows.take(1.0)


def _is_blank(row: list[str]) -> bool:
    """Whether a row is a blank line, or one of empty cells only, as spreadsheets leave them."""
    return not any(row) if len(row) != 1 else not row[0].strip()


def _trimmed(row: list[str], n_cells: int) -> list[str]:
    """A row without empty cells beyond the header's, which a delimiter at its end makes."""
    if len(row) > n_cells and not "".join(row[n_cells:]).strip():
        return row[:n_cells]
    return row
