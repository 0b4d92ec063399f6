"""Who looks on sees what happens, and a call owes nothing to them."""

from collections.abc import Mapping
from typing import Any

from attrs import define, field
from structlog.testing import capture_logs
from typing_extensions import override

from trio_sts.conversation.commands import Command, EndCall, Note
from trio_sts.conversation.config import Rules
from trio_sts.conversation.session import Conversation
from trio_sts.observing.observer import NOBODY, Observed, Observer, observe
from trio_sts.record.finished_call import FinishedCall
from trio_sts.wire.realtime.events import SpeechStarted

ENDING = EndCall(1000, "caller hung up")


def observed() -> Observed:
    core = Conversation(Rules(), now=0.0, fallback_uuid="id")
    return Observed("id", {}, 0.0, core, lambda _: None)


@define
class Seeing(Observer):
    call: Observed
    seen: list[Any] = field(factory=list[Any])

    @override
    def asked(self, command: Command, now: float) -> None:
        self.seen.append(command)

    @override
    def noted(self, kind: str, fields: Mapping[str, Any], now: float) -> None:
        self.seen.append((kind, fields))

    @override
    def ended(self, finished: FinishedCall | None, ending: EndCall, now: float) -> None:
        self.seen.append(ending)


class Failing(Observer):
    def __init__(self, call: Observed) -> None:
        self.asks = 0

    @override
    def asked(self, command: Command, now: float) -> None:
        self.asks += 1
        raise ValueError("a fault of mine")


def refuses(call: Observed) -> Observer:
    raise ValueError("not even this")


def test_all_who_look_on_are_told() -> None:
    seeing: list[Seeing] = []

    def see(call: Observed) -> Observer:
        seeing.append(Seeing(call))
        return seeing[-1]

    observer = observe((see, see), observed())
    observer.came(SpeechStarted(), 1.0)
    observer.asked(Note("info", "barge-in"), 1.0)
    observer.noted("dial", {"result": "connected"}, 1.0)
    observer.ended(None, ENDING, 2.0)
    told = [Note("info", "barge-in"), ("dial", {"result": "connected"}), ENDING]
    assert [each.seen for each in seeing] == [told, told]


def test_who_fails_is_told_nothing_more_and_costs_one_line() -> None:
    seeing: list[Seeing] = []
    failing: list[Failing] = []

    def see(call: Observed) -> Observer:
        seeing.append(Seeing(call))
        return seeing[-1]

    def fail(call: Observed) -> Observer:
        failing.append(Failing(call))
        return failing[-1]

    with capture_logs() as logs:
        observer = observe((refuses, fail, see), observed())
        for _ in range(3):
            observer.asked(Note("info", "barge-in"), 1.0)
        observer.ended(None, ENDING, 2.0)
    assert [entry["event"] for entry in logs] == ["observer crashed"] * 2
    assert [entry["observer"] for entry in logs] == ["Observer", "Failing"]
    assert [each.asks for each in failing] == [1]
    assert len(seeing[0].seen) == 4


def test_nobody_costs_nothing() -> None:
    assert observe((), observed()) is NOBODY
