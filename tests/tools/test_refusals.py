"""A reason may be as long as it likes: what is told and logged of it is short."""

from collections.abc import Mapping
from typing import Any

import trio
from structlog.testing import capture_logs

from tests.tools.calls import a_call, error_of, run_one
from trio_sts.errors import ToolError
from trio_sts.tools.registry import Registry
from trio_sts.tools.tool import CallContext

LONG = "no " * 10_000


async def test_a_refusal_is_cut_for_the_model_and_in_the_log() -> None:
    async def refuse(args: Mapping[str, Any], context: CallContext) -> str:
        await trio.lowlevel.checkpoint()
        raise ToolError(LONG) from OSError(LONG)

    with capture_logs() as logs:
        outcome = await run_one(refuse)

    assert error_of(outcome) == LONG[:300]
    assert logs[0]["reason"] == LONG[:300]
    assert len(logs[0]["cause"]) == 500


async def test_a_violation_of_a_schema_is_cut_for_the_model() -> None:
    schema = {"type": "object", "properties": {"a": {"enum": [LONG]}}}

    outcome = await run_one(_never_called, '{"a": 7}', schema)

    assert len(error_of(outcome)) == 300


async def test_an_unknown_name_is_cut_for_the_model_and_in_the_log() -> None:
    with capture_logs() as logs:
        outcome = await Registry([]).run("x" * 10_000, "{}", a_call())

    assert error_of(outcome) == f"There is no tool named '{'x' * 64}'."
    assert logs[0]["tool"] == "x" * 64


async def test_a_failure_that_is_very_long_is_cut_in_the_log() -> None:
    with capture_logs() as logs:
        outcome = await run_one(_never_called, "[" * 100_000)

    assert error_of(outcome) == "The arguments are not valid JSON."
    assert len(logs[0]["cause"]) <= 500


async def _never_called(args: Mapping[str, Any], context: CallContext) -> str:
    await trio.lowlevel.checkpoint()
    raise AssertionError
