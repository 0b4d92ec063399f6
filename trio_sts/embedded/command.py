"""``trio-sts model``: the embedded model alone, for other clients to call."""

import signal
import sys
from functools import partial

import click
import trio

from .endpoint import PACE, Endpoint, serve_model
from .faults import Faults
from .speech.extras import SpeechMissing


def _faults(_: click.Context, __: click.Parameter, orders: tuple[str, ...]) -> Faults:
    try:
        return Faults.parse(*orders)
    except ValueError as exc:
        raise click.BadParameter(str(exc)) from exc


@click.command()
@click.option("--host", default="127.0.0.1", show_default=True, help="Where to listen.")
@click.option(
    "--port", default=6031, show_default=True, help="On which port; 0 takes any."
)
@click.option(
    "--fault",
    "faults",
    multiple=True,
    callback=_faults,
    metavar="NAME[=VALUE]",
    help="Misbehave: rate_limit_once, drop_after_s=5, ... May be given several times; "
    "an unknown name lists them all.",
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
    """
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
