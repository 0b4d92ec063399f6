"""The judge finds fault with each thing that a caller or an operator would."""

from typing import Any

import pytest
from attrs import evolve

from .cell import Cell, Outcome
from .judge import complaints
from .proxy import FAULTS

GOOD = Outcome(fired=True, finished=True, outcome="hung up by the agent", silence_s=2.4)
GONE = Outcome(fired=True, code=1011, told=("The assistant is away.",), apology_s=2.9)


def cell(fault: str = "reset", leg: str = "model") -> Cell:
    return Cell(leg, FAULTS[fault], "in silence", tls=False, seed=1)


def test_a_call_that_went_on_is_good() -> None:
    assert complaints(cell(), GOOD) == []
    assert complaints(cell("endpoint gone"), GONE) == []


@pytest.mark.parametrize(
    "amiss",
    [
        {"fired": False},
        {"finished": False},
        {"silence_s": 10.1},
        {"lost": (3,)},
        {"unanswered": 1},
        {"double_words": ("w1",)},
        {"double_tools": 1},
        {"faulty": ("output of a call it never heard of",)},
        {"crashes": ("Traceback\nValueError",)},
        {"open": ("1 sockets",)},
    ],
)
def test_what_is_amiss_is_told(amiss: dict[str, Any]) -> None:
    assert len(complaints(cell(), evolve(GOOD, **amiss))) == 1


@pytest.mark.parametrize("amiss", [{"code": 1000}, {"told": ()}, {"apology_s": 0.0}])
def test_who_cannot_be_served_is_told_why(amiss: dict[str, Any]) -> None:
    assert len(complaints(cell("endpoint gone"), evolve(GONE, **amiss))) == 1


def test_a_caller_who_has_vanished_is_not_held_for_long() -> None:
    vanished = Outcome(fired=True, ended_after_s=11.9)
    assert complaints(cell("stall", "caller"), vanished) == []
    held = evolve(vanished, ended_after_s=30.0)
    assert len(complaints(cell("stall", "caller"), held)) == 1
