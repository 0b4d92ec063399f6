"""What arrives on one WebSocket, divided: messages to callbacks, all else passed on.

Pure bytes, no I/O. Text is taken, and binary messages where audio comes in them. What is
not plainly a complete, unfragmented, valid frame of these in its place is passed on
untouched, and after anything that ends a connection or breaks a rule everything is.
Passing on is never wrong, only slower. One thing comes later than without this: a text
frame is judged when it is complete, so a peer that stops half-way through a broken one
gets its close code at that frame's end.
"""

import re
from collections.abc import Callable
from typing import Final

from attrs import define, field

from .frames import (
    BINARY,
    BINARY_BEGINS,
    BINARY_TWO_MORE,
    CLOSE,
    CONTINUATION,
    LAST_CONTINUATION,
    MASK_BYTES,
    MASKED_BINARY_TWO_MORE,
    MASKED_TEXT_TWO_MORE,
    MIN_TWO_MORE,
    ODD,
    PING,
    PONG,
    TEXT,
    TEXT_BEGINS,
    TEXT_TWO_MORE,
    TWO_MORE_HEADER,
    apply_mask,
    measure,
)

_CONTROLS: Final = (PING, PONG)
_CONTINUATIONS: Final = (CONTINUATION, LAST_CONTINUATION)
_UNFINISHED: Final = (TEXT_BEGINS, BINARY_BEGINS, CONTINUATION)
# A peer that sends thousands of tiny messages, or pings, at once must not hold up others.
_TAKEN_AT_ONCE: Final = 16
_PASSED_AT_ONCE: Final = 4

# The same rule as h11, which reads the handshake for trio-websocket.
_BLANK_LINE: Final = re.compile(rb"\n\r?\n")
_HAS_BODY: Final = re.compile(rb"(?i)\n(content-length|transfer-encoding)[ \t]*:")
_SWITCHING: Final = re.compile(rb"HTTP/1\.1 101[ \r\n]")
# Twice what h11 accepts before it gives up.
_MAX_HEAD_BYTES: Final = 32 * 1024

OnTexts = Callable[[list[bytes]], None]
OnBinaries = Callable[[list[bytes]], None]


def nobody(_: list[bytes]) -> None:
    """What `on_binaries` is where no binary message is taken."""


class HandshakeHead:
    """Finds the end of the handshake, of whose head it keeps a copy until then.

    Attributes:
        plain: The head is one that frames follow, as far as is known; a refusal, a head
            with a body or one without an end is none.
    """

    __slots__ = ("_head", "_server", "plain")

    def __init__(self, *, server: bool) -> None:
        self._server = server
        self._head = bytearray()
        self.plain = True

    def end_in(self, data: bytes | bytearray) -> int | None:
        """Where in the newly arrived ``data`` the head ends; None if it does not."""
        before = len(self._head)
        self._head += data
        blank = _BLANK_LINE.search(self._head, max(0, before - 2))
        if blank is None:
            self.plain = before + len(data) <= _MAX_HEAD_BYTES
            return None
        head = bytes(self._head[: blank.end()])
        self._head.clear()
        if self._server:
            self.plain = _HAS_BODY.search(head) is None
        else:
            self.plain = _SWITCHING.match(head) is not None
        return blank.end() - before


@define(eq=False, repr=False)
class Demux:
    """The receiving side of one connection.

    Attributes:
        server: We are the server: the peer masks its frames.
        max_payload_bytes: A longer message is passed on, for trio-websocket to judge, and
            so is all that follows it.
        binary: Audio comes in binary messages, which are taken as well.
        on_texts: Gets the UTF-8 of messages that arrived together; what it raises comes
            out of `divide`, which may then be called again and goes on behind them. None
            passes all on.
        on_binaries: The same for binary messages, where they are taken; no call of either
            has messages before and behind one of the other's.
        undelivered: Messages passed on that their reader has not dealt with. Nothing
            is taken meanwhile: it would overtake them.
        close_seen: A close frame arrived.
    """

    server: bool
    max_payload_bytes: int
    binary: bool = False
    on_texts: OnTexts | None = field(default=None, init=False)
    on_binaries: OnBinaries = field(default=nobody, init=False)
    undelivered: int = field(default=0, init=False)
    close_seen: bool = field(default=False, init=False)
    _head: HandshakeHead | None = field(init=False)
    _held: bytes | bytearray = field(default=b"", init=False)
    # From here on nothing of `_held` is passed on or taken yet; ...
    _at: int = field(default=0, init=False)
    # ... so many bytes from there are the rest of a frame that is passed on, ...
    _passing: int = field(default=0, init=False)
    # ... and with fewer than these there is nothing to decide.
    _enough: int = field(default=1, init=False)
    # Header and payload bytes of the frame ahead that is taken.
    _frame: tuple[int, int] = field(default=ODD, init=False)
    _fragmented: bool = field(default=False, init=False)
    # Of the message that is passed on, so far.
    _passed_bytes: int = field(default=0, init=False)
    _passes_all: bool = field(default=False, init=False)

    # How a frame with audio begins, how long its header is, and what reads its payload:
    # no bound method, which would be a cycle.
    _audio: "tuple[bytes, int, Callable[[Demux, int, int], bytes | None]]" = field(
        init=False
    )

    def __attrs_post_init__(self) -> None:
        self._head = HandshakeHead(server=self.server)
        masked = (MASKED_TEXT_TWO_MORE, MASKED_BINARY_TWO_MORE)
        begins = (masked if self.server else (TEXT_TWO_MORE, BINARY_TWO_MORE))[
            self.binary
        ]
        header = TWO_MORE_HEADER + self.server * MASK_BYTES
        self._audio = (begins, header, Demux._binary if self.binary else Demux._text)

    @property
    def opened(self) -> bool:
        """Whether the head of the handshake has been passed on."""
        return self._head is None

    @property
    def holds(self) -> bool:
        """Whether bytes are held for which nothing more need arrive."""
        return len(self._held) - self._at >= self._enough

    def feed(self, data: bytes) -> None:
        """Add what arrived."""
        if self._at == len(self._held):
            self._held = data
        elif isinstance(self._held, bytearray) and not self._at:
            self._held += data
        else:
            self._held = bytearray(memoryview(self._held)[self._at :])
            self._held += data
        self._at = 0

    def divide(self) -> bytes:
        """Hand the messages at the front that are taken to their callbacks.

        Returns:
            The bytes to pass on before anything else is taken; none if there is nothing
            to do before more arrives, or if so much was done that others should have
            their turn, when `holds` says that there is more.
        """
        if len(self._held) - self._at < self._enough:
            return b""
        if self._head is not None:
            return self._pass_head(self._head)
        passed = b"" if self._take_audio() else self._walk()
        if self._at == len(self._held):
            self._held, self._at = b"", 0
        return passed

    def drop(self) -> bytes:
        """All that is held and is not passed on any more."""
        held = bytes(memoryview(self._held)[self._at :])
        self._held, self._at = b"", 0
        return held

    def rest(self) -> bytes:
        """All that is held, when nothing more will arrive."""
        self._passes_all = True
        self._enough = 1
        return self.divide()

    def _pass_head(self, head: HandshakeHead) -> bytes:
        end = head.end_in(self._held)
        self._passes_all = not head.plain
        if end is not None or self._passes_all:
            self._head = None
        self._at = len(self._held) if end is None else end
        return bytes(memoryview(self._held)[: self._at])

    def _take_audio(self) -> bool:
        """Take whole messages with audio in them, which is what most reads bring.

        Returns:
            Whether there is nothing else to do for now.
        """
        if self._passing or self._fragmented or self._passes_all or self.undelivered:
            return False
        if self.on_texts is None:
            return False
        held, at = self._held, self._at
        begins, header, payload_of = self._audio
        taken: list[bytes] = []
        while held[at : at + 2] == begins and len(taken) < _TAKEN_AT_ONCE:
            size = int.from_bytes(held[at + 2 : at + TWO_MORE_HEADER])
            end = at + header + size
            if not MIN_TWO_MORE <= size <= self.max_payload_bytes or end > len(held):
                break
            payload = payload_of(self, at + header, end)
            if payload is None:
                break
            taken.append(payload)
            at = end
        if taken:
            # Behind them before the call: an error of it leaves all in order.
            self._at, self._enough = at, 1
            if self.binary:
                self.on_binaries(taken)
            else:
                self.on_texts(taken)
        return at == len(held) or len(taken) == _TAKEN_AT_ONCE

    def _walk(self) -> bytes:
        """Go on to where more must arrive or others go first; what to pass on by then."""
        start = self._at
        taken = passed = 0
        while (
            self._at < len(self._held)
            and taken < _TAKEN_AT_ONCE
            and passed < _PASSED_AT_ONCE
        ):
            if self._passes_all:
                self._at = len(self._held)
            elif self._passing:
                step = min(self._passing, len(self._held) - self._at)
                self._passing -= step
                self._at += step
            elif self._judge():
                passed += 1
            else:
                if self._at > start or not self.holds or self.on_texts is None:
                    break
                taken += 1
                self._take(self.on_texts)
                start = self._at
        return bytes(self._held[start : self._at])

    def _take(self, on_texts: OnTexts) -> None:
        """Take the frame ahead; text that is none is left, and passed on with all else."""
        header, payload = self._frame
        begin, end = self._at + header, self._at + header + payload
        self._enough = 1
        first = self._held[self._at]
        if first == PONG:
            # Pings are the tap's own, and any byte answers them.
            self._at = end
        elif first == BINARY:
            self._at = end
            self.on_binaries([self._binary(begin, end)])
        elif (text := self._text(begin, end)) is not None:
            self._at = end
            on_texts([text])
        else:
            self._passes_all = True

    def _judge(self) -> bool:
        """Whether the frame ahead is passed on; if not, it is for us, once complete."""
        self._enough = 1
        frame = measure(self._held, self._at, masked=self.server)
        if frame is None:
            self._enough = len(self._held) - self._at + 1
            return False
        header, payload = frame
        first = self._held[self._at]
        if frame == ODD:
            self._passes_all = True
        elif self.on_texts is not None and (
            first == PONG
            or (
                (first == TEXT or (self.binary and first == BINARY))
                and not self.undelivered
                and not self._fragmented
                and payload <= self.max_payload_bytes
            )
        ):
            self._frame = frame
            self._enough = header + payload
            return False
        else:
            self._follow(first, payload)
            self._passing = header + payload
        return True

    def _follow(self, first: int, payload: int) -> None:
        """Keep count of what is passed on, as trio-websocket will understand it."""
        if first in _CONTROLS:
            return
        if first == CLOSE:
            self._passes_all = self.close_seen = True
        elif self._fragmented is not (first in _CONTINUATIONS):
            self._passes_all = True
        else:
            self._passed_bytes = payload + self._fragmented * self._passed_bytes
            self._fragmented = first in _UNFINISHED
            self.undelivered += not self._fragmented
            # The library may end here, and looks once more at all that came with it.
            self._passes_all = self._passed_bytes > self.max_payload_bytes

    def _text(self, begin: int, end: int) -> bytes | None:
        """The text in a payload; None if it is none."""
        text = bytes(self._held[begin:end])
        if self.server:
            text = apply_mask(text, self._held[begin - MASK_BYTES : begin])
        return text if text.isascii() or _is_utf8(text) else None

    def _binary(self, begin: int, end: int) -> bytes:
        payload = bytes(self._held[begin:end])
        if self.server:
            return apply_mask(payload, self._held[begin - MASK_BYTES : begin])
        return payload


def _is_utf8(text: bytes) -> bool:
    try:
        text.decode()
    except UnicodeDecodeError:
        return False
    return True
