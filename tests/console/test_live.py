"""What *Now* shows of a call, and that it is bounded."""

import json
from contextlib import ExitStack
from itertools import count
from typing import Any

import pytest
import trio

from tests.conversation.stage import Stage
from trio_sts.console.board import Board
from trio_sts.console.live import MOST_ROWS, MOST_WARNINGS
from trio_sts.console.snapshots import (
    MOST_ROWS_OF_ALL,
    MOST_WATCHERS,
    SHOWN_AFTER_S,
    Watcher,
)
from trio_sts.conversation.commands import EndCall, Note, Record, RunTool
from trio_sts.observing.observer import Observed

from .kit import settings_of
from .live_kit import Call, held

ENDING = EndCall(1000, "caller hung up")
HOSTILE = (
    "<img src=x onerror=alert(1)>",
    "\u2028\u2029\r\n\ndata: {}\n\n",
    '"},"calls":[',
    "\ud800 half a character",
    "\x00\x1b[31m",
)


def board(**environ: str) -> Board:
    return Board(settings_of(**environ))


def seen(call: Call) -> dict[str, Any]:
    _, whole = call.live.shown(call.stage.now)
    told: dict[str, Any] = json.loads(whole)
    return told


def answer(stage: Stage) -> None:
    stage.speech_started()
    stage.talk(0.5)
    stage.speech_stopped()
    stage.committed("u1")
    stage.created("r1")
    stage.caller_said("u1", "What is the weather?")
    stage.announce("i1", "r1")
    stage.words("It is sunny in Paris today, and warm.", "i1", "r1")
    stage.delta(4000, "i1", "r1")


def test_a_call_is_shown_as_it_goes() -> None:
    call = held(board(), "call-1", **{"from": "4711", "to": "100"})
    told = seen(call)
    assert (told["uuid"], told["caller"], told["called"]) == ("call-1", "4711", "100")
    assert (told["state"], told["speaking"]) == ("ready", "nobody")
    call.stage.speech_started()
    assert seen(call)["speaking"] == "caller"
    call.stage.speech_stopped()
    call.stage.committed("u1")
    assert seen(call)["thinking"] is True
    assert seen(call)["turns"] == 1


def test_the_agents_words_are_shown_as_far_as_they_are_heard() -> None:
    call = held(board())
    answer(call.stage)
    call.stage.advance(0.1)
    call.tell()
    shown: list[str] = []
    for _ in range(8):
        call.stage.advance(0.5)
        call.tell()
        told = seen(call)
        shown += [row["text"] for row in told["transcript"] if row["role"] == "agent"]
    whole = "It is sunny in Paris today, and warm."
    assert all(whole.startswith(text) for text in shown)
    assert [len(text) for text in shown] == sorted(len(text) for text in shown)
    assert 0 < len(shown[0]) < len(whole) / 2
    call.stage.done("r1")
    call.stage.advance(2)
    call.tell()
    rows = seen(call)["transcript"]
    assert [(row["role"], row["text"], row["final"]) for row in rows] == [
        ("caller", "What is the weather?", True),
        ("agent", whole, True),
    ]
    assert [row["n"] for row in rows] == [1, 2]


def test_looking_changes_nothing_of_the_call() -> None:
    logs: list[list[Any]] = []
    for looks in (False, True):
        call = held(board())
        answer(call.stage)
        for _ in range(30):
            call.stage.advance(0.25)
            if looks:
                seen(call)
        call.stage.done("r1")
        call.stage.advance(2)
        logs.append(call.stage.log)
    assert logs[0] == logs[1]


def test_latency_tools_and_warnings_are_told() -> None:
    call = held(board())
    now = call.stage.now
    note = Note("debug", "agent begins", {"kind": "turn", "after_s": 0.42})
    call.live.asked(note, now + 1)
    call.live.asked(RunTool("k1", "look_up", "{}"), now + 2)
    call.live.asked(Note("warning", "model error", {"code": "x"}), now + 3)
    told = seen(call)
    assert told["latencies"] == [{"kind": "turn", "ms": 420, "at_s": 1.0}]
    assert (told["last_latency_ms"], told["worst_latency_ms"]) == (420, 420)
    assert told["tools_running"] == [{"name": "look_up", "since_s": 2.0}]
    assert told["warnings"] == [{"at_s": 3.0, "text": "model error: code x"}]
    over = {"name": "look_up", "key": "k1", "took_s": 1.5, "outcome": "ok"}
    call.live.noted("tool", over, now + 4)
    told = seen(call)
    assert told["tools_running"] == []
    assert told["tools"] == [
        {"name": "look_up", "ms": 1500, "outcome": "ok", "at_s": 4.0}
    ]


def test_everything_of_a_call_is_bounded() -> None:
    call = held(board())
    now = call.stage.now
    for each in range(1000):
        fields = {"role": "user", "text": "x" * 5000}
        call.live.asked(Record("utterance", fields), now)
        call.live.asked(Note("warning", "w" * 5000), now)
        call.live.asked(RunTool(f"key {each}", "n" * 5000, "{}"), now)
        note = Note("debug", "agent begins", {"kind": "turn", "after_s": 0.1})
        call.live.asked(note, now)
    told = seen(call)
    assert len(told["transcript"]) == MOST_ROWS
    assert len(told["warnings"]) == MOST_WARNINGS
    assert len(told["latencies"]) == 50
    assert len(told["tools_running"]) == 20
    assert len(json.dumps(told)) < 300_000


@pytest.mark.parametrize("text", HOSTILE)
def test_what_anybody_says_is_text_in_one_line_of_json(text: str) -> None:
    call = held(board(), "u" * 128, **{"from": text, "to": text})
    now = call.stage.now
    call.live.asked(Record("utterance", {"role": "user", "text": text}), now)
    call.live.asked(Record("tool_call", {"name": text, "arguments": text}), now)
    call.live.asked(Note("warning", text, {"code": text}), now)
    call.live.asked(RunTool("k", text, text), now)
    _, whole = call.live.shown(now)
    assert b"\n" not in whole
    assert b"\r" not in whole
    clean = text.encode(errors="replace").decode()
    told = json.loads(whole)
    assert told["transcript"][0]["text"] == clean
    assert told["caller"] == clean
    assert told["tools_running"][0]["name"] == clean


def test_digits_are_no_digits() -> None:
    call = held(board())
    call.live.asked(
        Record("utterance", {"role": "user", "text": "****"}), call.stage.now
    )
    assert seen(call)["transcript"][0]["role"] == "key"


def test_a_call_that_is_over_lets_its_conversation_go() -> None:
    call = held(board())
    call.live.ended(None, ENDING, call.stage.now + 3)
    _, whole = call.live.shown(call.stage.now + 100)
    told = json.loads(whole)
    assert (told["state"], told["outcome"], told["age_s"]) == (
        "over",
        "caller hung up",
        3.0,
    )
    assert call.live._observed is None  # pyright: ignore[reportPrivateUsage]
    assert not call.live.end(ENDING)


def look(board: Board) -> dict[str, Any]:
    told: dict[str, Any] = json.loads(board.snapshot)
    return told


async def test_snapshots_are_written_while_somebody_looks(
    autojump_clock: object,
) -> None:
    on = board()
    async with trio.open_nursery() as nursery:
        nursery.start_soon(on.keep)
        await trio.sleep(10)
        assert on.version == 0
        with on.watch() as watcher:
            assert isinstance(watcher, Watcher)
            await watcher.next()
            began_at, versions = trio.current_time(), on.version
            await watcher.next()
            # Nothing has changed: it is told once in five seconds.
            assert trio.current_time() - began_at == pytest.approx(5, abs=0.3)
            assert on.version == versions + 1
        await trio.sleep(1)
        last = on.version
        await trio.sleep(30)
        assert on.version == last
        nursery.cancel_scope.cancel()


async def test_there_are_four_snapshots_a_second_and_slow_readers_skip_some(
    autojump_clock: object,
) -> None:
    on = board()
    call = held(on)
    async with trio.open_nursery() as nursery:
        nursery.start_soon(on.keep)
        with on.watch() as watcher:
            assert watcher is not None

            async def speak() -> None:
                for each in count():
                    call.live.asked(Note("warning", f"w {each}"), call.stage.now)
                    await trio.sleep(0.01)

            nursery.start_soon(speak)
            await watcher.next()
            first = on.version
            await trio.sleep(10)
            assert 38 <= on.version - first <= 41
            await watcher.next()
            assert watcher.seen == on.version
        nursery.cancel_scope.cancel()


def test_so_many_may_look() -> None:
    on = board()
    with ExitStack() as stack:
        watchers = [stack.enter_context(on.watch()) for _ in range(MOST_WATCHERS + 1)]
        assert watchers[-1] is None
        assert None not in watchers[:-1]
    with on.watch() as watcher:
        assert watcher is not None


async def test_calls_without_init_are_not_shown_and_old_ones_are_forgotten(
    autojump_clock: object,
) -> None:
    on = board()
    now = trio.current_time()
    calls = [held(on, f"call-{each}") for each in range(3)]
    on.observe(Observed("f", {}, now, calls[0].stage.conversation, lambda _: None))
    async with trio.open_nursery() as nursery:
        nursery.start_soon(on.keep)
        with on.watch() as watcher:
            assert watcher is not None
            await watcher.next()
            assert [c["uuid"] for c in look(on)["calls"]] == [
                "call-0",
                "call-1",
                "call-2",
            ]
            calls[1].live.ended(None, ENDING, trio.current_time())
            await trio.sleep(SHOWN_AFTER_S - 1)
            assert look(on)["calls"][1]["state"] == "over"
            await trio.sleep(1.5)
            assert [c["uuid"] for c in look(on)["calls"]] == ["call-0", "call-2"]
            assert on.find(calls[1].live.id) is None
        nursery.cancel_scope.cancel()


async def test_many_calls_share_the_lines_of_a_snapshot(autojump_clock: object) -> None:
    on = board()
    fields = {"role": "user", "text": "x"}
    for each in range(100):
        call = held(on, f"call-{each}")
        for _ in range(MOST_ROWS):
            call.live.asked(Record("utterance", fields), call.stage.now)
    async with trio.open_nursery() as nursery:
        nursery.start_soon(on.keep)
        with on.watch() as watcher:
            assert watcher is not None
            await watcher.next()
            rows = [len(c["transcript"]) for c in look(on)["calls"]]
            assert len(rows) == 100
            assert sum(rows) <= MOST_ROWS_OF_ALL
        nursery.cancel_scope.cancel()


def test_the_latest_call_of_a_uuid_is_found() -> None:
    on = board()
    held(on, "same")
    second = held(on, "same")
    assert on.of_uuid("same") is second.live
    assert on.of_uuid("other") is None
