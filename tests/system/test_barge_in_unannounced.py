"""Some endpoints never tell that speech has started; a turn of the caller's is enough."""

import pybase64
import pytest
import trio
from trio.testing import MockClock

from .desk import Desk, at_desk, loud, summary, takes


async def talked_over(desk: Desk, sign: str) -> str:
    """Let the caller cut a long answer after a second; its item."""
    session = desk.session
    long = await session.begin()
    item = await long.say(loud(10_000), "A long story", finish=False)
    await desk.core.wait_audio(1000)
    if sign == "committed turn":
        turn = session.new_id("item")
        await session.send("input_audio_buffer.committed", item_id=turn)
        await desk.core.wait_for("interruption", within_s=0.2)
        await long.done("cancelled", reason="turn_detected")
    else:
        long.is_done = True
        await session.begin()
        await desk.core.wait_for("interruption", within_s=0.2)
    return item


@pytest.mark.parametrize("sign", ["committed turn", "new response"])
async def test_a_turn_that_nobody_announced_is_a_barge_in(
    swift_clock: MockClock, sign: str
) -> None:
    async with at_desk() as desk:
        held = desk
        item = await talked_over(desk, sign)
        cut = await desk.session.expect("conversation.item.truncate")
        assert cut["item_id"] == item
        heard_ms = cut["audio_end_ms"]
        # Not what was sent (up to 400 ms ahead), and not what was received.
        assert 500 <= heard_ms <= 1000
        before = desk.core.audio_ms
        await trio.sleep(3)
        assert desk.core.audio_ms == before
        assert len(desk.core.of("interruption")) == 1
    assert summary(held)["barge_ins"] == 1


async def test_the_next_answer_is_heard_although_the_cut_one_never_ends(
    swift_clock: MockClock,
) -> None:
    async with at_desk() as desk:
        await talked_over(desk, "new response")
        before = desk.core.audio_ms
        active = desk.session.active
        assert active is not None
        await active.say(loud(500), "Yes?")
        await active.done()
        await desk.core.wait_audio(before + 500)


async def test_what_still_comes_of_an_interrupted_answer_is_not_heard(
    swift_clock: MockClock,
) -> None:
    async with at_desk() as desk:
        session = desk.session
        long = await session.begin()
        item = await long.say(loud(3000), "A long story", finish=False)
        await desk.core.wait_audio(1000)
        await session.speech_started()
        await desk.core.wait_for("interruption")
        before = desk.core.audio_ms
        # These were on their way.
        await long.play(item, loud(1000))
        await long.say(loud(1000), "And more of it.")
        await long.done("cancelled", reason="turn_detected")
        await trio.sleep(3)
        assert desk.core.audio_ms == before


async def test_a_quarantine_ends_although_response_done_never_comes(
    swift_clock: MockClock,
) -> None:
    async with at_desk() as desk:
        session = desk.session
        session.polite = False
        long = await session.begin()
        await long.say(loud(5000), "A long story", finish=False)
        await desk.core.wait_audio(500)
        await desk.core.press("1#")
        await session.expect("response.cancel")
        with takes(1.9, 2.6):
            await session.expect("response.create", within_s=3)
        before = desk.core.audio_ms
        async with session.response() as response:
            await response.say(loud(500), "One.")
        await desk.core.wait_audio(before + 500)


async def test_an_item_of_two_parts_is_cut_part_by_part(swift_clock: MockClock) -> None:
    async with at_desk() as desk:
        session = desk.session
        response = await session.begin()
        item = await response.say(loud(800), "First.", finish=False)
        at = {"response_id": response.id, "item_id": item, "output_index": 0}
        audio = loud(3000)
        for start in range(0, len(audio), 12_000):
            await session.send(
                "response.output_audio.delta",
                **at,
                content_index=1,
                delta=pybase64.b64encode_as_string(audio[start : start + 12_000]),
            )
        await desk.core.wait_audio(2000)
        await session.speech_started()
        cuts = [await session.expect("conversation.item.truncate")]
        assert [(cut["item_id"], cut["content_index"]) for cut in cuts] == [(item, 1)]
        # Its own milliseconds, from its own first sample on.
        assert 600 <= cuts[0]["audio_end_ms"] <= 1200
        await trio.sleep(1)
        assert session.types.count("conversation.item.truncate") == 1


async def test_an_overflow_is_cut_at_what_was_heard(swift_clock: MockClock) -> None:
    async with at_desk(STS_PLAYOUT_MAX_S="3") as desk:
        session = desk.session
        response = await session.begin()
        item = await response.say(loud(10_000), "A long story", finish=False)
        await response.done()
        await desk.core.wait_audio(500)
        await trio.sleep(15)
        # What waits never exceeds the bound by more than one arrival and the lead.
        assert desk.core.audio_ms <= 3000 + 250 + 400
        cut = await session.expect("conversation.item.truncate")
        assert cut["item_id"] == item
        # All that was kept was heard, long after the overflow.
        assert desk.core.audio_ms - 20 <= cut["audio_end_ms"] <= desk.core.audio_ms
        assert len(desk.logged("answer cut")) == 1


@pytest.mark.parametrize("first_ms", [0, 2900])
async def test_the_bound_of_what_waits_holds_for_one_arrival_of_any_length(
    swift_clock: MockClock, first_ms: int
) -> None:
    async with at_desk(STS_PLAYOUT_MAX_S="3") as desk:
        session = desk.session
        if first_ms:
            async with session.response() as response:
                await response.say(loud(first_ms), "A story")
        audio = loud(20_000)
        async with session.response() as response:
            await response.say(audio, "A long story", delta_bytes=len(audio))
        sent_at = trio.current_time()
        await trio.sleep(25)
        last = desk.core.of("audio")[-1]
        assert last.at_s - sent_at <= 3 + 0.5


async def test_the_bound_of_what_waits_holds_for_many_answers(
    swift_clock: MockClock,
) -> None:
    async with at_desk(STS_PLAYOUT_MAX_S="3") as desk:
        session = desk.session
        for _ in range(30):
            async with session.response() as response:
                await response.say(loud(2900), "A long story")
        sent_at = trio.current_time()
        await trio.sleep(20)
        last = desk.core.of("audio")[-1]
        assert last.at_s - sent_at <= 3 + 2.9 + 0.5
