"""More connections than file descriptors: refused, not left waiting; real sockets."""

import errno
import os
import resource
from collections.abc import AsyncGenerator, Generator
from contextlib import ExitStack, asynccontextmanager, contextmanager

import pytest
import trio
from structlog.testing import capture_logs
from trio.testing import open_stream_to_socket_listener

from trio_sts.port.listening import accept_all, listen
from trio_sts.port.refusing import Refusing, is_near_limit

REFUSAL = b"HTTP/1.1 503 Service Unavailable\r\nContent-Length: 0\r\n\r\n"


@contextmanager
def limited(more: int) -> Generator[None]:
    """So many descriptors more than there are."""
    limits = resource.getrlimit(resource.RLIMIT_NOFILE)
    lowest_free = os.dup(0)
    os.close(lowest_free)
    resource.setrlimit(resource.RLIMIT_NOFILE, (lowest_free + more, limits[1]))
    try:
        yield
    finally:
        resource.setrlimit(resource.RLIMIT_NOFILE, limits)


@contextmanager
def nothing_left() -> Generator[None]:
    """Not one descriptor is left."""
    with limited(0), ExitStack() as stack:
        while True:
            try:
                stack.enter_context(open(os.devnull, "rb"))  # noqa: ASYNC230  nothing
            except OSError:
                break
        yield


@asynccontextmanager
async def asking(listener: trio.SocketListener) -> AsyncGenerator[trio.SocketStream]:
    async with await open_stream_to_socket_listener(listener) as stream:
        await stream.send_all(b"GET / HTTP/1.1\r\n\r\n")
        yield stream


async def told(stream: trio.SocketStream) -> bytes:
    answer = b""
    with trio.fail_after(5):
        async for part in stream:
            answer += part
    return answer


async def test_with_the_spare_descriptor_one_is_refused_after_the_other() -> None:
    (listener,) = await listen("127.0.0.1", 0)
    with Refusing(REFUSAL) as refusing:
        async with listener:
            for _ in range(3):
                async with asking(listener) as stream:
                    with nothing_left():
                        with pytest.raises(OSError, match="Too many open files"):
                            await listener.accept()
                        assert await refusing.accept_and_refuse(listener)
                    assert await told(stream) == REFUSAL
            # Whoever waited has gone.
            assert await refusing.accept_and_refuse(listener)


async def test_without_a_spare_descriptor_nothing_is_accepted() -> None:
    def none_left() -> int:
        raise OSError(errno.EMFILE, os.strerror(errno.EMFILE))

    (listener,) = await listen("127.0.0.1", 0)
    with Refusing(REFUSAL, none_left) as refusing:
        async with listener:
            assert not await refusing.accept_and_refuse(listener)


async def test_the_last_descriptors_are_for_calls_that_run() -> None:
    assert not is_near_limit(5)
    held: list[trio.SocketStream] = []

    async def hold(stream: trio.SocketStream) -> None:
        held.append(stream)
        await stream.send_all(b"held")
        await trio.sleep_forever()

    (listener,) = await listen("127.0.0.1", 0)
    with capture_logs() as lines, limited(24):
        async with trio.open_nursery() as nursery:
            nursery.start_soon(
                accept_all, listener, nursery, hold, lambda: None, REFUSAL
            )
            answers: list[bytes] = []
            for _ in range(12):
                stream = await open_stream_to_socket_listener(listener)
                await stream.send_all(b"GET / HTTP/1.1\r\n\r\n")
                answers.append(bytes(await stream.receive_some()))
                if answers[-1] == REFUSAL:
                    await stream.aclose()
                else:
                    held.append(stream)
            # For a model leg, a file, and what else a call needs.
            with ExitStack() as files:
                for _ in range(3):
                    files.enter_context(open(os.devnull, "rb"))  # noqa: ASYNC230  nothing
            nursery.cancel_scope.cancel()
    for stream in held:
        await trio.aclose_forcefully(stream)
    # Each that was held has taken two of this process's descriptors.
    refused = answers.count(REFUSAL)
    assert 0 < refused < 12
    assert answers == [b"held"] * (12 - refused) + [REFUSAL] * refused
    told = [line for line in lines if line["event"] == "no more connections for now"]
    assert len(told) == 1


async def test_it_is_told_once_a_second_with_how_many(
    autojump_clock: trio.testing.MockClock,
) -> None:
    refusing = Refusing(b"")
    with capture_logs() as lines:
        for _ in range(100):
            refusing.warn("none left", 1)
        await trio.sleep(1)
        refusing.warn("none left", 1)
    assert [line["refused"] for line in lines] == [1, 100]
