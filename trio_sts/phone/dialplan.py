"""What a dialplan does once the service has left a call: it asks where to go on."""

from typing import Final
from urllib.parse import quote

import h11
import trio
from attrs import evolve

from trio_sts.errors import StsError

from .target import Dial, Target

ANSWER_S: Final = 5.0
_RECEIVE_BYTES: Final = 4096
# A step is three short words.
_MAX_BODY_BYTES: Final = 1024
_OK: Final = 200
_NOTHING: Final = 404


class NoStep(StsError):
    """The service could not be asked, or its answer is none; the text says why."""


async def ask_next_step(dial: Dial, target: Target, uuid: str) -> str:
    """Ask ``GET /calls/<uuid>/next``, as ``CURL`` in the dialplan does.

    Args:
        dial: Connects to the service.
        target: The service that was called; its token goes along.
        uuid: The call's id.

    Returns:
        ``context,extension,priority``, or "" if the service has nothing for this call.

    Raises:
        NoStep: It is not there, does not answer in 5 s, or answers something else.
    """
    asked = evolve(target, resource=f"/calls/{quote(uuid, safe='')}/next")
    try:
        with trio.fail_after(ANSWER_S):
            stream = await dial(asked)
            async with stream:
                status, body = await _get(stream, asked)
    except trio.TooSlowError:
        told = f"no answer in {ANSWER_S:.0f} s"
        raise NoStep(told) from None
    except (OSError, trio.BrokenResourceError, h11.RemoteProtocolError) as exc:
        raise NoStep(str(exc) or "the connection broke") from exc
    if status == _NOTHING:
        return ""
    if status != _OK:
        told = f"HTTP {status}"
        raise NoStep(told)
    return body.decode(errors="replace").strip()


async def _get(stream: trio.abc.Stream, target: Target) -> tuple[int, bytes]:
    """The status and the body.

    Raises:
        h11.RemoteProtocolError: The answer is no HTTP, or is too long.
        trio.BrokenResourceError: The peer is gone.
    """
    conn = h11.Connection(h11.CLIENT)
    headers = [(b"Host", target.host_header.encode()), (b"Connection", b"close")]
    request = h11.Request(
        method="GET", target=target.resource, headers=[*headers, *target.headers]
    )
    head = conn.send(request) or b""
    await stream.send_all(head + (conn.send(h11.EndOfMessage()) or b""))
    status = 0
    body = b""
    while True:
        await trio.lowlevel.checkpoint()
        match conn.next_event():
            case h11.NEED_DATA:
                conn.receive_data(bytes(await stream.receive_some(_RECEIVE_BYTES)))
            case h11.Response() as response:
                status = response.status_code
            case h11.Data(data=data):
                body += data
                if len(body) > _MAX_BODY_BYTES:
                    raise h11.RemoteProtocolError("the answer is too long")
            case h11.InformationalResponse():
                pass
            case _:
                return status, body
