"""What tests of delivery share: time that passes when nothing else does."""

from collections.abc import Callable

import trio


async def until(holds: Callable[[], bool], *, within_s: float = 20) -> None:
    """Wait until it holds; in real time, since threads do their work in it."""
    with trio.fail_after(within_s):
        await trio.lowlevel.checkpoint()
        # Files and threads send no event.
        while not holds():  # noqa: ASYNC110
            await trio.sleep(0.01)
