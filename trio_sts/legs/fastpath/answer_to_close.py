"""What a peer still sends after our close frame: only its own close frame matters.

Nothing of it is parsed: whoever was closed for what they sent would go on costing what
they cost before. A close frame is the last of its sender (RFC 6455, 5.5.1), so what
arrived is looked at from its end alone. Masked audio ends like an empty close frame once
in 65,000 reads, and then the connection is over without the peer's answer.
"""

from typing import Final

from attrs import define

from .frames import CLOSE, MASK_BYTES, MASKED, apply_mask

_HEADER_BYTES: Final = 2
_MAX_PAYLOAD_BYTES: Final = 125
_LONGEST: Final = _HEADER_BYTES + MASK_BYTES + _MAX_PAYLOAD_BYTES
_CODE_BYTES: Final = 2
_CODES: Final = range(1000, 5000)


@define(eq=False)
class AnswerToClose:
    """Looks for the peer's close frame at the end of what has arrived so far.

    Attributes:
        masked: Whether the peer masks its frames.
    """

    masked: bool
    _last: bytes = b""

    def arrives_in(self, data: bytes | bytearray) -> bool:
        """Whether a close frame, and nothing behind it, ends the newly arrived data."""
        last = self._last = (self._last + bytes(data[-_LONGEST:]))[-_LONGEST:]
        at = last.find(CLOSE)
        while at >= 0:
            if self._is_close(last[at:]):
                return True
            at = last.find(CLOSE, at + 1)
        return False

    def _is_close(self, frame: bytes) -> bool:
        mask_bytes = MASK_BYTES if self.masked else 0
        size = len(frame) - _HEADER_BYTES - mask_bytes
        if size < 0 or frame[1] != (MASKED if self.masked else 0) + size:
            return False
        if size == 0:
            return True
        payload = frame[_HEADER_BYTES + mask_bytes :]
        if self.masked:
            mask = frame[_HEADER_BYTES : _HEADER_BYTES + MASK_BYTES]
            payload = apply_mask(payload, mask)
        return int.from_bytes(payload[:_CODE_BYTES]) in _CODES and size >= _CODE_BYTES
