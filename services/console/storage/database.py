"""The database: SQLite in a file, or PostgreSQL."""

from pathlib import Path

from alembic import command
from alembic.config import Config
from alembic.util import CommandError
from sqlalchemy import Connection, Engine, create_engine, event, text
from sqlalchemy.dialects import postgresql, sqlite
from sqlalchemy.engine import make_url
from sqlalchemy.exc import ArgumentError, NoSuchModuleError, OperationalError
from sqlalchemy.schema import Table

from services.errors import Unavailable, UsageError

_MIGRATIONS = Path(__file__).with_name("migrations")


def open_database(url: str) -> Engine:
    """Return an engine.

    SQLite is used with a write-ahead log: readers never wait for the writer.

    Args:
        url: `sqlite:///PATH`, or `postgresql://USER:PASSWORD@HOST/DATABASE`.

    Raises:
        UsageError: The URL names no database that the console knows.
    """
    expected = "DATABASE_URL: expected sqlite:///PATH or postgresql://USER:PASSWORD@HOST/DATABASE"
    try:
        parsed = make_url(url)
    except ArgumentError:
        raise UsageError(expected) from None
    match parsed.get_backend_name():
        case "sqlite":
            if parsed.database:
                Path(parsed.database).parent.mkdir(parents=True, exist_ok=True)
            engine = create_engine(parsed, connect_args={"timeout": 30})
            event.listen(engine, "connect", _prepare_sqlite)
            event.listen(engine, "begin", _begin_sqlite)
            return engine
        case "postgresql":
            try:
                return create_engine(parsed.set(drivername="postgresql+psycopg"), pool_pre_ping=True, pool_size=20)
            except NoSuchModuleError:  # pragma: no cover - psycopg is in the lock
                raise UsageError(expected) from None
    raise UsageError(f"{expected}, not {parsed.get_backend_name()}")


def _prepare_sqlite(connection: object, _record: object) -> None:
    # SQLAlchemy begins transactions: the driver's own way would begin none for reads.
    connection.isolation_level = None  # type: ignore[attr-defined]
    cursor = connection.cursor()  # type: ignore[attr-defined]
    for pragma in (
        "journal_mode=WAL",
        "synchronous=NORMAL",
        "foreign_keys=ON",
        "cache_size=-65536",
        "mmap_size=268435456",
    ):
        cursor.execute(f"PRAGMA {pragma}")
    cursor.close()


def _begin_sqlite(connection: Connection) -> None:
    # A reader that becomes a writer fails at once where another one wrote meanwhile; a writer from the start waits.
    connection.exec_driver_sql("BEGIN IMMEDIATE" if connection.get_execution_options().get("writes") else "BEGIN")


def writing(engine: Engine) -> Engine:
    """Return the engine for transactions that write."""
    return engine.execution_options(writes=True)


def migrate(engine: Engine) -> None:
    """Bring the tables to the newest version; does nothing where they are.

    Raises:
        Unavailable: The database does not answer.
        UsageError: It is of a newer version of the console.
    """
    config = Config()
    config.set_main_option("script_location", str(_MIGRATIONS))
    try:
        with writing(engine).begin() as connection:
            if engine.dialect.name == "postgresql":
                # Several consoles may start at once: the first one migrates.
                connection.execute(text("SELECT pg_advisory_xact_lock(7021401)"))
            config.attributes["connection"] = connection
            command.upgrade(config, "head")
    except OperationalError as error:
        raise Unavailable(f"DATABASE_URL: the database does not answer: {error.orig}") from error
    except CommandError as error:
        raise UsageError(f"DATABASE_URL: the database is of another version of the console: {error}") from error


def insert_new(connection: Connection, table: Table, rows: list[dict[str, object]]) -> None:
    """Insert rows; those whose primary key is there already are left as they are."""
    if not rows:
        return
    insert = (postgresql if connection.dialect.name == "postgresql" else sqlite).insert(table)
    connection.execute(insert.on_conflict_do_nothing(), rows)


def upsert(connection: Connection, table: Table, rows: list[dict[str, object]]) -> None:
    """Insert rows, replacing those of the same primary key."""
    if not rows:
        return
    insert = (postgresql if connection.dialect.name == "postgresql" else sqlite).insert(table)
    keys = [column.name for column in table.primary_key]
    replaced = {name: insert.excluded[name] for name in rows[0] if name not in keys}
    connection.execute(insert.on_conflict_do_update(index_elements=keys, set_=replaced), rows)
