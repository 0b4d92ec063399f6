"""The way from AVR Core to the ear takes time: the last word is heard all the same."""

from pathlib import Path

import pytest
import trio
from attrs import define, field
from trio.testing import MockClock

from tests.peers.core import FRAME_BYTES, FRAME_MS
from trio_sts.phone.report import Outcome

from .desk import Desk, answer, at_desk, loud, next_ask, open_line, summary

LATE_S = 0.3
TRANSFER = '{"transfer_extension": "600"}'


@define
class LateEar:
    """A caller behind an AVR Core that plays everything 300 ms late.

    When Asterisk drops the call, what was not played yet is lost, and AVR Core closes
    its leg.

    Attributes:
        heard_ms: How much of the agent the caller has heard.
    """

    desk: Desk
    heard_ms: float = 0
    over: trio.Event = field(factory=trio.Event)

    async def listen(self) -> None:
        """Play what comes, 20 ms by 20 ms, until the call is dropped."""
        received = self.desk.core.received
        played_at_s, index = 0.0, 0
        while not self.desk.dropped:
            if index == len(received):
                await trio.sleep(FRAME_MS / 1000)
                continue
            burst = received[index]
            index += 1
            for _ in range(0, len(burst.pcm), FRAME_BYTES):
                begins_at_s = max(played_at_s, burst.at_s + LATE_S)
                played_at_s = begins_at_s + FRAME_MS / 1000
                await trio.sleep_until(played_at_s)
                self.heard_ms += 0 if self.desk.dropped else FRAME_MS
        await self.desk.core.hang_up()
        self.over.set()


async def heard_out(desk: Desk) -> float:
    """How much the caller of this call has heard when it is over."""
    ear = LateEar(desk)
    async with trio.open_nursery() as nursery:
        nursery.start_soon(ear.listen)
        with trio.fail_after(30):
            await ear.over.wait()
    return ear.heard_ms


@pytest.mark.parametrize("ms", [300, 18_000])
async def test_a_goodbye_is_heard_to_its_last_sample(
    swift_clock: MockClock, ms: int
) -> None:
    async with at_desk() as desk:
        held = desk
        async with desk.session.response() as response:
            await response.say(loud(ms), "Goodbye.")
            await response.call("avr_hangup")
        assert await heard_out(desk) >= ms
        assert desk.dropped == [Outcome.AMI_HUNG_UP]
    assert summary(held)["outcome"] == "hung up by the agent"


async def test_a_farewell_that_was_asked_for_is_heard_to_its_last_sample(
    swift_clock: MockClock,
) -> None:
    async with at_desk() as desk:
        await desk.session.speech()
        async with desk.session.response() as response:
            await response.call("avr_hangup")
        await next_ask(desk.session)
        async with desk.session.response() as response:
            await response.say(loud(2000), "Goodbye.")
        assert await heard_out(desk) >= 2000


async def test_what_is_said_before_a_transfer_is_heard_to_its_last_sample(
    swift_clock: MockClock,
) -> None:
    async with at_desk() as desk:
        async with desk.session.response() as response:
            await response.say(loud(2000), "I put you through.")
            await response.call("avr_transfer", TRANSFER)
        assert await heard_out(desk) >= 2000
        assert desk.dropped == [Outcome.TRANSFERRED]


async def test_the_goodbye_to_a_silent_caller_is_heard_to_its_last_sample(
    swift_clock: MockClock,
) -> None:
    async with at_desk(STS_SILENCE_PROMPT_S="2") as desk, open_line(desk.core):
        await answer(desk.core, desk.session)
        for _ in range(2):
            await next_ask(desk.session, within_s=4)
            await answer(desk.core, desk.session)
        await next_ask(desk.session, within_s=4)
        async with desk.session.response() as response:
            await response.say(loud(2000), "Goodbye.")
        assert await heard_out(desk) >= 600 + 2000


async def test_the_line_s_own_tool_waits_for_the_ear_as_well(
    swift_clock: MockClock, tmp_path: Path
) -> None:
    (tmp_path / "close.py").write_text(
        "from trio_sts.tools import tool\n\n"
        "@tool(ends_call=True)\nasync def close_the_line() -> str:\n"
        '    "Ends the call."\n'
        '    return "closed"\n'
    )
    async with at_desk(TOOLS_DIR=str(tmp_path)) as desk:
        async with desk.session.response() as response:
            await response.say(loud(2000), "Goodbye.")
            await response.call("close_the_line")
        async with trio.open_nursery() as nursery:
            ear = LateEar(desk)
            nursery.start_soon(ear.listen)
            await desk.session.expect("conversation.item.create")
            # The tool itself drops the line.
            desk.dropped.append(Outcome.AMI_HUNG_UP)
            await ear.over.wait()
        assert ear.heard_ms >= 2000
