"""Every end that a call can have is known to be a failure or not."""

import ast
from pathlib import Path

import pytest

import trio_sts
from trio_sts.conversation.parts import goodbye
from trio_sts.record.outcomes import FAILURES, INTENDED, OUTCOMES, is_failure

# Whose argument, by its position, is an outcome.
_POSITIONS = {"EndCall": 1, "end": 1, "give_up": 2, "hang_up": 2, "model_failed": 0}


def named() -> set[str]:
    """The outcomes that the source names where a call ends."""
    found: set[str] = set()
    for path in Path(trio_sts.__file__).parent.rglob("*.py"):
        for node in ast.walk(ast.parse(path.read_text())):
            if isinstance(node, ast.Call):
                found |= _outcome(node)
    return found


def _outcome(node: ast.Call) -> set[str]:
    func = node.func
    name = func.attr if isinstance(func, ast.Attribute) else getattr(func, "id", "")
    at = _POSITIONS.get(name)
    if at is None or len(node.args) <= at:
        return set()
    given = node.args[at]
    if isinstance(given, ast.BoolOp):
        given = given.values[-1]
    if isinstance(given, ast.Constant) and isinstance(given.value, str):
        return {given.value}
    return set()


def test_every_end_in_the_source_is_listed() -> None:
    ends = named()
    assert {"crashed", "no model", "caller silent", "over", "no init"} <= ends
    ends |= {*goodbye._OUTCOMES.values()}  # pyright: ignore[reportPrivateUsage]
    assert ends <= OUTCOMES


def test_an_outcome_is_a_failure_or_it_is_not() -> None:
    assert not FAILURES & INTENDED
    assert all(is_failure(outcome, 1000) for outcome in FAILURES)
    assert not any(is_failure(outcome, 1011) for outcome in INTENDED)


@pytest.mark.parametrize(
    ("code", "failed"), [(1000, False), (1001, False), (1008, True), (1011, True)]
)
def test_one_that_nobody_knows_is_judged_by_its_code(code: int, failed: bool) -> None:
    assert is_failure("a new one", code) is failed
