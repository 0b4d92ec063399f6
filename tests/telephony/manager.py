"""Asterisk's Manager Interface, as far as avr-ami uses it: redirect a channel, end it."""

from collections.abc import Mapping

import trio

_HOST, _PORT = "127.0.0.1", 5038
_USER, _SECRET = "tests", "only-on-the-loopback"
_MOST_S = 5.0
_RECEIVE_BYTES = 4096

Message = Mapping[str, str]


class Refused(Exception):
    """Asterisk did not do it; the text is its own."""


async def channels() -> list[str]:
    """The channels that there are."""
    told = await ask("CoreShowChannels", "CoreShowChannelsComplete")
    return [each["Channel"] for each in told if "Channel" in each]


async def channel_of(uuid: str) -> str:
    """The channel whose variable ``AVR_UUID`` is this.

    Raises:
        Refused: There is none.
    """
    for each in await ask("Status", "StatusComplete", Variables="AVR_UUID"):
        if each.get("Variable") == f"AVR_UUID={uuid}":
            return each["Channel"]
    message = f"no channel of call {uuid}"
    raise Refused(message)


async def redirect(uuid: str, extension: str, context: str, priority: str) -> None:
    """Let the caller's channel go on elsewhere in the dialplan.

    Raises:
        Refused: There is no such channel or place.
    """
    where = {"Context": context, "Exten": extension, "Priority": priority}
    await ask("Redirect", Channel=await channel_of(uuid), **where)


async def hang_up(uuid: str) -> None:
    """End the caller's channel.

    Raises:
        Refused: There is none.
    """
    await ask("Hangup", Channel=await channel_of(uuid))


async def ask(action: str, last: str | None = None, **fields: str) -> list[Message]:
    """Log in, ask once, and read the answer, or the events up to the one named ``last``.

    Raises:
        Refused: Asterisk refused it.
    """
    with trio.fail_after(_MOST_S):
        async with await trio.open_tcp_stream(_HOST, _PORT) as stream:
            login = {"Username": _USER, "Secret": _SECRET, "Events": "off"}
            await _send(stream, "Login", login)
            await _send(stream, action, fields)
            buffer = b""
            answers: list[Message] = []
            while True:
                await trio.lowlevel.checkpoint()
                head, found, rest = buffer.partition(b"\r\n\r\n")
                if not found:
                    more = await stream.receive_some(_RECEIVE_BYTES)
                    if not more:
                        raise Refused("the connection ended")
                    buffer += more
                    continue
                buffer = rest
                answer = _read(head.decode())
                if answer.get("Response") == "Error":
                    raise Refused(answer.get("Message", ""))
                if answer.get("ActionID") != action:
                    continue
                answers.append(answer)
                if last is None or answer.get("Event") == last:
                    return answers


async def _send(stream: trio.SocketStream, action: str, fields: Message) -> None:
    lines = {"Action": action, "ActionID": action, **fields}
    text = "".join(f"{name}: {value}\r\n" for name, value in lines.items())
    await stream.send_all(f"{text}\r\n".encode())


def _read(head: str) -> Message:
    lines = (line.partition(": ") for line in head.splitlines())
    return {name: value for name, found, value in lines if found}
