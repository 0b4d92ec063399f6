"""The model's side of one call: the session in use, and the one that is to follow it.

::

    open ──────────────┬─→ a session ─→ the relay's model
    reconnect ─→ pause ┘                   ↑ use_spare
    open_spare ──────────→ a session ─→ the relay's spare

Each leg's socket is kept by a task of its own beside the call, so that it outlives the
call by its closing handshake; everything else runs in the call's own nursery.
"""

import random
from collections.abc import Awaitable, Callable

import structlog
import trio
from attrs import define, evolve, field
from typing_extensions import override

from trio_sts.brief import Brief
from trio_sts.dialling import Dials, Opened, open_session
from trio_sts.errors import ModelError
from trio_sts.legs.endpoint import Endpoint
from trio_sts.legs.model import ModelLeg, open_model
from trio_sts.legs.optional_fields import RefusedFields
from trio_sts.observing.observer import Observer
from trio_sts.relay import Recorder, Relay

_log = structlog.get_logger()


_EndpointFor = Callable[[Brief | None], Endpoint]


@define(eq=False)
class _Kept:
    """A leg, and the event that lets its socket go."""

    leg: ModelLeg
    observer: Observer
    over: trio.Event = field(factory=trio.Event)

    def let_go(self) -> None:
        """Let its socket be closed."""
        dropped_ms = self.leg.dropped_ms
        if dropped_ms and not self.over.is_set():
            fields = {"leg": "model", "ms": dropped_ms}
            self.observer.noted("dropped", fields, trio.current_time())
        self.over.set()


@define(eq=False)
class _Legs(Dials):
    """The leg of a session that is being opened."""

    sockets: trio.Nursery
    all: set[_Kept]
    record: Recorder
    observer: Observer
    _kept: _Kept | None = None

    @property
    def open(self) -> _Kept:
        if self._kept is None:
            raise AssertionError("a session is open, and its leg is not")
        return self._kept

    @override
    async def connect(self, endpoint: Endpoint) -> ModelLeg:
        began_at, result = trio.current_time(), "given up"
        try:
            # Kept at once: a call that ends meanwhile closes it with the caller leg.
            kept: _Kept = await self.sockets.start(
                _keep, endpoint, self.all, self.observer
            )
            result = "connected"
        except* ModelError as group:
            # No name here for the error, which holds this frame.
            result = _result(group)
            raise
        finally:
            now = trio.current_time()
            fields = {"result": result, "took_s": now - began_at}
            self.record.note("dial", **fields)
            self.observer.noted("dial", fields, now)
        self._kept = kept
        return kept.leg

    @override
    def leave_model(self) -> None:
        _let_go(self._kept)
        self._kept = None


async def _keep(
    endpoint: Endpoint,
    all_legs: set[_Kept],
    observer: Observer,
    *,
    task_status: trio.TaskStatus[_Kept],
) -> None:
    async with open_model(endpoint) as leg:
        kept = _Kept(leg, observer)
        all_legs.add(kept)
        task_status.started(kept)
        try:
            await kept.over.wait()
        finally:
            all_legs.discard(kept)


@define(eq=False)
class Upstream:
    """Opens, replaces and closes the model legs of one call.

    Attributes:
        relay: Hears of each session, or that there is none to be had.
        sockets: Where the legs' own tasks live; it outlives ``tasks``.
        tasks: The call's own nursery.
        refused_fields: What the process has learned of endpoints.
        reconnect_budget_s: For each session after the first.
        endpoint: Where the call's model is, as far as a brief says.
        brief: Finds what is this call's own, once.
        brief_settled: Is told the brief that the session was opened with.
    """

    relay: Relay
    sockets: trio.Nursery
    tasks: trio.Nursery
    refused_fields: RefusedFields
    reconnect_budget_s: float
    endpoint: _EndpointFor
    brief: Callable[[], Awaitable[Brief]]
    brief_settled: Callable[[Brief], None]
    _used: _Kept | None = field(default=None, init=False)
    _spare: _Kept | None = field(default=None, init=False)
    # All whose sockets are kept, of a session that is being opened too.
    _legs: set[_Kept] = field(factory=set[_Kept], init=False)
    # Of whatever is being opened.
    _opening: trio.CancelScope = field(factory=trio.CancelScope, init=False)

    async def open(self) -> None:
        """Open the first session; the relay hears of it, or why there is none."""
        self._opening = trio.CancelScope()
        with self._opening:
            await self._open(self.endpoint)

    def reconnect(self, after_s: float) -> None:
        """The session in use is gone: open another one after a pause, with jitter."""
        self.leave()
        self._opening = trio.CancelScope()
        self.tasks.start_soon(self._reopen, self._opening, after_s)

    def open_spare(self) -> None:
        """Open a second session beside the one in use."""
        self._opening = trio.CancelScope()
        self.tasks.start_soon(self._open_spare, self._opening)

    def use_spare(self) -> None:
        """The second session is the one in use; the leg of the first one is closed."""
        if self._spare is not None:
            used, self._used, self._spare = self._used, self._spare, None
            _let_go(used)

    def leave(self) -> None:
        """Close every leg, and open none any more."""
        self._opening.cancel(reason="the model is left")
        for kept in self._legs:
            kept.let_go()
        self._used = self._spare = None

    async def aclose(self, code: int) -> None:
        """Close every leg with this code, also one of a session that is being opened."""
        async with trio.open_nursery() as closing:
            for kept in self._legs:
                closing.start_soon(kept.leg.aclose, code)

    async def _reopen(self, scope: trio.CancelScope, after_s: float) -> None:
        with scope:
            await trio.sleep(after_s * random.uniform(0.5, 1.0))  # noqa: S311  # no secret
            await self._open(self._within_budget)

    async def _open(self, endpoint: _EndpointFor) -> None:
        try:
            kept, opened = await self._new_session(endpoint)
        except* ModelError as group:
            self.relay.model_failed("no model", _reason_for_caller(group))
        else:
            self._used = kept
            brief, leg = opened.brief, opened.model
            self.brief_settled(brief)
            words, permitted = brief.welcome_message, brief.tools.permitted()
            self.relay.model_ready(leg, opened.info, words, permitted, leg.ends_at)
            self._start_pumps(leg)

    async def _open_spare(self, scope: trio.CancelScope) -> None:
        try:
            with scope:
                self._spare, opened = await self._new_session(self._within_budget)
                self.relay.spare_ready(opened.model, opened.model.ends_at)
                self._start_pumps(opened.model)
        except* ModelError as group:
            _log.warning("no next session", why=str(_first(group)))
            self.relay.spare_lost()

    def _within_budget(self, brief: Brief | None) -> Endpoint:
        return evolve(self.endpoint(brief), connect_budget_s=self.reconnect_budget_s)

    async def _new_session(self, endpoint: _EndpointFor) -> tuple[_Kept, Opened]:
        relay = self.relay
        legs = _Legs(self.sockets, self._legs, relay.record, relay.observer)
        try:
            opened = await open_session(legs, self.brief, endpoint, self.refused_fields)
        except* ModelError as group:
            self._noted_session(_result(group))
            legs.leave_model()
            raise
        except* Exception:
            # At a cancellation the leg is still to be closed with its code.
            legs.leave_model()
            raise
        self._noted_session("set up")
        return legs.open, opened

    def _noted_session(self, result: str) -> None:
        fields = {"result": result}
        self.relay.observer.noted("session", fields, trio.current_time())

    def _start_pumps(self, leg: ModelLeg) -> None:
        self.tasks.start_soon(self.relay.pump_model, leg)
        self.tasks.start_soon(self.relay.watch_model, leg)


def _let_go(kept: _Kept | None) -> None:
    if kept is not None:
        kept.let_go()


def _result(group: BaseExceptionGroup[ModelError]) -> str:
    """Why there is no leg, for the call's record."""
    error = _first(group)
    return error.code or error.reason_for_caller


def _reason_for_caller(group: BaseExceptionGroup[ModelError]) -> str:
    """Why there is no model, in words for the caller's side."""
    error = _first(group)
    _log.warning("no model", why=str(error))
    return f"The assistant is not available: {error.reason_for_caller}."


def _first(group: BaseExceptionGroup[ModelError]) -> ModelError:
    error: ModelError | BaseExceptionGroup[ModelError] = group
    while isinstance(error, BaseExceptionGroup):
        error = error.exceptions[0]
    return error
