"""What kind of line a caller is on: what the conversation has to know of a caller leg."""

from typing import Final

from attrs import frozen

# Of AVR Core's audio, and of a telephone without wideband.
NARROWBAND_HZ: Final = 8_000


@frozen
class Line:
    """A caller's line; by default AVR Core's.

    Attributes:
        rate_hz: Of the PCM16LE in `CallerAudio` and `AgentAudio`: 8,000, 16,000 or 24,000.
        reports_marks: The peer says when it has played what a mark stands behind.
        awaits_answer: The caller hears ringing until the call is answered.
    """

    rate_hz: int = NARROWBAND_HZ
    reports_marks: bool = False
    awaits_answer: bool = False
