"""What is done with the store: add calls, find them, remove a number's."""

from collections.abc import Generator, Iterator, Sequence
from contextlib import contextmanager
from datetime import datetime
from typing import Self

from attrs import define, field, frozen
from sqlalchemy import ColumnElement, Select, and_, delete, or_, select, text
from sqlalchemy.dialects import postgresql, sqlite
from sqlalchemy.exc import (
    DataError,
    DBAPIError,
    IntegrityError,
    SQLAlchemyError,
    StatementError,
)

from trio_sts.errors import StoreAway
from trio_sts.record.finished_call import FinishedCall

from .engine import Database, open_database
from .migrations import STEPS, migrate
from .numbers import number_key
from .rows import call_of, row_of
from .schema import calls

_ROWS_AT_ONCE = 200
# What is raised for a value that the database cannot take, and more than that.
_UNFIT = (StatementError, ValueError, OverflowError)
_SHOWN_CHARS = 300


@frozen(kw_only=True)
class Wanted:
    """Which calls are wanted; what is None does not matter.

    Attributes:
        number: The caller's or the called one, in any spelling.
        since: That began then or later.
        outcome: A part of it, in any case.
        slower_than_s: With a longer wait for an answer, of whatever kind.
        dearer_than_usd: With a known cost above it.
        until: That began before.
        longer_than_s: That lasted so long or longer.
        text: A part of the call id, a number, the outcome or the model, in any case.
        before: That come after the call with this beginning and id, as `CallStore.find`
            orders them.
    """

    number: str | None = field(default=None, repr=False)
    since: datetime | None = None
    outcome: str | None = None
    slower_than_s: float | None = None
    dearer_than_usd: float | None = None
    until: datetime | None = None
    longer_than_s: float | None = None
    text: str | None = field(default=None, repr=False)
    before: tuple[datetime, str] | None = None


@define(eq=False)
class CallStore:
    """The calls that are over, in a database; every method blocks.

    Raises:
        StoreAway: By every method: the database does not do its work now.
    """

    _database: Database
    _migrated: bool = False

    @classmethod
    def open(cls, url: str) -> Self:
        """Open the store; it is connected, and its schema brought up to date, on use."""
        return cls(open_database(url))

    def add(self, finished: Sequence[FinishedCall]) -> list[FinishedCall]:
        """Add calls in one transaction; those that are there already stay as they are.

        Returns:
            Those that the database can never take, whatever is done: none of ours.
        """
        with self._using():
            try:
                self._insert(finished)
            except _UNFIT as exc:
                if _is_of_connection(exc):
                    raise
                return self._add_each(finished)
        return []

    def find(
        self, wanted: Wanted, *, limit: int | None = None
    ) -> Iterator[FinishedCall]:
        """The calls that are wanted, the latest first."""
        query = select(calls).order_by(calls.c.begun_at.desc(), calls.c.id)
        for condition in _conditions(wanted):
            query = query.where(condition)
        yield from self._read(query if limit is None else query.limit(limit))

    def with_uuid(self, uuid: str) -> list[FinishedCall]:
        """The calls with this id, the latest first: a peer may use one again."""
        query = select(calls).where(calls.c.uuid == uuid)
        return list(self._read(query.order_by(calls.c.begun_at.desc())))

    def with_id(self, call_id: str) -> FinishedCall | None:
        """The call of this record; None if there is none."""
        found = list(self._read(select(calls).where(calls.c.id == call_id)))
        return found[0] if found else None

    def of_number(self, number: str, *, called: bool = False) -> list[FinishedCall]:
        """The calls of a caller; with ``called`` those to the number too."""
        return list(self._read(select(calls).where(_of_number(number, called=called))))

    def remove(self, ids: Sequence[str]) -> int:
        """Remove calls; in SQLite nothing of them stays in the file.

        Returns:
            How many were there.
        """
        removed = 0
        with self._using():
            for start in range(0, len(ids), _ROWS_AT_ONCE):
                some = ids[start : start + _ROWS_AT_ONCE]
                with self._database.engine.begin() as connection:
                    query = delete(calls).where(calls.c.id.in_(some))
                    removed += connection.execute(query).rowcount
            if self._database.engine.dialect.name == "sqlite":
                self._forget_log()
        return removed

    def reach(self) -> None:
        """Ask the database whether it is there; nothing is made in it."""
        with self._translated(), self._database.engine.connect() as connection:
            connection.execute(text("SELECT 1"))

    def version(self) -> int:
        """The version of the schema, once it is brought up to date."""
        with self._using(), self._database.engine.connect() as connection:
            version = connection.execute(text("SELECT version FROM trio_sts_schema"))
            return int(version.scalar_one())

    def cut(self) -> None:
        """Let a method that waits for the server fail now; from another thread."""
        self._database.cut()

    def close(self) -> None:
        """Close the connections."""
        self._database.close()

    def _insert(self, finished: Sequence[FinishedCall]) -> None:
        is_sqlite = self._database.engine.dialect.name == "sqlite"
        insert = sqlite.insert(calls) if is_sqlite else postgresql.insert(calls)
        query = insert.on_conflict_do_nothing(index_elements=[calls.c.id])
        with self._database.engine.begin() as connection:
            connection.execute(query, [row_of(call) for call in finished])

    def _add_each(self, finished: Sequence[FinishedCall]) -> list[FinishedCall]:
        refused: list[FinishedCall] = []
        for call in finished:
            try:
                self._insert([call])
            except _UNFIT as exc:
                if _is_of_connection(exc):
                    raise
                refused.append(call)
        return refused

    def _read(self, query: Select[tuple[object, ...]]) -> Iterator[FinishedCall]:
        with self._using():
            engine = self._database.engine.execution_options(reads=True)
            with engine.connect() as connection:
                some = {"yield_per": _ROWS_AT_ONCE}
                for row in connection.execute(query, execution_options=some).mappings():
                    yield call_of(row)

    def _forget_log(self) -> None:
        """Bring the write-ahead log into the file, and empty it."""
        with self._database.engine.connect() as connection:
            driver = connection.connection.cursor()
            driver.execute("PRAGMA wal_checkpoint(TRUNCATE)")
            driver.close()

    @contextmanager
    def _using(self) -> Generator[None]:
        with self._translated():
            if not self._migrated:
                migrate(self._database.engine)
                self._migrated = True
            yield

    @contextmanager
    def _translated(self) -> Generator[None]:
        try:
            yield
        except SQLAlchemyError as exc:
            raise StoreAway(_told(exc)) from exc
        except OSError as exc:
            raise StoreAway(exc.strerror or type(exc).__name__) from exc


def newest_version() -> int:
    """The version of the schema that this program makes."""
    return len(STEPS)


def _conditions(wanted: Wanted) -> Iterator[ColumnElement[bool]]:
    if wanted.number is not None:
        yield _of_number(wanted.number, called=True)
    if wanted.since is not None:
        yield calls.c.begun_at >= wanted.since
    if wanted.outcome is not None:
        yield calls.c.outcome.icontains(wanted.outcome, autoescape=True)
    if wanted.slower_than_s is not None:
        yield calls.c.worst_latency_ms > wanted.slower_than_s * 1000
    if wanted.dearer_than_usd is not None:
        yield calls.c.cost_usd > wanted.dearer_than_usd
    yield from _bounds(wanted)


def _bounds(wanted: Wanted) -> Iterator[ColumnElement[bool]]:
    if wanted.until is not None:
        yield calls.c.begun_at < wanted.until
    if wanted.longer_than_s is not None:
        yield calls.c.duration_s >= wanted.longer_than_s
    if wanted.text is not None:
        names = ("uuid", "caller", "called", "outcome", "model")
        yield or_(
            *(calls.c[name].icontains(wanted.text, autoescape=True) for name in names)
        )
    if wanted.before is not None:
        at, last_id = wanted.before
        after_it = and_(calls.c.begun_at == at, calls.c.id > last_id)
        yield or_(calls.c.begun_at < at, after_it)


def _of_number(number: str, *, called: bool) -> ColumnElement[bool]:
    # One that nothing is left of is nobody's.
    key = number_key(number) or ""
    is_caller = calls.c.caller_key == key
    return or_(is_caller, calls.c.called_key == key) if called else is_caller


def _is_of_connection(exc: Exception) -> bool:
    """Whether the connection is at fault, and not what was sent over it."""
    if isinstance(exc, DBAPIError):
        content = isinstance(exc, DataError | IntegrityError)
        return exc.connection_invalidated or not content
    return False


def _told(exc: SQLAlchemyError) -> str:
    """The driver's own words, on one line, without the statement and its values."""
    cause = exc.orig if isinstance(exc, DBAPIError) else exc
    words = " ".join(str(cause).split()) or type(cause).__name__
    return words[:_SHOWN_CHARS]
