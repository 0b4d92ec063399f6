"""Every call that is held on a stage is recorded, and must be the same when replayed."""

from collections.abc import Iterator
from typing import ClassVar

import orjson
from attrs import define, field

from trio_sts.conversation.commands import Command
from trio_sts.conversation.config import Rules
from trio_sts.conversation.inputs import Input
from trio_sts.conversation.session import Conversation
from trio_sts.record.decode import read_rules
from trio_sts.record.encode import written_rules
from trio_sts.record.masking import Masker
from trio_sts.record.passes import NotedDetector, Passes
from trio_sts.replaying.replay import Pass, Replay

_LINE_PASSES = 7


@define(eq=False)
class _Lines:
    """A call as a file would hold it, with its texts or without."""

    passes: Passes
    lines: list[bytes] = field(factory=list[bytes])


@define(eq=False)
class Recorded:
    """One call's record, in memory: with texts, and without.

    Attributes:
        calls: All calls of a test.
        same: Whether the last replay was.
    """

    calls: ClassVar[list["Recorded"]] = []

    rules: Rules
    started_at: float
    detector: NotedDetector = field(factory=NotedDetector)
    core: Conversation = field(init=False)
    same: bool = True
    _both: tuple[_Lines, _Lines] = field(init=False)

    def __attrs_post_init__(self) -> None:
        self._both = _Lines(Passes(_masker(True))), _Lines(Passes(_masker(False)))
        self.calls.append(self)

    def took(self, input_: Input, now: float, commands: list[Command]) -> None:
        for each in self._both:
            each.passes.add(input_, now, commands)
        if len(self._both[0].passes) >= _LINE_PASSES:
            self.flush()

    def flush(self) -> None:
        if not len(self._both[0].passes):
            return
        vad, core = self.detector.take(), self.core
        for each in self._both:
            line = each.passes.take(vad, core.deadline, core.due_rule)
            each.lines.append(line)

    def replay(self, *, keeps_text: bool) -> Iterator[Pass]:
        """Every pass of the call, run again; its digests must fit what is found."""
        self.flush()
        rules = read_rules(orjson.loads(orjson.dumps(written_rules(self.rules))))
        replay = Replay.begin(rules, self.started_at, "fallback", keeps_text=keeps_text)
        same = True
        for line in map(orjson.loads, self._both[0 if keeps_text else 1].lines):
            for each in replay.run(line):
                same &= each.same
                yield each
            same &= replay.waits == line["due"]
            assert replay.differs is not same
        self.same = same

    def must_replay(self) -> None:
        """Both ways."""
        for keeps_text in (True, False):
            for each in self.replay(keeps_text=keeps_text):
                if not each.same:
                    raise AssertionError(each)
            if not self.same:
                raise AssertionError("the clock is awaited for another time")

    def differs(self) -> bool:
        """Whether a pass is another one now, or the clock is asked for at another time."""
        passes = self.replay(keeps_text=True)
        found = any(not each.same or each.late_s > 0.1 for each in passes)
        return found or not self.same

    def told(self, *, keeps_text: bool) -> list[bytes]:
        """The lines of all passes so far."""
        self.flush()
        return self._both[0 if keeps_text else 1].lines


def _masker(keeps_text: bool) -> Masker:
    return Masker.of_call(keeps_text=keeps_text, number="", secrets=())
