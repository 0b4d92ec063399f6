"""A caller's connection goes from the parent to a worker, and none is lost on the way.

One message carries one connection: a JSON object in one line, what was read of the
connection, and its descriptor. The worker answers with the number of each that it has
taken, before it writes to it. What has no answer when the worker is gone was not taken,
and goes to another one: the parent keeps its own descriptor until then.
"""

import socket
from contextlib import suppress
from typing import Any, Final, Literal

import orjson
import trio
from attrs import define, field, frozen

MOST_BYTES: Final = 64 * 1024
_DESCRIPTOR_BYTES: Final = 4
_ANSWER_BYTES: Final = 64

Outcome = Literal["taken", "refused", "gone"]


@frozen
class Given:
    """A connection that has come from the parent.

    Attributes:
        number: Which of the parent's it is.
        told: What the parent tells about it, as JSON can hold it.
        read: What was read of it.
        socket: The connection itself.
    """

    number: int
    told: Any
    read: bytes = field(repr=False)
    socket: trio.socket.SocketType


@define(eq=False)
class _Offer:
    since: float = field(factory=trio.current_time)
    decided: trio.Event = field(factory=trio.Event)
    outcome: Outcome = "gone"


@define(eq=False)
class Giver:
    """The parent's end; `run` has to run.

    Attributes:
        gone: Set once the worker has closed its end, and all its answers are read.
    """

    _socket: trio.socket.SocketType
    _offers: dict[int, _Offer] = field(factory=dict[int, _Offer], init=False)
    gone: trio.Event = field(factory=trio.Event, init=False)
    _turn: trio.StrictFIFOLock = field(factory=trio.StrictFIFOLock, init=False)

    @classmethod
    def over(cls, connected: socket.socket) -> "Giver":
        """Give over this socket, one of a pair of kind ``SOCK_SEQPACKET``."""
        return cls(trio.socket.from_stdlib_socket(connected))

    @property
    def waiting_since(self) -> float | None:
        """Since when the oldest offer has no answer, on Trio's clock; None without one."""
        oldest = next(iter(self._offers.values()), None)
        return None if oldest is None else oldest.since

    async def give(
        self, number: int, told: Any, read: bytes, connection: trio.socket.SocketType
    ) -> Outcome:
        """Offer a connection, and wait until it was taken, or cannot be.

        A worker may still take it if this is cancelled; nobody else may be given it then.

        Args:
            number: No other one that the worker has may have it.
            told: What JSON can hold.
            read: What was read of the connection, 48 KiB at most.
            connection: Stays open here.

        Returns:
            ``taken``: It is the worker's. ``refused``: The worker has no descriptor left.
            ``gone``: The worker is gone, and has not written a byte to the connection.
        """
        offer = _Offer()
        if not self.gone.is_set():
            self._offers[number] = offer
            message = b"%b\n%b" % (orjson.dumps([number, told]), read)
            try:
                await self._send(offer, message, connection.fileno())
            except BaseException:
                # It was not sent, and no answer will come.
                self._offers.pop(number, None)
                raise
            await offer.decided.wait()
        return offer.outcome

    async def _send(self, offer: _Offer, message: bytes, descriptor: int) -> None:
        right = descriptor.to_bytes(_DESCRIPTOR_BYTES, "little")
        rights = (socket.SOL_SOCKET, socket.SCM_RIGHTS, right)
        async with self._turn:
            # OSError: the worker is gone, and `run` tells all who wait.
            with suppress(OSError):
                if not offer.decided.is_set():
                    await self._socket.sendmsg([message], [rights])

    def close(self) -> None:
        """Give nothing; for one that does not run."""
        self._socket.close()

    async def run(self) -> None:
        """Take in the answers until the worker has ended, and all that it had answered."""
        with self._socket:
            try:
                while raw := await self._receive():
                    self._answered(int(raw))
            finally:
                self.gone.set()
                offers, self._offers = self._offers, {}
                for offer in offers.values():
                    offer.decided.set()

    async def _receive(self) -> bytes:
        try:
            return await self._socket.recv(_ANSWER_BYTES)
        except ConnectionError:
            # It has not read all that was sent to it. What it has sent comes after this,
            # which the system tells once.
            with suppress(ConnectionError):
                return await self._socket.recv(_ANSWER_BYTES)
            return b""

    def _answered(self, answer: int) -> None:
        offer = self._offers.pop(abs(answer), None)
        if offer is not None:
            offer.outcome = "taken" if answer > 0 else "refused"
            offer.decided.set()


@define(eq=False)
class Taker:
    """The worker's end."""

    _socket: trio.socket.SocketType

    @classmethod
    def over(cls, connected: socket.socket) -> "Taker":
        """Take over this socket, the other one of the pair."""
        return cls(trio.socket.from_stdlib_socket(connected))

    async def take(self) -> Given | None:
        """Wait for the next connection, and say that it is taken.

        Returns:
            None if the parent is gone, or gives no more.
        """
        while message := await self._receive():
            raw, descriptors = message
            line, _, read = raw.partition(b"\n")
            number, told = orjson.loads(line)
            if descriptors is None:
                await self._answer(-number)
                continue
            connection = trio.socket.from_stdlib_socket(
                socket.socket(fileno=descriptors)
            )
            given = Given(number, told, read, connection)
            is_taken = False
            try:
                is_taken = await self._answer(number)
            finally:
                # Nobody knows then that it is here.
                if not is_taken:
                    connection.close()
            return given if is_taken else None
        return None

    def close(self) -> None:
        """Take no more; what was offered and not taken goes to another worker."""
        self._socket.close()

    async def _receive(self) -> tuple[bytes, int | None] | None:
        room = socket.CMSG_LEN(_DESCRIPTOR_BYTES)
        try:
            raw, rights, _, _ = await self._socket.recvmsg(
                MOST_BYTES, room, socket.MSG_CMSG_CLOEXEC
            )
        except (ConnectionError, trio.ClosedResourceError):
            return None
        if not raw:
            return None
        # Without a right: this process has no descriptor left for it.
        descriptor = int.from_bytes(rights[0][2], "little") if rights else None
        return raw, descriptor

    async def _answer(self, number: int) -> bool:
        try:
            await self._socket.send(b"%d" % number)
        except (ConnectionError, trio.ClosedResourceError):
            return False
        return True
