"""The PROXY protocol: what is a header, over all splits, and what is none."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from trio_sts.port.peer import Peer
from trio_sts.port.proxy_protocol import (
    V2_MOST_BYTES,
    NoProxyHeader,
    ProxyHeader,
    read_header,
)

SIGNATURE = b"\r\n\r\n\x00\r\nQUIT\n"


def v2(command: int, family: int, body: bytes) -> bytes:
    return SIGNATURE + bytes([command, family]) + len(body).to_bytes(2) + body


TCP4 = bytes([192, 0, 2, 7, 10, 0, 0, 1]) + (4711).to_bytes(2) + (6030).to_bytes(2)
TCP6 = bytes.fromhex("20010db8" + 11 * "00" + "01" + 15 * "00" + "01") + bytes(4)
HEADERS = {
    b"PROXY TCP4 192.0.2.7 10.0.0.1 4711 6030\r\n": Peer("192.0.2.7", 4711),
    b"PROXY TCP6 2001:db8::1 ::1 4711 6030\r\n": Peer("2001:db8::1", 4711),
    b"PROXY UNKNOWN\r\n": None,
    b"PROXY UNKNOWN ffff::1 what ever\r\n": None,
    v2(0x21, 0x11, TCP4): Peer("192.0.2.7", 4711),
    v2(0x21, 0x11, TCP4 + b"\x04\x00\x01x"): Peer("192.0.2.7", 4711),
    v2(0x21, 0x21, TCP6): Peer("2001:db8::1", 0),
    v2(0x20, 0x00, b""): None,
    # A proxy's own health check may tell addresses, which are not to be used.
    v2(0x20, 0x11, TCP4): None,
    v2(0x21, 0x31, bytes(216)): None,
    v2(0x21, 0x00, b"xyz"): None,
}
FAULTY = [
    b"PROXY TCP4 192.0.2.7 10.0.0.1 4711 65536\r\n",
    b"PROXY TCP4 192.0.2.7 10.0.0.1 -1 6030\r\n",
    b"PROXY TCP4 192.0.2.700 10.0.0.1 4711 6030\r\n",
    b"PROXY TCP4 ::1 ::1 4711 6030\r\n",
    b"PROXY TCP4 192.0.2.7 10.0.0.1 4711\r\n",
    b"PROXY  TCP4 192.0.2.7 10.0.0.1 4711 6030\r\n",
    b"PROXY UDP4 192.0.2.7 10.0.0.1 4711 6030\r\n",
    b"PROXY TCP4 \xff 10.0.0.1 4711 6030\r\n",
    b"PROXY " + b"x" * 101,
    b"PROXY \r\n",
    v2(0x11, 0x11, TCP4),
    v2(0x22, 0x11, TCP4),
    v2(0x21, 0x11, TCP4[:-1]),
    v2(0x21, 0x21, TCP4),
    v2(0x21, 0x11, bytes(V2_MOST_BYTES)),
]


@pytest.mark.parametrize("header", HEADERS)
@pytest.mark.parametrize("rest", [b"", b"GET / HTTP/1.1\r\n\r\n", b"\x16\x03\x01"])
def test_a_header_is_read_to_its_end_however_it_comes(
    header: bytes, rest: bytes
) -> None:
    for cut in range(len(header)):
        assert read_header(header[:cut]) is None
    assert read_header(header + rest) == ProxyHeader(len(header), HEADERS[header])


@pytest.mark.parametrize("header", FAULTY)
def test_what_only_begins_like_one_is_none(header: bytes) -> None:
    with pytest.raises(NoProxyHeader):
        read_header(header)


@pytest.mark.parametrize(
    "first", [b"GET / HTTP/1.1\r\n", b"\x16\x03\x01\x02", b"PROXYING", b"\r\n\r\nQ"]
)
def test_without_one_nothing_is_taken(first: bytes) -> None:
    assert read_header(first) == ProxyHeader(0)


@given(
    st.sampled_from([b"", b"PROXY ", b"PROXY TCP4 ", SIGNATURE, SIGNATURE + b"!\x11"]),
    st.binary(max_size=300),
)
def test_any_bytes_are_a_header_or_none_and_more_changes_nothing(
    first: bytes, rest: bytes
) -> None:
    """Hostile bytes: no other error, no unbounded wait, the same over every split."""
    whole = first + rest

    def read(data: bytes) -> ProxyHeader | str | None:
        try:
            return read_header(data)
        except NoProxyHeader:
            return "none"

    said = [
        found
        for cut in range(len(whole) + 1)
        if (found := read(whole[:cut])) is not None
    ]
    assert all(found == said[0] for found in said)
    if len(whole) >= 107 and not whole.startswith(SIGNATURE):
        assert said
    if said and isinstance(said[0], ProxyHeader):
        assert said[0].size <= len(whole)
