"""The PROXY protocol, versions 1 and 2: who the peer of a proxy is, told before all else.

As in HAProxy's ``proxy-protocol.txt``. No I/O: bytes in, a header out.
"""

from ipaddress import IPv4Address, IPv6Address, ip_address
from typing import Final

from attrs import frozen

from .peer import Peer

_V1: Final = b"PROXY "
# The longest line of version 1, its end included.
_V1_BYTES: Final = 107
_V2: Final = b"\r\n\r\n\x00\r\nQUIT\n"
_V2_HEAD_BYTES: Final = 16
# Addresses take 36 bytes at most with IP; a proxy's own fields may follow.
V2_MOST_BYTES: Final = 4096
_V2_LOCAL, _V2_PROXY = 0x20, 0x21
_TCP4, _TCP6 = 0x11, 0x21
_V1_PARTS: Final = {"TCP4": IPv4Address, "TCP6": IPv6Address}
_V1_WORDS: Final = 6
_MOST_PORT: Final = 65_535


class NoProxyHeader(Exception):
    """What came begins like a header and is none."""


@frozen
class ProxyHeader:
    """What the first bytes of a connection are.

    Attributes:
        size: Of the header; 0 if there is none.
        peer: Who is behind the proxy; None if it does not say: it speaks for itself
            (``LOCAL``), or does not know (``UNKNOWN``, another kind of address).
    """

    size: int
    peer: Peer | None = None


_NONE: Final = ProxyHeader(0)


def read_header(data: bytes) -> ProxyHeader | None:
    """Read the header that ``data`` begins with; None if more is needed to know.

    Raises:
        NoProxyHeader: It begins like one, and is none.
    """
    if data.startswith(_V1):
        return _read_v1(data)
    if data.startswith(_V2):
        return _read_v2(data)
    if _V1.startswith(data) or _V2.startswith(data):
        return None
    return _NONE


def _read_v1(data: bytes) -> ProxyHeader | None:
    line, end, _ = data[:_V1_BYTES].partition(b"\r\n")
    if not end:
        if len(data) >= _V1_BYTES:
            raise NoProxyHeader("the line does not end")
        return None
    size = len(line) + len(end)
    try:
        words = line.decode("ascii").split(" ")
    except UnicodeDecodeError:
        raise NoProxyHeader("the line is no ASCII") from None
    if words[1] == "UNKNOWN":
        return ProxyHeader(size)
    address = _V1_PARTS.get(words[1])
    if address is None or len(words) != _V1_WORDS:
        raise NoProxyHeader("the line has other parts")
    try:
        source, _ = address(words[2]), address(words[3])
        port, _ = _port(words[4]), _port(words[5])
    except ValueError:
        raise NoProxyHeader("an address is none") from None
    return ProxyHeader(size, Peer(str(source), port))


def _port(text: str) -> int:
    if not (text.isascii() and text.isdigit()) or int(text) > _MOST_PORT:
        raise ValueError
    return int(text)


def _read_v2(data: bytes) -> ProxyHeader | None:
    if len(data) < _V2_HEAD_BYTES:
        return None
    command, family = data[12], data[13]
    length = int.from_bytes(data[14:16])
    if command not in {_V2_LOCAL, _V2_PROXY}:
        raise NoProxyHeader("the version or the command is another one")
    if length > V2_MOST_BYTES - _V2_HEAD_BYTES:
        raise NoProxyHeader("it is too long")
    size = _V2_HEAD_BYTES + length
    if len(data) < size:
        return None
    if command == _V2_LOCAL or family not in {_TCP4, _TCP6}:
        return ProxyHeader(size)
    width = 4 if family == _TCP4 else 16
    if length < 2 * width + 4:
        raise NoProxyHeader("the addresses are cut short")
    addresses = data[_V2_HEAD_BYTES:size]
    port = int.from_bytes(addresses[2 * width : 2 * width + 2])
    return ProxyHeader(size, Peer(str(ip_address(addresses[:width])), port))
