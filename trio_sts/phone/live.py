"""What an operator sees of a call: lines, and on a terminal level meters under them."""

from math import log10
from types import TracebackType
from typing import Self

import click
from attrs import define, field
from rich.console import Console
from rich.live import Live
from rich.table import Table
from rich.text import Text

from .events import Answered, Connected, Event, Failed, Levels, PickedUp, Pressed
from .line import AUDIBLE_RMS
from .report import CallReport, Interrupted, Said
from .summary import summary

_REFRESH_SLOTS = 5  # every 100 ms: fast enough for a meter, slow enough for ssh
_METER_CELLS = 30
_FLOOR_DB = -60.0


def show_lines(event: Event) -> None:
    """A view of plain lines: for a log, a pipe, or somebody who reads it later."""
    if isinstance(event, CallReport):
        for line in summary(event):
            click.echo(line)
    elif not isinstance(event, Levels):
        at_ms, text, _ = _told(event)
        click.echo(f"{_stamp(at_ms)}{text}")


@define(eq=False)
class LiveView:
    """A view of the same lines, with who speaks and how loud below them.

    It is a context manager, and draws from the call's own clock: without a thread.
    """

    _console: Console
    _live: Live = field(init=False)
    _slots: int = 0
    _caller_rms: float = 0.0
    _agent_rms: float = 0.0

    def __attrs_post_init__(self) -> None:
        self._live = Live(console=self._console, auto_refresh=False, transient=True)

    def __enter__(self) -> Self:
        self._live.start()
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        exc: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self._live.stop()

    def __call__(self, event: Event) -> None:
        """Show what happened."""
        if isinstance(event, CallReport):
            self._live.stop()
            for told in summary(event):
                self._console.print(Text(told))
        elif isinstance(event, Levels):
            self._measure(event)
        else:
            at_ms, text, style = _told(event)
            line = Text.assemble((_stamp(at_ms), "dim"), (text, style))
            self._console.print(line)

    def _measure(self, levels: Levels) -> None:
        # A meter shows the peak since it was last drawn, or short sounds are missed.
        self._caller_rms = max(self._caller_rms, levels.caller_rms)
        self._agent_rms = max(self._agent_rms, levels.agent_rms)
        self._slots += 1
        if self._slots % _REFRESH_SLOTS == 0:
            self._live.update(self._meters(levels.at_ms), refresh=True)
            self._caller_rms = self._agent_rms = 0.0

    def _meters(self, at_ms: int) -> Table:
        grid = Table.grid(padding=(0, 1))
        minutes, seconds = divmod(at_ms // 1000, 60)
        grid.add_row("", Text(f"{minutes:02}:{seconds:02}", "dim"))
        grid.add_row(*_meter("caller", self._caller_rms, "cyan"))
        grid.add_row(*_meter("agent", self._agent_rms, "green"))
        return grid


def _stamp(at_ms: int) -> str:
    return f"{at_ms / 1000:8.2f} s  "


def _told(
    event: Connected | PickedUp | Pressed | Said | Answered | Interrupted | Failed,
) -> tuple[int, str, str]:
    """When it happened, what to say about it, and in which style."""
    match event:
        case Connected(uuid):
            told = 0, f"connected, call {uuid}", "dim"
        case PickedUp(at_ms):
            told = at_ms, "the call is answered", "dim"
        case Pressed(at_ms):
            told = at_ms, "the caller pressed a key", "dim"
        case Said(at_ms, role, text):
            color, who = ("cyan", "caller") if role == "user" else ("green", " agent")
            told = at_ms, f"{who}: {text}", color
        case Answered(at_ms, turn):
            told = at_ms, f"answer heard after {turn.latency_ms} ms", "dim"
        case Interrupted(at_ms, flushed_ms):
            spared = f"interruption: {flushed_ms} ms of speech thrown away"
            told = at_ms, spared, "yellow"
        case _:
            told = event.at_ms, f"error: {event.message}", "bold red"
    return told


def _meter(who: str, rms: float, color: str) -> tuple[Text, Text]:
    """A name, lit while its owner speaks, and a bar from -60 to 0 dBFS."""
    level_db = 20 * log10(max(rms, 1.0) / 32768)
    full = round(_METER_CELLS * max(0.0, 1 - level_db / _FLOOR_DB))
    bar = Text.assemble(("█" * full, color), ("·" * (_METER_CELLS - full), "dim"))
    return Text(f"{who:>9}", f"bold {color}" if rms >= AUDIBLE_RMS else "dim"), bar
