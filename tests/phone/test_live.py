import io

import pytest
from rich.console import Console

from trio_sts.phone.events import (
    Answered,
    Connected,
    Event,
    Failed,
    Levels,
    Pressed,
)
from trio_sts.phone.live import LiveView, show_lines
from trio_sts.phone.report import (
    CallReport,
    Faults,
    Interrupted,
    Outcome,
    Said,
    Turn,
)
from trio_sts.phone.summary import summary

ANSWERED = Turn("voice", 10, end_slot=60, answer_slot=100)
TALKED_OVER = Turn("voice", 200, 240, over_agent=True, hushed_slot=215, answer_slot=250)
REPORT = CallReport(
    uuid="a-call",
    outcome=Outcome.SERVICE_CLOSED,
    close_code=1011,
    reason="model failed",
    duration_s=12.5,
    greeting_ms=640,
    turns=(
        ANSWERED,
        TALKED_OVER,
        Turn("keys", 300, 320),
        Turn("voice", 400, 420, over_agent=True, answer_slot=450),
    ),
    heard_s=4.5,
    flushed_s=1.25,
    faults=Faults(odd_frames=3, gaps=1),
)
TALK: list[Event] = [
    Connected("a-call"),
    Said(500, "agent", "Hello [bold]there[/bold]"),
    Said(2000, "user", "What time is it?"),
    Answered(2500, ANSWERED),
    Interrupted(3000, 1240),
    Pressed(3500),
    Failed(4000, "The model failed"),
]
LINES = """\
    0.00 s  connected, call a-call
    0.50 s   agent: Hello [bold]there[/bold]
    2.00 s  caller: What time is it?
    2.50 s  answer heard after 800 ms
    3.00 s  interruption: 1240 ms of speech thrown away
    3.50 s  the caller pressed a key
    4.00 s  error: The model failed
"""
SUMMARY = """\
call over: the service closed the call (code 1011, model failed)
  12.50 s long; agent heard for 4.50 s, 1.25 s interrupted, 0.00 s never played
  greeting heard after 640 ms
  turn 1 (voice): answer heard after 800 ms
  turn 2 (voice): answer heard after 200 ms; the agent fell silent after 300 ms
  turn 3 (keys): no answer
  turn 4 (voice): answer heard after 600 ms; the agent was talked over
  latency: median 600 ms, worst 800 ms
  fault: odd frames: 3
  fault: gaps: 1
"""


def test_lines_tell_what_happens_and_no_levels(
    capsys: pytest.CaptureFixture[str],
) -> None:
    for event in (*TALK, Levels(20, 1000, 0), REPORT):
        show_lines(event)
    assert capsys.readouterr().out == LINES + SUMMARY


def test_a_refused_call_is_told_in_one_line() -> None:
    report = CallReport(
        uuid="a", outcome=Outcome.REFUSED, http_status=503, reason="at capacity"
    )
    told = ["call over: the service refused the call (HTTP 503, at capacity)"]
    assert summary(report) == told
    gone = CallReport(uuid="a", outcome=Outcome.UNREACHABLE)
    assert summary(gone) == ["call over: the service could not be reached"]


def live(*events: Event) -> str:
    screen = io.StringIO()
    console = Console(file=screen, force_terminal=True, width=100, color_system=None)
    with LiveView(console) as view:
        for event in events:
            view(event)
    return screen.getvalue()


def test_a_terminal_shows_the_same_lines() -> None:
    shown = live(*TALK, REPORT)
    position = -1
    for line in (LINES + SUMMARY).splitlines():
        assert shown.find(line, position + 1) > position
        position = shown.find(line, position + 1)


def test_the_meters_show_the_peak_of_each_tenth_of_a_second() -> None:
    quiet, loud = Levels(61_000, 0, 0), Levels(61_000, 32_768, 1036)
    shown = live(*[quiet] * 4, loud, *[quiet] * 4)
    assert "01:01" in shown
    caller = next(line for line in shown.splitlines() if "caller" in line)
    agent = next(line for line in shown.splitlines() if "agent" in line)
    # 0 dBFS fills the bar, -30 dBFS half of it.
    assert caller.count("█") == 30
    assert (agent.count("█"), agent.count("·")) == (15, 15)


def test_silence_leaves_the_meters_empty() -> None:
    shown = live(*[Levels(100, 0, 0)] * 5)
    assert "█" not in shown
    assert "caller" in shown


def test_nothing_is_drawn_between_two_refreshes() -> None:
    assert "caller" not in live(*[Levels(100, 9000, 9000)] * 4)
