"""Opening a call's session: dialled at once, and again if the call has another model.

The model is dialled while the instructions are being found, so that nobody waits longer
for the greeting than the slower of the two takes. A web service that names a model of the
call's own is rare: then the first connection is left, and where that model cannot be had
the container's is dialled again.
"""

from collections.abc import Awaitable, Callable
from typing import Protocol

import structlog
import trio
from attrs import define, evolve, field, frozen

from trio_sts.brief import Brief
from trio_sts.errors import ModelError
from trio_sts.legs.endpoint import Endpoint
from trio_sts.legs.model import ModelLeg
from trio_sts.legs.optional_fields import RefusedFields
from trio_sts.legs.setup import set_up
from trio_sts.wire.realtime.items import SessionInfo

# What is said of one call alone gets this part of the time to connect.
_OWN_SHARE = 1 / 3

_log = structlog.get_logger()


class Dials(Protocol):
    """The call: it keeps the leg that is open, and closes it."""

    async def connect(self, endpoint: Endpoint) -> ModelLeg:
        """Dial, and keep the leg until `leave_model`."""
        ...

    def leave_model(self) -> None:
        """Close the leg."""
        ...


@frozen
class Opened:
    """A session that is set up, and what it was asked for."""

    model: ModelLeg
    info: SessionInfo
    brief: Brief


@define(eq=False)
class _Attempt:
    endpoint: Endpoint
    scope: trio.CancelScope = field(factory=trio.CancelScope)
    model: ModelLeg | None = None
    # One at most, out of which it is raised; see `loop.reactor`.
    failures: list[BaseExceptionGroup[ModelError]] = field(
        factory=list[BaseExceptionGroup[ModelError]]
    )


async def open_session(
    call: Dials,
    find_brief: Callable[[], Awaitable[Brief]],
    endpoint_for: Callable[[Brief | None], Endpoint],
    fields: RefusedFields,
) -> Opened:
    """Open the call's session, as its brief wants it.

    Args:
        call: Who keeps the leg.
        find_brief: Finds what the call is held with; it is asked once.
        endpoint_for: Whom to dial, as far as that is known.
        fields: What the process has learned of endpoints.

    Raises:
        ModelError: In exception groups; there is no session.
    """
    attempt = _Attempt(endpoint_for(None))
    async with trio.open_nursery() as both:
        both.start_soon(_try, call, attempt)
        brief = await find_brief()
        is_wanted = brief.endpoint.url == attempt.endpoint.url
        if not is_wanted:
            attempt.scope.cancel(reason="the call has a model of its own")
    if is_wanted:
        if attempt.failures:
            raise attempt.failures.pop()
    else:
        call.leave_model()
        attempt.model = None
        if brief.otherwise is not None:
            endpoint = endpoint_for(brief)
            share_s = endpoint.connect_budget_s * _OWN_SHARE
            try:
                return await _open(
                    call, evolve(endpoint, connect_budget_s=share_s), brief, fields
                )
            except* ModelError as group:
                _log.warning("model of the call ignored", why=str(_first_of(group)))
            call.leave_model()
            brief = brief.otherwise
    return await _open(call, endpoint_for(brief), brief, fields, attempt.model)


async def _try(call: Dials, attempt: _Attempt) -> None:
    with attempt.scope:
        try:
            attempt.model = await call.connect(attempt.endpoint)
        except* ModelError as group:
            attempt.failures = [group]


async def _open(
    call: Dials,
    endpoint: Endpoint,
    brief: Brief,
    fields: RefusedFields,
    model: ModelLeg | None = None,
) -> Opened:
    if model is None:
        model = await call.connect(endpoint)
    info = await set_up(model, brief.session, fields)
    return Opened(model, info, evolve(brief, otherwise=None))


def _first_of(group: BaseExceptionGroup[ModelError]) -> ModelError:
    error: ModelError | BaseExceptionGroup[ModelError] = group
    while isinstance(error, BaseExceptionGroup):
        error = error.exceptions[0]
    return error
