"""From ``session.created`` to a session that is what was asked for."""

import re
from collections.abc import Collection, Mapping
from typing import Any

import structlog
import trio
from attrs import define, evolve

from trio_sts.conversation.parts.failures import Fatal, judge
from trio_sts.errors import (
    LegClosed,
    ModelError,
    ModelRefused,
    ModelUnreachable,
)
from trio_sts.wire.realtime.events import ErrorEvent, SessionUpdated
from trio_sts.wire.realtime.items import ErrorDetail, SessionInfo
from trio_sts.wire.realtime.requests import UpdateSession
from trio_sts.wire.realtime.session import (
    Dialect,
    OptionalField,
    Refused,
    RemoteServer,
    SessionConfig,
    beta_session,
    ga_session,
)

from .dial import TOO_SLOW, hung_up, said_no
from .endpoint import Endpoint
from .model import ModelLeg
from .optional_fields import RefusedFields, refused_field
from .own_fields import own_named, own_within, without_own

_MOST_ROUNDS = 5
_FIELD = re.compile(r"[\w.\[\]]{1,60}", re.ASCII)

_log = structlog.get_logger()


async def set_up(
    leg: ModelLeg, config: SessionConfig, fields: RefusedFields
) -> SessionInfo:
    """Configure a fresh session; afterwards the leg may be run, posted to and written.

    A connection that is lost meanwhile, or whose attempt takes too long, is dialled
    again. All of it has the leg's connect budget, which began with the dialling. What is the call's own and is refused,
    or may be why an endpoint closes the connection, gives way to the container's.

    Args:
        leg: As `open_model` gave it; nothing was posted to it yet.
        config: What is asked of the session.
        fields: What the process has learned of endpoints; it may learn more.

    Returns:
        What the endpoint says of the session; model and expiry may come from
        ``session.created``.

    Raises:
        ModelRefused: A mandatory field, or too many optional ones, or the key is
            refused, or the endpoint chose another audio format.
        ModelUnreachable: There is no session within the budget.
    """
    failure: ModelError = ModelUnreachable("the model's endpoint set up no session")
    asked = _Asked(config, leg.endpoint, fields)
    times_closed = 0
    try:
        with trio.move_on_at(leg.deadline):
            while True:
                try:
                    with trio.fail_after(leg.left_s):
                        info = await _negotiate(leg, asked)
                except trio.TooSlowError:
                    failure = ModelUnreachable(TOO_SLOW)
                except LegClosed as exc:
                    failure = hung_up(exc)
                    times_closed += 1
                    for_good = isinstance(failure, ModelRefused)
                    # One close may be the network's fault, a second one is the request's.
                    given_way = (for_good or times_closed > 1) and asked.give_way()
                    if for_good and not given_way:
                        raise failure from exc
                except ModelUnreachable as exc:
                    failure = exc
                else:
                    leg.open_for(config.audio_format)
                    return info
                _log.warning("session not set up", why=str(failure))
                await leg.redial()
        raise failure
    finally:
        # Whoever holds an error that holds their frame is a cycle.
        del failure


def check_echo(info: SessionInfo, audio_format: str) -> None:
    """Compare the formats in a ``session.updated`` with what was asked.

    An endpoint that does not say is trusted.

    Raises:
        ModelRefused: One of them differs: what the caller hears would be noise.
    """
    for direction, shown in (
        ("input", info.input_format),
        ("output", info.output_format),
    ):
        if shown is not None and shown != audio_format:
            reason = f"the model's endpoint answers {shown:.40} to {audio_format} {direction}"
            raise ModelRefused(reason)


@define
class _Asked:
    """What is asked of a session; it becomes less as the endpoint refuses it."""

    config: SessionConfig
    endpoint: Endpoint
    fields: RefusedFields

    def __attrs_post_init__(self) -> None:
        known = self.fields.known_own(self.endpoint, self.config)
        self.config = without_own(self.config, known)

    def session(self) -> dict[str, Any]:
        """As the endpoint wants it written."""
        build = ga_session if self.endpoint.dialect is Dialect.GA else beta_session
        return build(self.config, self.fields.known(self.endpoint))

    def leave_out(self, error: ErrorDetail, session: Mapping[str, Any]) -> None:
        """Ask for less after a refusal; raises if that would not help."""
        own = own_named(error, self.config)
        if own:
            self.fields.add_own(self.endpoint, self.config, own)
            self._give_way(own, error.code)
            return
        if error.param and (inside := own_within(error, self.config)):
            self._give_way(inside, error.code)
            return
        refused = self.fields.known(self.endpoint)
        try:
            fault = _fault(error, session, refused, self.config)
        except ModelRefused:
            # Where nothing says what is wrong, it may be what other calls do not ask for.
            if isinstance(judge(error), Fatal) or not self.give_way():
                raise
        else:
            self.fields.add(self.endpoint, fault)

    def give_way(self) -> bool:
        """Ask for what the container has; False if the call has nothing of its own."""
        own = tuple(self.config.instead)
        self._give_way(own)
        return bool(own)

    def _give_way(self, own: Collection[str], code: str | None = None) -> None:
        for name in own:
            _log.warning("model refuses a field of the call", field=name, code=code)
        self.config = without_own(self.config, own)


async def _negotiate(leg: ModelLeg, asked: _Asked) -> SessionInfo:
    # Each round leaves out one field of the endpoint's, or some of the call's own.
    for _ in range(1 + _MOST_ROUNDS + len(asked.config.instead)):
        session = asked.session()
        answer = await _ask(leg, session)
        if isinstance(answer, SessionUpdated):
            check_echo(answer.session, asked.config.audio_format)
            return _complete(answer.session, leg.created)
        asked.leave_out(answer.error, session)
    raise ModelRefused("the model's endpoint refuses too much of the session")


async def _ask(
    leg: ModelLeg, session: Mapping[str, Any]
) -> SessionUpdated | ErrorEvent:
    await leg.ask(UpdateSession(session))
    while True:
        answer = await leg.receive()
        if isinstance(answer, SessionUpdated | ErrorEvent):
            return answer


def _fault(
    error: ErrorDetail,
    session: Mapping[str, Any],
    refused: Refused,
    config: SessionConfig,
) -> OptionalField | RemoteServer:
    """What to leave out of the next update; raises if that would not help."""
    found = _or_next_transcriber(refused_field(error, session), refused, config)
    if found is not None and found not in refused:
        _log.warning("model refuses a field", field=str(found), code=error.code)
        return found
    _log.debug("model refuses the session", message=error.message)
    is_transient = error.type != "invalid_request_error" and not error.param
    if isinstance(said_no(error), ModelRefused) or is_transient:
        raise said_no(error)
    # Some endpoints quote what they were sent where a field's name belongs.
    is_name = error.param is not None and _FIELD.fullmatch(error.param)
    about = f": {error.param}" if is_name else ""
    reason = f"the model's endpoint refuses the session{about}"
    raise ModelRefused(reason, code=error.code)


def _or_next_transcriber(
    found: OptionalField | RemoteServer | None, refused: Refused, config: SessionConfig
) -> OptionalField | RemoteServer | None:
    """The model before the whole: another one may work, then there is none at all."""
    if found not in {OptionalField.TRANSCRIBER, OptionalField.TRANSCRIPTION}:
        return found
    is_first = OptionalField.TRANSCRIBER not in refused
    if is_first and config.transcription_fallback is not None:
        return OptionalField.TRANSCRIBER
    return OptionalField.TRANSCRIPTION


def _complete(updated: SessionInfo, created: SessionInfo) -> SessionInfo:
    return evolve(
        updated,
        id=updated.id or created.id,
        model=updated.model or created.model,
        expires_at=updated.expires_at or created.expires_at,
    )
