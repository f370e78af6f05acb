"""Tables in Excel's workbooks (.xlsx)."""

import warnings
from collections.abc import Iterator
from typing import Any

import openpyxl
from openpyxl.utils.escape import unescape

from jobgen.common.errors import InputError
from jobgen.data.reading.chunks import RowCollector, TableChunk
from jobgen.data.reading.contents import Content, refuse_bomb, zip_entries

_OLE_MARK = bytes.fromhex("d0cf11e0a1b11ae1")  # of .xls, and of what a password protects


def read_workbook(content: Content, table: str | None, chunk_rows: int) -> Iterator[TableChunk]:
    """Read a sheet, row by row; numbers and dates stay what they are.

    Args:
        content: the bytes of the file.
        table: name of the sheet; None for the only one that is not empty.
        chunk_rows: number of rows in each chunk but the last.

    Raises:
        InputError: it is no workbook, or has no such sheet.
    """
    with content.open_seekable() as file:
        if file.read(len(_OLE_MARK)) == _OLE_MARK:
            raise InputError(
                content.where,
                "is protected by a password, or an old .xls; save it as .xlsx without a password",
            )
        for entry in zip_entries(content.where, file):
            refuse_bomb(content.where, entry.compress_size, entry.file_size)
        workbook = _open(content.where, file)
        try:
            yield from _read_sheet(_find_sheet(content.where, workbook, table), chunk_rows)
        except InputError:
            raise
        except Exception as error:  # damaged XML can fail in any way
            raise InputError(content.where, _damaged(error)) from None
        finally:
            workbook.close()


def _open(where: str, file: Any) -> Any:
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # on styles and extensions, which do not matter here
        try:
            return openpyxl.load_workbook(file, read_only=True, data_only=True)
        except Exception as error:
            raise InputError(where, _damaged(error)) from None


def _damaged(error: Exception) -> str:
    return f"no complete workbook ({type(error).__name__}: {str(error)[:200]})"


def _find_sheet(where: str, workbook: Any, table: str | None) -> Any:
    sheets = [sheet for sheet in workbook.worksheets if hasattr(sheet, "iter_rows")]
    if table is not None:
        named = [sheet for sheet in sheets if sheet.title.lower() == table.lower()]
        if not named:
            names = ", ".join(sheet.title for sheet in sheets)
            raise InputError(where, f'no sheet "{table}"; its sheets are: {names}')
        return named[0]
    filled = [sheet for sheet in sheets if next(_cells(sheet), None)]
    shown = [sheet for sheet in filled if sheet.sheet_state == "visible"] or filled
    if len(shown) > 1:
        names = ", ".join(sheet.title for sheet in shown)
        raise InputError(where, f"it has several sheets: {names}; pick one: table=NAME")
    if not shown:
        raise InputError(where, "the table is empty")
    return shown[0]


def _read_sheet(sheet: Any, chunk_rows: int) -> Iterator[TableChunk]:
    n_expected = sheet.max_row or 0  # as the file claims, for the progress only
    cells = _cells(sheet)
    header = ["" if cell is None else str(cell).strip() for cell in next(cells, [])]
    rows = RowCollector(chunk_rows, header)
    n_read = 0
    for row in cells:
        n_read += 1
        # What stands beside the table, such as a remark, is in none of its columns.
        rows.add([*row[: len(header)], *[None] * (len(header) - len(row))])
        if rows.is_full():
            yield rows.take(min(n_read / n_expected, 1.0) if n_expected else 0.0)
    yield rows.take(1.0)


def _cells(sheet: Any) -> Iterator[list[Any]]:
    """The cells of each row that is not empty, without the empty ones at its end."""
    sheet.reset_dimensions()  # some programs write wrong ones
    for row in sheet.iter_rows(values_only=True):
        cells = [unescape(cell) if isinstance(cell, str) else cell for cell in row]
        while cells and cells[-1] in (None, ""):
            cells.pop()
        if cells:
            yield cells
