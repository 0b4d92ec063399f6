"""The request head, in raw bytes and with a real HTTP client."""

from collections.abc import Iterable
from itertools import pairwise

import pytest
import trio
from hypothesis import example, given, settings
from hypothesis import strategies as st
from structlog.testing import capture_logs
from trio.testing import MockClock, memory_stream_pair
from trio.testing import wait_all_tasks_blocked as settled
from websockets.exceptions import InvalidStatus

from tests.paths import accept_leg
from tests.peers.core import calling
from trio_sts.errors import LegClosed, PeerFault
from trio_sts.legs.http_head import (
    ReplayStream,
    RequestHead,
    has_token,
    read_head,
    respond,
)
from trio_sts.wire.avr import Init

UPGRADE = (
    b"GET /talk?from=2000&token=s%2Ft HTTP/1.1\r\n"
    b"Host: sts:6030\r\n"
    b"upgrade: WebSocket\r\n"
    b"Connection: keep-alive, Upgrade\r\n"
    b"Sec-WebSocket-Version: 13\r\n"
    b"Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\n"
    b"X-Twice: a\r\nX-Twice: b\r\n\r\n"
)
INIT = b'{"type":"init","uuid":"call-1"}'
# A masked text frame whose mask is zeros.
EARLY = UPGRADE + b"\x81" + bytes([0x80 | len(INIT)]) + bytes(4) + INIT


async def knock(*chunks: bytes) -> tuple[RequestHead, ReplayStream] | None:
    ours, theirs = memory_stream_pair()

    knocks: list[tuple[RequestHead, ReplayStream] | None] = []
    async with trio.open_nursery() as nursery:
        nursery.start_soon(send, theirs, chunks)
        knocks.append(await read_head(ours))
    return knocks[0]


async def send(stream: trio.abc.HalfCloseableStream, chunks: Iterable[bytes]) -> None:
    try:
        for chunk in chunks:
            await stream.send_all(chunk)
            await settled()  # one read for each
        await stream.send_eof()
    except trio.BrokenResourceError:
        pass


@pytest.mark.parametrize(
    ("lines", "offered"),
    [
        ([], ()),
        (["Sec-WebSocket-Protocol: media"], ("media",)),
        (["sec-websocket-protocol: chat , media,"], ("chat", "media")),
        (
            ["Sec-WebSocket-Protocol: chat", "Sec-WebSocket-Protocol: media"],
            ("chat", "media"),
        ),
        (["Sec-WebSocket-Protocol: Media, mediatic"], ("Media", "mediatic")),
    ],
)
async def test_subprotocols_are_known_in_their_order(
    lines: list[str], offered: tuple[str, ...]
) -> None:
    ours, theirs = memory_stream_pair()
    head = "\r\n".join(["GET / HTTP/1.1", "Host: sts", *lines, "", ""])
    await theirs.send_all(head.encode())
    request = await read_head(ours)
    assert request is not None
    assert request[0].subprotocols == offered


async def test_nothing_that_a_request_says_shows_in_a_log_of_its_head() -> None:
    got = await knock(EARLY)
    assert got is not None
    head, stream = got

    shown = f"{head!r} {stream!r}"

    for said in ("talk", "2000", "s%2Ft", "s/t", "twice", "sec-websocket", "call-1"):
        assert said not in shown.lower()


async def test_the_head_is_understood() -> None:
    knocked = await knock(UPGRADE)
    assert knocked is not None
    head, _ = knocked
    assert (head.method, head.path, head.query) == (
        "GET",
        "/talk",
        "from=2000&token=s%2Ft",
    )
    assert head.headers["x-twice"] == "a, b"
    assert head.is_upgrade
    assert "2000" not in repr(head)
    assert "talk" not in repr(head)


@pytest.mark.parametrize(
    ("old", "new"),
    [
        (b"GET", b"POST"),
        (b"HTTP/1.1", b"HTTP/1.0"),
        (b"WebSocket", b"h2c"),
        (b", Upgrade", b""),
        (b"Version: 13", b"Version: 8"),
        (b"Sec-WebSocket-Key", b"X-Key"),
    ],
)
async def test_what_cannot_be_upgraded_is_plain_http(old: bytes, new: bytes) -> None:
    knocked = await knock(UPGRADE.replace(old, new, 1))
    assert knocked is not None
    assert not knocked[0].is_upgrade


@given(st.data())
@settings(deadline=None, max_examples=60)
def test_every_byte_is_replayed_however_it_came(data: st.DataObject) -> None:
    cuts = data.draw(st.lists(st.integers(0, len(EARLY)), max_size=8).map(sorted))
    sizes = data.draw(st.lists(st.integers(1, 400), min_size=1, max_size=5))

    async def main() -> None:
        edges = [0, *cuts, len(EARLY)]
        chunks = [EARLY[a:b] for a, b in pairwise(edges) if a < b]
        knocked = await knock(*chunks)
        assert knocked is not None
        _, stream = knocked
        replayed = b""
        turn = 0
        while part := await stream.receive_some(sizes[turn % len(sizes)]):
            replayed += part
            turn += 1
            if replayed == UPGRADE:
                await stream.send_all(b"HTTP/1.1 101 \r\n\r\n")
        assert replayed == EARLY

    trio.run(main)


async def test_what_follows_the_head_waits_for_the_answer() -> None:
    knocked = await knock(EARLY)
    assert knocked is not None
    _, stream = knocked
    assert await stream.receive_some() == UPGRADE
    with trio.move_on_after(0.01) as scope:
        await stream.receive_some()
    assert scope.cancelled_caught
    await stream.aclose()
    with pytest.raises(trio.ClosedResourceError):
        await stream.receive_some()


async def test_a_frame_sent_with_the_head_reaches_the_call() -> None:
    ours, theirs = memory_stream_pair()
    heard: list[object] = []

    async def serve() -> None:
        knocked = await read_head(ours)
        assert knocked is not None
        leg = await accept_leg(nursery, knocked[1])
        await leg.run(heard.append)

    async with trio.open_nursery() as nursery:
        nursery.start_soon(serve)
        await theirs.send_all(EARLY)
        await settled()
        assert heard == [Init("call-1")]
        nursery.cancel_scope.cancel(reason="heard")


NO_REQUESTS = {
    "nothing": b"",
    "half a line": b"GET / HT",
    "TLS": b"\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03" + bytes(100),
    "SIP": b"OPTIONS sip:100@sts SIP/2.0\r\n\r\n",
    "words": b"hello\r\n\r\n",
    "no host": b"GET / HTTP/1.1\r\n\r\n",
    "two hosts": b"GET / HTTP/1.1\r\nHost: a\r\nHost: b\r\n\r\n",
    "long line": b"GET /" + b"a" * 20_000,
    "long head": b"GET / HTTP/1.1\r\nHost: a\r\nX: " + b"a" * 16_384 + b"\r\n\r\n",
}


@pytest.mark.parametrize("raw", NO_REQUESTS.values(), ids=NO_REQUESTS)
async def test_what_is_no_request_is_closed_without_a_word(raw: bytes) -> None:
    ours, theirs = memory_stream_pair()
    with capture_logs() as logs:
        async with trio.open_nursery() as nursery:
            nursery.start_soon(theirs.send_all, raw)
            await settled()
            nursery.start_soon(theirs.send_eof)
            assert await read_head(ours) is None
    assert await theirs.receive_some() == b""
    assert [line["log_level"] for line in logs] == ["debug"]
    assert "sip" not in str(logs)


async def test_a_head_has_five_seconds(autojump_clock: MockClock) -> None:
    ours, theirs = memory_stream_pair()
    async with trio.open_nursery() as nursery:
        nursery.start_soon(drip, theirs)
        assert await read_head(ours) is None
        nursery.cancel_scope.cancel(reason="seen")
    assert trio.current_time() == 5
    assert await theirs.receive_some() == b""


async def drip(stream: trio.abc.SendStream) -> None:
    for byte in UPGRADE:
        await stream.send_all(bytes([byte]))
        await trio.sleep(0.1)


@given(st.lists(st.binary(min_size=1, max_size=60), max_size=6))
@settings(deadline=None, max_examples=60)
def test_garbage_never_raises(chunks: list[bytes]) -> None:
    trio.run(knock, *chunks)


@pytest.mark.parametrize(
    ("query", "authorization", "fits"),
    [
        ("", None, False),
        ("token=s%2Ft", None, True),
        ("token=wrong", None, False),
        ("token=wrong&token=s/t", None, True),
        ("token=", None, False),
        ("", "Bearer s/t", True),
        ("", "bearer  s/t ", True),
        ("", "Bearer s/", False),
        ("", "Basic s/t", False),
        ("", "Bearer", False),
        ("", "Bearer \xfc", False),
        # Asterisk's: "asterisk:s/t", and with an empty user; then what is no such pair.
        ("", "Basic YXN0ZXJpc2s6cy90", True),
        ("", "basic  OnMvdA==", True),
        ("", "Basic cy90", False),
        ("", "Basic YXN0ZXJpc2s6cy8=", False),
        ("", "Basic \xfc", False),
        ("", "Basic", False),
    ],
)
def test_the_token(query: str, authorization: str | None, *, fits: bool) -> None:
    headers = {} if authorization is None else {"authorization": authorization}
    head = RequestHead("GET", "/", query, headers, is_upgrade=True)
    assert has_token(head, "s/t") is fits
    assert has_token(head, "")


async def test_an_answer_is_plain_http() -> None:
    ours, theirs = memory_stream_pair()
    async with trio.open_nursery() as nursery:
        nursery.start_soon(respond, ours, 503, "at capacity\n")
        answer = await read_all(theirs)
        await theirs.aclose()
    head, body = answer.split(b"\r\n\r\n")
    assert head.startswith(b"HTTP/1.1 503 ")
    assert set(head.lower().split(b"\r\n")[1:]) == {
        b"content-length: 12",
        b"connection: close",
        b"content-type: text/plain; charset=utf-8",
    }
    assert body == b"at capacity\n"


async def test_an_answer_to_head_has_no_body() -> None:
    ours, theirs = memory_stream_pair()
    async with trio.open_nursery() as nursery:
        nursery.start_soon(lambda: respond(ours, 200, b"{}", method="HEAD"))
        answer = await read_all(theirs)
        await theirs.aclose()
    assert answer.endswith(b"\r\n\r\n")
    assert b"content-length: 2\r\n" in answer.lower()
    assert b"{}" not in answer


async def read_all(stream: trio.abc.ReceiveStream) -> bytes:
    with trio.fail_after(1):
        return b"".join([bytes(part) async for part in stream])


async def test_a_client_that_never_leaves_is_left(autojump_clock: MockClock) -> None:
    ours, _theirs = memory_stream_pair()
    await respond(ours, 404)
    assert trio.current_time() == 2
    with pytest.raises(trio.ClosedResourceError):
        await ours.send_all(b"x")


async def test_a_client_that_has_left_is_no_error() -> None:
    ours, theirs = memory_stream_pair()
    await theirs.aclose()
    await respond(ours, 200, "ok")


async def test_an_answer_arrives_although_the_request_goes_on(
    nursery: trio.Nursery,
) -> None:
    """The old HTTP transport sends its audio for as long as the call lasts."""

    async def serve(stream: trio.SocketStream) -> None:
        knocked = await read_head(stream)
        assert knocked is not None
        await respond(knocked[1], 426, "use ws://")

    listeners = await nursery.start(trio.serve_tcp, serve, 0)
    port = listeners[0].socket.getsockname()[1]
    stream = await trio.open_tcp_stream("127.0.0.1", port)
    async with stream, trio.open_nursery() as sending:
        sending.start_soon(send_without_end, stream)
        answer = await read_all(stream)
        sending.cancel_scope.cancel(reason="answered")
    assert answer.startswith(b"HTTP/1.1 426 ")
    assert answer.endswith(b"use ws://")


async def send_without_end(stream: trio.abc.SendStream) -> None:
    await stream.send_all(
        b"POST /speech-to-speech-stream HTTP/1.1\r\n"
        b"Host: sts\r\nTransfer-Encoding: chunked\r\n\r\n"
    )
    try:
        while True:
            await stream.send_all(b"140\r\n" + bytes(320) + b"\r\n")
    except trio.BrokenResourceError:
        pass


@given(
    st.lists(
        st.tuples(st.integers(0, len(EARLY) - 1), st.binary(max_size=4)),
        min_size=1,
        max_size=3,
    )
)
@example([(len(b"GET /talk?from=2000&token=s%2Ft HTTP/1.1\r\nHost: s"), b"\xce")])
@settings(deadline=None, max_examples=100)
def test_a_damaged_handshake_opens_a_leg_or_none(
    damage: list[tuple[int, bytes]],
) -> None:
    raw = bytearray(EARLY)
    for at, new in damage:
        raw[at : at + 1] = new

    async def main() -> None:
        knocked = await knock(bytes(raw))
        if knocked is None or not knocked[0].is_upgrade:
            return
        async with trio.open_nursery() as nursery:
            try:
                leg = await accept_leg(nursery, knocked[1])
                await leg.run(lambda _: None)
            except (LegClosed, PeerFault):
                nursery.cancel_scope.cancel(reason="it is over")

    trio.run(main, clock=MockClock(autojump_threshold=0))


@pytest.mark.parametrize(("status", "words"), [(401, "no token\n"), (503, "full\n")])
async def test_a_refusal_is_the_answer_to_the_handshake(
    status: int, words: str
) -> None:
    ours, theirs = memory_stream_pair()

    async def serve() -> None:
        knocked = await read_head(ours)
        assert knocked is not None
        await respond(knocked[1], status, words)

    async with trio.open_nursery() as nursery:
        nursery.start_soon(serve)
        with pytest.raises(InvalidStatus) as refused:
            async with calling("ws://sts/", stream=theirs):
                pytest.fail("it was let in")
    assert refused.value.response.status_code == status
    assert refused.value.response.body == words.encode()
