"""The stand-in's queue does what the driver's source says."""

from tests.peers.asterisk import CHANNEL_ID, MediaQueue
from trio_sts.wire.asterisk import (
    CommandError,
    ContinueMedia,
    FlushMedia,
    GetStatus,
    MarkMedia,
    MediaBufferingCompleted,
    MediaMarkProcessed,
    MediaXoff,
    MediaXon,
    PauseMedia,
    QueueDrained,
    ReportQueueDrained,
    SetMediaDirection,
    StartMediaBuffering,
    Status,
    StopMediaBuffering,
)

FRAME = b"\1" * 160


def a_queue() -> MediaQueue:
    return MediaQueue(160)


def test_a_mark_is_reported_at_the_tick_that_takes_the_frame_behind_it() -> None:
    queue = a_queue()
    queue.push(FRAME * 2)
    queue.obey(MarkMedia("1"))
    queue.obey(MarkMedia("2"))
    queue.push(FRAME)
    assert [queue.tick()[1] for _ in range(2)] == [[], []]
    assert queue.tick() == (
        FRAME,
        [MediaMarkProcessed("1", CHANNEL_ID), MediaMarkProcessed("2", CHANNEL_ID)],
    )
    assert queue.tick() == (b"", [])


def test_a_flush_takes_frames_and_marks_and_ends_buffering_and_a_pause() -> None:
    queue = a_queue()
    queue.obey(StartMediaBuffering())
    queue.push(FRAME * 2 + b"\1")
    queue.obey(MarkMedia("1"))
    queue.obey(PauseMedia())
    queue.obey(FlushMedia())
    assert queue.flushed_bytes == 321
    assert queue.obey(GetStatus()) == [Status(0, channel_id=CHANNEL_ID)]
    assert queue.tick() == (b"", [])


def test_a_rest_is_dropped_outside_buffering_and_filled_up_inside() -> None:
    queue = a_queue()
    queue.push(FRAME + b"\1")
    assert (queue.length, queue.dropped_bytes) == (1, 1)
    queue.obey(StartMediaBuffering())
    queue.push(FRAME[:100])
    queue.push(FRAME[:100])
    assert queue.length == 2
    queue.obey(StopMediaBuffering("f"))
    ticks = [queue.tick() for _ in range(4)]
    assert [len(frame) for frame, _ in ticks] == [160, 160, 40, 0]
    assert ticks[3][1] == [MediaBufferingCompleted("f", CHANNEL_ID)]


def test_it_says_when_it_is_full_and_when_it_has_room_and_drops_whole_messages() -> (
    None
):
    queue = a_queue()
    assert queue.push(FRAME * 899) == []
    assert queue.push(FRAME * 200) == [MediaXoff(CHANNEL_ID)]
    assert queue.push(FRAME) == []
    assert (queue.length, queue.dropped_bytes) == (1099, 160)
    ticks = [queue.tick() for _ in range(301)]
    assert [told for _, told in ticks[:300]] == [[]] * 300
    assert ticks[300][1] == [MediaXon(CHANNEL_ID)]


def test_it_pauses_and_tells_when_it_is_drained_once() -> None:
    queue = a_queue()
    queue.push(FRAME)
    queue.obey(ReportQueueDrained())
    queue.obey(PauseMedia())
    assert queue.tick() == (b"", [])
    queue.obey(ContinueMedia())
    assert queue.tick() == (FRAME, [])
    assert queue.tick() == (b"", [QueueDrained(CHANNEL_ID)])
    assert queue.tick() == (b"", [])


def test_inwards_it_takes_no_media_and_no_commands_about_them() -> None:
    queue = a_queue()
    queue.obey(SetMediaDirection("in"))
    queue.push(FRAME)
    assert (queue.length, queue.dropped_bytes) == (0, 160)
    assert isinstance(queue.obey(MarkMedia("1"))[0], CommandError)
