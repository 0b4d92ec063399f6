"""The schema, from version to version."""

import threading
from typing import Any

import pytest
from sqlalchemy import Column, MetaData, Table, insert, inspect, text

from tests.record.kit import finished
from trio_sts.callstore import migrations
from trio_sts.callstore.engine import open_database
from trio_sts.callstore.migrations import STEPS, migrate
from trio_sts.callstore.rows import row_of
from trio_sts.callstore.schema import calls
from trio_sts.callstore.store import CallStore, Wanted, newest_version

# What version 1 knows.
_LATER = {"caller_key", "called_key"}


def make_older(url: str, version: int, monkeypatch: pytest.MonkeyPatch) -> None:
    """A database as the program of an older version leaves it, with calls in it."""
    monkeypatch.setattr(migrations, "STEPS", STEPS[:version])
    database = open_database(url)
    migrate(database.engine)
    columns = [Column(c.name, c.type) for c in calls.columns if c.name not in _LATER]
    older = Table("calls", MetaData(), *columns)
    rows: list[dict[str, Any]] = [
        row_of(finished(uuid=f"call-{number}", caller=f"+49 (30) {number}"))
        for number in range(700)
    ]
    with database.engine.begin() as connection:
        connection.execute(
            insert(older), [{c.name: row[c.name] for c in columns} for row in rows]
        )
    database.close()
    monkeypatch.undo()


def test_an_older_database_is_brought_up_to_date(
    url: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    make_older(url, 1, monkeypatch)
    store = CallStore.open(url)
    assert len(list(store.find(Wanted()))) == 700
    assert [call.uuid for call in store.of_number("49 30 699")] == ["call-699"]
    store.add([finished(caller="49 30 699")])
    assert len(store.of_number("+4930699")) == 2
    assert store.version() == newest_version()
    store.close()


def test_a_new_database_has_the_columns_and_indexes_that_the_program_knows(
    url: str,
) -> None:
    database = open_database(url)
    assert migrate(database.engine) == 0
    assert migrate(database.engine) == newest_version()
    found = inspect(database.engine)
    columns = {column["name"]: column for column in found.get_columns("calls")}
    assert set(columns) == {column.name for column in calls.columns}
    nullable = {name for name, column in columns.items() if column["nullable"]}
    assert nullable == {column.name for column in calls.columns if column.nullable}
    indexes = {index["name"] for index in found.get_indexes("calls")}
    assert indexes == {index.name for index in calls.indexes}
    database.close()


def test_a_newer_schema_is_left_alone_and_written_to(
    store: CallStore, url: str
) -> None:
    store.add([finished()])
    database = open_database(url)
    with database.engine.begin() as connection:
        connection.execute(text("ALTER TABLE calls ADD COLUMN of_tomorrow TEXT"))
        connection.execute(text("UPDATE trio_sts_schema SET version = 99"))
    database.close()
    older = CallStore.open(url)
    older.add([finished(uuid="call-2")])
    assert len(list(older.find(Wanted()))) == 2
    assert older.version() == 99
    older.close()


def test_a_step_that_fails_leaves_the_database_as_it_was(
    url: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    make_older(url, 1, monkeypatch)

    def fails(connection: Any) -> None:
        connection.execute(text("ALTER TABLE calls ADD COLUMN half TEXT"))
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(migrations, "STEPS", (*STEPS, fails))
    database = open_database(url)
    with pytest.raises(OSError, match="No space"):
        migrate(database.engine)
    columns = {
        column["name"] for column in inspect(database.engine).get_columns("calls")
    }
    assert not columns & {"half", *_LATER}
    monkeypatch.undo()
    assert migrate(database.engine) == 1
    database.close()


def test_hosts_that_start_at_once_migrate_once(
    url: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    make_older(url, 1, monkeypatch)
    together = threading.Barrier(4)
    seen: list[int] = []

    def start() -> None:
        database = open_database(url)
        together.wait()
        seen.append(migrate(database.engine))
        database.close()

    threads = [threading.Thread(target=start) for _ in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert sorted(seen) == [1, *[newest_version()] * 3]
