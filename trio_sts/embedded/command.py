"""``trio-sts model``: the embedded model alone, for other clients to call."""

import signal
import sys
from collections.abc import Mapping
from functools import partial
from typing import Final

import click
import trio
from typing_extensions import override

from trio_sts.logs import configure

from .endpoint import PACE, Endpoint, serve_model
from .faults import TABLE, Faults, WrongFault
from .speech.extras import SpeechMissing

_HEADINGS: Final[Mapping[str, str]] = {
    "connection": "Faults of a connection",
    "update": "Faults of a session.update (:2 is the second one)",
    "turn": "Faults of a turn of the caller (:2 is the second one)",
    "response": "Faults of a response (:2 is the second one)",
}


def _faults(_: click.Context, __: click.Parameter, orders: tuple[str, ...]) -> Faults:
    try:
        return Faults.parse(*orders)
    except WrongFault as exc:
        raise click.BadParameter(str(exc)) from exc


class _WithFaults(click.Command):
    """Its help lists every fault."""

    @override
    def format_epilog(self, ctx: click.Context, formatter: click.HelpFormatter) -> None:
        for counts, heading in _HEADINGS.items():
            rows = [fault for fault in TABLE if fault.counts == counts]
            with formatter.section(heading):
                formatter.write_dl([(f.shown, f.about) for f in rows])


@click.command(cls=_WithFaults)
@click.option("--host", default="127.0.0.1", show_default=True, help="Where to listen.")
@click.option(
    "--port", default=6031, show_default=True, help="On which port; 0 takes any."
)
@click.option(
    "--faults",
    multiple=True,
    callback=_faults,
    metavar="NAME[=VALUE][:WHICH][@CONNECTION],...",
    help="Misbehave as ordered, see below: empty:2 is the second response of each "
    "session, empty:2-3 or 2- are more of them, empty is every one; @1 means in the "
    "first connection only. Times have their unit: stall=600ms:2.",
)
@click.option("--api-key", help="The key that clients must present.")
@click.option(
    "--pace",
    default=PACE,
    show_default=True,
    help="How many times faster than real time audio is sent.",
)
def model(
    *, host: str, port: int, faults: Faults, api_key: str | None, pace: float
) -> None:
    """Run the embedded Realtime endpoint until SIGINT or SIGTERM.

    Point OPENAI_BASE_URL, or any client of the Realtime API, at the URL it prints.
    What a client asks for and gets no effect of is said once, on standard error.
    """
    configure("warning", file=sys.stderr.buffer)
    try:
        trio.run(_run, host, port, faults, api_key, pace)
    except* (SpeechMissing, OSError) as group:
        raise click.ClickException(_first(group)) from group
    sys.exit(0)


def _first(group: BaseExceptionGroup[SpeechMissing | OSError]) -> str:
    first = group.exceptions[0]
    return _first(first) if isinstance(first, BaseExceptionGroup) else str(first)


async def _run(
    host: str, port: int, faults: Faults, api_key: str | None, pace: float
) -> None:
    serve = partial(
        serve_model, host=host, port=port, faults=faults, api_key=api_key, pace=pace
    )
    with trio.open_signal_receiver(signal.SIGTERM, signal.SIGINT) as signals:
        async with trio.open_nursery() as nursery:
            endpoint: Endpoint = await nursery.start(serve)
            click.echo(f"The embedded model is at {endpoint.url}")
            async for _ in signals:
                break
            nursery.cancel_scope.cancel(reason="asked to stop")
