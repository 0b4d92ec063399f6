"""The sending side of one connection: whole writes, in order, of several senders."""

import trio
from attrs import define, field

from .wires import Wire


@define(eq=False, repr=False)
class Writer:
    """One writer at a time, and no queue: what cannot be sent stays with its sender.

    At most one write is begun and not finished, and its rest goes out before anything
    else does, whoever began it and even if its sender was cancelled.
    """

    _wire: Wire
    _rest: bytes | memoryview = field(default=b"", init=False)
    _rest_is_offered: bool = field(default=False, init=False)
    _broken: bool = field(default=False, init=False)
    _turn: trio.StrictFIFOLock = field(factory=trio.StrictFIFOLock, init=False)
    _left_over: trio.lowlevel.ParkingLot = field(
        factory=trio.lowlevel.ParkingLot, init=False
    )

    @property
    def owes(self) -> bool:
        """Whether a part of what was offered last has not been written."""
        return self._rest_is_offered and bool(self._rest)

    def offer(self, data: bytes) -> bool:
        """Begin a write, unless another is under way.

        Returns:
            Whether all of the data is being sent; the rest of what did not go at once is
            for `drain`. Nothing of data that was not taken is sent.
        """
        if self._rest or self._broken or self._turn.locked():
            return False
        try:
            gone = self._wire.write_now(data)
        except (trio.BrokenResourceError, trio.ClosedResourceError):
            self.end()
            return False
        if gone < len(data):
            self._rest = memoryview(data)[gone:]
            self._rest_is_offered = True
            self._left_over.unpark()
        return True

    async def send(self, data: bytes | memoryview) -> None:
        """Write all of it, after all that was sent before; returns when it is written.

        Raises:
            trio.BrokenResourceError: The connection is gone.
            trio.ClosedResourceError: It was closed on this side.
        """
        async with self._turn:
            await self._finish()
            if data:
                self._rest = data
                self._rest_is_offered = False
                self._went(self._wire.write_now(data))
                await self._finish()

    async def drain(self) -> None:
        """Write what `offer` could not; returns when the connection is gone."""
        try:
            while not self._broken:
                if not self._rest:
                    await self._left_over.park()
                async with self._turn:
                    await self._finish()
        except (trio.BrokenResourceError, trio.ClosedResourceError):
            # The connection's reader learns it too, and ends the connection.
            self._broken = True

    def end(self) -> None:
        """Take nothing more: the connection is being closed."""
        self._broken = True
        self._left_over.unpark()

    async def _finish(self) -> None:
        while self._rest:
            self._went(await self._wire.write(self._rest))

    def _went(self, gone: int) -> None:
        if gone == len(self._rest):
            self._rest = b""
        elif gone:
            self._rest = memoryview(self._rest)[gone:]
