"""What a call must be like, whatever has happened to its legs."""

from collections.abc import Iterator
from typing import Final

from .cell import LONGEST_HELD_S, Cell, Outcome

LONGEST_SILENCE_S: Final = 10.0
_APOLOGY_S: Final = 1.0
_MODEL_FAILED: Final = 1011


def complaints(cell: Cell, outcome: Outcome) -> list[str]:
    """What is wrong with how a call went; nothing if it is as it must be."""
    found = list(_anywhere(outcome))
    if not outcome.fired:
        # A moment by the clock may come after the call.
        return found if isinstance(cell.point, float) else [*found, "no fault came"]
    if cell.leg == "caller":
        return [*found, *_of_caller_leg(cell, outcome)]
    return [*found, *_of_model_leg(cell, outcome)]


def _anywhere(outcome: Outcome) -> Iterator[str]:
    yield from (f"crash: {crash.splitlines()[-1]}" for crash in outcome.crashes)
    yield from (f"left open: {each}" for each in outcome.open)
    yield from (f"to the model: {each}" for each in outcome.faulty)
    if outcome.double_words:
        yield f"transcripts twice: {' '.join(outcome.double_words)}"
    if outcome.double_tools:
        yield f"the tool ran {outcome.double_tools + 1} times"


def _of_model_leg(cell: Cell, outcome: Outcome) -> Iterator[str]:
    if outcome.silence_s > LONGEST_SILENCE_S:
        yield f"{outcome.silence_s:.1f} s of silence"
    if cell.fault.reachable:
        yield from _kept(outcome)
        if not outcome.finished:
            yield f"the call did not go on: {how_it_ended(outcome)}"
    elif not outcome.finished:
        if outcome.code != _MODEL_FAILED:
            yield f"closed with {outcome.code}"
        if not outcome.told:
            yield "no failure words"
        if outcome.apology_s < _APOLOGY_S:
            yield "no apology at the ear"


def _of_caller_leg(cell: Cell, outcome: Outcome) -> Iterator[str]:
    held_s = outcome.ended_after_s
    if cell.fault.ends_leg and held_s is not None and held_s > LONGEST_HELD_S:
        yield f"held for {held_s:.1f} s"
    # A handshake has 5 s, and that long it is held.
    if cell.fault.name == "held 5 s" and cell.point != "during the handshake":
        yield from _kept(outcome)
        if not outcome.finished:
            yield f"the call did not go on: {how_it_ended(outcome)}"


def _kept(outcome: Outcome) -> Iterator[str]:
    if outcome.unanswered:
        yield f"{outcome.unanswered} turns unanswered"
    if outcome.lost:
        yield f"words lost: {list(outcome.lost)}"


def how_it_ended(outcome: Outcome) -> str:
    """For people."""
    words = f": {outcome.told[-1]}" if outcome.told else ""
    return f"{outcome.outcome or 'no end'}, {outcome.code}{words}"
