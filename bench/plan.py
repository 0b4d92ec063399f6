"""What is measured, and in which order."""

from collections.abc import Sequence
from pathlib import Path

from attrs import frozen
from rich.console import Console

from .load import Bench, Load, Measured, build, measure
from .machine import Anywhere, CannotMeasure, Place, places
from .relays import Relay
from .report import Row

_CALLS = (10, 50, 100, 150, 200, 300)
_TURNS_CALLS = 50
_TURNS_S = 10.0
_CHURN_CALLS = 10
_CHURN = 5.0


def loads(
    calls: Sequence[int],
    churn: float,
    *,
    seconds: float,
    burst: int,
    turns_s: float = 0,
) -> tuple[Load, ...]:
    """The loads that the options ask for.

    Args:
        calls: Numbers of calls; none are the default ones, with ``churn`` at the end
            and turns before it.
        churn: Calls that come and go a second; beside given ``calls`` 0 is none.
        seconds: How long each is measured.
        burst: Deltas at once.
        turns_s: How long the agent speaks in each turn; beside given ``calls`` 0 is all
            the time.
    """
    if calls:
        return tuple(
            Load(number, churn, seconds, burst, turns_s=turns_s) for number in calls
        )
    steady = [] if churn else [Load(number, 0, seconds, burst) for number in _CALLS]
    taking_turns = Load(_TURNS_CALLS, 0, seconds, burst, turns_s=turns_s or _TURNS_S)
    arriving = Load(_CHURN_CALLS, churn or _CHURN, seconds, burst)
    return (*steady, arriving) if churn else (*steady, taking_turns, arriving)


@frozen
class Plan:
    """Loads for one relay or two, each ``repeat`` times.

    With ``spread`` neither relay nor load has a core of its own: workers need several.
    """

    relays: tuple[Relay, ...]
    loads: tuple[Load, ...]
    repeat: int
    urgent: bool
    spread: bool = False

    async def carry_out(self, folder: Path, console: Console) -> list[Row]:
        """Measure everything.

        Two relays take turns, and turns at being first: what a machine is doing
        besides falls on both.

        Returns:
            A row for each load and relay, in this order. Where a run gave no figures, its
            row is missing: more calls than a machine can hold may end in anything.

        Raises:
            CannotMeasure: In a group: no run gave any.
        """
        relay_at: Place = Anywhere()
        load_at: Place = Anywhere()
        if not self.spread:
            relay_at, load_at = places(urgent=self.urgent)
        bench = Bench(await build(folder), folder, relay_at, load_at)
        rows: list[Row] = []
        given_up: list[ExceptionGroup[CannotMeasure]] = []
        for number, load in enumerate(self.loads):
            found: dict[str, list[Measured]] = {r.name: [] for r in self.relays}
            for turn in range(self.repeat):
                for relay in self.relays[:: -1 if turn % 2 else 1]:
                    console.print(f"{relay.name}, calls: {load.label} …", style="dim")
                    run = f"{relay.name}-{number}-{turn}"
                    try:
                        measured = await measure(bench, relay, load, run)
                    except* CannotMeasure as group:
                        console.print("no figures:", *group.exceptions, style="red")
                        given_up.append(group)
                    else:
                        found[relay.name].append(measured)
            rows += [
                Row(r, load, tuple(found[r.name]))
                for r in self.relays
                if len(found[r.name]) == self.repeat
            ]
        if not rows:
            raise given_up[-1]
        return rows
