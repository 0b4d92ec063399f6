"""The model's side fails in its known ways, and the caller hears of it or nothing."""

import json
from functools import partial
from pathlib import Path
from typing import Any

import pytest
import trio

from tests.peers.core import calling
from tests.peers.model import scripted_model
from trio_sts.embedded import Endpoint, Faults, serve_model

from .service import serving
from .test_call import tone


async def test_an_answer_that_a_rate_limit_held_up_comes_after_the_retry() -> None:
    async with trio.open_nursery() as nursery:
        serve = partial(serve_model, faults=Faults.parse("rate_limit:1@1"))
        model: Endpoint = await nursery.start(serve)
        async with serving(model.url) as service, calling(service.url) as core:
            await core.init()
            await core.wait_audio(500, within_s=15)
            assert not core.of("error")
        nursery.cancel_scope.cancel(reason="the test is over")


@pytest.mark.parametrize(
    ("fault", "words"),
    [("insufficient_quota", "quota"), ("reject_http=401", "key")],
)
async def test_what_only_an_operator_can_mend_ends_the_call_in_plain_words(
    fault: str, words: str
) -> None:
    async with trio.open_nursery() as nursery:
        serve = partial(serve_model, faults=Faults.parse(fault))
        model: Endpoint = await nursery.start(serve)
        async with serving(model.url) as service, calling(service.url) as core:
            await core.init()
            assert await core.wait_closed(10) == 1011
            (error,) = core.of("error")
            assert words in str(error.message["message"])
        nursery.cancel_scope.cancel(reason="the test is over")


async def test_a_model_that_stays_silent_is_nudged_once_and_given_up() -> None:
    async with trio.open_nursery() as nursery:
        serve = partial(serve_model, faults=Faults.parse("empty"))
        model: Endpoint = await nursery.start(serve)
        async with (
            serving(model.url, STS_DEAD_AIR_S="1") as service,
            calling(service.url) as core,
        ):
            await core.init()
            assert await core.wait_closed(10) == 1011
            (error,) = core.of("error")
            assert "stopped answering" in str(error.message["message"])
        nursery.cancel_scope.cancel(reason="the test is over")


def entries(folder: Path) -> list[dict[str, Any]]:
    (path,) = folder.iterdir()
    return [json.loads(line) for line in path.read_text("utf-8").splitlines()]


async def test_a_call_leaves_a_transcript_of_what_was_said_heard_and_done(
    tmp_path: Path,
) -> None:
    async with (
        scripted_model() as model,
        serving(model.base_url, STS_TRANSCRIPT_DIR=str(tmp_path)) as service,
        calling(f"{service.url}/?from=2000") as core,
    ):
        await core.init("call-8")
        session = await model.next_session()
        await session.expect("response.create")
        async with session.response() as response:
            await response.say(tone(300, rate_hz=24000), "Good morning.")
            call_id = await response.call("no_such_tool", '{"a": 1}')
        await core.wait_for("transcript")
        await session.expect("conversation.item.create")
        await session.speech(transcript="Hello.")
        await core.wait_for(lambda m: m.message.get("text") == "Hello.")
        # Nothing waits for the end of the call: a crash would lose none of it.
        kinds = [entry["kind"] for entry in entries(tmp_path)]
        assert {"begun", "utterance", "tool_call", "tool_output"} <= set(kinds)
        await core.press("12#")
        await session.expect("conversation.item.create")
        await core.hang_up()
        with trio.fail_after(2):
            await session.closed.wait()
    told = entries(tmp_path)
    said = {
        e["role"]: e for e in told if e["kind"] == "utterance" and "*" not in e["text"]
    }
    assert said["agent"]["text"] == "Good morning."
    assert said["agent"]["heard_ms"] == 300
    assert said["user"]["text"] == "Hello."
    (call,) = [entry for entry in told if entry["kind"] == "tool_call"]
    assert (call["call_id"], call["name"]) == (call_id, "no_such_tool")
    assert call["arguments"] == '{"a": 1}'
    assert told[0]["call_id"] == "call-8"
    assert told[-1]["kind"] == "ended"
    assert told[-1]["outcome"] == "caller hung up"
    assert "**" in [entry.get("text") for entry in told]
    assert '"12"' not in json.dumps(told)
