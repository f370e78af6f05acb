"""Tables of SQLite and of a real PostgreSQL, which the tests start in a temporary folder."""

import contextlib
import os
import shutil
import sqlite3
import subprocess
from pathlib import Path

import psycopg
import pytest
from conftest import free_port

from jobgen.common.errors import InputError
from jobgen.data.reading import Source, fingerprint, read_chunks, shown

INITDB = shutil.which("initdb") or next(
    map(str, sorted(Path("/usr/lib/postgresql").glob("*/bin/initdb"), reverse=True)), None
)
AS_POSTGRES = ["runuser", "-u", "postgres", "--"] if os.geteuid() == 0 else []


def run_postgres(*command, **options):
    """Run a program of PostgreSQL, which refuses to be run by root."""
    return subprocess.run([*AS_POSTGRES, *command], check=True, capture_output=True, **options)


@pytest.fixture(scope="session")
def postgresql():
    """URL of the database jobs of a running server; the password of its user ann is s3cret."""
    if INITDB is None or (AS_POSTGRES and not shutil.which("runuser")):
        pytest.skip("PostgreSQL is not installed")
    made = run_postgres("mktemp", "-d", "/tmp/postgresql-XXXXXX", text=True, cwd="/")
    folder, control = Path(made.stdout.strip()), str(Path(INITDB).with_name("pg_ctl"))
    port = free_port()
    secret = folder / "password"
    try:
        run_postgres("sh", "-c", f"echo s3cret > {secret}", cwd=folder)
        login = ["-U", "ann", "-A", "scram-sha-256", f"--pwfile={secret}"]
        options = ["-E", "UTF8", "--locale=C", "--no-sync"]
        run_postgres(INITDB, "-D", str(folder / "data"), *login, *options, cwd=folder)
        server = f"-h 127.0.0.1 -p {port} -k {folder} -c fsync=off"
        start = ["-D", str(folder / "data"), "-w", "-l", str(folder / "log"), "-o", server, "start"]
        with (folder / "out").open("wb") as out:  # a pipe would stay open as long as the server
            subprocess.run([*AS_POSTGRES, control, *start], check=True, stdout=out, cwd=folder)
        url = f"postgresql://ann:s3cret@127.0.0.1:{port}"
        with psycopg.connect(f"{url}/postgres", autocommit=True) as connection:
            connection.execute("create database jobs")
        yield f"{url}/jobs"
    finally:
        stop = ["-D", str(folder / "data"), "-m", "immediate", "stop"]
        subprocess.run([*AS_POSTGRES, control, *stop], capture_output=True, cwd="/")
        shutil.rmtree(folder)


@pytest.fixture
def jobs(postgresql):
    """The database with a table, which is dropped afterwards."""
    with psycopg.connect(postgresql, autocommit=True) as connection:
        connection.execute("create schema other")
        connection.execute("create sequence other.counter")
        connection.execute("create table other.jobs (title text, text text)")
        connection.execute("insert into other.jobs values ('Nurse', 'You care')")
        connection.execute(
            "create table postings (id int primary key, title text, text text, lines text[],"
            " pay numeric, day date, about jsonb)"
        )
        connection.execute(
            "insert into postings select i, 'Cook ' || i, 'You cook, ' || i, array['a', 'b'],"
            """ 12.5, '2024-05-06', '{"firm": "A"}' from generate_series(1000, 1, -1) i"""
        )
        connection.execute("create view new as select * from postings where id > 990")
        yield postgresql
        connection.execute("drop schema other cascade")
        connection.execute("drop table postings cascade")


def fault(location, table=None):
    with pytest.raises(InputError) as error:
        list(read_chunks(Source(location, table)))
    assert "Traceback" not in str(error.value)
    assert "s3cret" not in str(error.value)
    return str(error.value)


def titles(location, table=None):
    return [
        title
        for chunk in read_chunks(Source(location, table), chunk_rows=300)
        for title in chunk.frame["title"]
    ]


def test_postgresql(jobs):
    chunks = list(read_chunks(Source(jobs), chunk_rows=300))
    assert [len(chunk.frame) for chunk in chunks] == [300, 300, 300, 100]
    assert [chunk.share_read for chunk in chunks] == [0.3, 0.6, 0.9, 1.0]
    assert chunks[3].frame.index.tolist() == list(range(901, 1001))
    first = chunks[0].frame.iloc[0]
    assert first["title"] == "Cook 1"  # in the order of the primary key
    assert first["lines"] == ["a", "b"]
    assert (str(first["pay"]), str(first["day"]), first["about"]["firm"]) == (
        *("12.5", "2024-05-06"),
        "A",
    )
    assert sorted(titles(jobs, "new")) == sorted(f"Cook {i}" for i in range(991, 1001))
    assert titles(jobs, "other.jobs") == ["Nurse"]
    query = "SELECT title FROM postings WHERE title LIKE '%7' AND id::int < 20 ORDER BY id;"
    assert titles(jobs, query) == ["Cook 7", "Cook 17"]
    assert titles(jobs.replace("postgresql:", "postgres:"), "POSTINGS")[:1] == ["Cook 1"]
    assert titles(jobs.replace("postgresql:", "postgresql+psycopg:"))[:1] == ["Cook 1"]


def test_postgresql_is_only_read(jobs):
    delete = "WITH gone AS (DELETE FROM postings RETURNING *) SELECT * FROM gone"
    assert "must not contain data-modifying statements" in fault(jobs, delete)
    assert "read-only transaction" in fault(jobs, "SELECT nextval('other.counter')")
    assert 'no table "drop table postings"' in fault(jobs, "drop table postings")
    assert len(titles(jobs)) == 1000


def test_dates_that_python_lacks(jobs):
    query = "SELECT 'infinity'::timestamptz a, '-infinity'::date b, '0044-03-15 BC'::date c"
    ((chunk),) = read_chunks(Source(jobs, query))
    assert chunk.frame.iloc[0].tolist() == ["infinity", "-infinity", "0044-03-15 BC"]


def test_a_fingerprint_tells_changes(jobs):
    first = fingerprint(Source(jobs))
    assert fingerprint(Source(jobs)) == first
    with psycopg.connect(jobs, autocommit=True) as connection:
        connection.execute("update postings set text = 'x' where id = 500")
    assert fingerprint(Source(jobs)) != first


def test_what_is_wrong_with_postgresql(jobs):
    assert shown(Source(jobs)) == jobs.replace("s3cret", "***")
    assert 'no table "post"; it holds postings, new' in fault(jobs, "post")
    assert 'column "headline" does not exist' in fault(jobs, "SELECT headline FROM postings")
    assert "password authentication failed" in fault(jobs.replace("s3cret", "s3cret0"))
    assert 'database "none" does not exist' in fault(jobs.replace("/jobs", "/none"))
    assert "refused" in fault(f"postgresql://ann:s3cret@127.0.0.1:{free_port()}/jobs")
    with psycopg.connect(jobs, autocommit=True) as connection:
        connection.execute("create table more (title text)")
        assert "it holds more, postings; pick one: table=NAME, or a SELECT" in fault(jobs)
        connection.execute("drop table more")


@pytest.fixture
def database(tmp_path):
    path = tmp_path / "jobs #1.db"
    with contextlib.closing(sqlite3.connect(path)) as connection, connection:
        connection.execute("create table jobs (id integer primary key, title, text)")
        rows = [(i, f"Cook {i}", "You cook") for i in (3, 1, 2)]
        connection.executemany("insert into jobs values (?, ?, ?)", rows)
    return path


def test_sqlite(database):
    before = database.read_bytes()
    assert titles(f"sqlite:///{database}") == ["Cook 1", "Cook 2", "Cook 3"]
    assert titles(f"sqlite:///{database}", "JOBS") == ["Cook 1", "Cook 2", "Cook 3"]
    query = "select title from jobs where title = 'Cook 2' or title like ':x%'"
    assert titles(f"sqlite:///{database}", query) == ["Cook 2"]
    for query in ("SELECT*FROM jobs", "-- all\n/* of; */ select * from jobs;"):
        assert len(titles(f"sqlite:///{database}", query)) == 3
    assert database.read_bytes() == before
    assert [path.name for path in database.parent.iterdir()] == [database.name]


def test_a_table_that_is_called_like_a_query(database):
    with contextlib.closing(sqlite3.connect(database)) as connection, connection:
        connection.execute('create table "select few" (title)')
        connection.execute("""insert into "select few" values ('Nurse')""")
    assert titles(f"sqlite:///{database}", "select few") == ["Nurse"]


def test_sqlite_leaves_no_log(database):
    with contextlib.closing(sqlite3.connect(database)) as connection:
        connection.execute("pragma journal_mode=wal")
    assert len(titles(f"sqlite:///{database}")) == 3
    assert [path.name for path in database.parent.iterdir()] == [database.name]
    with contextlib.closing(sqlite3.connect(database)) as connection, connection:
        connection.execute("insert into jobs values (4, 'Cook 4', 'You cook')")
        connection.commit()  # into the log, as long as it is open
        assert len(titles(f"sqlite:///{database}")) == 4


def test_sqlite_holds_anything_in_any_column(tmp_path):
    path = tmp_path / "t.db"
    with contextlib.closing(sqlite3.connect(path)) as connection, connection:
        connection.execute("create table t (title date, text float, day datetime)")
        connection.execute("insert into t values ('Cook', 'You cook', 'soon'), (5, x'00', null)")
    (chunk,) = read_chunks(Source(f"sqlite:///{path}"))
    assert chunk.frame.to_numpy(object).tolist() == [
        ["Cook", "You cook", "soon"],
        [5, b"\0", None],
    ]


def test_sqlite_with_broken_text(database):
    with contextlib.closing(sqlite3.connect(database)) as connection, connection:
        connection.execute("update jobs set title = cast(x'4be96b' as text)")
    assert titles(f"sqlite:///{database}") == ["K\ufffdk"] * 3


def test_what_is_wrong_with_sqlite(database):
    missing = database.with_name("job.db")
    assert "no such file; did you mean" in fault(f"sqlite:///{missing}")
    assert not missing.exists()
    assert 'no table "post"; it holds jobs' in fault(f"sqlite:///{database}", "post")
    assert "no such column: headline" in fault(f"sqlite:///{database}", "select headline from jobs")
    database.write_bytes(b"title,text\n" * 100)
    assert "not a database" in fault(f"sqlite:///{database}")
    assert "no such file; expected sqlite:///FILE" in fault("sqlite://")


def test_other_databases():
    assert "no driver for this database" in fault("oracle://ann:s3cret@localhost/jobs")
    assert "expected sqlite:///FILE or" in fault("https://example.com/jobs.csv")
    assert "expected sqlite:///FILE or" in fault("mysql://ann:s3cret@localhost:port/jobs")
    assert "as %40" in fault("postgresql://ann:s3cret@s3cret@localhost/jobs")


@pytest.mark.parametrize(
    "location",
    [
        *("postgresql://ann@corp:s3cret@localhost/db", "postgresql://corp/ann:s3cret@localhost/db"),
        *("postgresql://ann:s3?s3cret@t@localhost:1/db", "postgresql:/ann:s3cret@localhost/db"),
        *("postgresql:ann:s3cret@localhost/db", "postgresql//ann:s3cret@localhost/db"),
        *("postgresql:///ann:s3cret@localhost/db", "postgresql:/ann:s3cret?@localhost/db"),
    ],
)
def test_no_password_is_shown(location):
    fault(location)
    assert "s3cret" not in shown(Source(location))
    assert shown(Source(location)).endswith(("***@localhost/db", "***@localhost:1/db"))


@pytest.mark.parametrize(
    "location",
    ["jobs:new@home.csv", "a/b@c.csv", "sqlite:///C:/ann@corp/t.db", "postgresql://h:5432/jobs"],
)
def test_what_holds_no_password_is_shown(location):
    assert shown(Source(location)) == location
