"""What one call adds to the metrics, as an observer of it."""

from collections.abc import Callable, Mapping
from typing import Any, Final

from attrs import define, field
from typing_extensions import override

from trio_sts.conversation.commands import (
    Begin,
    Command,
    EndCall,
    LeaveModel,
    Note,
    OpenSpare,
    Reconnect,
)
from trio_sts.conversation.inputs import BadEvent
from trio_sts.observing.observer import Observed, Observer
from trio_sts.record.finished_call import FinishedCall
from trio_sts.record.outcomes import is_failure
from trio_sts.wire.realtime import events
from trio_sts.wire.realtime.items import RateLimit

from . import labels
from .reconnects import Reconnects
from .registry import Metrics
from .totals import Totals

# The core's notes that say that the model was silent.
_SILENCES: Final = frozenset({"dead air", "answers came to nothing"})


@define(eq=False)
class CallMetrics(Observer):
    """Counts what happens in one call."""

    metrics: Metrics
    call: Observed
    # Whoever sends no `init` is no call that could fail.
    _begun: bool = field(default=False, init=False)
    _totals: Totals = field(init=False)
    _reconnects: Reconnects = field(init=False)

    def __attrs_post_init__(self) -> None:
        self._totals = Totals(self.metrics, self.call.core.counters)
        self._reconnects = Reconnects(self.metrics, self.call.core.counters)

    @override
    def came(self, event: events.ServerEvent | BadEvent, now: float) -> None:
        read = _EVENTS.get(type(event))
        if read is not None:
            read(self, event)

    @override
    def asked(self, command: Command, now: float) -> None:
        match command:
            case Begin():
                self._begun = True
                self.metrics.calls_active.inc()
            case Note():
                self._note(command)
            case Reconnect():
                self._reconnects.began()
            case OpenSpare():
                self._reconnects.spare_began()
            case LeaveModel():
                self._reconnects.failed()
            case _:
                pass

    @override
    def noted(self, kind: str, fields: Mapping[str, Any], now: float) -> None:
        match kind:
            case "dial":
                result = fields["result"]
                self.metrics.model_connects.labels(result=labels.dialled(result)).inc()
            case "tool":
                self._tool(fields)
            case "dropped":
                seconds = fields["ms"] / 1000
                self.metrics.audio_dropped_s.labels(fields["leg"], "stalled").inc(
                    seconds
                )
            case _:
                pass

    @override
    def ended(self, finished: FinishedCall | None, ending: EndCall, now: float) -> None:
        metrics = self.metrics
        if self._begun:
            metrics.calls_active.dec()
        outcome, code = ending.outcome, ending.code
        metrics.calls.labels(labels.outcome(outcome), labels.close_code(code)).inc()
        failed = self._begun and is_failure(outcome, code)
        if failed:
            metrics.calls_failed.inc()
        metrics.call_s.observe(now - self.call.started_at)
        self._totals.add()
        self._reconnects.call_over(failed=failed)
        if finished is not None and finished.cost.usd is not None:
            metrics.cost_usd.inc(finished.cost.usd)

    def _note(self, note: Note) -> None:
        fields = note.fields
        if note.event == "agent begins":
            self.metrics.first_audio_s.labels(fields["kind"]).observe(fields["after_s"])
        elif note.event == "barge-in":
            self.metrics.barge_ins.inc()
        elif note.event in _SILENCES:
            self.metrics.dead_air.labels(fields["step"]).inc()
            self._reconnects.silence(fields["step"])
        else:
            self._reconnects.noted(note)

    def _tool(self, fields: Mapping[str, Any]) -> None:
        name = fields["name"] if fields["known"] else labels.UNKNOWN_TOOL
        tool = self.metrics.tool_label(name)
        self.metrics.tool_s.labels(tool, fields["outcome"]).observe(fields["took_s"])

    def response_done(self, event: events.ResponseDone) -> None:
        """A response has ended, with its tokens."""
        response = event.response
        reason, error = response.reason, response.error
        if error is not None:
            reason = error.code or error.type
            self._error(reason)
        self.metrics.responses.labels(
            labels.bounded(response.status, labels.STATUSES),
            labels.bounded(reason, labels.REASONS),
        ).inc()
        self._totals.add()

    def transcribed(self, _: events.TranscriptionCompleted) -> None:
        """A turn of the caller's was written down, which costs tokens."""
        self._totals.add()

    def error(self, event: events.ErrorEvent) -> None:
        """The endpoint reports an error."""
        self._error(event.error.code or event.error.type)
        self._reconnects.error(event.error)

    def bad_event(self, _: BadEvent) -> None:
        """An event that cannot be understood."""
        self.metrics.model_errors.labels(labels.MALFORMED).inc()

    def rate_limits(self, event: events.RateLimitsUpdated) -> None:
        """What is left of the account's limits."""
        for limit in event.rate_limits:
            ratio = _ratio(limit)
            if ratio is not None:
                name = labels.bounded(limit.name, labels.LIMITS)
                self.metrics.rate_limit_ratio.labels(name).set(ratio)

    def _error(self, code: str | None) -> None:
        code = labels.bounded(code, labels.ERROR_CODES) or labels.OTHER
        self.metrics.model_errors.labels(code).inc()


def _ratio(limit: RateLimit) -> float | None:
    if limit.limit is None or limit.remaining is None or limit.limit <= 0:
        return None
    return min(max(limit.remaining / limit.limit, 0.0), 1.0)


_EVENTS: Final[Mapping[type, Callable[[CallMetrics, Any], None]]] = {
    events.ResponseDone: CallMetrics.response_done,
    events.TranscriptionCompleted: CallMetrics.transcribed,
    events.ErrorEvent: CallMetrics.error,
    events.RateLimitsUpdated: CallMetrics.rate_limits,
    BadEvent: CallMetrics.bad_event,
}
