"""Opening a database: SQLite or PostgreSQL, with a bound on every wait."""

import os
import socket
import sqlite3
from contextlib import suppress
from pathlib import Path
from typing import Any

from attrs import define, field
from sqlalchemy import Connection, Engine, create_engine, event, make_url
from sqlalchemy.pool import ConnectionPoolEntry, QueuePool

# How long a statement may take, and how long a lock may be waited for.
_STATEMENT_MS = 15_000
_CONNECT_S = 5
_SQLITE_BUSY_S = 5
# A connection that was idle for longer is replaced: firewalls forget them.
_RECYCLE_S = 300


@define(eq=False)
class Database:
    """An engine, and the way out of a server that answers nothing.

    Attributes:
        engine: Connects when it is first used.
        in_use: The driver's connections that are open.
    """

    engine: Engine
    in_use: set[Any] = field(factory=set[Any])

    def cut(self) -> None:
        """Shut the sockets of all connections in use: who waits on one gets an error.

        Called from another thread than the one that waits.
        """
        for connection in tuple(self.in_use):
            with (
                suppress(Exception),
                socket.socket(fileno=os.dup(connection.pgconn.socket)) as duplicate,
            ):
                duplicate.shutdown(socket.SHUT_RDWR)

    def close(self) -> None:
        """Close the connections that nobody uses."""
        self.engine.dispose()


def open_database(url: str) -> Database:
    """Open a store; nothing is connected before it is used.

    Args:
        url: ``sqlite:///path`` or ``postgresql://user:password@host/name``.
    """
    parsed = make_url(url)
    if parsed.get_backend_name() == "sqlite":
        return Database(_sqlite(parsed.database or ""))
    database = Database(
        create_engine(
            parsed.set(drivername="postgresql+psycopg"),
            pool_size=1,
            max_overflow=0,
            pool_timeout=_CONNECT_S,
            pool_pre_ping=True,
            pool_recycle=_RECYCLE_S,
            connect_args={
                name: value
                for name, value in _POSTGRESQL_ARGS.items()
                if name not in parsed.query
            },
        )
    )
    _bound_postgresql(database)
    return database


# No prepared statements: a pooler between gives each transaction another server.
_POSTGRESQL_ARGS: dict[str, Any] = {
    "connect_timeout": _CONNECT_S,
    "application_name": "trio-sts",
    "prepare_threshold": None,
}


def _bound_postgresql(database: Database) -> None:
    engine, in_use = database.engine, database.in_use

    @event.listens_for(engine, "begin")
    def _(connection: Connection) -> None:
        # For this transaction alone, as a pooler wants it.
        connection.exec_driver_sql(
            f"SET LOCAL statement_timeout = {_STATEMENT_MS}; "
            f"SET LOCAL lock_timeout = {_STATEMENT_MS}"
        )

    @event.listens_for(engine, "connect")
    def _(connection: Any, _: ConnectionPoolEntry) -> None:
        in_use.add(connection)

    @event.listens_for(engine, "close")
    def _(connection: Any, _: ConnectionPoolEntry) -> None:
        in_use.discard(connection)


def _sqlite(path: str) -> Engine:
    engine = create_engine(
        "sqlite://",
        creator=lambda: _connect_sqlite(path),
        poolclass=QueuePool,
        pool_size=1,
        max_overflow=0,
        pool_timeout=_SQLITE_BUSY_S,
    )

    @event.listens_for(engine, "begin")
    def _(connection: Connection) -> None:
        reads = connection.get_execution_options().get("reads", False)
        connection.exec_driver_sql("BEGIN" if reads else "BEGIN IMMEDIATE")

    return engine


def _connect_sqlite(path: str) -> sqlite3.Connection:
    """Connect to a file that its owner alone can read, and that keeps nothing deleted.

    Transactions are begun by us: the driver would begin them late, and not for a schema.
    """
    with suppress(FileExistsError):
        os.close(os.open(Path(path), os.O_CREAT | os.O_EXCL | os.O_WRONLY, 0o600))
    connection = sqlite3.connect(
        path, timeout=_SQLITE_BUSY_S, isolation_level=None, check_same_thread=False
    )
    try:
        # Somebody may read while a call is written.
        connection.execute("PRAGMA journal_mode=WAL").close()
        connection.execute("PRAGMA secure_delete=ON").close()
    except sqlite3.Error:
        connection.close()
        raise
    return connection
