"""Messages between two processes, over memory and over real sockets."""

import socket
import sys
from collections.abc import AsyncGenerator, Mapping
from contextlib import asynccontextmanager
from functools import partial
from typing import Any

import pytest
import trio
from hypothesis import given, settings
from hypothesis import strategies as st
from structlog.testing import capture_logs
from trio.testing import memory_stream_pair

from tests.system.kit import log
from trio_sts.fleet import channel as channels
from trio_sts.fleet.channel import (
    Channel,
    ChannelClosed,
    ChannelRefused,
    ChannelSlow,
    Handler,
)

_JSON = st.recursive(
    st.none()
    | st.booleans()
    | st.integers(-(2**63), 2**64 - 1)
    | st.floats(allow_nan=False, allow_infinity=False)
    | st.text(st.characters(exclude_categories=())),
    lambda inner: st.lists(inner) | st.dictionaries(st.text(), inner),
    max_leaves=8,
)

NONE: Mapping[str, Handler] = {}


def waiting_in(channel: Channel) -> bytes:
    """What a channel has not written yet."""
    return b"".join(channel._waiting)  # pyright: ignore[reportPrivateUsage]


@asynccontextmanager
async def pair(
    **handlers: Handler,
) -> AsyncGenerator[tuple[Channel, Channel]]:
    """Two ends; the second has the handlers."""
    left, right = memory_stream_pair()
    asker, other = Channel(left), Channel(right)
    async with trio.open_nursery() as nursery:
        nursery.start_soon(asker.run, NONE)
        nursery.start_soon(other.run, handlers)
        yield asker, other
        nursery.cancel_scope.cancel(reason="the test is over")


async def echo(body: Any) -> Any:
    await trio.lowlevel.checkpoint()
    return body


@settings(deadline=None)
@given(bodies=st.lists(_JSON, max_size=6), cuts=st.lists(st.integers(1, 200)))
def test_messages_do_not_depend_on_how_the_bytes_are_split(
    bodies: list[Any], cuts: list[int]
) -> None:
    async def main() -> None:
        left, right = memory_stream_pair()
        written = Channel(left)
        for body in bodies:
            written.tell("note", body)
        raw = waiting_in(written)
        heard: list[Any] = []

        async def note(body: Any) -> None:
            await trio.lowlevel.checkpoint()
            heard.append(body)

        reading = Channel(right)
        async with trio.open_nursery() as nursery:
            nursery.start_soon(reading.run, {"note": note})
            for cut in [*cuts, len(raw)]:
                await left.send_all(raw[:cut])
                raw = raw[cut:]
                await trio.testing.wait_all_tasks_blocked()
            await left.aclose()
        assert heard == bodies
        assert reading.why == "closed"

    trio.run(main)


@settings(deadline=None)
@given(junk=st.binary(min_size=4, max_size=64), cut=st.integers(0, 64))
def test_bytes_that_are_no_messages_end_the_channel_or_wait_for_more(
    junk: bytes, cut: int
) -> None:
    async def main() -> None:
        left, right = memory_stream_pair()
        reading = Channel(right)
        with log():
            async with trio.open_nursery() as nursery:
                nursery.start_soon(reading.run, NONE)
                for piece in (junk[:cut], junk[cut:]):
                    # It may be over already.
                    if piece and not reading.why:
                        await left.send_all(piece)
                        await trio.testing.wait_all_tasks_blocked()
                await left.aclose()
        assert reading.why in {"closed", "faulty"}

    trio.run(main)


@pytest.mark.parametrize(
    "content", [b"{}", b"[]", b'["tell"]', b'["ask",true]', b"[" * 100_000, b'"tell"']
)
async def test_json_that_is_no_message_ends_the_channel(content: bytes) -> None:
    left, right = memory_stream_pair()
    reading = Channel(right)
    async with trio.open_nursery() as nursery:
        nursery.start_soon(reading.run, NONE)
        await left.send_all(len(content).to_bytes(4, "big") + content)
    assert reading.why == "faulty"


async def test_a_length_over_the_bound_ends_the_channel_before_it_is_read() -> None:
    left, right = memory_stream_pair()
    reading = Channel(right)
    async with trio.open_nursery() as nursery:
        nursery.start_soon(reading.run, NONE)
        await left.send_all((channels.MOST_MESSAGE_BYTES + 1).to_bytes(4, "big"))
    assert reading.why == "faulty"


async def test_a_request_is_answered() -> None:
    async with pair(echo=echo) as (asker, _):
        assert await asker.ask("echo", {"a": [1, None]}, timeout_s=10) == {
            "a": [1, None]
        }


async def test_notices_are_handled_in_order_before_later_requests() -> None:
    heard: list[int] = []

    async def note(body: int) -> None:
        for _ in range(5 - body):
            await trio.lowlevel.checkpoint()
        heard.append(body)

    async def told(body: None) -> list[int]:
        await trio.lowlevel.checkpoint()
        return heard

    async with pair(note=note, told=told) as (asker, _):
        for number in range(5):
            asker.tell("note", number)
        assert await asker.ask("told", timeout_s=10) == [0, 1, 2, 3, 4]


async def test_requests_do_not_wait_for_each_other(autojump_clock: object) -> None:
    async def slow(body: float) -> float:
        await trio.sleep(body)
        return body

    answers: list[float] = []

    async def ask(asker: Channel, delay_s: float) -> None:
        answers.append(await asker.ask("slow", delay_s, timeout_s=10))

    async with pair(slow=slow) as (asker, _):
        async with trio.open_nursery() as nursery:
            for delay_s in (3, 1, 2):
                nursery.start_soon(ask, asker, delay_s)
        assert answers == [1, 2, 3]
        assert trio.current_time() == 3


async def test_a_handler_that_fails_refuses_and_the_channel_goes_on() -> None:
    async def fail(body: object) -> None:
        await trio.lowlevel.checkpoint()
        raise KeyError(body)

    with capture_logs() as lines:
        async with pair(fail=fail, echo=echo) as (asker, _):
            asker.tell("fail", "first")
            with pytest.raises(ChannelRefused, match="KeyError"):
                await asker.ask("fail", "second", timeout_s=10)
            assert await asker.ask("echo", 3, timeout_s=10) == 3
    assert [line["log_level"] for line in lines] == ["error", "error"]


async def test_an_unknown_kind_is_refused_and_an_unknown_notice_costs_nothing() -> None:
    async with pair(echo=echo) as (asker, _):
        with capture_logs() as lines:
            asker.tell("nothing")
            await trio.testing.wait_all_tasks_blocked()
        assert [line["kind"] for line in lines] == ["nothing"]
        with pytest.raises(ChannelRefused, match="nobody answers"):
            await asker.ask("nothing", timeout_s=10)
        assert await asker.ask("echo", 1, timeout_s=10) == 1


@pytest.mark.parametrize("how", ["late", "cancelled"])
async def test_a_request_that_nobody_waits_for_is_cancelled_at_the_peer(
    how: str, autojump_clock: object
) -> None:
    ended = trio.Event()

    async def slow(body: object) -> None:
        try:
            await trio.sleep_forever()
        finally:
            ended.set()

    async with pair(slow=slow) as (asker, _):
        if how == "late":
            with pytest.raises(ChannelSlow):
                await asker.ask("slow", timeout_s=2)
        else:
            with trio.move_on_after(2):
                await asker.ask("slow", timeout_s=60)
        await ended.wait()
        assert trio.current_time() == 2


async def test_a_message_over_the_bound_is_an_error_here_and_not_sent() -> None:
    too_long = "x" * channels.MOST_MESSAGE_BYTES

    async def answer(body: object) -> str:
        await trio.lowlevel.checkpoint()
        return too_long

    with capture_logs():
        async with pair(echo=echo, answer=answer) as (asker, _):
            with pytest.raises(ValueError, match="are the most"):
                asker.tell("echo", too_long)
            with pytest.raises(ChannelRefused, match="are the most"):
                await asker.ask("answer", timeout_s=5)
            assert await asker.ask("echo", 1, timeout_s=10) == 1


async def test_too_many_requests_at_once_are_refused(autojump_clock: object) -> None:
    refused: list[str] = []

    async def slow(body: object) -> None:
        await trio.sleep(5)

    async def ask(asker: Channel) -> None:
        try:
            await asker.ask("slow", timeout_s=10)
        except ChannelRefused as exc:
            refused.append(str(exc))

    async with pair(slow=slow, echo=echo) as (asker, _):
        async with trio.open_nursery() as nursery:
            for _ in range(channels.MOST_REQUESTS + 3):
                nursery.start_soon(ask, asker)
        assert refused == ["too many requests at once"] * 3


async def test_who_waits_for_an_answer_is_told_that_the_peer_is_gone() -> None:
    async def slow(body: object) -> None:
        await trio.sleep_forever()

    async with pair(slow=slow) as (asker, other):
        async with trio.open_nursery() as nursery:
            waiting = partial(asker.ask, "slow", timeout_s=60)

            async def ask() -> None:
                with pytest.raises(ChannelClosed):
                    await waiting()

            nursery.start_soon(ask)
            await trio.testing.wait_all_tasks_blocked()
            await other._stream.aclose()  # pyright: ignore[reportPrivateUsage]
        with pytest.raises(ChannelClosed):
            await waiting()
        asker.tell("slow")
        assert asker.why == "closed"


@asynccontextmanager
async def over_sockets(
    most_waiting_bytes: int,
) -> AsyncGenerator[tuple[Channel, socket.socket]]:
    near, far = socket.socketpair()
    with far:
        channel = Channel(
            trio.SocketStream(trio.socket.from_stdlib_socket(near)),
            most_waiting_bytes,
        )
        yield channel, far


async def test_a_peer_that_does_not_read_is_given_up_at_the_bound() -> None:
    async with over_sockets(1_000_000) as (channel, _):
        async with trio.open_nursery() as nursery:
            nursery.start_soon(channel.run, NONE)
            told = 0
            with trio.fail_after(5):
                await trio.lowlevel.checkpoint()
                while not channel.why:
                    channel.tell("note", "x" * 10_000)
                    told += 1
                    await trio.lowlevel.checkpoint()
        assert channel.why == "slow"
        # What the sockets took is beside the bound.
        assert 100 <= told <= 200
        assert not waiting_in(channel)


async def test_the_bound_holds_before_the_channel_runs() -> None:
    async with over_sockets(1_000_000) as (channel, _):
        for _ in range(200):
            channel.tell("note", "x" * 10_000)
        assert channel.why == "slow"
        assert not waiting_in(channel)
        await channel.run(NONE)


async def test_flush_waits_until_the_peer_can_read_all() -> None:
    async with over_sockets(10_000_000) as (channel, far):
        async with trio.open_nursery() as nursery:
            nursery.start_soon(channel.run, NONE)
            for _ in range(100):
                channel.tell("note", "x" * 10_000)
            with trio.move_on_after(0.05) as scope:
                await channel.flush()
            assert scope.cancelled_caught
            reading = trio.SocketStream(trio.socket.from_stdlib_socket(far.dup()))
            async with reading, trio.open_nursery() as inner:

                async def read() -> None:
                    async for _ in reading:
                        pass

                inner.start_soon(read)
                with trio.fail_after(5):
                    await channel.flush()
                inner.cancel_scope.cancel(reason="all is read")
            nursery.cancel_scope.cancel(reason="the test is over")


async def test_what_a_process_has_told_before_it_was_killed_is_heard() -> None:
    near, far = socket.socketpair()
    writer = Channel(memory_stream_pair()[0])
    for number in range(500):
        writer.tell("note", number)
    raw = waiting_in(writer)
    program = (
        "import os, sys; "
        f"os.write({far.fileno()}, sys.stdin.buffer.read()); os.kill(os.getpid(), 9)"
    )
    with far:
        await trio.run_process(
            [sys.executable, "-c", program],
            stdin=raw,
            check=False,
            pass_fds=[far.fileno()],
        )
    heard: list[int] = []

    async def note(body: int) -> None:
        await trio.lowlevel.checkpoint()
        heard.append(body)

    stream = trio.SocketStream(trio.socket.from_stdlib_socket(near))
    channel = Channel(stream)
    # It has read nothing of this, which the system reports as a reset connection.
    channel.tell("unread", "x" * 1000)
    with trio.fail_after(5):
        await channel.run({"note": note})
    assert heard == list(range(500))
    assert channel.why == "closed"
