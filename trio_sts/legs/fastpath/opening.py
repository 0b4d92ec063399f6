"""Where the HTTP handshake ends and the frames begin."""

import re
from typing import Final

# The same rule as h11, which reads the handshake for trio-websocket.
_BLANK_LINE: Final = re.compile(rb"\n\r?\n")
_HAS_BODY: Final = re.compile(rb"(?i)\n(content-length|transfer-encoding)[ \t]*:")
_SWITCHING: Final = re.compile(rb"HTTP/1\.1 101[ \r\n]")
# Twice what h11 accepts before it gives up.
_MAX_HEAD_BYTES: Final = 32 * 1024


class Opening:
    """Follows the head of the handshake, of which it keeps a copy until it ends.

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
