"""One call with a tool and an interruption, followed from its root span down."""

import json
from pathlib import Path

import trio

from tests.peers.core import FakeCore, calling
from tests.peers.model import ScriptedSession, scripted_model
from tests.system.kit import log, web, with_status
from tests.system.service import serving
from tests.system.test_call import tone
from tests.system.test_metrics import USAGE

from .receiver import Receiver, Seen, receiver

TOOL = """
name = "order_status"
description = "Tells where an order is."
url = "{url}/orders/{{number}}"
[parameters]
type = "object"
required = ["number"]
properties.number.type = "integer"
"""
SERVER, INTERNAL, CLIENT = 2, 1, 3


def otel(to: Receiver, **more: str) -> dict[str, str]:
    return {
        "OTEL_EXPORTER_OTLP_ENDPOINT": to.url,
        "OTEL_BSP_SCHEDULE_DELAY": "50",
        **more,
    }


async def talk(core: FakeCore, session: ScriptedSession) -> None:
    """A greeting, a turn that needs a tool and whose answer is cut, and a last answer."""
    async with session.response() as response:
        await response.say(tone(100, rate_hz=24000), "Good morning.")
    await core.wait_audio(100)
    item = await session.speech_started()
    await session.speech_stopped(item, transcript="Where is order 7?")
    response = await session.begin()
    await response.call("order_status", '{"number": 7}')
    await response.done(usage=USAGE)
    await session.expect("response.create")
    response = await session.begin()
    await response.say(tone(5000, rate_hz=24000), "It is on its way.", finish=False)
    await core.wait_audio(500)
    item = await session.speech_started()
    await response.done("cancelled", reason="turn_detected", usage=USAGE)
    await core.wait_for("interruption")
    await session.speech_stopped(item, transcript="Thank you!")
    async with session.response() as response:
        await response.say(tone(100, rate_hz=24000), "Goodbye.")
    await core.wait_for(lambda m: m.message.get("text") == "Goodbye.")


async def held(
    folder: Path, otlp: Receiver, uuid: str = "call-1", **environ: str
) -> tuple[list[bytes], list[bytes]]:
    """Hold the call; what the tool's service and the instructions' were asked."""
    tools = folder / "tools"
    tools.mkdir()
    async with (
        web(with_status(200, b'{"state": "on its way"}')) as orders,
        web(with_status(200, b'{"system": "Be kind."}')) as instructions,
        scripted_model() as model,
    ):
        (tools / "order_status.toml").write_text(TOOL.format(url=orders.url))
        environ |= {"TOOLS_DIR": str(tools)}
        environ |= {"OPENAI_URL_INSTRUCTIONS": instructions.url}
        async with serving(model.base_url, **environ) as service:
            async with calling(service.url) as core:
                await core.init(uuid)
                session = await model.next_session()
                await session.expect("response.create")
                await talk(core, session)
                await core.hang_up()
            await otlp.until("invoke_agent trio-sts")
    return orders.requests, instructions.requests


def traceparents(requests: list[bytes]) -> set[str]:
    found: set[str] = set()
    for request in requests:
        for line in request.decode().splitlines():
            name, _, value = line.partition(":")
            if name.lower() == "traceparent":
                # The flags at the end are the SDK's affair.
                found.add(value.strip().rpartition("-")[0])
    return found


def parent_of(span: Seen) -> str:
    return f"00-{span.trace_id.hex()}-{span.span_id.hex()}"


async def test_a_call_from_its_root_down(tmp_path: Path) -> None:
    with log():
        async with receiver() as otlp:
            orders, instructions = await held(tmp_path, otlp, **otel(otlp))
    (root,) = otlp.named("invoke_agent trio-sts")
    assert (root.parent_id, root.kind, root.failed) == (b"", SERVER, False)
    assert root.resource["service.name"] == "trio-sts"
    assert root.attributes["gen_ai.operation.name"] == "invoke_agent"
    assert root.attributes["gen_ai.conversation.id"] == "call-1"
    assert root.attributes["gen_ai.request.model"] == "gpt-realtime-2.1"
    assert root.attributes["gen_ai.output.type"] == "speech"
    assert root.attributes["gen_ai.usage.input_tokens"] == 600
    assert root.attributes["gen_ai.usage.output_tokens"] == 860
    assert root.attributes["trio_sts.outcome"] == "caller hung up"
    assert root.attributes["trio_sts.close_code"] == 1000
    assert {span.trace_id for span in otlp.spans} == {root.trace_id}

    greeting, question, thanks = otlp.children(root)
    assert {turn.name for turn in (greeting, question, thanks)} == {"turn"}
    assert greeting.attributes["trio_sts.kind"] == "greeting"
    assert question.attributes["trio_sts.first_audio_s"] >= 0
    assert [name for name, _ in question.events].count("barge-in") == 1
    assert not thanks.events

    asked, answered = otlp.children(question)
    assert {asked.name, answered.name} == {"chat gpt-realtime-2.1"}
    assert asked.kind == CLIENT
    assert asked.attributes["gen_ai.usage.input_tokens"] == 300
    assert asked.attributes["gen_ai.usage.cache_read.input_tokens"] == 80
    assert asked.attributes["gen_ai.response.finish_reasons"] == ["completed"]
    assert answered.attributes["gen_ai.response.finish_reasons"] == ["turn_detected"]
    assert answered.attributes["gen_ai.response.time_to_first_chunk"] >= 0

    (tool,) = otlp.children(asked)
    assert (tool.name, tool.kind) == ("execute_tool order_status", INTERNAL)
    assert tool.attributes["gen_ai.operation.name"] == "execute_tool"
    assert tool.attributes["gen_ai.tool.name"] == "order_status"
    assert tool.attributes["trio_sts.tool.outcome"] == "ok"
    assert traceparents(orders) == {parent_of(tool)}
    assert traceparents(instructions) == {parent_of(root)}

    for span in otlp.spans:
        assert root.start_ns <= span.start_ns <= span.end_ns <= root.end_ns
    told = str([(span.attributes, span.events) for span in otlp.spans])
    for words in ("Where is order", "Goodbye", '"number"', "on its way", "Be kind"):
        assert words not in told


CONTENT = "OTEL_INSTRUMENTATION_GENAI_CAPTURE_MESSAGE_CONTENT"


async def test_words_are_told_if_that_is_wanted(tmp_path: Path) -> None:
    async with receiver() as otlp:
        await held(tmp_path, otlp, **otel(otlp, **{CONTENT: "true"}))
    (root,) = otlp.named("invoke_agent trio-sts")
    said = json.loads(root.attributes["gen_ai.input.messages"])
    assert said[0] == {
        "role": "user",
        "parts": [{"type": "text", "content": "Where is order 7?"}],
    }
    answers = json.loads(root.attributes["gen_ai.output.messages"])
    # As it was heard: the second one was cut.
    assert answers[-1]["parts"][0]["content"] == "Goodbye."
    assert all(each["role"] == "assistant" for each in answers)
    (tool,) = otlp.named("execute_tool order_status")
    assert json.loads(tool.attributes["gen_ai.tool.call.arguments"]) == {"number": 7}
    assert "Be kind" not in str(otlp.spans)


async def test_who_keeps_no_words_traces_none(tmp_path: Path) -> None:
    environ = {CONTENT: "true", "STS_RECORD_TEXT": "off"}
    async with receiver() as otlp:
        await held(tmp_path, otlp, **otel(otlp, **environ))
    told = str(otlp.spans)
    assert "Where is order" not in told
    assert '"number"' not in told


async def test_a_call_that_fails_says_why_and_an_open_tool_ends_with_it(
    tmp_path: Path,
) -> None:
    async with receiver() as otlp, scripted_model(refuse=[401]) as model:
        async with serving(model.base_url, **otel(otlp)) as service:
            async with calling(service.url) as core:
                await core.init("call-1")
                await core.wait_closed()
            root = await otlp.until("invoke_agent trio-sts")
    assert root.failed
    assert root.attributes["error.type"] == "no model"
    assert root.attributes["trio_sts.close_code"] == 1011
    assert [name for name, _ in root.events] == ["dial"]
    assert root.events[0][1]["result"] == "http_401"


async def test_a_receiver_that_hangs_holds_up_neither_call_nor_stop(
    tmp_path: Path,
) -> None:
    # An exporter tries for 10 s, and its thread is waited for 30 s as it comes.
    with trio.fail_after(8):
        async with receiver() as otlp, scripted_model() as model:
            otlp.hangs = True
            async with serving(model.base_url, **otel(otlp)) as service:
                async with calling(service.url) as core:
                    await core.init("call-1")
                    session = await model.next_session()
                    await session.expect("response.create")
                    async with session.response() as response:
                        await response.say(tone(200, rate_hz=24000), "Good morning.")
                    await core.wait_audio(200)
                    await core.hang_up()
                await otlp.asked.wait()
    assert otlp.spans == []
