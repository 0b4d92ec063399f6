"""Whose word is taken of who the peer is, and how far."""

from collections.abc import Sequence
from ipaddress import ip_network

import pytest
import trio
from hypothesis import given
from hypothesis import strategies as st
from trio.testing import MockClock, open_stream_to_socket_listener

from trio_sts.port.listening import listen
from trio_sts.port.peer import Peer
from trio_sts.port.proxies import HEADER_S, Proxies

OURS = Proxies([ip_network("10.0.0.0/8"), ip_network("fd00::/8")])
PROXY = Peer("10.1.2.3", 5555)


@pytest.mark.parametrize(
    ("forwarded", "peer", "found"),
    [
        ("192.0.2.7", PROXY, "192.0.2.7"),
        ("192.0.2.7:4711", PROXY, "192.0.2.7:4711"),
        ("[2001:db8::1]:4711", PROXY, "[2001:db8::1]:4711"),
        ("2001:db8::1", PROXY, "[2001:db8::1]"),
        # What a client has made up stands before what the proxy has seen.
        ("6.6.6.6, 192.0.2.7", PROXY, "192.0.2.7"),
        ("6.6.6.6, 192.0.2.7, 10.9.9.9", PROXY, "192.0.2.7"),
        ("10.1.1.1, 10.2.2.2", PROXY, "10.1.1.1"),
        ("unknown", PROXY, "10.1.2.3:5555"),
        ("192.0.2.7, \r\n evil", PROXY, "10.1.2.3:5555"),
        ("", PROXY, "10.1.2.3:5555"),
        ("192.0.2.7", Peer("8.8.8.8", 1), "8.8.8.8:1"),
        ("192.0.2.7", Peer("", 0), "unknown"),
        ("192.0.2.7", Peer("::ffff:10.1.2.3", 1), "192.0.2.7"),
        ("192.0.2.7", Peer("fd00::1", 1), "192.0.2.7"),
    ],
)
def test_forwarded_for_is_believed_of_our_proxies_alone(
    forwarded: str, peer: Peer, found: str
) -> None:
    assert str(OURS.forwarded(peer, {"x-forwarded-for": forwarded})) == found


@given(st.text())
def test_whatever_is_forwarded_is_an_address_in_the_log(text: str) -> None:
    told = str(OURS.forwarded(PROXY, {"x-forwarded-for": text}))
    assert len(told) < 60
    assert set(told) <= set("0123456789abcdef.:[]%")


async def read(
    proxies: Proxies, *pieces: bytes, ends: bool = False
) -> tuple[Peer, bytes] | None:
    (listener,) = await listen("127.0.0.1", 0)
    async with listener:
        client = await open_stream_to_socket_listener(listener)
        async with client, await listener.accept() as stream, trio.open_nursery() as n:

            async def send() -> None:
                for piece in pieces:
                    await client.send_all(piece)
                    await trio.testing.wait_all_tasks_blocked(0.01)
                if ends:
                    await client.send_eof()

            n.start_soon(send)
            found = await proxies.behind(stream, Peer("10.1.2.3", 5))
            n.cancel_scope.cancel()
        return found


HEADER = b"PROXY TCP4 192.0.2.7 10.0.0.1 4711 6030\r\n"


@pytest.mark.parametrize(
    "pieces", [(HEADER + b"GET",), (HEADER[:3], HEADER[3:9], HEADER[9:] + b"GET")]
)
async def test_a_header_says_who_is_behind_the_proxy(pieces: Sequence[bytes]) -> None:
    assert await read(OURS, *pieces) == (Peer("192.0.2.7", 4711), b"GET")


async def test_a_proxy_that_says_nothing_speaks_for_itself() -> None:
    assert await read(OURS, b"GET / HTTP/1.1") == (PROXY_5, b"GET / HTTP/1.1")
    assert await read(OURS, b"PROXY UNKNOWN\r\nGET") == (PROXY_5, b"GET")


PROXY_5 = Peer("10.1.2.3", 5)


async def test_of_others_nothing_is_read() -> None:
    assert await read(Proxies(), HEADER) == (PROXY_5, b"")


@pytest.mark.parametrize("sent", [b"PROXY TCP4 nonsense\r\n", b"PROXY TC", b""])
async def test_what_is_no_header_is_hung_up_on(sent: bytes) -> None:
    assert await read(OURS, sent, ends=True) is None


async def test_a_header_half_sent_is_not_waited_for(autojump_clock: MockClock) -> None:
    assert await read(OURS, HEADER[:9]) is None
    assert trio.current_time() == pytest.approx(HEADER_S, abs=0.1)
