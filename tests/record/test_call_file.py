"""When a call file's lines are given to the writer, and what is bounded."""

from pathlib import Path

import orjson
import trio
import trio.lowlevel
from attrs import define, field
from trio.testing import MockClock
from typing_extensions import override

from trio_sts.conversation.config import Rules
from trio_sts.conversation.inputs import Finish, Tick
from trio_sts.conversation.session import Conversation
from trio_sts.record.callfile import CallFile
from trio_sts.record.records import Records
from trio_sts.record.writer import RecordFile, Writer
from trio_sts.settings import Settings
from trio_sts.wire import avr

FOLDER = Path("/calls")
FRAME = avr.CallerAudio(bytes(320))


@define(eq=False)
class Kept(Writer):
    """Remembers what it is given, and when; it may have no room."""

    pieces: list[tuple[float, bytes]] = field(factory=list[tuple[float, bytes]])
    has_room: bool = True
    closed: int = 0
    removed: int = 0

    @override
    def write(self, file: RecordFile, piece: bytes, *, spare_bytes: int = 0) -> bool:
        if self.has_room:
            self.pieces.append((trio.current_time(), piece))
        return self.has_room

    @override
    def close(self, file: RecordFile) -> None:
        self.closed += 1

    @override
    def remove(self, file: RecordFile) -> None:
        self.removed += 1

    @property
    def lines(self) -> list[dict[str, object]]:
        whole = b"".join(piece for _, piece in self.pieces)
        return [orjson.loads(line) for line in whole.splitlines()]


def opened(writer: Kept, *, begun: bool = True) -> tuple[Records, CallFile]:
    settings = Settings(api_key="key", record_dir=FOLDER)
    records = Records(settings, writer)
    now = trio.current_time()
    file = records.call_file(Rules(), now, "", "fallback")
    assert file is not None
    file.core = Conversation(
        Rules(), now=now, fallback_uuid="fallback", detector=file.detector
    )
    if begun:
        file.begin(FOLDER, "call-1", "name")
    return records, file


def take(file: CallFile, input_: avr.CallerAudio | Tick | Finish = FRAME) -> None:
    now = trio.current_time()
    file.add(input_, now, file.core.take(input_, now))


async def test_a_call_that_goes_on_writes_its_lines_within_a_second(
    autojump_clock: MockClock,
) -> None:
    writer = Kept()
    _, file = opened(writer)
    for _ in range(100):
        take(file)
        await trio.sleep(0.02)
    told_at = [at for at, _ in writer.pieces]
    assert len(told_at) == 2
    assert told_at[0] < 0.9
    assert told_at[1] - told_at[0] < 0.9
    assert writer.lines[0]["format"] == 1


async def test_what_comes_alone_is_written_within_a_second_as_well(
    autojump_clock: MockClock,
) -> None:
    writer = Kept()
    records, file = opened(writer)
    async with trio.open_nursery() as nursery:
        nursery.start_soon(records.run)
        await trio.sleep(5)
        take(file)
        await trio.sleep(0.95)
        assert len(writer.lines) == 2
        await trio.sleep(600)
        file.note("dial", trio.current_time(), {"result": "connected"})
        await trio.sleep(0.95)
        assert writer.lines[-1]["note"] == "dial"
        nursery.cancel_scope.cancel()


async def test_what_came_before_the_call_began_is_in_its_file(
    autojump_clock: MockClock,
) -> None:
    writer = Kept()
    records, file = opened(writer, begun=False)
    async with trio.open_nursery() as nursery:
        nursery.start_soon(records.run)
        take(file)
        await trio.sleep(3)
        assert not writer.pieces
        file.begin(FOLDER, "call-1", "name")
        await trio.sleep(1)
        assert writer.lines[1]["in"] == [320]
        nursery.cancel_scope.cancel()


async def test_the_last_line_is_the_summary_and_nothing_follows(
    autojump_clock: MockClock,
) -> None:
    writer = Kept()
    _, file = opened(writer)
    await trio.lowlevel.checkpoint()
    take(file)
    take(file, Finish())
    file.close({"outcome": "caller hung up"}, trio.current_time())
    take(file)
    file.note("late", trio.current_time(), {})
    file.flush()
    assert writer.lines[-1] == {"end": {"outcome": "caller hung up"}, "at": 0.0}
    assert writer.closed == 1


async def test_a_writer_without_room_ends_the_file(autojump_clock: MockClock) -> None:
    writer = Kept(has_room=False)
    _, file = opened(writer)
    for _ in range(100):
        take(file)
        await trio.sleep(0.02)
    assert file.is_over
    writer.has_room = True
    file.close({}, trio.current_time())
    assert not writer.pieces


async def test_a_call_that_is_not_to_be_kept_leaves_nothing(
    autojump_clock: MockClock,
) -> None:
    for wait_s, removed in ((0.0, 0), (1.0, 1)):
        writer = Kept()
        _, file = opened(writer)
        take(file)
        await trio.sleep(wait_s)
        take(file)
        file.discard()
        take(file)
        file.close({}, trio.current_time())
        assert writer.removed == removed
        assert file.path is None


async def test_who_floods_without_a_call_is_kept_nothing_of(
    autojump_clock: MockClock,
) -> None:
    writer = Kept()
    _, file = opened(writer, begun=False)
    for _ in range(2_000):
        take(file)
        await trio.sleep(0.001)
    assert file.is_over


async def test_a_late_loop_is_noted(autojump_clock: MockClock) -> None:
    writer = Kept()
    records, file = opened(writer)
    take(file)
    await trio.sleep(0.1)
    records.look(due=0.0, now=trio.current_time())
    # Once a second: a late loop has no time to spare.
    records.look(due=0.0, now=trio.current_time() + 0.1)
    file.flush()
    notes = [line for line in writer.lines if "note" in line]
    assert notes == [{"note": "loop lag", "at": 0.1, "lag_s": 0.1}]
