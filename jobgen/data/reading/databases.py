"""Tables in SQL databases, streamed through SQLAlchemy and only read."""

import contextlib
import re
import sqlite3
from collections.abc import Iterator
from pathlib import Path
from typing import Any
from urllib.parse import quote

import sqlalchemy
from sqlalchemy import exc

from jobgen.common.errors import InputError
from jobgen.common.files import nearby
from jobgen.common.locations import without_password
from jobgen.data.reading.chunks import RowCollector, Source, TableChunk

_ACCEPTED = "expected sqlite:///FILE or postgresql://USER@HOST/DATABASE"
_QUERY = re.compile(
    r"(?:\s|--[^\n]*\n|/\*.*?\*/|\()*+(?:select|with|values)\b", re.IGNORECASE | re.DOTALL
)


def read_database(source: Source, chunk_rows: int) -> Iterator[TableChunk]:
    """Read a table, view or query; a table in the order of its primary key, if it has one.

    Args:
        source: URL of the database, and its table, view or SELECT query.
        chunk_rows: number of rows in each chunk but the last.

    Raises:
        InputError: the database cannot be read, or has no such table.
    """
    where = without_password(source.location)
    try:
        url = sqlalchemy.make_url(source.location)
    except (exc.ArgumentError, ValueError):  # ValueError: a port that is no number
        raise InputError(where, f"no URL of a database, {_ACCEPTED}") from None
    n_marks = source.location.count("@")
    if url.get_backend_name() != "sqlite" and (n_marks > 1 or (n_marks and url.username is None)):
        # A part of the password would be taken for the host or database, and shown.
        raise InputError(where, "write an @ within the user or password as %40, and a / as %2F")
    try:
        with contextlib.ExitStack() as stack:
            engine = _engine(where, url)
            stack.callback(engine.dispose)
            connection = stack.enter_context(engine.connect())
            if engine.dialect.name == "postgresql":
                connection = connection.execution_options(
                    isolation_level="REPEATABLE READ", postgresql_readonly=True
                )
                # Otherwise a large table may be read from another row on each time.
                connection.exec_driver_sql("SET LOCAL synchronize_seqscans = off")
                _read_all_dates(connection)
            statement, n_rows = _find_statement(where, connection, source.table)
            yield from _read(connection, statement, n_rows, chunk_rows)
    except (exc.NoSuchModuleError, ImportError) as error:
        raise InputError(where, f"no driver for this database ({error}); {_ACCEPTED}") from None
    except (exc.SQLAlchemyError, sqlite3.Error, UnicodeError) as error:
        reason = " ".join(str(getattr(error, "orig", None) or error).split())
        if url.password:
            reason = reason.replace(str(url.password), "***")
        raise InputError(where, f"cannot be read: {reason[:300]}") from None


def _engine(where: str, url: sqlalchemy.URL) -> sqlalchemy.Engine:
    if url.drivername in ("postgresql", "postgres"):
        url = url.set(drivername="postgresql+psycopg")
    if url.get_backend_name() != "sqlite":
        return sqlalchemy.create_engine(url)
    if not url.database or not Path(url.database).is_file():
        # Connecting would make an empty one.
        missing = nearby(Path(url.database)) if url.database else f"; {_ACCEPTED}"
        raise InputError(where, f"no such file{missing}")
    options = "mode=ro&immutable=1" if _is_idle_wal(Path(url.database)) else "mode=ro"
    uri = f"file:{quote(str(Path(url.database).absolute()))}?{options}"

    def connect() -> sqlite3.Connection:
        connection = sqlite3.connect(uri, uri=True, check_same_thread=False)
        connection.text_factory = lambda text: text.decode("utf-8", "replace")
        return connection

    return sqlalchemy.create_engine("sqlite://", creator=connect)


def _read_all_dates(connection: sqlalchemy.Connection) -> None:
    """Make PostgreSQL's dates that Python has not, such as infinity, texts instead of errors."""
    from psycopg import DataError
    from psycopg.types import datetime as loaders

    def with_texts(loader: Any) -> Any:
        class Loader(loader):  # type: ignore[misc]
            def load(self, data: Any) -> Any:
                try:
                    return super().load(data)
                except DataError:
                    return bytes(data).decode()

        return Loader

    adapters: Any = connection.connection.driver_connection.adapters  # type: ignore[union-attr]
    for name, loader in (
        ("date", loaders.DateLoader),
        ("time", loaders.TimeLoader),
        ("timetz", loaders.TimetzLoader),
        ("timestamp", loaders.TimestampLoader),
        ("timestamptz", loaders.TimestamptzLoader),
        ("interval", loaders.IntervalLoader),
    ):
        adapters.register_loader(name, with_texts(loader))


def _is_idle_wal(path: Path) -> bool:
    """Whether a file of SQLite keeps a log of writes, but no program has it open.

    To read such a file in the usual way would leave an empty log beside it.
    """
    try:
        with path.open("rb") as file:
            header = file.read(20)
    except OSError:
        return False  # SQLite will tell
    return header[18:20] == b"\x02\x02" and not path.with_name(f"{path.name}-wal").exists()


def _find_statement(
    where: str, connection: sqlalchemy.Connection, table: str | None
) -> tuple[Any, int | None]:
    """What is to be read, and its number of rows; None if only reading it would tell."""
    inspector = sqlalchemy.inspect(connection)
    if table is not None and _QUERY.match(table) and not inspector.has_table(table):
        return sqlalchemy.text(table.strip().rstrip(";").replace(":", r"\:")), None
    schema, name = _find_table(where, inspector, table)
    # Without types, which SQLite's cells need not have.
    names = [column["name"] for column in inspector.get_columns(name, schema)]
    found = sqlalchemy.table(name, *map(sqlalchemy.column, names), schema=schema)
    key = inspector.get_pk_constraint(name, schema)["constrained_columns"]
    statement = sqlalchemy.select(found).order_by(*(found.c[column] for column in key))
    count = sqlalchemy.select(sqlalchemy.func.count()).select_from(found)
    return statement, connection.execute(count).scalar_one()


def _find_table(
    where: str, inspector: sqlalchemy.Inspector, table: str | None
) -> tuple[str | None, str]:
    """Schema and name of a table or view."""
    tables = sorted(inspector.get_table_names())
    if table is None:
        if len(tables) == 1:
            return None, tables[0]
        held = ", ".join(tables[:50]) or "no table"
        raise InputError(where, f"it holds {held}; pick one: table=NAME, or a SELECT query")
    names = [*tables, *sorted(inspector.get_view_names())]
    same = [name for name in names if name.lower() == table.lower()]
    if table in names or len(same) == 1:
        return None, table if table in names else same[0]
    schema, dot, name = table.rpartition(".")
    if dot and schema in inspector.get_schema_names() and inspector.has_table(name, schema):
        return schema, name
    if inspector.has_table(table):  # a materialized view, for example
        return None, table
    held = ", ".join(names[:50]) or "no table"
    raise InputError(where, f'no table "{table}"; it holds {held}')


def _read(
    connection: sqlalchemy.Connection, statement: Any, n_rows: int | None, chunk_rows: int
) -> Iterator[TableChunk]:
    result = connection.execution_options(yield_per=chunk_rows).execute(statement)
    rows = RowCollector(chunk_rows, list(result.keys()))
    n_read = 0
    for row in result:
        n_read += 1
        rows.add(tuple(row))
        if rows.is_full():
            yield rows.take(min(n_read / n_rows, 1.0) if n_rows else 0.0)
    yield rows.take(1.0)
