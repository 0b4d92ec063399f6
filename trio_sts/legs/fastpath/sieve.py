"""What arrives on one WebSocket, sifted: text messages out, every other byte on.

Pure bytes, no I/O. The rule that keeps it honest: what is not plainly a complete,
unfragmented, valid text frame in its place is passed on untouched, and after anything
that ends a connection or breaks a rule everything is. Passing on is never wrong, only
slower. One thing comes later than without a sieve: a text frame is judged when it is
complete, so a peer that stops half-way through a broken one is told so at its end.
"""

from collections.abc import Callable
from typing import Final

from attrs import define, field

from .frames import (
    BINARY_BEGINS,
    CLOSE,
    CONTINUATION,
    LAST_CONTINUATION,
    MASKED_TEXT_TWO_MORE,
    MIN_TWO_MORE,
    ODD,
    PING,
    PONG,
    TEXT,
    TEXT_BEGINS,
    TEXT_TWO_MORE,
    TWO_MORE_HEADER,
    measure,
)
from .masks import MASK_BYTES, apply_mask
from .opening import Opening

_CONTROLS: Final = (PING, PONG)
_CONTINUATIONS: Final = (CONTINUATION, LAST_CONTINUATION)
_UNFINISHED: Final = (TEXT_BEGINS, BINARY_BEGINS, CONTINUATION)
# A peer that sends thousands of tiny messages at once must not hold up other calls.
_TAKEN_AT_ONCE: Final = 64

OnTexts = Callable[[list[bytes]], None]


@define(eq=False, repr=False)
class Sieve:
    """The receiving side of one connection.

    Attributes:
        server: We are the server: the peer masks its frames.
        max_payload_bytes: A longer frame is passed on, for trio-websocket to judge.
        on_texts: Gets the UTF-8 of messages that arrived together; what it raises comes
            out of `sift`, which may then be called again and goes on behind them. None
            passes all on.
        on_the_way: Messages passed on that their reader has not dealt with. Nothing
            is taken meanwhile: it would overtake them.
        close_seen: A close frame arrived.
    """

    server: bool
    max_payload_bytes: int
    on_texts: OnTexts | None = field(default=None, init=False)
    on_the_way: int = field(default=0, init=False)
    close_seen: bool = field(default=False, init=False)
    _opening: Opening | None = field(init=False)
    _held: bytes | bytearray = field(default=b"", init=False)
    # From here on nothing of `_held` is passed on or taken yet; ...
    _at: int = field(default=0, init=False)
    # ... so many bytes from there are the rest of a frame that is passed on, ...
    _passing: int = field(default=0, init=False)
    # ... and with fewer than these there is nothing to decide.
    _enough: int = field(default=1, init=False)
    # Header and payload bytes of the text frame ahead.
    _frame: tuple[int, int] = field(default=ODD, init=False)
    _fragmented: bool = field(default=False, init=False)
    _blind: bool = field(default=False, init=False)

    # How a frame with audio begins, and how long its header is.
    _audio: tuple[bytes, int] = field(init=False)

    def __attrs_post_init__(self) -> None:
        self._opening = Opening(server=self.server)
        self._audio = (
            (MASKED_TEXT_TWO_MORE, TWO_MORE_HEADER + MASK_BYTES)
            if self.server
            else (TEXT_TWO_MORE, TWO_MORE_HEADER)
        )

    @property
    def opened(self) -> bool:
        """Whether the head of the handshake has been passed on."""
        return self._opening is None

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

    def sift(self) -> bytes:
        """Hand the text messages at the front to `on_texts`.

        Returns:
            The bytes to pass on before anything else is taken; none if there is nothing
            to do before more arrives, or if so much was done that others should have
            their turn, when `holds` says that there is more.
        """
        if len(self._held) - self._at < self._enough:
            return b""
        if self._opening is not None:
            return self._pass_opening(self._opening)
        passed = b"" if self._take_audio() else self._walk()
        if self._at == len(self._held):
            self._held, self._at = b"", 0
        return passed

    def rest(self) -> bytes:
        """All that is held, when nothing more will arrive."""
        self._blind = True
        self._enough = 1
        return self.sift()

    def _pass_opening(self, opening: Opening) -> bytes:
        end = opening.end_in(self._held)
        self._blind = not opening.plain
        if end is not None or self._blind:
            self._opening = None
        self._at = len(self._held) if end is None else end
        return bytes(memoryview(self._held)[: self._at])

    def _take_audio(self) -> bool:
        """The short way of what most reads bring: whole messages with audio in them.

        Returns:
            Whether there is nothing else to do for now.
        """
        if self._passing or self._fragmented or self._blind or self.on_the_way:
            return False
        if self.on_texts is None:
            return False
        held, at = self._held, self._at
        begins, header = self._audio
        texts: list[bytes] = []
        while held[at : at + 2] == begins and len(texts) < _TAKEN_AT_ONCE:
            size = int.from_bytes(held[at + 2 : at + TWO_MORE_HEADER])
            end = at + header + size
            if not MIN_TWO_MORE <= size <= self.max_payload_bytes or end > len(held):
                break
            text = self._text(at + header, end)
            if text is None:
                break
            texts.append(text)
            at = end
        if texts:
            # Behind them before the call: an error of it leaves all in order.
            self._at, self._enough = at, 1
            self.on_texts(texts)
        return at == len(held) or len(texts) == _TAKEN_AT_ONCE

    def _walk(self) -> bytes:
        """Go on to where more must arrive or others go first; what to pass on by then."""
        start = self._at
        taken = 0
        while self._at < len(self._held) and taken < _TAKEN_AT_ONCE:
            if self._blind:
                self._at = len(self._held)
            elif self._passing:
                step = min(self._passing, len(self._held) - self._at)
                self._passing -= step
                self._at += step
            elif not self._judge():
                if self._at > start or not self.holds or self.on_texts is None:
                    break
                header, payload = self._frame
                begin, end = self._at + header, self._at + header + payload
                text = self._text(begin, end)
                self._enough = 1
                taken += 1
                if text is None:
                    self._blind = True
                else:
                    self._at = start = end
                    self.on_texts([text])
        return bytes(self._held[start : self._at])

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
            self._blind = True
        elif (
            first == TEXT
            and self.on_texts is not None
            and not self.on_the_way
            and not self._fragmented
            and payload <= self.max_payload_bytes
        ):
            self._frame = frame
            self._enough = header + payload
            return False
        else:
            self._follow(first)
            self._passing = header + payload
        return True

    def _follow(self, first: int) -> None:
        """Keep count of what is passed on, as trio-websocket will understand it."""
        if first in _CONTROLS:
            return
        if first == CLOSE:
            self._blind = self.close_seen = True
        elif self._fragmented is not (first in _CONTINUATIONS):
            self._blind = True
        else:
            self._fragmented = first in _UNFINISHED
            self.on_the_way += not self._fragmented

    def _text(self, begin: int, end: int) -> bytes | None:
        """The text in a payload; None if it is none."""
        text = bytes(self._held[begin:end])
        if self.server:
            text = apply_mask(text, self._held[begin - MASK_BYTES : begin])
        return text if text.isascii() or _is_utf8(text) else None


def _is_utf8(text: bytes) -> bool:
    try:
        text.decode()
    except UnicodeDecodeError:
        return False
    return True
