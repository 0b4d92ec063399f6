"""WebSocket frames as bytes: how long one is, how one is written, and its mask.

Numbers and rules are those of RFC 6455, sections 5.2 and 5.3.
"""

import os
from typing import Final

from attrs import field, frozen

try:
    from websockets.speedups import apply_mask as _apply_mask
except ImportError:  # not compiled for this platform
    from websockets.utils import apply_mask as _apply_mask

# Compiled: in Python or numpy, masks were 6 to 9 % of the CPU that a call costs.
apply_mask: Final = _apply_mask
MASK_BYTES: Final = 4
# How many masks are drawn from the system at once: its call costs more than its bytes.
_MASKS_AT_ONCE: Final = 64

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
MASKED: Final = 0x80
_TWO_MORE: Final = 126
_EIGHT_MORE: Final = 127
_NO_SIZE: Final = 1 << 63

# A frame whose size stands in two bytes more, and the sizes that do.
TEXT_TWO_MORE: Final = bytes((TEXT, _TWO_MORE))
MASKED_TEXT_TWO_MORE: Final = bytes((TEXT, MASKED | _TWO_MORE))
BINARY_TWO_MORE: Final = bytes((BINARY, _TWO_MORE))
MASKED_BINARY_TWO_MORE: Final = bytes((BINARY, MASKED | _TWO_MORE))
TWO_MORE_HEADER: Final = 4
MIN_TWO_MORE: Final = 126
MAX_TWO_MORE: Final = 0xFFFF

ODD: Final = (0, 0)


@frozen
class Binary:
    """A binary message on its way to the peer."""

    payload: bytes = field(repr=False)


# What a leg sends. Text is the bulk of it, so it is what needs no wrapping: UTF-8.
Message = bytes | Binary


class Masks:
    """Fresh unpredictable masks, drawn from the system in batches (section 10.3)."""

    __slots__ = ("_at", "_drawn")

    def __init__(self) -> None:
        self._drawn = b""
        self._at = 0

    def draw(self) -> bytes:
        """The next mask; none is ever used twice."""
        if self._at == len(self._drawn):
            self._drawn = os.urandom(_MASKS_AT_ONCE * MASK_BYTES)
            self._at = 0
        self._at += MASK_BYTES
        return self._drawn[self._at - MASK_BYTES : self._at]


def measure(
    data: bytes | bytearray, at: int, *, masked: bool
) -> tuple[int, int] | None:
    """Measure the frame that begins at ``at``.

    What breaks the rules is found with the byte that breaks them, however much of the
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
    if (size >= MASKED) is not masked or first not in _FIRSTS:
        return ODD
    header = _SHORTEST_HEADER
    if masked:
        size -= MASKED
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


def ping_frame(mask: bytes = b"") -> bytes:
    """Write an empty ping; ``mask`` as in `message_frame`."""
    return bytes((PING, MASKED if mask else 0)) + mask


def says_goodbye(frames: bytes, *, masked: bool) -> bool:
    """Whether a close frame is among whole frames; anything else has none."""
    at = 0
    while frame := measure(frames, at, masked=masked):
        if frame == ODD or frames[at] == CLOSE:
            return frame != ODD
        at += sum(frame)
    return False


def message_frame(message: Message, mask: bytes = b"") -> bytes:
    """Write a message as one unfragmented frame.

    Args:
        message: Text as UTF-8, or binary.
        mask: Four bytes from a client, none from a server.
    """
    if isinstance(message, bytes):
        first, payload = TEXT, message
    else:
        first, payload = BINARY, message.payload
    size = len(payload)
    if MIN_TWO_MORE <= size <= MAX_TWO_MORE and first == TEXT:
        # Every text message with audio in it.
        begins = MASKED_TEXT_TWO_MORE if mask else TEXT_TWO_MORE
        header = begins + size.to_bytes(2)
    else:
        bit = MASKED if mask else 0
        if size < MIN_TWO_MORE:
            header = bytes((first, bit | size))
        elif size <= MAX_TWO_MORE:
            header = bytes((first, bit | _TWO_MORE)) + size.to_bytes(2)
        else:
            header = bytes((first, bit | _EIGHT_MORE)) + size.to_bytes(8)
    if mask:
        return header + mask + apply_mask(payload, mask)
    return header + payload
