"""What a stand-in for AVR Core plays to its caller: a frame of its queue every 20 ms."""

from collections import deque
from collections.abc import Callable

import trio
from attrs import define, field

from .core import FRAME_BYTES, FRAME_MS, FakeCore

SILENT_FRAME = bytes(FRAME_BYTES)


@define(eq=False)
class Line:
    """Both voices of one call, 20 ms by 20 ms.

    In each slot a frame of the caller's is sent, and one is played of what has come.

    Attributes:
        said: The caller's frames.
        heard: The agent's: what was played, and silence where there was nothing.
        began_at: When the first slot began.
    """

    core: FakeCore
    said: list[bytes] = field(factory=list[bytes])
    heard: list[bytes] = field(factory=list[bytes])
    began_at: float = 0
    _queue: deque[bytes] = field(factory=deque[bytes])
    _read: int = 0

    async def hold(self, voice: Callable[[int], bytes]) -> None:
        """Hold the line until the call is closed, or this is cancelled.

        ``voice`` has the caller's frame of each slot.
        """
        self.began_at = trio.current_time()
        while self.core.close_code is None:
            self._take_news()
            self.heard.append(self._queue.popleft() if self._queue else SILENT_FRAME)
            frame = voice(len(self.said))
            self.said.append(frame)
            await self.core.say(frame)
            await trio.sleep_until(self.began_at + len(self.said) * FRAME_MS / 1000)

    def _take_news(self) -> None:
        for message in self.core.received[self._read :]:
            if message.type == "interruption":
                self._queue.clear()
            pcm = message.pcm
            for start in range(0, len(pcm), FRAME_BYTES):
                self._queue.append(pcm[start : start + FRAME_BYTES])
        self._read = len(self.core.received)
