"""Which calls are held: every fault at every point, and at random moments."""

import random
from collections.abc import Iterator, Sequence
from typing import Final

from .cell import CALLER_POINTS, MODEL_POINTS, Cell
from .proxy import FAULTS, Fault

LEGS: Final = {"model": MODEL_POINTS, "caller": CALLER_POINTS}
# A call without a fault takes 19 s.
_LATEST_S: Final = 19.0
_QUICK: Final = 60


def chosen(
    moments: int,
    seed: int,
    *,
    legs: Sequence[str] = (),
    faults: Sequence[str] = (),
    points: Sequence[str] = (),
    tls: str = "both",
) -> list[Cell]:
    """All cells that are asked for.

    Args:
        moments: How many random ones of each fault.
        seed: Of those.
        legs: Only of these, if there are any; so with ``faults``.
        points: Only points with one of these in their names, and no random ones.
        tls: ``both``, ``on`` or ``off``; the caller leg has none.
    """
    cells: list[Cell] = []
    for leg, all_points in LEGS.items():
        for fault in FAULTS.values():
            if (leg == "caller" and not fault.on_caller_leg) or (
                (legs and leg not in legs) or (faults and fault.name not in faults)
            ):
                continue
            some = [p for p in all_points if not points or any(q in p for q in points)]
            secure = _secure(leg, tls)
            cells += [Cell(leg, fault, p, s, seed) for p in some for s in secure]
            if not points:
                cells += _random(leg, fault, moments, seed, secure)
    return cells


def quick(cells: Sequence[Cell]) -> list[Cell]:
    """Some, spread over all."""
    step = max(len(cells) // _QUICK, 1)
    # No divisor of the number of points: all of them have their turn.
    return list(cells[:: step + (step % 2 == 0)])


def _secure(leg: str, tls: str) -> list[bool]:
    if leg == "caller":
        return [False]
    return {"both": [False, True], "on": [True], "off": [False]}[tls]


def _random(
    leg: str, fault: Fault, moments: int, seed: int, secure: Sequence[bool]
) -> Iterator[Cell]:
    dice = random.Random(f"{leg} {fault.name} {seed}")  # noqa: S311  # no secret
    for number in range(moments):
        at_s = round(dice.uniform(0, _LATEST_S), 2)
        yield Cell(
            leg, fault, at_s, secure[number % len(secure)], dice.randrange(10_000)
        )
