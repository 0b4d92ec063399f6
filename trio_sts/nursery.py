"""One call, on one screen.

::

    caller socket ─┐
    model socket  ─┤                 any of these ends or fails
    caller pump   ─┼─ one nursery ─  → its scope is cancelled with a reason
    model pump    ─┤                 → both sockets get their close code, shielded, 2 s
    clock         ─┤                 → the transcript is closed, one line is logged
    tool tasks    ─┤
    watchdogs     ─┘

The sockets' own tasks live in a nursery around that one: they have to outlive the call
by its closing handshakes. The first who ends a call picks the close code.
"""

from collections.abc import Callable, Mapping
from typing import Any
from uuid import uuid4

import httpx
import structlog
import trio
from attrs import define, field, frozen

from trio_sts import plan
from trio_sts.conversation.commands import EndCall, RunTool
from trio_sts.conversation.session import Conversation, is_usable_uuid
from trio_sts.errors import LegClosed, ModelError
from trio_sts.instructions import Resolved, resolve
from trio_sts.legs.caller import CallerLeg
from trio_sts.legs.endpoint import Endpoint
from trio_sts.legs.model import ModelLeg, open_model
from trio_sts.legs.refusals import Refusals
from trio_sts.legs.setup import set_up
from trio_sts.record.summary import summary
from trio_sts.record.transcript import TranscriptFile
from trio_sts.relay import Relay
from trio_sts.settings import Settings
from trio_sts.tools.registry import Registry
from trio_sts.tools.tool import CallContext
from trio_sts.wire import avr
from trio_sts.wire.metadata import clean_metadata

# Both closing handshakes together.
CLOSE_S = 2.0
_SERVICE_STOPS = 1001
_STOPPING = EndCall(_SERVICE_STOPS, "service stopping", "This service is stopping.")
_CRASHED = EndCall(1011, "crashed", "An internal error has ended the call.")

_log = structlog.get_logger()


@frozen
class House:
    """All that calls share: the settings, the tools, and what endpoints refuse."""

    settings: Settings
    endpoint: Endpoint
    refusals: Refusals
    registry: Registry
    http: httpx.AsyncClient


@define(eq=False)
class Call:
    """One call as the server knows it, and its end, which happens once."""

    free_place: Callable[["Call"], None]
    ending: EndCall | None = None
    scope: trio.CancelScope = field(factory=trio.CancelScope)

    def end(self, ending: EndCall) -> None:
        """End the call, unless it is ending already."""
        if self.ending is None:
            self.ending = ending
            self.scope.cancel(reason=ending.outcome)

    def stop(self) -> None:
        """End the call because the service stops."""
        self.end(_STOPPING)


async def hold_call(call: Call, stream: trio.abc.Stream, house: House) -> None:
    """Hold a call over a socket, from the WebSocket handshake to the last close frame.

    Nothing outlives it, and nothing is raised but a cancellation.
    """
    async with trio.open_nursery() as sockets:
        caller = await _accepted(sockets, stream, house.settings)
        if caller is not None:
            line = _Line(call, caller, house, sockets)
            try:
                await line.hold()
            finally:
                call.free_place(call)
                await line.close()
        sockets.cancel_scope.cancel(reason="the call is over")


async def _accepted(
    sockets: trio.Nursery, stream: trio.abc.Stream, settings: Settings
) -> CallerLeg | None:
    try:
        return await CallerLeg.accept(sockets, stream, stall_s=settings.caller_stall_s)
    except LegClosed:
        return None


@define(eq=False)
class _Line:
    """What one call holds in its hands."""

    call: Call
    caller: CallerLeg
    house: House
    sockets: trio.Nursery
    model: ModelLeg | None = None
    uuid: str = field(init=False)
    metadata: Mapping[str, str] = field(init=False, repr=False)
    relay: Relay = field(init=False)
    told: Resolved = field(init=False, repr=False)
    nursery: trio.Nursery = field(init=False)
    transcript: TranscriptFile = field(factory=TranscriptFile)
    started_at: float = field(factory=trio.current_time)
    _begun: trio.Event = field(factory=trio.Event)
    _closed: trio.Event = field(factory=trio.Event)

    def __attrs_post_init__(self) -> None:
        self.metadata = clean_metadata(self.caller.query)
        named = self.caller.uuid
        self.uuid = named if named and is_usable_uuid(named) else str(uuid4())
        core = Conversation(
            plan.rules(self.house.settings),
            now=self.started_at,
            fallback_uuid=self.uuid,
        )
        self.relay = Relay(core, self.caller, self)

    async def hold(self) -> None:
        """The life of the call: it is over when its scope is cancelled."""
        structlog.contextvars.bind_contextvars(call_id=self.uuid)
        try:
            with self.call.scope:
                async with trio.open_nursery() as self.nursery:
                    start = self.nursery.start_soon
                    start(self.relay.pump_caller)
                    start(self.relay.watch_caller)
                    start(self.relay.keep_time)
                    await self._begun.wait()
                    structlog.contextvars.bind_contextvars(call_id=self.uuid)
                    model = await self._open_model()
                    start(self.relay.pump_model, model)
                    start(self.relay.watch_model, model)
        except* ModelError as group:
            self.call.end(_no_model(group))
        # The guard of the call: it ends with its code, and the server lives on.
        except* Exception:  # noqa: BLE001
            _log.exception("call crashed")
            self.call.end(_CRASHED)

    async def close(self) -> None:
        """Both legs get their close code, and the log its line."""
        ending = self.call.ending or _STOPPING
        self.relay.perform(self.relay.core.finish(trio.current_time()))
        if ending.failure is not None:
            self.caller.post(avr.Failure(ending.failure))
        try:
            with trio.move_on_after(CLOSE_S, shield=True):
                async with trio.open_nursery() as closing:
                    closing.start_soon(self.caller.aclose, ending.code, ending.outcome)
                    if self.model is not None:
                        stopping = ending.code == _SERVICE_STOPS
                        code = _SERVICE_STOPS if stopping else 1000
                        closing.start_soon(self.model.aclose, code)
        finally:
            self._closed.set()
            self._sum_up(ending)

    def begin(self, uuid: str) -> None:
        self.uuid = uuid
        self.relay.log = _log.bind(call_id=uuid)
        self.relay.log.info("call begun")
        folder = self.house.settings.transcript_dir
        self.transcript = TranscriptFile.open(folder, uuid)
        self.transcript.write("begun", {"call_id": uuid})
        self._begun.set()

    def run_tool(self, command: RunTool) -> None:
        self.nursery.start_soon(self._run_tool, command)

    def record(self, kind: str, fields: dict[str, Any]) -> None:
        self.transcript.write(kind, fields)

    def end(self, ending: EndCall) -> None:
        self.call.end(ending)

    async def _open_model(self) -> ModelLeg:
        """Dial while the instructions are being found, then set the session up."""
        house = self.house
        async with trio.open_nursery() as both:
            both.start_soon(self._resolve_instructions)
            model: ModelLeg = await self.sockets.start(self._keep_model)
        self.model = model
        config = plan.session_config(
            house.settings, self.told.text, house.registry.offered()
        )
        info = await set_up(model, config, house.refusals)
        self.relay.model_ready(model, info, self.told.welcome_message)
        return model

    async def _keep_model(self, *, task_status: trio.TaskStatus[ModelLeg]) -> None:
        # Beside the call and not under it: the leg outlives it by its closing handshake.
        async with open_model(self.house.endpoint) as model:
            task_status.started(model)
            await self._closed.wait()

    async def _resolve_instructions(self) -> None:
        house = self.house
        self.told = await resolve(house.settings, self.uuid, self.metadata, house.http)

    async def _run_tool(self, command: RunTool) -> None:
        structlog.contextvars.bind_contextvars(call_id=self.uuid)
        context = CallContext(self.uuid, self.metadata, _log, self.house.http)
        outcome = await self.house.registry.run(
            command.name, command.arguments, context
        )
        self.relay.tool_finished(command.call_id, outcome.output, ok=outcome.ok)

    def _sum_up(self, ending: EndCall) -> None:
        fields = summary(
            self.relay.core.tally,
            outcome=ending.outcome,
            code=ending.code,
            duration_s=trio.current_time() - self.started_at,
            model=self.house.settings.model,
        )
        self.transcript.write("ended", {"outcome": ending.outcome, "code": ending.code})
        self.transcript.close()
        self.relay.log.info("call ended", **fields)


def _no_model(group: BaseExceptionGroup[ModelError]) -> EndCall:
    error: BaseException = group
    while isinstance(error, BaseExceptionGroup):
        error = error.exceptions[0]
    _log.warning("no model", why=str(error))
    told = error.told if isinstance(error, ModelError) else "it cannot be reached"
    return EndCall(1011, "no model", f"The assistant is not available: {told}.")
