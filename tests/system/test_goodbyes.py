"""Hangups and transfers: heard to their end, waited for, and told as what they were."""

from pathlib import Path

import pytest
import trio
from trio.testing import MockClock

from tests.peers.core import silence
from tests.peers.voice import voice
from trio_sts.phone.ami import NEVER, AmiAnswer, AmiRequest
from trio_sts.phone.report import Outcome

from .desk import Desk, answer, at_desk, loud, next_ask, open_line, summary, takes
from .test_faults import entries

TRANSFER = '{"transfer_extension": "600"}'
BOOKING = """
import trio
from trio_sts.tools import tool

@tool
async def book() -> str:
    "Books a table."
    await trio.sleep(6)
    return "booked"

@tool(ends_call=True)
async def close_the_line() -> str:
    "Ends the call."
    return "closed"

@tool
async def zurueck() -> str:
    "Ends the call, too."
    return "beendet"
"""


async def says_goodbye(
    desk: Desk, name: str = "avr_hangup", arguments: str = "{}", ms: int = 1000
) -> None:
    async with desk.session.response() as response:
        await response.say(loud(ms), "Goodbye.")
        await response.call(name, arguments)


async def asked_of_ami(desk: Desk) -> AmiRequest:
    """The first request, as soon as it has come."""
    for _ in range(1000):
        # It waits for nobody, and tells nobody.
        if desk.ami.requests:
            break
        await trio.sleep(0.01)
    return desk.ami.requests[0]


def heard_at(desk: Desk) -> float:
    """When the last of the agent's audio was heard, at the earliest."""
    first = desk.core.of("audio")[0].at_s
    return first + desk.core.audio_ms / 1000


async def test_a_goodbye_of_eighteen_seconds_is_heard_to_its_end(
    swift_clock: MockClock,
) -> None:
    async with at_desk() as desk:
        await says_goodbye(desk, ms=18_000)
        await desk.session.expect("conversation.item.create", within_s=25)
        (request,) = desk.ami.requests
        assert 18_000 <= desk.core.audio_ms <= 18_020
        assert request.at_s >= heard_at(desk)


async def test_a_hangup_waits_for_the_booking_that_runs_beside_it(
    swift_clock: MockClock, tmp_path: Path
) -> None:
    (tmp_path / "desk.py").write_text(BOOKING)
    async with at_desk(TOOLS_DIR=str(tmp_path)) as desk:
        async with desk.session.response() as response:
            await response.say(loud(500), "I have booked it. Goodbye.")
            booked = await response.call("book")
            await response.call("avr_hangup")
        with takes(5.5, 6.5):
            output = await desk.session.expect("conversation.item.create", within_s=8)
        assert output["item"]["call_id"] == booked
        assert output["item"]["output"] == "booked"
        await trio.sleep(1.5)
        assert [request.path for request in desk.ami.requests] == ["/hangup"]
        assert not desk.logged("tool cancelled")


async def test_a_hangup_without_a_word_asks_for_a_farewell_first(
    swift_clock: MockClock,
) -> None:
    async with at_desk() as desk:
        await desk.greet()
        await desk.session.speech()
        async with desk.session.response() as response:
            await response.call("avr_hangup")
        asked = await next_ask(desk.session)
        assert asked["tool_choice"] == "none"
        assert "goodbye" in asked["instructions"]
        async with desk.session.response() as response:
            await response.say(loud(2000), "Goodbye.")
        await trio.sleep(2)
        assert not desk.ami.requests
        await trio.sleep(1.5)
        assert [request.path for request in desk.ami.requests] == ["/hangup"]


async def test_a_farewell_that_does_not_come_is_waited_for_five_seconds(
    swift_clock: MockClock,
) -> None:
    async with at_desk() as desk:
        await desk.session.speech()
        async with desk.session.response() as response:
            await response.call("avr_hangup")
        await next_ask(desk.session)
        with takes(4.5, 6.5):
            await desk.session.expect("conversation.item.create", within_s=8)
        assert len(desk.ami.requests) == 1


async def test_no_farewell_is_asked_for_where_the_operator_wants_none(
    swift_clock: MockClock,
) -> None:
    async with at_desk(STS_FAREWELL="off") as desk:
        await desk.session.speech()
        async with desk.session.response() as response:
            await response.call("avr_hangup")
        await desk.session.expect("conversation.item.create")
        assert len(desk.ami.requests) == 1


async def test_a_caller_who_goes_on_half_a_second_later_is_not_cut(
    swift_clock: MockClock,
) -> None:
    async with at_desk() as desk:
        await says_goodbye(desk)
        await desk.core.wait_audio(1000)
        await trio.sleep(max(0, heard_at(desk) + 0.5 - trio.current_time()))
        await desk.session.speech()
        output = await desk.session.expect("conversation.item.create")
        assert "still talking" in output["item"]["output"]
        await trio.sleep(3)
        assert not desk.ami.requests
        assert desk.core.close_code is None


async def test_a_caller_who_always_goes_on_is_hung_up_on_the_third_time(
    swift_clock: MockClock,
) -> None:
    async with at_desk() as desk:
        for times in (1, 2):
            await says_goodbye(desk)
            await desk.core.wait_audio(1000 * times)
            await desk.session.speech()
            output = await desk.session.expect("conversation.item.create")
            assert "still talking" in output["item"]["output"]
            await next_ask(desk.session, within_s=2)
        await says_goodbye(desk)
        await desk.core.wait_audio(3000)
        await desk.session.speech()
        # It waits for a word after that, and not for the caller any more.
        assert (await next_ask(desk.session, within_s=2))["tool_choice"] == "none"
        assert not desk.ami.requests
        await answer(desk.core, desk.session, 500)
        output = await desk.session.expect("conversation.item.create")
        assert "still talking" not in output["item"]["output"]
        assert [request.path for request in desk.ami.requests] == ["/hangup"]


async def test_a_tool_about_which_nothing_is_to_be_said_is_not_talked_about(
    swift_clock: MockClock, tmp_path: Path
) -> None:
    (tmp_path / "note.py").write_text(
        "from trio_sts.tools import Silent, tool\n\n"
        "@tool\nasync def note() -> Silent:\n"
        '    "Notes what was said."\n'
        '    return Silent("noted")\n'
    )
    async with at_desk(TOOLS_DIR=str(tmp_path)) as desk:
        async with desk.session.response() as response:
            await response.say(loud(300), "I see.")
            await response.call("note")
        output = await desk.session.expect("conversation.item.create")
        assert output["item"]["output"] == "noted"
        await trio.sleep(20)
        assert desk.session.types.count("response.create") == 1


@pytest.mark.parametrize("name", ["close_the_line", "zurueck"])
async def test_an_operator_s_own_hangup_waits_too(
    swift_clock: MockClock, tmp_path: Path, name: str
) -> None:
    (tmp_path / "desk.py").write_text(BOOKING)
    own = {"TOOLS_DIR": str(tmp_path), "STS_CALL_CONTROL_TOOLS": "zurueck"}
    # What nobody says of a tool's kind: it may have transferred the caller.
    closes_after_s = 3 if name == "close_the_line" else 10
    async with at_desk(**own) as desk:
        held = desk
        await says_goodbye(desk, name, ms=3000)
        output = await desk.session.expect("conversation.item.create")
        assert output["item"]["output"] in {"closed", "beendet"}
        assert trio.current_time() >= heard_at(desk) + 0.3
        with takes(closes_after_s - 0.5, closes_after_s + 0.5):
            assert await desk.core.wait_closed(12) == 1000
    assert summary(held)["outcome"] == "hung up by the agent"
    assert held.session.types.count("response.create") == 1


@pytest.mark.parametrize(
    ("name", "told"),
    [("forward", "neither ended nor been"), ("queue_transfer", "has not happened")],
)
async def test_a_transfer_by_another_name_may_not_have_happened(
    swift_clock: MockClock, tmp_path: Path, name: str, told: str
) -> None:
    (tmp_path / "queue.js").write_text(
        f"module.exports = {{ name: '{name}', handler: async () => 'inoltrato' }};"
    )
    own = {"TOOLS_DIR": str(tmp_path), "STS_CALL_CONTROL_TOOLS": name}
    async with at_desk(**own) as desk, open_line(desk.core) as line:
        await says_goodbye(desk, name, ms=500)
        output = await desk.session.expect("conversation.item.create")
        assert output["item"]["output"] == "inoltrato"
        await trio.sleep(5.5)
        async with trio.open_nursery() as nursery:
            nursery.start_soon(line.say, voice(2000))
            message = await desk.session.expect("conversation.item.create")
            assert told in message["item"]["content"][0]["text"]
            await next_ask(desk.session)
        await answer(desk.core, desk.session)
        assert desk.core.close_code is None


async def test_a_transfer_by_another_name_ends_with_the_leg(
    swift_clock: MockClock, tmp_path: Path
) -> None:
    (tmp_path / "queue.py").write_text(
        'name = "queue_transfer"\ndescription = "Passes on."\ninput_schema = {}\n'
        "def handler(uuid, args):\n    return 'inoltrato'\n"
    )
    own = {"TOOLS_DIR": str(tmp_path), "STS_CALL_CONTROL_TOOLS": "queue_transfer"}
    async with at_desk(**own) as desk:
        held = desk
        await says_goodbye(desk, "queue_transfer", ms=500)
        await desk.session.expect("conversation.item.create")
        await trio.sleep(4)
        assert desk.core.close_code is None
        await desk.core.hang_up()
    assert summary(held)["outcome"] == "transferred"


async def test_a_transfer_whose_caller_speaks_on_has_not_happened(
    swift_clock: MockClock, tmp_path: Path
) -> None:
    (tmp_path / "desk.py").write_text(
        "from trio_sts.tools import tool\n\n"
        "@tool\nasync def avr_transfer() -> str:\n"
        '    "Verbindet weiter."\n'
        '    return "Weiterleitung fehlgeschlagen."\n'
    )
    async with (
        at_desk(TOOLS_DIR=str(tmp_path)) as desk,
        open_line(desk.core) as line,
    ):
        await says_goodbye(desk, "avr_transfer", ms=500)
        output = await desk.session.expect("conversation.item.create")
        assert output["item"]["output"] == "Weiterleitung fehlgeschlagen."
        await trio.sleep(4)
        assert "response.create" not in desk.session.types[3:]
        async with trio.open_nursery() as nursery:
            nursery.start_soon(line.say, voice(3000))
            with takes(0.9, 2):
                told = await desk.session.expect("conversation.item.create")
            assert told["item"]["role"] == "system"
            assert "has not happened" in told["item"]["content"][0]["text"]
            await next_ask(desk.session)
        await answer(desk.core, desk.session)
        await line.say(silence(12_000))
        assert desk.core.close_code is None
        assert len(desk.logged("transfer has not happened")) == 1


async def test_a_transfer_whose_caller_is_gone_closes_the_line(
    swift_clock: MockClock,
) -> None:
    async with at_desk() as desk:
        held = desk
        async with open_line(desk.core):
            await says_goodbye(desk, "avr_transfer", TRANSFER, ms=500)
            await desk.session.expect("conversation.item.create")
            with takes(9.5, 10.5):
                assert await desk.core.wait_closed(12) == 1000
    assert summary(held)["outcome"] == "transferred"


@pytest.mark.parametrize(
    ("name", "outcome"),
    [("transfer", "transferred"), ("hangup", "hung up by the agent")],
)
async def test_asterisk_may_be_faster_than_the_answer_of_avr_ami(
    swift_clock: MockClock, name: str, outcome: str, tmp_path: Path
) -> None:
    async with at_desk(STS_TRANSCRIPT_DIR=str(tmp_path)) as desk:
        held = desk
        desk.ami.answers["/transfer"] = AmiAnswer(delay_s=0.03)
        desk.ami.answers["/hangup"] = NEVER
        await says_goodbye(desk, f"avr_{name}", TRANSFER)
        request = await asked_of_ami(desk)
        assert request.path == f"/{name}"
        # The channel is gone, and with it AVR Core's leg.
        await desk.core.hang_up()
    assert summary(held)["outcome"] == outcome
    (call,) = (each for each in entries(tmp_path) if each["kind"] == "tool_call")
    assert call["name"] == f"avr_{name}"


async def test_a_spoken_over_transfer_clears_the_line_and_proceeds(
    swift_clock: MockClock,
) -> None:
    async with at_desk() as desk:
        await says_goodbye(desk, "avr_transfer", TRANSFER, ms=5000)
        await desk.core.wait_audio(1000)
        item = await desk.session.speech_started()
        await desk.core.wait_for("interruption")
        await trio.sleep(1)
        assert not desk.ami.requests
        await desk.session.speech_stopped(item)
        await trio.sleep(0.6)
        assert [request.path for request in desk.ami.requests] == ["/transfer"]
        assert desk.dropped == [Outcome.TRANSFERRED]


async def test_a_transfer_whose_caller_does_not_stop_is_cancelled_after_two_seconds(
    swift_clock: MockClock,
) -> None:
    async with at_desk() as desk:
        await says_goodbye(desk, "avr_transfer", TRANSFER, ms=5000)
        await desk.core.wait_audio(1000)
        await desk.session.speech_started()
        with takes(1.9, 2.3):
            output = await desk.session.expect("conversation.item.create")
        assert "still talking" in output["item"]["output"]
        await trio.sleep(3)
        assert not desk.ami.requests


async def test_a_fatal_error_after_the_hangup_is_no_failure_of_the_call(
    swift_clock: MockClock,
) -> None:
    async with at_desk() as desk:
        held = desk
        await says_goodbye(desk)
        await desk.session.expect("conversation.item.create")
        error = {"type": "insufficient_quota", "code": "insufficient_quota"}
        response = await desk.session.begin()
        await response.done("failed", error=error)
        assert await desk.core.wait_closed() == 1000
        assert not desk.core.of("error")
    assert summary(held)["outcome"] == "hung up by the agent"
