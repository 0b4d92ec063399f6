"""What a worker is told when it begins: sent once, as a pickle, to a process of our own."""

import pickle
import socket
from collections.abc import Mapping
from typing import TYPE_CHECKING, Final

import trio
from attrs import field, frozen

from trio_sts.settings import Settings

if TYPE_CHECKING:
    from trio_sts.embedded import Faults

_LENGTH_BYTES: Final = 8
_READ_S: Final = 10.0


@frozen
class Plan:
    """What a worker works by.

    Attributes:
        worker: Its number, for the log; from 1, never used again.
        generation: Which generation it is of, from 1.
        settings: Those of its generation.
        environ: What the operator's tools see.
        faults: How the built-in model misbehaves.
    """

    worker: int
    generation: int
    settings: Settings
    environ: Mapping[str, str] = field(repr=False)
    faults: "Faults | None" = None


async def send_plan(stream: trio.abc.SendStream, plan: Plan) -> None:
    """Send it, before anything else.

    Raises:
        trio.BrokenResourceError: The worker is gone.
    """
    pickled = pickle.dumps(plan)
    await stream.send_all(len(pickled).to_bytes(_LENGTH_BYTES, "big") + pickled)


def read_plan(control: socket.socket) -> Plan:
    """Read it in a new worker, before trio runs there.

    Raises:
        EOFError: The parent is gone, or gave up.
        TimeoutError: Nothing came for 10 s.
    """
    control.settimeout(_READ_S)
    length = int.from_bytes(_read(control, _LENGTH_BYTES), "big")
    # From the parent of this very process, over a socket that nobody else has.
    plan: Plan = pickle.loads(_read(control, length))  # noqa: S301
    control.settimeout(None)
    return plan


def _read(control: socket.socket, length: int) -> bytes:
    received = bytearray()
    while len(received) < length:
        piece = control.recv(length - len(received))
        if not piece:
            raise EOFError
        received += piece
    return bytes(received)
