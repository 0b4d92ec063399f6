"""What a caller does, step by step; each step says what goes into the next 20 ms.

A script is a tuple of steps. Every step is a generator over the `Line`: it looks at what
was heard so far and yields one `Slot` after the other, so that a call comes out the same,
to the frame, whenever the service does the same.
"""

from collections.abc import Generator, Iterable, Iterator, Sequence
from typing import Protocol

from attrs import field, frozen

from trio_sts.audio.framing import FRAME_MS
from trio_sts.wire.avr import DTMF_DIGITS

from .line import AUDIBLE_RMS, Line, loudness


@frozen
class Slot:
    """What the caller does in one slot.

    Attributes:
        pcm: One frame at the line's rate, or b"" for silence: the line is never without
            sound, only without voice.
        digit: The key that is pressed at its start, or "".
        hang_up: The call ends here; nothing of the slot is sent.
    """

    pcm: bytes = field(default=b"", repr=False)
    digit: str = field(default="", repr=False)
    hang_up: bool = False


Slots = Generator[Slot, None, None]


class Step(Protocol):
    """One thing that the caller does."""

    def play(self, line: Line, /) -> Slots:
        """Yield what goes into each slot until the step is over."""
        ...


Script = Sequence[Step]


@frozen
class Say:
    """Speak. The turn is what is loud in it, without silence before and after.

    Attributes:
        pcm: PCM16LE, mono, at the line's rate (AVR Core's is 8000 Hz), as
            `trio_sts.soundfiles.read_sound` returns it.
    """

    pcm: bytes = field(repr=False)

    def play(self, line: Line, /) -> Slots:
        """One frame a slot; the last one is padded."""
        frames = list(_frames(self.pcm, line.playback.frame_bytes))
        first, last = _voiced(frames)
        for index, frame in enumerate(frames):
            if index == first:
                line.begin_turn("voice")
            if index == last:
                line.end_turn()
            yield Slot(frame)


@frozen
class Press:
    """Press keys, one every ``every_ms``.

    Attributes:
        digits: Each of ``0``-``9``, ``*``, ``#``, ``A``-``D``.
        every_ms: From one key to the next; a hurried caller needs 200.
    """

    digits: str = field(repr=False)
    every_ms: int = 240

    def __attrs_post_init__(self) -> None:
        """Refuse what no telephone has.

        Raises:
            ValueError: A digit is no key.
        """
        if not self.digits or set(self.digits) - DTMF_DIGITS:
            raise ValueError("keys are one or more of 0-9, *, # and A-D")

    def play(self, line: Line, /) -> Slots:
        """A slot with the key, then silence until the next one may follow."""
        line.begin_turn("keys")
        for index, digit in enumerate(self.digits, 1):
            if index == len(self.digits):
                line.end_turn()
            yield Slot(digit=digit)
            for _ in range(_slots(self.every_ms / 1000) - 1):
                yield Slot()


@frozen
class Pause:
    """Say nothing for a time."""

    seconds: float

    def play(self, line: Line, /) -> Slots:
        """That much silence."""
        del line
        for _ in range(_slots(self.seconds)):
            yield Slot()


@frozen
class WaitForAgent:
    """Wait until the agent begins to be heard: the greeting, or the answer to the turn.

    It is over at once if that has happened already, and after ``at_most_s`` in any case.
    """

    at_most_s: float = 30.0

    def play(self, line: Line, /) -> Slots:
        """Silence until the agent speaks."""
        for _ in range(_slots(self.at_most_s)):
            if _agent_began(line):
                return
            yield Slot()


@frozen
class WaitForSilence:
    """Wait until the agent has been quiet for ``quiet_ms``, at most ``at_most_s``."""

    quiet_ms: int = 1200
    at_most_s: float = 60.0

    def play(self, line: Line, /) -> Slots:
        """Silence until the agent is quiet."""
        for _ in range(_slots(self.at_most_s)):
            if line.quiet_slots * FRAME_MS >= self.quiet_ms:
                return
            yield Slot()


@frozen
class WaitForReason:
    """Stay on a line on which nothing was heard yet, until ``until_s`` of the call.

    A service whose model cannot be had says so only after all its attempts.
    """

    until_s: float

    def play(self, line: Line, /) -> Slots:
        """Silence until the agent speaks, or the service ends the call."""
        while line.first_heard_slot is None and line.slot < _slots(self.until_s):
            yield Slot()


@frozen
class WaitToBeAsked:
    """Say nothing until the agent speaks up by itself, at most ``at_most_s``."""

    at_most_s: float = 30.0

    def play(self, line: Line, /) -> Slots:
        """Silence until the agent begins again."""
        since = line.slot
        for _ in range(_slots(self.at_most_s)):
            if line.onset_slot is not None and line.onset_slot >= since:
                return
            yield Slot()


@frozen
class HangUp:
    """End the call. A script without it stays on the line, silent."""

    def play(self, line: Line, /) -> Slots:
        """The end."""
        del line
        yield Slot(hang_up=True)


def conversation(
    utterances: Iterable[bytes],
    *,
    digits: str = "",
    talk_over_after_s: float | None = None,
    greeting_s: float = 10.0,
    answer_s: float = 30.0,
    quiet_ms: int = 1200,
    reason_s: float = 45.0,
) -> Script:
    """The script of a polite caller, or of an impatient one.

    Args:
        utterances: What the caller says: each PCM16LE, mono, at the line's rate.
        digits: Keys to press after the last utterance was answered.
        talk_over_after_s: Do not wait until the agent is quiet: speak this long after it
            began, the greeting included.
        greeting_s: How long to wait for a greeting to begin; 0 for none.
        answer_s: How long to wait for each answer to begin.
        quiet_ms: How long the agent must be quiet to have said all.
        reason_s: Do not hang up before that if nothing was heard: the service may still
            say why.
    """
    steps: list[Step] = [WaitForAgent(greeting_s)] if greeting_s else []
    quiet = WaitForSilence(quiet_ms)
    impatient = None if talk_over_after_s is None else Pause(talk_over_after_s)
    for pcm in utterances:
        steps += [impatient or quiet, Say(pcm), WaitForAgent(answer_s)]
    if digits:
        steps += [impatient or quiet, Press(digits), WaitForAgent(answer_s)]
    return (*steps, WaitForReason(reason_s), quiet, HangUp())


def perform(script: Script, line: Line) -> Iterator[Slot]:
    """What the caller does in each slot, for as long as the script lasts."""
    for step in script:
        yield from step.play(line)


def _agent_began(line: Line) -> bool:
    if not line.turns:
        return line.first_heard_slot is not None
    return line.turns[-1].answer_slot is not None


def _slots(seconds: float) -> int:
    return round(seconds * 1000 / FRAME_MS)


def _frames(pcm: bytes, size: int) -> Iterator[bytes]:
    for start in range(0, len(pcm), size):
        yield pcm[start : start + size].ljust(size, b"\0")


def _voiced(frames: Sequence[bytes]) -> tuple[int, int]:
    """The first and the last frame that hold speech, or (-1, -1).

    Speech is what is less than 30 dB below the loudest frame, so that the hiss of a
    recording is not taken for the caller.
    """
    levels = [loudness(frame) for frame in frames]
    if not levels:
        return -1, -1
    threshold = max(AUDIBLE_RMS, max(levels) / 32.0)
    loud = [index for index, level in enumerate(levels) if level >= threshold]
    return (loud[0], loud[-1]) if loud else (-1, -1)
