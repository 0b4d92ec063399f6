"""What one call adds to the metrics: every name, and no label without a bound."""

from collections.abc import Mapping

import pytest
from attrs import define, field
from prometheus_client.parser import text_string_to_metric_families

from trio_sts.conversation.commands import (
    Begin,
    Command,
    EndCall,
    LeaveModel,
    Note,
    OpenSpare,
    Reconnect,
)
from trio_sts.conversation.config import Rules
from trio_sts.conversation.inputs import BadEvent
from trio_sts.conversation.session import Conversation
from trio_sts.errors import BadMessage
from trio_sts.metrics.call import CallMetrics
from trio_sts.metrics.exposition import render
from trio_sts.metrics.labels import ERROR_CODES, MOST_TOOLS
from trio_sts.metrics.registry import Metrics
from trio_sts.observing.observer import Observed
from trio_sts.wire.realtime import events
from trio_sts.wire.realtime.items import ErrorDetail, RateLimit, Response, Usage

HUNG_UP = EndCall(1000, "caller hung up")


@define
class Stage:
    """One call and what it has counted."""

    metrics: Metrics = field(factory=Metrics)
    core: Conversation = field(
        factory=lambda: Conversation(Rules(), now=0.0, fallback_uuid="id")
    )
    call: CallMetrics = field(init=False)

    def __attrs_post_init__(self) -> None:
        observed = Observed("id", {}, 10.0, self.core, lambda _: None)
        self.call = CallMetrics(self.metrics, observed)

    def came(self, *given: events.ServerEvent | BadEvent) -> None:
        for event in given:
            self.call.came(event, 11.0)

    def asked(self, *commands: Command) -> None:
        for command in commands:
            self.call.asked(command, 11.0)

    def begin(self) -> "Stage":
        self.asked(Begin("id"))
        return self

    def end(self, ending: EndCall = HUNG_UP, now: float = 52.5) -> None:
        self.call.ended(None, ending, now)

    def value(self, name: str, /, **labels: str) -> float:
        found = self.metrics.registry.get_sample_value(f"trio_sts_{name}", labels)
        return 0.0 if found is None else found

    def series(self, name: str) -> dict[tuple[str, ...], float]:
        """The values of a metric's series but 0, by their labels in order of their names."""
        return {
            tuple(value for _, value in sorted(sample.labels.items())): sample.value
            for metric in self.metrics.registry.collect()
            for sample in metric.samples
            if sample.name == f"trio_sts_{name}" and sample.value
        }


def note(event: str, **given: object) -> Note:
    return Note("info", event, given)


def test_a_call_is_under_way_and_then_over() -> None:
    stage = Stage()
    assert stage.value("calls_active") == 0
    stage.begin()
    assert stage.value("calls_active") == 1
    stage.end()
    assert stage.value("calls_active") == 0
    assert stage.series("calls_total") == {("1000", "caller hung up"): 1}
    assert stage.value("calls_failed_total") == 0
    assert stage.value("call_seconds_sum") == 42.5
    assert stage.value("call_seconds_bucket", le="60.0") == 1
    assert stage.value("call_seconds_bucket", le="30.0") == 0


def test_a_failed_call_is_counted_as_such_and_odd_ends_are_others() -> None:
    stage = Stage().begin()
    stage.end(EndCall(1011, "model silent"))
    Stage(stage.metrics).begin().end(EndCall(4711, "made up " * 9))
    assert stage.series("calls_total") == {
        ("1011", "model silent"): 1,
        ("other", "other"): 1,
    }
    assert stage.value("calls_failed_total") == 2


def test_a_leg_that_never_begins_a_call_has_not_failed() -> None:
    stage = Stage()
    stage.end(EndCall(1002, "caller leg faulty"))
    assert stage.series("calls_total") == {("1002", "caller leg faulty"): 1}
    assert stage.value("calls_failed_total") == 0


def test_what_the_core_notes_is_counted() -> None:
    stage = Stage()
    stage.asked(
        note("agent begins", kind="greeting", after_s=0.62),
        note("agent begins", kind="turn", after_s=0.31),
        note("barge-in", by="speech"),
        note("barge-in", by="keys"),
        note("dead air", step="ask_again", after_s=4),
        note("answers came to nothing", step="give_up", after_s=4),
        note("something else", step="ask_again"),
    )
    assert stage.series("first_audio_seconds_count") == {("greeting",): 1, ("turn",): 1}
    assert stage.value("first_audio_seconds_sum", kind="turn") == 0.31
    assert stage.value("barge_ins_total") == 2
    assert stage.series("dead_air_total") == {("ask_again",): 1, ("give_up",): 1}


def test_responses_and_errors_are_counted_by_what_is_known_of_them() -> None:
    stage = Stage()

    def done(status: str, reason: str | None = None, code: str | None = None) -> None:
        error = None if code is None else ErrorDetail(code=code)
        stage.came(events.ResponseDone(Response("r", status, reason, error)))

    done("completed")
    done("cancelled", "turn_detected")
    done("incomplete", "max_output_tokens")
    done("failed", "ignored", "insufficient_quota")
    done("x" * 100, "y" * 100)
    for number in range(1000):
        done("failed", None, f"new_code_{number}")
    stage.came(
        events.ErrorEvent(ErrorDetail(type="server_error")),
        events.ErrorEvent(ErrorDetail(type="t", code="rate_limit_exceeded")),
        events.ErrorEvent(ErrorDetail()),
        BadEvent(BadMessage("odd")),
    )
    assert stage.series("responses_total") == {
        ("", "completed"): 1,
        ("turn_detected", "cancelled"): 1,
        ("max_output_tokens", "incomplete"): 1,
        ("insufficient_quota", "failed"): 1,
        ("other", "other"): 1,
        ("other", "failed"): 1000,
    }
    assert stage.series("model_errors_total") == {
        ("insufficient_quota",): 1,
        ("other",): 1001,
        ("server_error",): 1,
        ("rate_limit_exceeded",): 1,
        ("malformed",): 1,
    }


def test_rate_limits_are_a_ratio_and_what_makes_none_is_left_out() -> None:
    stage = Stage()
    limits = (
        RateLimit("tokens", 1000, 250),
        RateLimit("requests", 10, 99),
        RateLimit("input_tokens", 10, -5),
        RateLimit("output_tokens", 0, 5),
        RateLimit("x" * 64, 4, 1),
        RateLimit("y"),
    )
    stage.came(events.RateLimitsUpdated(limits))
    assert stage.series("rate_limit_remaining_ratio") == {
        ("tokens",): 0.25,
        ("requests",): 1,
        ("other",): 0.25,
    }
    assert stage.value("rate_limit_remaining_ratio", name="input_tokens") == 0


def test_tokens_are_counted_once_as_they_come() -> None:
    stage = Stage()
    counters = stage.core.counters
    usage = Usage(10, 20, 15, 5, 3, 40)
    for _ in range(2):
        counters.add_usage(usage)
        stage.came(events.ResponseDone(Response("r", "completed", usage=usage), usage))
    counters.add_transcription({"input_tokens": 7, "output_tokens": 4})
    stage.came(events.TranscriptionCompleted("i"))
    stage.end()
    assert stage.series("tokens_total") == {
        ("input_audio",): 40,
        ("input_text",): 20,
        # Never more than there was input of that kind.
        ("input_cached",): 10 + 20,
        ("output_audio",): 80,
        ("output_text",): 6,
        ("transcription",): 11,
    }


@pytest.mark.parametrize("left", ["came", "ended"])
def test_dropped_audio_is_counted_by_leg_and_why(left: str) -> None:
    stage = Stage()
    stage.core.counters.dropped_audio(500, away=True)
    stage.core.counters.dropped_audio(250, away=False)
    stage.core.counters.cut_audio(2000)
    if left == "came":
        stage.came(events.ResponseDone(Response("r", "completed")))
    stage.call.noted("dropped", {"leg": "model", "ms": 1500}, 11.0)
    stage.call.noted("dropped", {"leg": "caller", "ms": 40}, 11.0)
    stage.end()
    assert stage.series("audio_dropped_seconds_total") == {
        ("model", "away"): 0.5,
        ("model", "too much"): 0.25,
        ("caller", "too long"): 2.0,
        ("model", "stalled"): 1.5,
        ("caller", "stalled"): 0.04,
    }


@pytest.mark.parametrize(
    ("told", "result"),
    [
        ("connected", "connected"),
        ("given up", "given up"),
        ("http_401", "http_401"),
        ("http_418", "other"),
        ("invalid_api_key", "invalid_api_key"),
        ("the model's endpoint did not answer in time", "timeout"),
        ("no connection to the model's endpoint", "unreachable"),
        ("some_new_code", "unreachable"),
    ],
)
def test_connections_are_counted_by_their_result(told: str, result: str) -> None:
    stage = Stage()
    stage.call.noted("dial", {"result": told, "took_s": 0.2}, 11.0)
    assert stage.series("model_connects_total") == {(result,): 1}


RESTORED = note("model restored", entries=3)


@pytest.mark.parametrize(
    ("told", "why", "result"),
    [
        ([Reconnect(), RESTORED], "lost", "restored"),
        ([Reconnect(), LeaveModel()], "lost", "failed"),
        ([Reconnect(), EndCall(1011, "no model")], "lost", "failed"),
        ([Reconnect(), HUNG_UP], "lost", "call over"),
        (
            [note("dead air", step="other_session"), Reconnect(), RESTORED],
            "silent",
            "restored",
        ),
        (
            [note("dead air", step="ask_again"), Reconnect(), RESTORED],
            "lost",
            "restored",
        ),
        (
            [
                Reconnect(),
                events.ErrorEvent(ErrorDetail(code="session_expired")),
                RESTORED,
            ],
            "expired",
            "restored",
        ),
        ([OpenSpare(), note("next session lost")], "renewal", "failed"),
        # The one that was to follow takes over after a drop.
        ([OpenSpare(), RESTORED], "lost", "restored"),
    ],
)
def test_sessions_that_are_replaced_are_counted_once(
    told: list[Command | events.ErrorEvent], why: str, result: str
) -> None:
    stage = Stage().begin()
    ending = HUNG_UP
    for each in told:
        if isinstance(each, events.ErrorEvent):
            stage.came(each)
        elif isinstance(each, EndCall):
            ending = each
        else:
            stage.asked(each)
    stage.end(ending)
    assert stage.series("model_reconnects_total") == {(result, why): 1}


def test_a_renewal_is_told_by_the_counter_of_renewals() -> None:
    stage = Stage()
    for _ in range(2):
        stage.core.counters.count("renewals")
        stage.asked(OpenSpare(), RESTORED, note("session renewed"))
    stage.asked(Reconnect(), RESTORED)
    stage.end()
    assert stage.series("model_reconnects_total") == {
        ("restored", "renewal"): 2,
        ("restored", "lost"): 1,
    }


def ran(name: str, *, known: bool = True, outcome: str = "ok") -> Mapping[str, object]:
    return {
        "name": name,
        "key": "k",
        "took_s": 0.2,
        "outcome": outcome,
        "known": known,
    }


def test_any_number_of_unknown_tools_is_one_series() -> None:
    stage = Stage()
    for number in range(10_000):
        stage.call.noted("tool", ran(f"evil_{number}", known=False), 11.0)
    stage.call.noted("tool", ran("weather", outcome="failed"), 11.0)
    assert stage.series("tool_seconds_count") == {
        ("ok", "unknown"): 10_000,
        ("failed", "weather"): 1,
    }


async def test_known_tools_have_a_bound_and_their_names_are_escaped() -> None:
    stage = Stage()
    odd = 'a"b\\c\nd{x="y"} 7'
    stage.call.noted("tool", ran(odd), 11.0)
    for number in range(2 * MOST_TOOLS):
        stage.call.noted("tool", ran(f"tool_{number}"), 11.0)
    assert len(stage.series("tool_seconds_count")) == MOST_TOOLS + 1
    assert stage.value("tool_seconds_count", tool="other", outcome="ok") > MOST_TOOLS
    body, _ = await render(stage.metrics.registry)
    tools = {
        sample.labels["tool"]
        for family in text_string_to_metric_families(body.decode())
        for sample in family.samples
        if sample.name == "trio_sts_tool_seconds_count"
    }
    assert odd in tools


def test_an_end_without_a_summary_counts_all_but_the_cost() -> None:
    stage = Stage()
    stage.core.counters.add_usage(Usage(5))
    stage.end()
    assert stage.value("tokens_total", kind="input_text") == 5
    assert stage.value("cost_usd_total") == 0


def test_codes_are_what_a_label_may_hold() -> None:
    assert all(code and len(code) <= 48 and code.isascii() for code in ERROR_CODES)
