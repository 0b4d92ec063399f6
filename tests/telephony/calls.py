"""A call from a real phone through a real Asterisk, by either way, to a scripted model."""

from collections.abc import AsyncGenerator
from contextlib import AsyncExitStack, asynccontextmanager
from enum import StrEnum
from functools import partial
from pathlib import Path

import psutil
import trio
from attrs import frozen

from tests.peers.model import Script, ScriptedModel, agree, scripted_model
from tests.system.service import Service, serving
from trio_sts.phone.ami import AmiStandIn

from . import manager
from .asterisk import Asterisk
from .avr_core import PORT as AUDIOSOCKET
from .avr_core import AvrCore, avr_core
from .phones import Phone, phone

PORT = 6030
_URL = f"ws://127.0.0.1:{PORT}"
_ENDS_S = 5.0


class Leg(StrEnum):
    """How calls come in; the value is the extension that a phone dials."""

    ASTERISK = "5000"
    AVR_CORE = "6000"


@frozen
class Scene:
    """Everybody in it; nobody has dialled yet."""

    leg: Leg
    asterisk: Asterisk
    phone: Phone
    model: ScriptedModel
    service: Service
    core: AvrCore
    folder: Path


@asynccontextmanager
async def answering(
    base_url: str, leg: Leg, **environ: str
) -> AsyncGenerator[tuple[Service, AvrCore]]:
    """A service that calls come to, over the leg."""
    ami = AmiStandIn()
    async with trio.open_nursery() as nursery:
        ami_url: str = await nursery.start(partial(ami.serve, port=0))
        given = {"PORT": str(PORT), "STS_SILENCE_PROMPT_S": "0", **environ}
        if leg is Leg.AVR_CORE:
            given["AMI_URL"] = ami_url
        async with (
            serving(base_url, **given) as service,
            avr_core(_URL, ami) as core,
        ):
            yield service, core
        nursery.cancel_scope.cancel(reason="the test is over")


@asynccontextmanager
async def scene(
    asterisk: Asterisk,
    leg: Leg,
    folder: Path,
    script: Script = agree,
    /,
    *,
    user: str = "wideband",
    codec: str = "G722",
    **environ: str,
) -> AsyncGenerator[Scene]:
    """Have all that a call needs; when the block ends nothing of it may be left."""
    async with AsyncExitStack() as stack:
        model = await stack.enter_async_context(scripted_model(script))
        service, core = await stack.enter_async_context(
            answering(model.base_url, leg, **environ)
        )
        caller = await stack.enter_async_context(phone(folder, user, codec))
        yield Scene(leg, asterisk, caller, model, service, core, folder)
        await caller.hang_up()
        await nothing_is_left(asterisk, service, core)


def _connections() -> list[str]:
    """Those to the service and to AVR Core; nobody else is in this network."""
    return [
        f"{each.laddr} to {each.raddr}"
        for each in psutil.net_connections("tcp")
        if each.status == psutil.CONN_ESTABLISHED
        and {PORT, AUDIOSOCKET} & {*each.laddr[1:], *each.raddr[1:]}
    ]


async def nothing_is_left(asterisk: Asterisk, service: Service, core: AvrCore) -> None:
    """Wait until nobody holds anything of a call; fail if somebody still does."""
    left: list[str] = []
    with trio.move_on_after(_ENDS_S):
        while True:
            left = await manager.channels()
            left += ["a call of the service"] * service.server.calls
            left += ["a call of AVR Core"] * core.connected
            left += _connections()
            if not left:
                return
            await trio.sleep(0.05)
    message = f"still open: {left}\n{asterisk.log[-2000:]}"
    raise AssertionError(message)
