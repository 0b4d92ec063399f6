"""Numbers of the tools at their very value."""

import json
from collections.abc import Mapping
from typing import Any

import pytest
import trio
from structlog.testing import capture_logs
from trio.testing import MockClock

from tests.tools.calls import run_one
from trio_sts.errors import ToolFault
from trio_sts.tools.registry import CUT_MARK
from trio_sts.tools.tool import CallContext, Kind, Tool, make_tool


async def _never_called(args: Mapping[str, Any], context: CallContext) -> str:
    await trio.lowlevel.checkpoint()
    raise AssertionError


def described(description: str, schema: Mapping[str, Any] | None = None) -> Tool:
    return make_tool(
        name="look_up",
        description=description,
        input_schema=schema,
        handler=_never_called,
        kind=Kind.PYTHON,
    )


def test_a_description_has_32_kib_of_characters_at_most() -> None:
    most = 32 * 1024
    assert len(described("x" * most).description) == most
    with pytest.raises(ToolFault, match=f"longer than {most} characters"):
        described("x" * (most + 1))


@pytest.mark.parametrize(("held_s", "told_ms"), [(0.1, []), (10.0, [10_000])])
async def test_a_handler_that_holds_the_loop_for_over_100_ms_is_told_in_ms(
    mock_clock: MockClock, held_s: float, told_ms: list[int]
) -> None:
    async def compute(args: Mapping[str, Any], context: CallContext) -> str:
        await trio.lowlevel.checkpoint()
        mock_clock.jump(held_s)
        await trio.lowlevel.checkpoint()
        return "done"

    with capture_logs() as logs:
        assert (await run_one(compute)).ok

    assert [entry["held_ms"] for entry in logs] == told_ms


def test_a_schema_has_128_kib_of_characters_at_most() -> None:
    most = 128 * 1024
    empty: dict[str, Any] = {"type": "object", "properties": {}, "title": ""}
    room = most - len(json.dumps(empty))
    described("", {**empty, "title": "x" * room})
    with pytest.raises(ToolFault, match=f"longer than {most} characters"):
        described("", {**empty, "title": "x" * (room + 1)})


@pytest.mark.parametrize("result", ["a lone \ud800 surrogate", f"as written{CUT_MARK}"])
async def test_a_result_that_fits_is_not_said_to_be_cut(result: str) -> None:
    async def answer(args: Mapping[str, Any], context: CallContext) -> str:
        await trio.lowlevel.checkpoint()
        return result

    with capture_logs() as logs:
        assert (await run_one(answer)).ok

    assert logs == []
