"""Everything that ``serve`` runs, opened in order and closed in the reverse one."""

import gc
from collections.abc import AsyncGenerator, AsyncIterator, Callable, Mapping
from contextlib import AsyncExitStack, asynccontextmanager
from functools import partial
from typing import TYPE_CHECKING

import structlog
import trio
from attrs import define, field, frozen

from trio_sts.audio import engine
from trio_sts.audio.formats import decoder, encoder
from trio_sts.delivery.archive import Archive, open_archive
from trio_sts.errors import StsError
from trio_sts.legs.endpoint import endpoint_of
from trio_sts.legs.optional_fields import RefusedFields
from trio_sts.loop.alarms import Alarms
from trio_sts.loop.lag import Lag
from trio_sts.loop.pace import Pace
from trio_sts.loop.reactor import run_reactor
from trio_sts.modelcheck import ask_endpoint
from trio_sts.observing.observer import Observers
from trio_sts.observing.verdicts import Judge, Verdict
from trio_sts.record.records import Records
from trio_sts.reloading import Generation, Open, Read, Reloads
from trio_sts.server import Server
from trio_sts.services import Services
from trio_sts.settings import Settings, is_azure, is_openai
from trio_sts.signals import READ, Signals
from trio_sts.systemd import Notifier
from trio_sts.tools.control_leg import Keep
from trio_sts.tools.http_client import tool_http_client
from trio_sts.tools.node_files import SharedScripts
from trio_sts.tools.opening import open_registry
from trio_sts.tools.targets import Targets
from trio_sts.tracing.opening import open_tracing
from trio_sts.watching import Watch, open_watch

if TYPE_CHECKING:
    from trio_sts.console.board import Board
    from trio_sts.console.opening import Console
    from trio_sts.embedded import Faults

# Objects made and not freed between two passes of the collector, passes over the young
# between two over the middle-aged, and of those between two over all. What a pass looks at
# may be many times that where a hundred calls begin while as many end; smaller numbers make
# more passes and shorter ones, and cost the same (`bench.churn`).
_COLLECT_AFTER = (400, 4, 5_000)
# Half a frame: audio is fed hundreds of milliseconds ahead.
_LATE_S = 0.010
_LEAD_MS_PER_LATE_S = 20_000
# What waits for the disk at a stop has so long.
_RECORDS_S = 0.5

_log = structlog.get_logger()


@frozen(eq=False)
class Shared:
    """What the process has, whatever is reloaded.

    Attributes:
        alarms: Of all calls.
        records: What is kept of them.
        archive: Where they go that are over.
        observers: Who looks on at each.
        watch: What is found out meanwhile.
        url: Of the built-in model, where that is used.
        targets: Where calls go on, for who asks at this process's port.
        keep: Has such a place kept where it is asked for.
    """

    alarms: Alarms
    records: Records
    archive: Archive
    observers: Observers
    watch: Watch
    url: str | None
    targets: Targets
    keep: Keep


def run_service(
    settings: Settings,
    warnings: tuple[str, ...],
    environ: Mapping[str, str],
    *,
    read: Read,
    faults: "Faults | None" = None,
    say: Callable[[str], None] | None = None,
) -> int:
    """Run until a signal.

    Args:
        settings: The settings.
        warnings: What was found out about them.
        environ: What the operator's tools see.
        read: Reads all of these anew, at a SIGHUP.
        faults: How the built-in model misbehaves.
        say: Is told in a sentence where the console is, if there is one.

    Returns:
        The exit code: 0 after a stop, 1 if the service could not start.
    """
    lag = Lag()
    serve = partial(_serve, settings, environ, read, faults, lag, say)
    return run_logged(warnings, partial(trio.run, serve, instruments=[lag, Pace()]))


def run_logged(warnings: tuple[str, ...], run: Callable[[], object]) -> int:
    """Log what was found out before the start; run, and log why that did not work.

    Returns:
        The exit code: 1 if it raised an error of the system's or one of ours, else 0.
    """
    for warning in warnings:
        _log.warning("setting", problem=warning)
    for warning in engine.WARNINGS:
        _log.warning("installation", problem=warning)
    failures: list[str] = []
    try:
        run()
    except* (OSError, StsError) as group:
        failures += [str(exc) for exc in leaves(group)]
    for failure in failures:
        _log.error("cannot run", why=failure)
    return 1 if failures else 0


async def _serve(  # noqa: PLR0917  trio.run takes no others
    settings: Settings,
    environ: Mapping[str, str],
    read: Read,
    faults: "Faults | None",
    lag: Lag,
    say: Callable[[str], None] | None,
) -> None:
    # From here on no signal may kill the process before the calls are closed.
    with trio.open_signal_receiver(*READ) as received:
        async with trio.open_nursery() as starting:
            signals = Signals()
            starting.start_soon(signals.read, received)
            watch: _SignalWatch = await starting.start(
                _stop_on_signal, signals.stops, starting.cancel_scope
            )
            console = new_console(settings, lag)
            observers = () if console is None else (console.board.observe,)
            async with (
                open_shared(
                    settings, environ, faults=faults, lag=lag, observers=observers
                ) as shared,
                _generations(shared) as open_one,
            ):
                first = await open_one(settings, environ)
                await watch.end()
                tune_collector()
                server = Server(first.services, Notifier.from_environ())
                reloads = Reloads(server, first, read, open_one)
                async with (
                    _shown_in(console, server, say),
                    trio.open_nursery() as nursery,
                ):
                    judge = shared.watch.health.take
                    nursery.start_soon(ask_for_the_key, settings, judge)
                    nursery.start_soon(
                        server.notifier.run, lambda: f"calls: {server.calls}"
                    )
                    nursery.start_soon(reloads.run, signals)
                    await server.serve(signals.stops)
                    nursery.cancel_scope.cancel(reason="the service stops")
            starting.cancel_scope.cancel(reason="the service has stopped")


@asynccontextmanager
async def _generations(shared: Shared) -> AsyncGenerator[Open]:
    """Opens generations, each in a task of its own, and closes those that are left."""
    opened: list[Generation] = []

    async def keep(
        settings: Settings,
        environ: Mapping[str, str],
        *,
        task_status: trio.TaskStatus[Generation],
    ) -> None:
        async with open_generation(shared, settings, environ) as services:
            generation = Generation(services)
            opened.append(generation)
            try:
                task_status.started(generation)
                await generation.over.wait()
            finally:
                opened.remove(generation)

    async with trio.open_nursery() as nursery:

        async def open_one(
            settings: Settings, environ: Mapping[str, str]
        ) -> Generation:
            generation: Generation = await nursery.start(keep, settings, environ)
            return generation

        yield open_one
        for generation in opened:
            generation.over.set()


def new_console(settings: Settings, lag: Lag) -> "Console[Board] | None":
    """The console, if there is to be one: its board looks on at the calls."""
    if settings.admin_port is None:
        return None
    # Imported here: a service without one needs no web server.
    from trio_sts.console.board import Board
    from trio_sts.console.opening import Console
    from trio_sts.console.recent_lag import RecentLag

    return Console(settings, Board(settings, RecentLag(lag)))


@asynccontextmanager
async def _shown_in(
    console: "Console[Board] | None", server: Server, say: Callable[[str], None] | None
) -> AsyncGenerator[None]:
    """Keep the console open, if there is one."""
    if console is None:
        yield
        return
    from trio_sts.console.opening import shown_of

    shown = shown_of(lambda: server.services)
    async with console.open(shown, lambda: server.port):
        if say is not None:
            say(f"The console is at {console.url}")
        yield


@define(eq=False)
class _SignalWatch:
    """Who reads the signals while the service opens; one task at a time may."""

    scope: trio.CancelScope = field(factory=trio.CancelScope)
    over: trio.Event = field(factory=trio.Event)

    async def end(self) -> None:
        """Read no more signals; when this returns, another task may."""
        self.scope.cancel(reason="the service is open")
        await self.over.wait()


async def _stop_on_signal(
    signals: AsyncIterator[int],
    opening: trio.CancelScope,
    *,
    task_status: trio.TaskStatus[_SignalWatch],
) -> None:
    """Stop the opening, wherever it waits, at a signal; started with its watch."""
    watch = _SignalWatch()
    with watch.scope:
        task_status.started(watch)
        await anext(signals)
        _log.info("stopping before the service was open")
        opening.cancel(reason="a signal while the service opens")
    watch.over.set()


async def ask_for_the_key(settings: Settings, judge: Judge) -> None:
    """Say so early if no call can work: to the log, and to who judges the model."""
    if not (is_openai(settings) or is_azure(settings)):
        return
    verdict = await ask_endpoint(settings)
    if verdict.level == "warning":
        _log.warning("endpoint", problem=verdict.told)
    if verdict.key_refused is not None:
        why = f"http_{verdict.key_refused}"
        judge(Verdict("key refused", why), trio.current_time())


def tune_collector() -> None:
    """Make the collector's passes rare and short: what is loaded now stays.

    Calls leave no cycles, so a pass over all, which takes as long as there are calls, may
    be rare; ``bench.churn`` measures both.
    """
    gc.collect()
    gc.freeze()
    gc.set_threshold(*_COLLECT_AFTER)


@asynccontextmanager
async def open_shared(
    settings: Settings,
    environ: Mapping[str, str],
    *,
    faults: "Faults | None" = None,
    lag: Lag | None = None,
    observers: Observers = (),
    judge: Judge | None = None,
    keep: Keep | None = None,
) -> AsyncGenerator[Shared]:
    """Open what is opened once in a process; the arguments are `open_services`'."""
    async with (
        trio.open_nursery() as nursery,
        open_archive(settings) as archive,
        AsyncExitStack() as stack,
    ):
        # The first of each kind builds the filters, and no call is to wait for that.
        encoder(settings.audio_format)
        decoder(settings.audio_format)
        url = None
        if settings.embedded:
            url = await _embedded_url(nursery, faults)
        alarms = Alarms(_late_s(settings))
        nursery.start_soon(alarms.run)
        nursery.start_soon(run_reactor)
        records = Records(settings)
        nursery.start_soon(records.run)
        watch = stack.enter_context(open_watch(settings, archive, records, lag, judge))
        traces = await stack.enter_async_context(open_tracing(environ))
        nursery.start_soon(watch.saturation.run)
        seeing = (*watch.observers, *traces, *observers)
        try:
            targets = Targets()
            yield Shared(
                alarms,
                records,
                archive,
                seeing,
                watch,
                url,
                targets,
                keep or targets.keep,
            )
        finally:
            with trio.move_on_after(_RECORDS_S, shield=True):
                await records.aclose()
        nursery.cancel_scope.cancel(reason="the service stops")


@asynccontextmanager
async def open_generation(
    shared: Shared,
    settings: Settings,
    environ: Mapping[str, str],
    scripts: SharedScripts | None = None,
) -> AsyncGenerator[Services]:
    """Open what calls share until the next reload: tools, and the HTTP client."""
    async with (
        tool_http_client() as http,
        open_registry(
            ami_url=settings.ami_url,
            tools_dir=settings.tools_dir,
            tool_timeout_s=settings.tool_timeout_s,
            tool_result_kib=settings.tool_result_kib,
            environ=environ,
            call_control=settings.call_control_tools,
            scripts=scripts,
            asterisk=settings.asterisk,
        ) as registry,
    ):
        url = shared.url and f"{shared.url}/realtime?model={settings.model}"
        yield Services(
            settings=settings,
            endpoint=endpoint_of(settings, url=url),
            refused_fields=RefusedFields(),
            registry=registry,
            http=http,
            alarms=shared.alarms,
            records=shared.records,
            archive=shared.archive,
            observers=shared.observers,
            metrics=shared.watch.metrics,
            health=shared.watch.health,
            targets=shared.targets,
            keep=shared.keep,
        )


@asynccontextmanager
async def open_services(
    settings: Settings,
    environ: Mapping[str, str],
    *,
    faults: "Faults | None" = None,
    lag: Lag | None = None,
    observers: Observers = (),
    scripts: SharedScripts | None = None,
    judge: Judge | None = None,
    keep: Keep | None = None,
) -> AsyncGenerator[Services]:
    """Open all that calls share, for a process that reloads nothing.

    Args:
        settings: The settings.
        environ: What the operator's tools see.
        faults: How the built-in model misbehaves.
        lag: Measures the loop that this runs in; None lets one begin to do so here.
        observers: Who else looks on at each call.
        scripts: Runs JavaScript tools, if another process does so for this one.
        judge: Who judges the model by these calls; None for the services' own health.
        keep: Keeps where calls go on, if another process is asked for that.
    """
    async with (
        open_shared(
            settings,
            environ,
            faults=faults,
            lag=lag,
            observers=observers,
            judge=judge,
            keep=keep,
        ) as shared,
        open_generation(shared, settings, environ, scripts) as services,
    ):
        yield services


def _late_s(settings: Settings) -> float:
    # With a small lead there is little time to send the next frames.
    return min(_LATE_S, settings.playout_lead_ms / _LEAD_MS_PER_LATE_S)


async def _embedded_url(nursery: trio.Nursery, faults: "Faults | None") -> str:
    # Imported here: the relay alone needs none of the speech behind it.
    from trio_sts.embedded import Endpoint, serve_model

    endpoint: Endpoint = await nursery.start(partial(serve_model, faults=faults))
    return endpoint.url


def leaves(group: BaseExceptionGroup[Exception]) -> list[Exception]:
    """The errors of a group and of the groups in it."""
    found: list[Exception] = []
    for exc in group.exceptions:
        found += leaves(exc) if isinstance(exc, BaseExceptionGroup) else [exc]
    return found
