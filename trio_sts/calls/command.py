"""``trio-sts calls``: list, show, export and forget."""

import sys
from collections.abc import Generator, Iterable
from contextlib import contextmanager
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING, Any, NoReturn

import click
import orjson

from trio_sts.environment import real_environment
from trio_sts.errors import SettingsError, StoreAway
from trio_sts.record.finished_call import FinishedCall, as_json
from trio_sts.settings import Settings, load

from .moments import read_moment

if TYPE_CHECKING:
    from .forgetting import Kept

_FAILED, _USAGE = 1, 2
_DOTENV = Path(".env")
_LISTED = 50


@click.group(context_settings={"help_option_names": ["-h", "--help"]})
def calls() -> None:
    """Look at the calls that were, and remove a caller's.

    They are in the database that STS_CALLS_DB names.
    """


def _wanted_options(command: Any) -> Any:
    """The options that say which calls are wanted."""
    for option in reversed(
        (
            click.option(
                "--number", metavar="N", help="Who called, or who was called."
            ),
            click.option(
                "--since",
                metavar="WHEN",
                help="A date, with or without a time, or how long ago: 90m, 24h, 7d.",
            ),
            click.option("--outcome", metavar="TEXT", help="A part of the outcome."),
            click.option(
                "--slower-than",
                "slower_than_s",
                type=float,
                metavar="S",
                help="Somebody waited longer for an answer, in seconds.",
            ),
            click.option(
                "--dearer-than",
                "dearer_than_usd",
                type=float,
                metavar="USD",
                help="It cost more.",
            ),
        )
    ):
        command = option(command)
    return command


@calls.command(name="list")
@_wanted_options
@click.option(
    "--limit",
    type=click.IntRange(1),
    default=_LISTED,
    show_default=True,
    metavar="N",
    help="No more than these.",
)
@click.option(
    "--json", "is_json", is_flag=True, help="A JSON list of all that is known."
)
def list_calls(*, limit: int, is_json: bool, **wanted: Any) -> None:
    """List calls, the latest first; in a pipe with tabs between the fields."""
    settings = _settings()
    with _found(settings, wanted, limit=limit) as found:
        if is_json:
            click.echo(_json([as_json(call) for call in found]))
            return
        from .showing import table

        on_terminal = sys.stdout.isatty()
        lines = table(found, settings.tz, on_terminal=on_terminal)
        for line in lines:
            click.echo(line)


@calls.command()
@click.argument("uuid")
@click.option("--json", "is_json", is_flag=True, help="A JSON list instead of text.")
def show(uuid: str, *, is_json: bool) -> None:
    """Show everything that is known of a call.

    Exit code 1 if there is none with this id. A peer may have used an id more than once:
    then all of them are shown, the latest first.
    """
    settings = _settings()
    with _store(settings) as store:
        found = store.with_uuid(uuid)
    if not found:
        click.echo(f"there is no call {uuid!r}", err=True)
        sys.exit(_FAILED)
    if is_json:
        click.echo(_json([as_json(call) for call in found]))
        return
    from .showing import details

    texts = ["\n".join(details(call, settings.tz)) for call in found]
    click.echo("\n\n".join(texts))


@calls.command()
@_wanted_options
def export(**wanted: Any) -> None:
    """Write calls as JSON Lines, the latest first."""
    with _found(_settings(), wanted, limit=None) as found:
        for call in found:
            click.echo(orjson.dumps(as_json(call)))


@calls.command()
@click.option(
    "--number", required=True, metavar="N", help="The caller's, in any spelling."
)
@click.option("--called", is_flag=True, help="Calls to this number, too.")
@click.option("--yes", is_flag=True, help="Do not ask.")
def forget(*, number: str, called: bool, yes: bool) -> None:
    """Remove everything that is kept of a caller.

    Rows of the store, call files, recordings, transcripts, and what waits to be
    delivered. What is removed is listed first, and on a terminal you are asked; elsewhere
    --yes is needed. Exit code 1 if something could not be removed.
    """
    from .forgetting import look_up, remove

    settings = _settings()
    if not yes and not sys.stdin.isatty():
        click.echo("nothing is removed: nobody can be asked here; use --yes", err=True)
        sys.exit(_USAGE)
    with _store_or_none(settings) as store:
        try:
            kept = look_up(settings, store, number, called=called)
        except ValueError:
            raise click.BadParameter("is no number", param_hint="--number") from None
        if not kept:
            click.echo("nothing is kept of this number")
            return
        _list_kept(kept)
        if not yes:
            click.confirm("Remove all of it?", abort=True, err=True)
        removed = remove(store, kept)
    _tell_removed(kept, removed)
    sys.exit(_FAILED if kept.failed else 0)


def _list_kept(kept: "Kept") -> None:
    for path in sorted(kept.files):
        click.echo(f"file  {path}")
    for call in kept.rows:
        click.echo(f"call  {call.begun_at:%Y-%m-%d %H:%M:%S} UTC  {call.uuid}")


def _tell_removed(kept: "Kept", removed: int) -> None:
    for path in sorted(kept.missing):
        click.echo(f"not here, perhaps on another host: {path}", err=True)
    for told in kept.failed:
        click.echo(f"not removed: {told}", err=True)
    gone = len(kept.spooled) + len(kept.files) - len(kept.failed)
    click.echo(
        f"removed: {removed} calls of the store, {gone} files "
        f"({len(kept.spooled)} of them of calls that waited to be delivered)"
    )


@contextmanager
def _store_or_none(settings: Settings) -> Generator[Any]:
    """The store, if calls are kept in one; files are removed without one, too."""
    if settings.calls_db is None:
        yield None
        return
    with _store(settings) as store:
        yield store


@contextmanager
def _found(
    settings: Settings, wanted: dict[str, Any], *, limit: int | None
) -> Generator[Iterable[FinishedCall]]:
    from trio_sts.callstore.store import Wanted

    since = wanted.pop("since")
    if since is not None:
        try:
            since = read_moment(since, datetime.now(UTC), settings.tz)
        except ValueError:
            told = f"{since!r} is no date and no span such as 90m, 24h or 7d"
            raise click.BadParameter(told, param_hint="--since") from None
    with _store(settings) as store:
        yield store.find(Wanted(since=since, **wanted), limit=limit)


@contextmanager
def _store(settings: Settings) -> Generator[Any]:
    # Imported here: `trio-sts --help` shows this room's commands too.
    from trio_sts.callstore.store import CallStore

    if settings.calls_db is None:
        click.echo("STS_CALLS_DB is not set: no calls are kept", err=True)
        sys.exit(_USAGE)
    store = CallStore.open(settings.calls_db)
    try:
        yield store
    except StoreAway as exc:
        click.echo(f"the store of calls is away: {exc}", err=True)
        sys.exit(_FAILED)
    finally:
        store.close()


def _settings() -> Settings:
    """The settings; no key is asked for, since no model is dialled."""
    environ = {**real_environment(), "STS_EMBEDDED": "on"}
    try:
        return load(environ, _DOTENV, strict=False)[0]
    except SettingsError as exc:
        _refuse(exc)


def _refuse(exc: SettingsError) -> NoReturn:
    for fault in exc.faults:
        click.echo(fault, err=True)
    sys.exit(_USAGE)


def _json(value: object) -> str:
    return orjson.dumps(value, option=orjson.OPT_INDENT_2).decode()
