"""An incoming call: which leg its request asks for, and who has the caller's telephone.

An upgrade that offers the subprotocol ``media`` is Asterisk's own; any other is AVR
Core's. Behind AVR Core avr-ami has the telephone; the calls that Asterisk has dialled are
ended and transferred by Asterisk.
"""

from collections.abc import Mapping

import trio
from structlog.typing import FilteringBoundLogger

from trio_sts.dialplan import AVR_CONTEXT, context_of
from trio_sts.legs.asterisk import AsteriskLeg
from trio_sts.legs.caller import CallerLeg
from trio_sts.legs.http_head import RequestHead
from trio_sts.legs.leg import CallerSide
from trio_sts.services import Services
from trio_sts.settings import Settings
from trio_sts.tools.ari import Ari
from trio_sts.tools.control import CallControl
from trio_sts.tools.control_ari import with_ari
from trio_sts.tools.control_leg import LegControl
from trio_sts.wire.asterisk import SUBPROTOCOL


async def accept(
    nursery: trio.Nursery,
    stream: trio.abc.Stream,
    head: RequestHead,
    settings: Settings,
) -> CallerSide:
    """Answer the handshake of a call.

    Args:
        nursery: Where the leg's own task lives; it outlives whatever uses the leg.
        stream: The socket, from the first byte of the request.
        head: The request.
        settings: How long the peer may read nothing, and whether messages go fast.

    Raises:
        LegClosed: There is no call.
    """
    kind = AsteriskLeg if SUBPROTOCOL in head.subprotocols else CallerLeg
    return await kind.accept(
        nursery, stream, stall_s=settings.caller_stall_s, fast=settings.fast_path
    )


def is_asterisk(caller: CallerSide) -> bool:
    """Whether Asterisk itself has dialled this call."""
    return isinstance(caller, AsteriskLeg)


def transfer_context(caller: CallerSide, metadata: Mapping[str, str]) -> str:
    """The dialplan's context of a transfer that names none."""
    return context_of(metadata) if is_asterisk(caller) else AVR_CONTEXT


def own_control(
    caller: CallerSide,
    uuid: str,
    metadata: Mapping[str, str],
    services: Services,
    log: FilteringBoundLogger,
) -> CallControl | None:
    """What ends and transfers a call that Asterisk has dialled; None for AVR Core's."""
    if not is_asterisk(caller):
        return None
    context = context_of(metadata)
    leg = LegControl(uuid, context, caller.post, services.keep)
    ari = Ari.of(services.settings, services.registry.control.http)
    return with_ari(leg, ari, metadata, log)
