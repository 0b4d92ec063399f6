"""WebSocket frames as bytes: how long one is, and how a text frame is written.

Numbers and rules are those of RFC 6455, section 5.2.
"""

from typing import Final

from .masks import MASK_BYTES, apply_mask

CONTINUATION: Final = 0x00
LAST_CONTINUATION: Final = 0x80
TEXT_BEGINS: Final = 0x01
BINARY_BEGINS: Final = 0x02
TEXT: Final = 0x81
BINARY: Final = 0x82
CLOSE: Final = 0x88
PING: Final = 0x89
PONG: Final = 0x8A

_CONTROLS: Final = frozenset((CLOSE, PING, PONG))
# No other first byte is one without extensions; a control frame is never in pieces.
_FIRSTS: Final = _CONTROLS | {
    *(CONTINUATION, LAST_CONTINUATION),
    *(TEXT_BEGINS, BINARY_BEGINS, TEXT, BINARY),
}
_SHORTEST_HEADER: Final = 2
_MASKED: Final = 0x80
_TWO_MORE: Final = 126
_EIGHT_MORE: Final = 127
_NO_SIZE: Final = 1 << 63

# A text frame whose size stands in two bytes more, and the sizes that do.
TEXT_TWO_MORE: Final = bytes((TEXT, _TWO_MORE))
MASKED_TEXT_TWO_MORE: Final = bytes((TEXT, _MASKED | _TWO_MORE))
TWO_MORE_HEADER: Final = 4
MIN_TWO_MORE: Final = 126
MAX_TWO_MORE: Final = 0xFFFF

ODD: Final = (0, 0)


def measure(
    data: bytes | bytearray, at: int, *, masked: bool
) -> tuple[int, int] | None:
    """Measure the frame that begins at ``at``.

    What breaks the rules is told with the byte that breaks them, however much of the
    header is still to come: trio-websocket may be about to stop reading, and looks at
    no more than what it was given by then.

    Args:
        data: What has arrived.
        at: Where the frame begins.
        masked: Whether the peer has to mask its frames: a client has, a server may not.

    Returns:
        The bytes of its header, mask included, and of its payload; None while the
        header is incomplete; `ODD` if its first byte, mask or length break the rules.
    """
    arrived = len(data) - at
    if arrived < _SHORTEST_HEADER:
        return None
    first, size = data[at], data[at + 1]
    if (size >= _MASKED) is not masked or first not in _FIRSTS:
        return ODD
    header = _SHORTEST_HEADER
    if masked:
        size -= _MASKED
        header += MASK_BYTES
    if size >= _TWO_MORE:
        if first in _CONTROLS:
            return ODD
        more, least = (2, MIN_TWO_MORE) if size == _TWO_MORE else (8, MAX_TWO_MORE + 1)
        header += more
        if arrived < _SHORTEST_HEADER + more:
            return None
        size = int.from_bytes(data[at + 2 : at + 2 + more])
        if not least <= size < _NO_SIZE:
            return ODD
    return (header, size) if arrived >= header else None


def text_frame(payload: bytes, mask: bytes = b"") -> bytes:
    """Write one unfragmented text frame, masked if there is a mask."""
    size = len(payload)
    if MIN_TWO_MORE <= size <= MAX_TWO_MORE:
        # Every message with audio in it.
        begins = MASKED_TEXT_TWO_MORE if mask else TEXT_TWO_MORE
        header = begins + size.to_bytes(2)
    else:
        bit = _MASKED if mask else 0
        if size < MIN_TWO_MORE:
            header = bytes((TEXT, bit | size))
        else:
            header = bytes((TEXT, bit | _EIGHT_MORE)) + size.to_bytes(8)
    if mask:
        return header + mask + apply_mask(payload, mask)
    return header + payload
