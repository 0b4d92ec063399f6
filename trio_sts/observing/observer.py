"""What happens in a call, told to whoever looks on.

An observer changes nothing of the call and keeps nobody waiting: it is called where things
happen, and returns at once. Audio and what the clock does to it are not told, so that looking
on costs next to nothing; who wants to see them looks at the conversation's parts now and
then.
"""

from collections.abc import Callable, Mapping, Sequence
from typing import Any, Self

import structlog
from attrs import define, field, frozen
from typing_extensions import override

from trio_sts.conversation.commands import Command, EndCall
from trio_sts.conversation.inputs import BadEvent
from trio_sts.conversation.session import Conversation
from trio_sts.record.finished_call import FinishedCall
from trio_sts.settings import Settings
from trio_sts.wire.realtime import events
from trio_sts.wire.realtime.session import SessionConfig

_log = structlog.get_logger()


@frozen(eq=False)
class Observed:
    """One call that is under way; it is let go when the call is over.

    Attributes:
        fallback_uuid: Its id, unless the ``Begin`` that is asked for has another.
        metadata: What AVR Core told about it, cleaned.
        started_at: When its caller leg opened, on Trio's clock.
        core: Its conversation: to be read, by nobody to be changed.
        end: Ends it.
    """

    fallback_uuid: str
    metadata: Mapping[str, str] = field(repr=False)
    started_at: float
    core: Conversation = field(repr=False)
    end: Callable[[EndCall], None] = field(repr=False)


class Observer:
    """Looks on at one call; each method may be left out.

    All times are on Trio's clock.
    """

    def came(self, event: events.ServerEvent | BadEvent, now: float) -> None:
        """The core has taken an event of the model's; one without audio."""

    def asked(self, command: Command, now: float) -> None:
        """The core asks the shell for something; it is no message for a leg.

        Its log and its transcript are among it: `Note` and `Record`.
        """

    def noted(self, kind: str, fields: Mapping[str, Any], now: float) -> None:
        """Something has happened that the core does not see.

        ``dial``: a connection to the model was tried, with ``result`` ("connected", or why
        not) and ``took_s``. ``tool``: a tool is over, with ``name``, ``key`` (the call's id
        in its `RunTool`), ``took_s``, ``outcome`` ("ok", "failed", "cancelled") and whether
        there is one of that name (``known``). ``dropped``: audio that a ``leg`` ("caller"
        or "model") could not send in time was dropped, ``ms`` of it in all; told when the
        leg is left, and if there was any. ``session``: one was to be opened, with
        ``result`` ("set up", or why not).
        """

    def settled(self, settings: Settings, session: SessionConfig, now: float) -> None:
        """It is known what holds for this call, and what its session is asked for."""

    def headers(self, tool: str | None = None) -> Mapping[str, str]:  # noqa: ARG002
        """What HTTP requests of this call are to carry, beside their own headers.

        Args:
            tool: The id of the `RunTool` that they are made for; None for any other.
        """
        return {}

    def ended(self, finished: FinishedCall | None, ending: EndCall, now: float) -> None:
        """The call is over; told once, the last of all.

        ``finished`` is None if its own summary has failed.
        """


# For each call that has been accepted, one observer.
Observers = Sequence[Callable[[Observed], Observer]]

NOBODY = Observer()


def observe(observers: Observers, call: Observed) -> Observer:
    """One observer in the place of all those who look on at this call."""
    guarded: list[_Guarded] = []
    for each in observers:
        with _Guarded(call.fallback_uuid) as guard:
            guard.observer = each(call)
            guarded.append(guard)
    return _Several(guarded) if guarded else NOBODY


@define(eq=False)
class _Guarded:
    """Whoever looks on and fails costs one line, and the call nothing."""

    call_id: str
    observer: Observer = NOBODY

    def __enter__(self) -> Self:
        return self

    def __exit__(self, _: object, error: BaseException | None, __: object) -> bool:
        if not isinstance(error, Exception):
            return False
        _log.error(
            "observer crashed",
            observer=type(self.observer).__name__,
            call_id=self.call_id,
            exc_info=error,
        )
        self.observer = NOBODY
        return True


@define(eq=False)
class _Several(Observer):
    """All who look on at one call, one after the other."""

    guarded: list[_Guarded]

    @override
    def came(self, event: events.ServerEvent | BadEvent, now: float) -> None:
        for each in self.guarded:
            with each:
                each.observer.came(event, now)

    @override
    def asked(self, command: Command, now: float) -> None:
        for each in self.guarded:
            with each:
                each.observer.asked(command, now)

    @override
    def noted(self, kind: str, fields: Mapping[str, Any], now: float) -> None:
        for each in self.guarded:
            with each:
                each.observer.noted(kind, fields, now)

    @override
    def settled(self, settings: Settings, session: SessionConfig, now: float) -> None:
        for each in self.guarded:
            with each:
                each.observer.settled(settings, session, now)

    @override
    def headers(self, tool: str | None = None) -> Mapping[str, str]:
        found: dict[str, str] = {}
        for each in self.guarded:
            with each:
                found.update(each.observer.headers(tool))
        return found

    @override
    def ended(self, finished: FinishedCall | None, ending: EndCall, now: float) -> None:
        for each in self.guarded:
            with each:
                each.observer.ended(finished, ending, now)
