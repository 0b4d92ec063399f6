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
from typing import Any, Literal
from uuid import uuid4

import structlog
import trio
from attrs import define, field

from trio_sts import incoming, plan
from trio_sts.brief import Brief, brief
from trio_sts.conversation.commands import EndCall, RunTool
from trio_sts.conversation.rules.opening import is_usable_uuid
from trio_sts.errors import LegClosed
from trio_sts.instructions import resolve
from trio_sts.legs.endpoint import Endpoint, with_safety_id
from trio_sts.legs.http_head import RequestHead
from trio_sts.legs.leg import CallerSide
from trio_sts.loop.alarms import Alarm
from trio_sts.observing.observer import Observed, Observer, observe
from trio_sts.record.call_record import CallRecord
from trio_sts.record.collecting import Collected
from trio_sts.record.finished_call import FinishedCall
from trio_sts.record.outcomes import is_failure
from trio_sts.record.summary import log_fields
from trio_sts.relay import Relay
from trio_sts.services import Services
from trio_sts.settings import transcriber
from trio_sts.tools.http_client import added_headers
from trio_sts.tools.tool import CallContext
from trio_sts.transcribing import Transcribing, transcriber_in_use
from trio_sts.upstream import Upstream
from trio_sts.wire import avr
from trio_sts.wire.metadata import clean_metadata

# Both closing handshakes together.
CLOSE_S = 2.0
_SERVICE_STOPS = 1001
_TOOL_NAME_CHARS = 64
STOPPING = EndCall(_SERVICE_STOPS, "service stopping", "This service is stopping.")
NO_PLACE = EndCall(1013, "no place", "No more calls: this service is full.")
_CRASHED = EndCall(1011, "crashed", "An internal error has ended the call.")

_log = structlog.get_logger()


@define(eq=False)
class Call:
    """One call; it ends once, by whoever is first.

    Attributes:
        services: What it shares with other calls.
        free_place: Called when it is over, before its closing handshakes.
        begins: Called once ``init`` has come: whether there is a place for the call.
        no_init: Told how it ended, instead of a line in the log, if it was no call.
        uuid: The call id: AVR Core's, or one of ours where that cannot be used.
        ending: How it ended; None while it lives.
    """

    services: Services
    free_place: Callable[[], None]
    begins: Callable[[], bool]
    no_init: Callable[[EndCall], None]
    uuid: str = field(factory=lambda: str(uuid4()))
    ending: EndCall | None = None
    # Asterisk's first message is awaited in it.
    _accepting: trio.CancelScope = field(factory=trio.CancelScope)
    _scope: trio.CancelScope = field(factory=trio.CancelScope)
    _started_at: float = field(factory=trio.current_time)
    _caller: CallerSide = field(init=False)
    _alarm: Alarm = field(init=False)
    _metadata: Mapping[str, str] = field(init=False, repr=False)
    _relay: Relay = field(init=False)
    _tool_context: CallContext = field(init=False, repr=False)
    _sockets: trio.Nursery = field(init=False)
    _tasks: trio.Nursery = field(init=False)
    _upstream: Upstream | None = None
    _provider_config: Mapping[str, Any] | None = field(default=None, repr=False)
    _brief: Brief | None = field(default=None, repr=False)
    _transcribing: Transcribing = field(factory=Transcribing)
    _record: CallRecord = field(init=False)
    _collected: Collected = field(init=False)
    _observer: Observer = field(init=False)
    _begun: trio.Event = field(factory=trio.Event)

    async def run(self, stream: trio.abc.Stream, head: RequestHead) -> None:
        """Run the call over a socket, from the WebSocket handshake to the last frame.

        ``head`` is the request, which ``stream`` begins with. Nothing outlives the call,
        and nothing is raised but a cancellation.
        """
        with self.services.alarms.alarm() as self._alarm:
            async with trio.open_nursery() as self._sockets:
                if await self._accept(stream, head):
                    try:
                        await self._hold()
                    finally:
                        self.free_place()
                        with trio.move_on_after(CLOSE_S, shield=True):
                            await self._close()
                        self._over()
                        # The cycles that a call is made of.
                        self._upstream = None
                        del self._relay, self._observer
                self._sockets.cancel_scope.cancel(reason="the call is over")

    async def _hold(self) -> None:
        """The life of the call: it is over when its scope is cancelled."""
        try:
            with self._scope:
                async with trio.open_nursery() as self._tasks:
                    start = self._tasks.start_soon
                    start(self._relay.pump_caller)
                    start(self._relay.watch_caller)
                    start(self._relay.keep_time)
                    await self._begun.wait()
                    self._upstream = self._new_upstream()
                    await self._upstream.open()
        # The guard of the call: it ends with its code, and the server lives on.
        except* Exception:  # noqa: BLE001
            _log.exception("call crashed")
            self.end(_CRASHED)

    def end(self, ending: EndCall) -> None:
        """End the call, unless it is ending already."""
        if self.ending is None:
            self.ending = ending
            self._accepting.cancel(reason=ending.outcome)
            self._scope.cancel(reason=ending.outcome)

    @property
    def has_begun(self) -> bool:
        """Whether ``init`` has come, and there was a place."""
        return self._begun.is_set()

    async def _close(self) -> None:
        """Both legs get their close code at the same time."""
        ending = self.ending or STOPPING
        try:
            self._relay.finish()
        # Its last pass costs one line, and the caller still gets the code.
        except Exception:  # noqa: BLE001
            _log.exception("call crashed", at="its last pass")
        if ending.failure is not None:
            self._caller.post(avr.Failure(ending.failure))
        async with trio.open_nursery() as closing:
            closing.start_soon(self._caller.aclose, ending.code, ending.outcome)
            if self._upstream is not None:
                stopping = ending.code == _SERVICE_STOPS
                code = _SERVICE_STOPS if stopping else 1000
                closing.start_soon(self._upstream.aclose, code)

    async def _accept(self, stream: trio.abc.Stream, head: RequestHead) -> bool:
        settings = self.services.settings
        caller: CallerSide | None = None
        try:
            with self._accepting:
                caller = await incoming.accept(self._sockets, stream, head, settings)
        except LegClosed:
            return False
        if caller is None:
            return False
        if caller.uuid is not None and is_usable_uuid(caller.uuid):
            self.uuid = caller.uuid
        structlog.contextvars.bind_contextvars(call_id=self.uuid)
        self._metadata = clean_metadata(caller.query, caller.variables)
        keeps_words = self.services.archive.wants_transcripts
        self._collected = Collected(self._metadata, keeps_words=keeps_words)
        self._caller = caller
        self._record = CallRecord(
            self.services.records,
            settings,
            plan.rules(
                settings,
                self.services.registry.call_control(),
                caller.line,
                incoming.transfer_context(caller, self._metadata),
            ),
            self._started_at,
            self._metadata.get("from", ""),
            self.uuid,
            self._collected,
        )
        core = self._record.conversation()
        observed = Observed(self.uuid, self._metadata, self._started_at, core, self.end)
        self._observer = observe(self.services.observers, observed)
        self._relay = Relay(
            core, caller, self, self._record, self._alarm, self._observer
        )
        return True

    def begin(self, uuid: str, provider_config: Mapping[str, Any] | None) -> None:
        """``init`` has come: the model may be dialled for this call id."""
        if not self.begins():
            self.end(NO_PLACE)
            return
        self.uuid = uuid
        self._provider_config = provider_config
        self._relay.log = _log.bind(call_id=uuid)
        self._relay.log.info("call begun")
        self._record.begin(uuid)
        self._tool_context = self.services.registry.context(
            uuid,
            self._metadata,
            _log,
            incoming.own_control(
                self._caller, uuid, self._metadata, self.services, self._relay.log
            ),
        )
        self._begun.set()

    def _new_upstream(self) -> Upstream:
        structlog.contextvars.bind_contextvars(call_id=self.uuid)
        return Upstream(
            self._relay,
            self._sockets,
            self._tasks,
            self.services.refused_fields,
            self.services.settings.reconnect_budget_s,
            self._endpoint,
            self._get_briefed,
            self._settle_brief,
        )

    def _settle_brief(self, brief: Brief) -> None:
        self._brief = brief
        now = trio.current_time()
        self._record.settled(brief.settings, brief.session, now)
        self._observer.settled(brief.settings, brief.session, now)

    def _endpoint(self, brief: Brief | None) -> Endpoint:
        """Where this call's model is, as far as that is known, and who calls."""
        services, brief = self.services, brief or self._brief
        endpoint = services.endpoint if brief is None else brief.endpoint
        caller = self._metadata.get("from", "")
        return with_safety_id(endpoint, services.settings, caller)

    async def _get_briefed(self) -> Brief:
        """What is this call's own, found once."""
        if self._brief is None:
            services = self.services
            added_headers.set(self._observer.headers())
            found = await resolve(
                services.settings,
                self.uuid,
                self._metadata,
                services.http,
                provider_config=self._provider_config,
            )
            if found.config.record is False:
                self._record.discard()
            found_brief = brief(
                services.settings,
                services.endpoint,
                services.registry,
                found,
                has_control=incoming.is_asterisk(self._caller),
            )
            self._settle_brief(found_brief)
            return found_brief
        return self._brief

    def reconnect(self, after_s: float) -> None:
        """The model leg is gone: open another one after a pause."""
        if self._upstream is not None:
            self._upstream.reconnect(after_s)

    def open_spare(self) -> None:
        """Open a second session beside the one in use."""
        if self._upstream is not None:
            self._upstream.open_spare()

    def use_spare(self) -> None:
        """The second session is the one in use."""
        if self._upstream is not None:
            self._upstream.use_spare()

    def leave_model(self) -> None:
        """The model is given up: its leg is closed, the call goes on without it."""
        if self._upstream is not None:
            self._upstream.leave()

    def run_tool(self, command: RunTool) -> None:
        """Start a tool; it is cancelled with the call."""
        self._tasks.start_soon(self._run_tool, command)

    async def _run_tool(self, command: RunTool) -> None:
        structlog.contextvars.bind_contextvars(call_id=self.uuid)
        added_headers.set(self._observer.headers(command.call_id))
        started_at = trio.current_time()
        run = self.services.registry.run
        if not command.own:
            run = (await self._get_briefed()).tools.run
        try:
            outcome = await run(command.name, command.arguments, self._tool_context)
        except trio.Cancelled:
            age_s = trio.current_time() - started_at
            name = command.name[:_TOOL_NAME_CHARS]
            _log.info("tool cancelled", tool=name, age_s=round(age_s, 1))
            self._tool_over(command, age_s, "cancelled")
            raise
        took_s = trio.current_time() - started_at
        self._tool_over(command, took_s, "ok" if outcome.ok else "failed")
        self._relay.tool_finished(
            command.call_id, outcome.output, ok=outcome.ok, silent=outcome.silent
        )

    def _tool_over(
        self,
        command: RunTool,
        took_s: float,
        outcome: Literal["ok", "failed", "cancelled"],
    ) -> None:
        name = command.name[:_TOOL_NAME_CHARS]
        self._collected.tool_ran(name, took_s, outcome)
        fields = {"name": name, "key": command.call_id, "took_s": took_s}
        if outcome != "cancelled":
            self._record.note("tool", **fields)
        known = command.name in self.services.registry.tools
        fields |= {"outcome": outcome, "known": known}
        self._observer.noted("tool", fields, trio.current_time())

    def transcription_failed(self, turn: int) -> dict[str, Any] | None:
        """A default transcription model that fails early gives way to the next."""
        if self._brief is None:
            return None
        fields = self.services.refused_fields
        return self._transcribing.after_failure(self._brief, fields, turn)

    def _over(self) -> None:
        """Let the model's socket be closed, and write one line to the log."""
        if self._upstream is not None:
            self._upstream.leave()
        ending = self.ending or STOPPING
        told = self._told_of_end(ending)
        # Whoever sent no `init` was no call that could fail, and may be one of thousands.
        if not self.has_begun:
            self.no_init(ending)
            return
        log = self._relay.log
        failed = is_failure(ending.outcome, ending.code)
        tell = log.warning if failed else log.info
        tell("call ended", **told)

    def _told_of_end(self, ending: EndCall) -> dict[str, Any]:
        finished: FinishedCall | None = None
        fields: dict[str, Any] = {"outcome": ending.outcome, "close_code": ending.code}
        try:
            finished = self._finished(ending)
            fields = log_fields(finished)
            self._hand_on(finished)
        # What was counted is not worth a call's last line.
        except Exception:  # noqa: BLE001
            _log.exception("call crashed", at="its summary")
        try:
            self._record.close(ending, fields)
        # Nor is a file that cannot be ended.
        except Exception:  # noqa: BLE001
            _log.exception("call crashed", at="its record")
        now = trio.current_time()
        if dropped_ms := self._caller.dropped_ms:
            self._observer.noted("dropped", {"leg": "caller", "ms": dropped_ms}, now)
        self._observer.ended(finished, ending, now)
        return fields

    def _hand_on(self, finished: FinishedCall) -> None:
        """To the store and the webhook; whoever sent no ``init`` was no call."""
        told = self._collected
        if self.has_begun and told.kept:
            archive = self.services.archive
            archive.keep(finished, told.transcript, whole=told.whole)

    def _finished(self, ending: EndCall) -> FinishedCall:
        own, words = self.services.settings, transcriber(self.services.settings)
        if self._brief is not None:
            own = self._brief.settings
            words = transcriber_in_use(self._brief, self.services.refused_fields)
        return self._collected.finish(
            self._relay.core.counters,
            self._relay.core.latencies,
            ending,
            uuid=self.uuid,
            duration_s=trio.current_time() - self._started_at,
            model=own.model,
            paid_for=not own.embedded,
            transcriber=words,
            files=self._record.files,
        )
