"""Whether this version of the program asks for what a recorded call asked for."""

from collections.abc import Iterator
from pathlib import Path
from typing import Any

from attrs import define, field

from trio_sts.conversation.moments import NEVER

from .reading import CallReader, Line, Unreadable
from .replay import Pass, Replay


@define(eq=False)
class Difference:
    """The first thing that is asked for now and was not then, or the reverse.

    Attributes:
        at: Its time, in seconds of the call.
        passed: The pass; None where the clock is awaited for another time.
        recorded: What was asked for then.
        now: What is asked for now.
    """

    at: float
    passed: Pass | None
    recorded: Any
    now: Any


@define(eq=False)
class Verdict:
    """What the replay of one file has shown, so far as it was run.

    Attributes:
        passes: How many passes were run.
        difference: The first one; None if there is none.
        digest_differs: A digest is another one than the file's.
        is_whole: The file has its last line.
        broken: What is wrong with the end of the file; empty if nothing is.
        until: The time of the last pass, in seconds of the call.
        program: The version that held the call.
        summary: The last line's.
    """

    program: str
    passes: int = 0
    difference: Difference | None = None
    digest_differs: bool = False
    is_whole: bool = False
    broken: str = ""
    until: float = 0.0
    summary: Line = field(factory=dict[str, Any])

    @property
    def same(self) -> bool:
        """Whether everything is asked for as it was."""
        return self.difference is None and not self.digest_differs


@define(eq=False)
class FileReplay:
    """A file that is replayed: its passes, and the lines beside them.

    Attributes:
        reader: The file.
        replay: The conversation.
        verdict: What has been seen so far.
    """

    reader: CallReader
    replay: Replay
    verdict: Verdict

    @classmethod
    def open(cls, path: Path) -> "FileReplay":
        """Begin with a file.

        Raises:
            Unreadable: It is no call file, or one of a newer program.
        """
        reader = CallReader.open(path)
        head = reader.head
        replay = Replay.begin(
            head.rules,
            head.started_at,
            head.fallback_uuid,
            keeps_text=head.keeps_text,
        )
        return cls(reader, replay, Verdict(head.program))

    def run(self, *, until: float = NEVER) -> Iterator[Pass | Line]:
        """Every pass, run again, and every other line, in order.

        Args:
            until: No pass after this time is run, on the clock of the file.

        Raises:
            Unreadable: A line is none of the format.
        """
        for line in self.reader.lines():
            if "t" in line:
                try:
                    yield from self._passes(line, until)
                except (KeyError, TypeError, ValueError) as exc:
                    why = f"a line is not understood: {exc}"
                    raise Unreadable(why) from exc
                if line["t"][-1] > until:
                    return
                continue
            if "end" in line:
                self.verdict.is_whole = True
                self.verdict.summary = line["end"]
            yield line
        self.verdict.broken = self.reader.broken

    def _passes(self, line: Line, until: float) -> Iterator[Pass]:
        verdict = self.verdict
        begins = self.reader.head.started_at
        for each in self.replay.run(line, until=until):
            verdict.passes += 1
            verdict.until = each.at - begins
            if verdict.difference is None and not each.same:
                verdict.difference = Difference(
                    verdict.until, each, each.recorded, each.out
                )
            yield each
        if line["t"][-1] > until:
            return
        waits = self.replay.waits
        if verdict.difference is None and waits != line["due"]:
            verdict.difference = Difference(verdict.until, None, line["due"], waits)
        verdict.digest_differs = self.replay.differs


def verify(path: Path) -> Verdict:
    """Replay a whole file.

    Raises:
        Unreadable: It is no call file, or one of a newer program.
    """
    replay = FileReplay.open(path)
    for _ in replay.run():
        pass
    return replay.verdict
