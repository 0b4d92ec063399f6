import json
import sys
from collections.abc import Generator, Mapping
from datetime import date
from typing import Any

import pytest
import structlog
import trio
import trio.testing
from attrs import evolve
from hypothesis import given
from hypothesis import strategies as st
from structlog.testing import capture_logs
from typing_extensions import override

from tests.tools.calls import a_call, a_tool, error_of, run_one
from trio_sts.errors import ToolError, ToolFault
from trio_sts.tools.answers import Silent
from trio_sts.tools.registry import CUT_MARK, Registry, ToolOutcome, cut_to
from trio_sts.tools.tool import (
    CallContext,
    EndsCall,
    Kind,
    Tool,
    checked_ends_call,
    make_tool,
)
from trio_sts.wire.realtime.session import FunctionTool

ONE_NUMBER = {
    "type": "object",
    "properties": {"order": {"type": "integer"}},
    "required": ["order"],
}


async def echo(args: Mapping[str, Any], context: CallContext) -> str:
    await trio.lowlevel.checkpoint()
    return f"{context.uuid} {dict(args)}"


async def test_a_tool_gets_its_arguments_and_its_call() -> None:
    assert await run_one(echo, '{"order": 7}', ONE_NUMBER) == ToolOutcome(
        "call-1 {'order': 7}", ok=True
    )


def test_the_model_is_offered_name_description_and_schema() -> None:
    registry = Registry([a_tool(echo, ONE_NUMBER), a_tool(echo, name="other")])

    assert registry.offered() == (
        FunctionTool("look_up", "Looks things up.", ONE_NUMBER),
        FunctionTool("other", "Looks things up.", {"type": "object", "properties": {}}),
    )


@pytest.mark.parametrize("raw", ["", "  \n", "{}", '\n {"a": "two\nlines"}\r\n'])
async def test_arguments_that_models_really_send_are_understood(raw: str) -> None:
    assert (await run_one(echo, raw)).ok


@pytest.mark.parametrize(
    ("raw", "reason"),
    [
        ("{", "The arguments are not valid JSON."),
        ("[" * 100_000, "The arguments are not valid JSON."),
        ("9" * 10_000, "The arguments are not valid JSON."),
        ('{"order": NaN}', "The arguments are not valid JSON."),
        ("[1]", "The arguments must be a JSON object."),
        ("null", "The arguments must be a JSON object."),
        ("{}", '"order" is a required property'),
        ('{"order": "seven"}', 'order: "seven" is not of type "integer"'),
    ],
)
async def test_wrong_arguments_are_explained_to_the_model(
    raw: str, reason: str
) -> None:
    assert error_of(await run_one(echo, raw, ONE_NUMBER)) == reason


async def test_an_unknown_tool_is_an_error_for_the_model() -> None:
    outcome = await Registry([]).run("fly", "{}", a_call())

    assert error_of(outcome) == "There is no tool named 'fly'."


def one_property(schema: object) -> Mapping[str, Any]:
    return {"type": "object", "properties": {"a": schema}}


@pytest.mark.parametrize(
    "schema",
    [
        one_property({"$ref": "http://127.0.0.1:9/schema"}),
        one_property({"$ref": "#/nowhere"}),
        one_property({"type": "text"}),
        one_property({"type": "string", "required": True}),
        {"properties": 7},
        {"title": "x" * 200_000},
    ],
)
def test_an_impossible_schema_is_found_before_the_first_call(
    schema: Mapping[str, Any],
) -> None:
    with pytest.raises(ToolFault, match="input_schema is"):
        a_tool(echo, schema)


@pytest.mark.parametrize(
    ("pattern", "text", "fits"),
    [
        (r"^(a+)+$", "a" * 40 + "!", False),
        (r"^(a|aa)+$", "a" * 5000 + "!", False),
        (r"^(([a-z])+.)+[A-Z]([a-z])+$", "a" * 5000, False),
        (r"^(?=.*\d)(a+)+$", "1" + "a" * 40 + "!", False),
        (r"(.*)*x\1$", "a" * 5000, False),
        (r"^\/[\w-]+\/\d{3}$", "/a-b/123", True),
        (r"^(?=.*\d)[a-z\d]+$", "abc1", True),
    ],
)
async def test_no_pattern_holds_up_the_calls(
    pattern: str, text: str, fits: bool
) -> None:
    schema = one_property({"type": "string", "pattern": pattern})
    tool = a_tool(echo, schema)
    registry = Registry([tool])

    with capture_logs() as logs:
        outcome = await registry.run("look_up", json.dumps({"a": text}), a_call())

    assert outcome.ok is fits
    assert tool.check.remark is None
    assert not [each for each in logs if each["event"] == "tool held the event loop"]


async def test_a_pattern_that_only_javascript_has_is_told_but_not_checked() -> None:
    pattern = {"type": "string", "pattern": "[\\w-.]+"}
    schema = one_property({"anyOf": [pattern, {"type": "integer"}]})
    schema = {**schema, "$schema": "http://shop.example/schema"}
    tool = a_tool(echo, schema)

    outcome = await Registry([tool]).run("look_up", '{"a": "x"}', a_call())
    wrong = await Registry([tool]).run("look_up", '{"a": []}', a_call())

    assert outcome.ok
    assert not wrong.ok
    assert tool.check.remark == "a pattern of input_schema is not checked"
    assert tool.offer().parameters == {**schema, "type": "object"}


async def test_a_property_may_have_the_name_of_a_keyword() -> None:
    schema = {
        "properties": {
            "pattern": {"type": "string", "pattern": "[\\w-.]+"},
            "patternProperties": {"type": "integer"},
        },
        "required": ["pattern"],
    }
    registry = Registry([a_tool(echo, schema)])

    assert not (await registry.run("look_up", "{}", a_call())).ok
    assert not (await registry.run("look_up", '{"pattern": 7}', a_call())).ok


async def crash(args: Mapping[str, Any], context: CallContext) -> str:
    await trio.lowlevel.checkpoint()
    raise ValueError("password 1234 is wrong")


async def leave(args: Mapping[str, Any], context: CallContext) -> str:
    await trio.lowlevel.checkpoint()
    sys.exit(3)


async def crash_in_a_nursery(args: Mapping[str, Any], context: CallContext) -> str:
    async with trio.open_nursery() as nursery:
        nursery.start_soon(trio.sleep_forever)
        nursery.start_soon(crash, args, context)
    return ""


@pytest.mark.parametrize("handler", [crash, leave, crash_in_a_nursery])
async def test_what_a_handler_raises_goes_to_the_log_and_not_to_the_model(
    handler: Any,
) -> None:
    with capture_logs() as logs:
        outcome = await run_one(handler)

    assert error_of(outcome) == "The tool failed."
    assert [entry["event"] for entry in logs] == ["tool failed"]
    assert logs[0]["tool"] == "look_up"
    assert logs[0]["exc_info"] is not None


async def test_a_tool_error_is_told_in_its_own_words() -> None:
    async def refuse(args: Mapping[str, Any], context: CallContext) -> str:
        async with trio.open_nursery():
            raise ToolError("The shop is closed.") from OSError("db1 is down")

    with capture_logs() as logs:
        outcome = await run_one(refuse)

    assert error_of(outcome) == "The shop is closed."
    assert "db1" in logs[0]["cause"]


async def test_a_slow_handler_is_stopped_at_the_limit(
    autojump_clock: trio.testing.MockClock,
) -> None:
    async def hang(args: Mapping[str, Any], context: CallContext) -> str:
        await trio.sleep(3600)
        return ""

    registry = Registry([a_tool(hang), a_tool(hang, name="quick", timeout_s=2)])

    outcome = await registry.run("look_up", "{}", a_call())
    assert error_of(outcome) == "The tool took too long."
    assert trio.current_time() == 15

    await registry.run("quick", "{}", a_call())
    assert trio.current_time() == 17


async def test_a_cancelled_call_ends_its_tool_even_if_that_fails_meanwhile() -> None:
    async def fail_on_the_way_out() -> None:
        try:
            await trio.sleep_forever()
        finally:
            raise ValueError("on the way out")

    async def spoil(args: Mapping[str, Any], context: CallContext) -> str:
        async with trio.open_nursery() as nursery:
            nursery.start_soon(trio.sleep_forever)
            nursery.start_soon(fail_on_the_way_out)
        return ""

    with trio.CancelScope() as scope:
        async with trio.open_nursery() as nursery:
            nursery.start_soon(run_one, spoil)
            await trio.testing.wait_all_tasks_blocked()
            scope.cancel()

    assert scope.cancelled_caught


class Unspeakable:
    @override
    def __str__(self) -> str:
        raise RuntimeError("no words")


CIRCLE: list[object] = []
CIRCLE.append(CIRCLE)


@pytest.mark.parametrize(
    ("value", "text"),
    [
        (7, "7"),
        (True, "true"),
        (b"bytes", '"bytes"'),
        ({"a": 1}, '{"a": 1}'),
        (["text", None], '["text", null]'),
        ({date(2026, 1, 2)}, '["2026-01-02"]'),
        (Kind.PYTHON, "Python"),
        ({"when": date(2026, 1, 2), "kind": Kind.HTTP}, '{"when": "2026-01-02", "kind": "HTTP"}'),
        (CIRCLE, "[[...]]"),
        ({(1, 2): 3}, "{(1, 2): 3}"),
        (Unspeakable(), '""'),
    ],
)  # fmt: skip
async def test_whatever_a_tool_answers_it_did_its_work(
    value: object, text: str
) -> None:
    async def give(args: Mapping[str, Any], context: CallContext) -> object:
        await trio.lowlevel.checkpoint()
        return value

    assert await run_one(give) == ToolOutcome(text, ok=True)


async def test_a_tool_may_want_nothing_said_about_its_answer() -> None:
    async def give(args: Mapping[str, Any], context: CallContext) -> Silent:
        await trio.lowlevel.checkpoint()
        return Silent({"noted": 7})

    assert await run_one(give) == ToolOutcome('{"noted": 7}', ok=True, silent=True)


async def test_a_call_has_eight_tools_at_once_and_hangs_up_beside_them(
    autojump_clock: trio.testing.MockClock,
) -> None:
    running: list[int] = []

    async def slow(args: Mapping[str, Any], context: CallContext) -> str:
        running.append(1)
        await trio.sleep(10)
        return "done"

    async def quick(args: Mapping[str, Any], context: CallContext) -> str:
        await trio.lowlevel.checkpoint()
        return "closed"

    hang_up = a_tool(quick, name="avr_hangup")
    registry = Registry([a_tool(slow), hang_up], tool_timeout_s=15)
    busy, other = a_call(), a_call(uuid="call-2")
    outcomes: list[ToolOutcome] = []

    async def one(call: CallContext) -> None:
        outcomes.append(await registry.run("look_up", "{}", call))

    async with trio.open_nursery() as nursery:
        for _ in range(100):
            nursery.start_soon(one, busy)
        await trio.testing.wait_all_tasks_blocked()
        assert len(running) == 8
        assert (await registry.run("avr_hangup", "{}", busy)).output == "closed"
        nursery.start_soon(one, other)
        await trio.testing.wait_all_tasks_blocked()
        assert len(running) == 9
        assert trio.current_time() == 0

    # The next eight began after 10 s and had no time left.
    assert trio.current_time() == 15
    assert [outcome.ok for outcome in outcomes].count(True) == 9


async def test_call_control_has_a_client_and_threads_of_its_own() -> None:
    seen: dict[str, tuple[object, object]] = {}

    def teller(name: str, *, ends_call: object = None) -> Tool:
        async def tell(args: Mapping[str, Any], context: CallContext) -> None:
            await trio.lowlevel.checkpoint()
            seen[name] = context.http, context.threads

        return make_tool(
            name=name, description=None, input_schema=None, handler=tell,
            kind=Kind.PYTHON, source="/tools/own.py", ends_call=ends_call,
        )  # fmt: skip

    tools = [
        teller("look_up"), teller("avr_transfer"), teller("end_it", ends_call=True),
    ]  # fmt: skip
    registry = Registry(tools)
    call = registry.context("call-1", {}, structlog.get_logger())
    for tool in tools:
        assert (await registry.run(tool.name, "{}", call)).ok

    assert seen["look_up"] == (registry.work.http, registry.work.threads)
    assert seen["avr_transfer"] == (registry.control.http, registry.control.threads)
    assert seen["end_it"] == seen["avr_transfer"]
    assert registry.work.http is not registry.control.http
    assert registry.call_control() == {
        "avr_transfer": EndsCall.TRANSFER,
        "end_it": EndsCall.HANGUP,
    }


@pytest.mark.parametrize("written", [1, "yes", "hang up", ["hangup"]])
def test_a_declaration_of_call_control_is_one_of_four(written: object) -> None:
    with pytest.raises(ToolFault, match="ends_call must be"):
        checked_ends_call("end_it", written)
    assert checked_ends_call("end_it", False) is None
    assert checked_ends_call("end_it", "transfer") is EndsCall.TRANSFER


async def test_a_tool_that_has_nothing_to_say_did_its_work() -> None:
    async def act(args: Mapping[str, Any], context: CallContext) -> None:
        await trio.lowlevel.checkpoint()

    assert await run_one(act) == ToolOutcome("", ok=True)


async def test_a_long_result_is_cut_with_a_mark() -> None:
    async def talk(args: Mapping[str, Any], context: CallContext) -> str:
        await trio.lowlevel.checkpoint()
        return "ä" * 1000

    outcome = await run_one(talk)

    assert outcome.ok
    assert outcome.output.startswith("ää")
    assert outcome.output.endswith(CUT_MARK)
    assert len(outcome.output.encode()) <= 64


@given(st.text(st.characters()), st.integers(20, 80))
def test_a_cut_text_fits_and_begins_as_the_whole_one(text: str, limit: int) -> None:
    cut = cut_to(text, limit)

    assert len(cut.encode()) <= limit
    whole = text.encode(errors="replace").decode()
    assert cut == whole or whole.startswith(cut.removesuffix(CUT_MARK))


async def test_a_foreign_event_loop_in_a_handler_costs_that_call_only() -> None:
    class AsyncioLike:
        def __await__(self) -> Generator[str, None, None]:
            yield "a future of another library"

    async def wait(args: Mapping[str, Any], context: CallContext) -> str:
        async with trio.open_nursery():
            await AsyncioLike()
        return ""

    assert error_of(await run_one(wait)) == "The tool failed."


async def test_a_handler_that_holds_the_event_loop_is_named(
    mock_clock: trio.testing.MockClock,
) -> None:
    async def compute(args: Mapping[str, Any], context: CallContext) -> str:
        await trio.lowlevel.checkpoint()
        mock_clock.jump(0.25)
        await trio.lowlevel.checkpoint()
        return "done"

    with capture_logs() as logs:
        outcome = await run_one(compute)

    assert outcome.ok
    assert [(e["event"], e["tool"], e["held_ms"]) for e in logs] == [
        ("tool held the event loop", "look_up", 250)
    ]


async def test_waiting_is_not_holding(autojump_clock: trio.testing.MockClock) -> None:
    async def wait(args: Mapping[str, Any], context: CallContext) -> str:
        await trio.sleep(3)
        return "done"

    with capture_logs() as logs:
        await run_one(wait)

    assert logs == []


@pytest.mark.parametrize(
    ("fields", "said"),
    [
        ({"name": "two words"}, "name 'two words' must be"),
        ({"name": None}, "name None must be"),
        ({"description": 7}, "description must be a string"),
        ({"input_schema": [1]}, "input_schema must be an object"),
        ({"input_schema": {"type": "string"}}, "must have the type 'object'"),
        ({"input_schema": {"type": "object", "a": {1}}}, "is not JSON"),
        ({"input_schema": {"required": "x"}}, "is no JSON Schema"),
    ],
)
def test_a_wrong_definition_is_a_fault_in_one_sentence(
    fields: dict[str, object], said: str
) -> None:
    with pytest.raises(ToolFault, match=said):
        make_tool(
            name=fields.get("name", "look_up"),
            description=fields.get("description"),
            input_schema=fields.get("input_schema"),
            handler=echo,
            kind=Kind.PYTHON,
        )


def test_a_schema_is_a_copy_that_its_file_cannot_change() -> None:
    schema: dict[str, Any] = {"properties": {}}
    tool = a_tool(echo, schema)

    schema["properties"]["late"] = {}

    assert tool.input_schema == {"type": "object", "properties": {}}


@pytest.mark.parametrize(
    ("said", "ok"),
    [
        ("Error during the transfer: Request failed with status code 500", False),
        ('{"error": "no such call"}', False),
        ("Could not transfer the call.", False),
        ("Transfer started", True),
        ("", True),
    ],
)
async def test_an_operators_own_call_control_is_believed_when_it_says_it_failed(
    said: str, ok: bool
) -> None:
    async def say(args: Mapping[str, Any], context: CallContext) -> str:
        await trio.lowlevel.checkpoint()
        return said

    own = evolve(a_tool(say, name="avr_transfer"), source="/tools/own.js")
    outcome = await Registry([own]).run("avr_transfer", "{}", a_call())
    assert outcome == ToolOutcome(said, ok=ok)
    other = await Registry([a_tool(say)]).run("look_up", "{}", a_call())
    assert other.ok
