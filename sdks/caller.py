"""The caller of each program: speech that standard input names, else silence.

A line is the path of raw audio, PCM16LE mono at 24 kHz; the call ends with the input.
"""

import asyncio
import sys
from collections.abc import AsyncIterator
from pathlib import Path

RATE_HZ = 24_000
FRAME_MS = 50
FRAME_BYTES = RATE_HZ * FRAME_MS // 1000 * 2


async def audio() -> AsyncIterator[bytes]:
    """The caller's audio, frame by frame, in real time."""
    loop = asyncio.get_running_loop()
    said: asyncio.Queue[bytes | None] = asyncio.Queue()
    reading = asyncio.create_task(_read(said))
    waiting = b""
    due_s = loop.time()
    while True:
        if not waiting and not said.empty():
            speech = said.get_nowait()
            if speech is None:
                break
            waiting = speech
        frame, waiting = waiting[:FRAME_BYTES], waiting[FRAME_BYTES:]
        yield frame.ljust(FRAME_BYTES, b"\x00")
        due_s += FRAME_MS / 1000
        await asyncio.sleep(due_s - loop.time())
    await reading


async def _read(said: asyncio.Queue[bytes | None]) -> None:
    while line := await asyncio.to_thread(sys.stdin.readline):
        said.put_nowait(await asyncio.to_thread(Path(line.strip()).read_bytes))
    said.put_nowait(None)
