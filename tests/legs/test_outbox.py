from collections.abc import Sequence

import pytest
import trio
from attrs import frozen
from hypothesis import given, settings
from hypothesis import strategies as st
from trio.testing import MockClock, wait_all_tasks_blocked

from trio_sts.legs.outbox import Outbox


@frozen
class Note:
    """A message: ``audio_ms`` of audio, or a control message when it is 0."""

    name: int
    audio_ms: float = 0


def make_outbox(max_audio_ms: int = 100, max_controls: int = 4) -> Outbox[Note]:
    return Outbox(
        lambda note: note.audio_ms,
        max_audio_ms=max_audio_ms,
        max_controls=max_controls,
    )


async def test_messages_leave_in_the_order_they_were_posted() -> None:
    outbox = make_outbox()
    outbox.post(Note(1), Note(2, 20))
    outbox.post(Note(3))
    assert [(await outbox.take()).name for _ in range(3)] == [1, 2, 3]
    assert outbox.waiting_ms == 0


async def test_a_parked_writer_is_woken_by_a_post() -> None:
    outbox = make_outbox()
    taken: list[Note] = []

    async def write() -> None:
        taken.append(await outbox.take())

    async with trio.open_nursery() as nursery:
        nursery.start_soon(write)
        await wait_all_tasks_blocked()
        outbox.post(Note(1))
    assert taken == [Note(1)]


async def test_it_is_idle_while_nothing_waits_and_nothing_is_written() -> None:
    outbox = make_outbox()
    idle = [outbox.idle]
    async with trio.open_nursery() as nursery:
        outbox.post(Note(1))
        idle.append(outbox.idle)
        await outbox.take()
        idle.append(outbox.idle)
        # The writer comes back for more: what it took is written.
        nursery.start_soon(outbox.take)
        await wait_all_tasks_blocked()
        idle.append(outbox.idle)
        nursery.cancel_scope.cancel()
    assert idle == [True, False, False, True]


async def test_the_oldest_audio_is_dropped_and_counted_and_no_control() -> None:
    outbox = make_outbox(max_audio_ms=40)
    outbox.post(Note(1), Note(2, 20), Note(3), Note(4, 20), Note(5, 20))
    assert [(await outbox.take()).name for _ in range(4)] == [1, 3, 4, 5]
    assert outbox.dropped_ms == 20


async def test_clearing_audio_keeps_the_control_messages_in_order() -> None:
    outbox = make_outbox()
    outbox.post(Note(1), Note(2, 20), Note(3), Note(4, 20))
    outbox.clear_audio()
    outbox.post(Note(5, 20))
    assert [(await outbox.take()).name for _ in range(3)] == [1, 3, 5]
    assert outbox.dropped_ms == 0


async def test_too_many_control_messages_end_the_leg_at_once(
    autojump_clock: MockClock,
) -> None:
    outbox = make_outbox(max_controls=2)
    async with trio.open_nursery() as nursery:
        nursery.start_soon(outbox.stuck, 5)
        await wait_all_tasks_blocked()
        outbox.post(Note(1), Note(2), Note(3))
    assert not outbox.closed
    assert not outbox.idle
    assert trio.current_time() == 0
    outbox.post(Note(4, 20))
    assert [(await outbox.take()).name for _ in range(2)] == [1, 2]
    assert outbox.waiting_ms == 0


async def test_a_taken_control_message_makes_room_for_another() -> None:
    outbox = make_outbox(max_controls=1)
    for name in range(3):
        outbox.post(Note(name))
        assert (await outbox.take()).name == name
    outbox.post(Note(3, 20))
    assert (await outbox.take()).name == 3


async def test_a_writer_is_stuck_after_a_whole_stall_on_one_message(
    autojump_clock: MockClock,
) -> None:
    outbox = make_outbox()

    async def write() -> None:
        await trio.sleep(12)  # idle: nothing to be late with
        outbox.post(Note(1), Note(2))
        await outbox.take()
        await trio.sleep(4)  # slow, and done in time
        await outbox.take()
        await trio.sleep_forever()

    async with trio.open_nursery() as nursery:
        nursery.start_soon(write)
        await outbox.stuck(5)
        nursery.cancel_scope.cancel(reason="seen")
    assert trio.current_time() == 12 + 4 + 5


async def test_a_writer_is_behind_after_a_whole_stall_without_a_pause(
    autojump_clock: MockClock,
) -> None:
    outbox = make_outbox()

    async def write() -> None:
        while True:
            await outbox.take()
            await trio.sleep(2)

    async def post() -> None:
        outbox.post(Note(1), Note(2))
        await trio.sleep(4.5)  # slow, and there was a pause
        outbox.post(Note(3))
        await trio.sleep(2.5)
        outbox.post(Note(4), Note(5), Note(6))

    async with trio.open_nursery() as nursery:
        nursery.start_soon(write)
        nursery.start_soon(post)
        await outbox.behind(5)
        nursery.cancel_scope.cancel(reason="seen")
    assert trio.current_time() == 4.5 + 2.5 + 5


async def test_drained_waits_for_the_last_message_to_be_written(
    autojump_clock: MockClock,
) -> None:
    outbox = make_outbox()

    async def write() -> None:
        while True:
            await outbox.take()
            await trio.sleep(1)

    async with trio.open_nursery() as nursery:
        nursery.start_soon(write)
        outbox.post(Note(1), Note(2, 20))
        await outbox.drained()
        assert trio.current_time() == 2
        await outbox.drained()  # nothing since: at once
        nursery.cancel_scope.cancel(reason="drained")
    assert trio.current_time() == 2


async def test_closing_wakes_the_writer_and_everyone_who_waits() -> None:
    outbox = make_outbox()
    outbox.post(Note(1))
    await outbox.take()

    async def write() -> None:
        with pytest.raises(trio.ClosedResourceError):
            await outbox.take()

    with trio.fail_after(1):
        async with trio.open_nursery() as nursery:
            nursery.start_soon(outbox.drained)
            nursery.start_soon(outbox.stuck, 1e6)
            await wait_all_tasks_blocked()
            nursery.start_soon(write)
            await wait_all_tasks_blocked()
            outbox.close()
        outbox.post(Note(2))
        with pytest.raises(trio.ClosedResourceError):
            await outbox.take()


async def test_taking_is_a_cancellation_point_even_when_a_message_waits() -> None:
    outbox = make_outbox()
    outbox.post(Note(1))
    with trio.CancelScope() as scope:
        scope.cancel()
        await outbox.take()
    assert scope.cancelled_caught
    assert await outbox.take() == Note(1)


@given(
    st.lists(st.one_of(st.none(), st.floats(0.1, 250), st.just("clear"))),
    st.integers(20, 200),
)
@settings(deadline=None)
def test_audio_stays_within_its_bound_whatever_is_posted(
    script: Sequence[float | str | None], max_audio_ms: int
) -> None:
    trio.run(_post_all, script, max_audio_ms)


async def _post_all(script: Sequence[float | str | None], max_audio_ms: int) -> None:
    outbox = make_outbox(max_audio_ms, max_controls=1000)
    kept: list[Note] = []
    for name, step in enumerate(script):
        if isinstance(step, str):
            outbox.clear_audio()
            kept = [note for note in kept if not note.audio_ms]
            continue
        note = Note(name, step or 0)
        outbox.post(note)
        kept.append(note)
        assert outbox.waiting_ms <= max_audio_ms
    left = await take_all(outbox)
    assert [note for note in left if not note.audio_ms] == [
        note for note in kept if not note.audio_ms
    ]
    # Of the audio it is the newest, in order, and as much as fits.
    offered = [note for note in kept if note.audio_ms]
    audio = [note for note in left if note.audio_ms]
    assert audio == offered[len(offered) - len(audio) :]
    if len(audio) < len(offered):
        next_older = offered[-len(audio) - 1].audio_ms
        assert next_older + sum(note.audio_ms for note in audio) > max_audio_ms - 1e-6


async def take_all(outbox: Outbox[Note]) -> list[Note]:
    end = Note(-1)
    outbox.post(end)
    taken: list[Note] = []
    while (note := await outbox.take()) is not end:
        taken.append(note)
    return taken
