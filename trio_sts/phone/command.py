"""``trio-sts call``: place a call to any STS service from a terminal."""

import signal
from collections.abc import Callable  # noqa: TC003 - of a local annotation
from contextlib import nullcontext
from functools import partial
from pathlib import Path

import click
import trio
from attrs import frozen
from rich.console import Console
from typing_extensions import override

from trio_sts.audio.framing import SAMPLE_RATE_HZ
from trio_sts.audio.resample import resample_whole
from trio_sts.errors import StsError
from trio_sts.soundfiles import BadSound, read_sound
from trio_sts.wire.asterisk_media import FORMATS
from trio_sts.wire.avr import DTMF_DIGITS

from .ami import AmiStandIn
from .asterisk import DEFAULT_FORMAT, Asterisk
from .core import MAX_CALL_S, place_call
from .events import View
from .exchange import Exchange
from .live import LiveView, show_lines
from .peer import AvrCore, PeerFactory
from .report import CallReport, Outcome
from .script import Script, conversation
from .target import parse_target

LONGEST_CALL_S = 7200.0
_TURNS = "trio_sts.phone.turns"
_TURN_OPTIONS = frozenset({"voices", "said"})


@frozen(kw_only=True)
class _Order:
    """A call as the operator ordered it."""

    url: str
    script: Script
    uuid: str | None
    metadata: dict[str, str]
    token: str | None
    record: Path | None
    seconds: float
    ami_port: int | None
    peer: PeerFactory


def _rate_hz(ctx: click.Context) -> int:
    """Of the caller's line; the options that say so are read before all others."""
    if not ctx.params["asterisk"]:
        return SAMPLE_RATE_HZ
    return FORMATS[ctx.params["media_format"]].rate_hz


def _checked_url(_: click.Context, __: click.Parameter, url: str) -> str:
    try:
        parse_target(url, {})
    except ValueError as exc:
        raise click.BadParameter(str(exc)) from exc
    return url


def _voices(
    ctx: click.Context, _: click.Parameter, paths: tuple[Path, ...]
) -> list[bytes]:
    try:
        return [read_sound(path, _rate_hz(ctx)) for path in paths]
    except BadSound as exc:
        raise click.BadParameter(str(exc)) from exc


def _spoken(
    ctx: click.Context, _: click.Parameter, texts: tuple[str, ...]
) -> list[bytes]:
    """Have the caller's words spoken by what the program was given for it."""
    speak: Callable[[str], bytes] | None = ctx.obj
    if texts and speak is None:
        raise click.BadParameter("there is no voice to say it with")
    rate_hz = _rate_hz(ctx)
    try:
        spoken = [speak(text) for text in texts] if speak else []
        return [resample_whole(pcm, SAMPLE_RATE_HZ, rate_hz) for pcm in spoken]
    except StsError as exc:
        raise click.BadParameter(str(exc)) from exc


class _InOrder(click.Command):
    """Keeps the order in which the caller's turns were written."""

    @override
    def parse_args(self, ctx: click.Context, args: list[str]) -> list[str]:
        _, _, order = self.make_parser(ctx).parse_args(list(args))
        ctx.meta[_TURNS] = [each.name for each in order if each.name in _TURN_OPTIONS]
        return super().parse_args(ctx, args)


def _checked_token(
    _: click.Context, __: click.Parameter, token: str | None
) -> str | None:
    try:
        parse_target("ws://service", {}, token or None)
    except ValueError as exc:
        raise click.BadParameter(str(exc)) from exc
    return token or None


def _keys(_: click.Context, __: click.Parameter, digits: str) -> str:
    digits = digits.upper()
    if set(digits) - DTMF_DIGITS:
        raise click.BadParameter("keys are 0-9, *, # and A-D")
    return digits


def _metadata(
    _: click.Context, __: click.Parameter, pairs: tuple[str, ...]
) -> dict[str, str]:
    if not all("=" in pair for pair in pairs):
        raise click.BadParameter("write it as name=value")
    return {name: value for name, _, value in (pair.partition("=") for pair in pairs)}


@click.command(cls=_InOrder)
@click.argument("url", callback=_checked_url)
@click.option(
    "--asterisk",
    is_flag=True,
    is_eager=True,
    help="Call as Asterisk itself does, without AVR Core: the caller hears ringing until "
    "the service answers, and the dialplan goes on when it hangs up.",
)
@click.option(
    "media_format",
    "--format",
    type=click.Choice(list(FORMATS)),
    default=DEFAULT_FORMAT,
    show_default=True,
    is_eager=True,
    help="With --asterisk: what the samples are, as c(...) in the dialplan's Dial says.",
)
@click.option(
    "voices",
    "--wav",
    type=click.Path(path_type=Path, dir_okay=False),
    multiple=True,
    callback=_voices,
    help="What the caller says, as a WAV file of any usual kind. Give it again for the "
    "next turn: each one waits for the answer to the one before.",
)
@click.option(
    "said",
    "--say",
    metavar="WORDS",
    multiple=True,
    callback=_spoken,
    help="What the caller says, spoken by a synthetic voice (needs the extra `demo`). "
    "May be given again, and between --wav.",
)
@click.option(
    "--dtmf",
    metavar="KEYS",
    default="",
    callback=_keys,
    help="Keys to press at the end: 0-9, *, # and A-D.",
)
@click.option(
    "--talk-over",
    metavar="SECONDS",
    type=click.FloatRange(0, 60),
    help="Interrupt: speak this long after the agent began, the greeting included, "
    "instead of waiting until it is quiet.",
)
@click.option(
    "--greeting",
    metavar="SECONDS",
    type=click.FloatRange(0, 60),
    default=10.0,
    show_default=True,
    help="How long to wait for the agent to begin; 0 for one that lets callers begin.",
)
@click.option(
    "--quiet-ms",
    metavar="MS",
    type=click.IntRange(100, 60_000),
    default=1200,
    show_default=True,
    help="How long the agent must be silent to have finished what it says.",
)
@click.option(
    "--record",
    type=click.Path(path_type=Path, dir_okay=False),
    help="Record the call to a WAV file: the caller is left, the agent is right.",
)
@click.option(
    "--meta",
    "metadata",
    metavar="NAME=VALUE",
    multiple=True,
    callback=_metadata,
    help="The call's metadata, as it is appended to the URL; may be repeated.",
)
@click.option("--uuid", help="The call's id.  [default: a random UUID]")
@click.option(
    "--token",
    envvar="STS_TOKEN",
    callback=_checked_token,
    help="The secret that the service wants. Better set STS_TOKEN: a command line can "
    "be read by every user of the machine.",
)
@click.option(
    "--seconds",
    type=click.FloatRange(1, LONGEST_CALL_S),
    default=MAX_CALL_S,
    show_default=True,
    help="The longest call; then the caller hangs up.",
)
@click.option(
    "--ami-port",
    type=click.IntRange(1, 65535),
    help="Also stand in for avr-ami on this port of 127.0.0.1, where the service's "
    "AMI_URL must point: a hangup or transfer that it asks for then ends this call.",
)
@click.pass_context
def call(  # noqa: PLR0917 - click passes every option by its name
    ctx: click.Context,
    url: str,
    asterisk: bool,
    media_format: str,
    voices: list[bytes],
    said: list[bytes],
    dtmf: str,
    talk_over: float | None,
    greeting: float,
    quiet_ms: int,
    record: Path | None,
    metadata: dict[str, str],
    uuid: str | None,
    token: str | None,
    seconds: float,
    ami_port: int | None,
) -> None:
    """Call an STS service as AVR Core or Asterisk does, and hold a conversation.

    URL is the service, such as ws://127.0.0.1:6030. The caller waits for the greeting to
    end, says each --wav or --say, waits until the agent has answered and is quiet, presses the
    keys of --dtmf and hangs up. Ctrl-C hangs up too.

    Shown are the transcripts as they come, the time from the end of what the caller said
    to the first of the answer heard, interruptions and errors; on a terminal also who
    speaks, and how loud.

    The exit code is 0 when a conversation took place (the agent was heard, and answered
    whatever the caller did), 1 when not, and 2 for wrong usage.
    """
    if asterisk and ami_port is not None:
        raise click.UsageError(
            "--asterisk has no avr-ami: the service hangs up itself."
        )
    turns = {"voices": iter(voices), "said": iter(said)}
    script = conversation(
        [next(turns[option]) for option in ctx.meta[_TURNS]],
        digits=dtmf,
        talk_over_after_s=talk_over,
        greeting_s=greeting,
        quiet_ms=quiet_ms,
    )
    order = _Order(
        url=url,
        script=script,
        uuid=uuid,
        metadata=metadata,
        token=token,
        record=record,
        seconds=seconds,
        ami_port=ami_port,
        peer=partial(Asterisk, media_format=FORMATS[media_format])
        if asterisk
        else AvrCore,
    )
    raise SystemExit(0 if _place(order).conversed else 1)


def _place(order: _Order) -> CallReport:
    console = Console()
    shown = LiveView(console) if console.is_terminal else nullcontext(show_lines)
    report = None
    told = ""
    try:
        with shown as view:
            report = trio.run(_hold, order, view)
    except* OSError as group:
        told = str(group.exceptions[0])
    if report is None:
        # The recording cannot be written, or avr-ami's port is taken.
        raise click.UsageError(told)
    return report


async def _hold(order: _Order, view: View) -> CallReport:
    exchange = Exchange()
    async with trio.open_nursery() as nursery:
        if order.ami_port is not None:
            ami = AmiStandIn(exchange)
            await nursery.start(partial(ami.serve, port=order.ami_port))
        await nursery.start(_hang_up_on_signal, exchange)
        report = await place_call(
            order.url,
            order.script,
            uuid=order.uuid,
            metadata=order.metadata,
            token=order.token,
            record_path=order.record,
            view=view,
            max_call_s=order.seconds,
            exchange=exchange,
            peer=order.peer,
        )
        nursery.cancel_scope.cancel(reason="the call is over")
    return report


async def _hang_up_on_signal(
    exchange: Exchange, *, task_status: trio.TaskStatus[None]
) -> None:
    """The first signal hangs up; the next one kills, as it always does."""
    with trio.open_signal_receiver(signal.SIGINT, signal.SIGTERM) as signals:
        task_status.started()
        async for _ in signals:
            break
    exchange.drop_all(Outcome.CALLER_HUNG_UP)
