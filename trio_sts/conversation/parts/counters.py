"""The counters of a call, for its summary line."""

from collections.abc import Mapping
from typing import Any, Literal

from attrs import define, field, setters

from trio_sts.audio.framing import SAMPLE_RATE_HZ, ms_per_pcm_byte
from trio_sts.wire.realtime.items import Usage

_MOST_UNKNOWN_TYPES = 100
# A day of speech, and its tokens many times over: more is no count of a call's.
_MOST_COUNTED = 10_000_000

Counter = Literal[
    "turns",
    "barge_ins",
    "tools",
    "keys",
    "nudges",
    "retries",
    "reconnects",
    "renewals",
    "bad_messages",
    "bad_events",
    "unfinished_responses",
]


# Converted once: a hook on each assignment costs more than the assignments do.
@define(on_setattr=setters.NO_OP)
class Counters:
    """Counters of one call; milliseconds of audio.

    Written by: every rule, each what it does.

    Args:
        rate_hz: Of the audio of the caller's line.
    """

    _ms_per_byte: float = field(
        default=SAMPLE_RATE_HZ, converter=ms_per_pcm_byte, alias="rate_hz", repr=False
    )
    turns: int = 0
    barge_ins: int = 0
    tools: int = 0
    keys: int = 0
    nudges: int = 0
    retries: int = 0
    reconnects: int = 0
    renewals: int = 0
    bad_messages: int = 0
    bad_events: int = 0
    # That ended otherwise than completed.
    unfinished_responses: int = 0
    caller_audio_ms: float = 0
    agent_audio_ms: float = 0
    dropped_audio_ms: float = 0
    # The part of it that came while there was no session.
    dropped_away_ms: float = 0
    # Of answers that were longer than may wait for the caller.
    cut_audio_ms: float = 0
    input_text_tokens: int = 0
    input_audio_tokens: int = 0
    cached_text_tokens: int = 0
    cached_audio_tokens: int = 0
    output_text_tokens: int = 0
    output_audio_tokens: int = 0
    transcription_s: float = 0
    transcription_input_tokens: int = 0
    transcription_output_tokens: int = 0
    _token_limit_told: bool = field(default=False, repr=False)
    _unknown_types: set[str] = field(factory=set[str], repr=False)

    def count(self, counter: Counter) -> int:
        """Add one.

        Returns:
            How many there are now.
        """
        number: int = getattr(self, counter) + 1
        setattr(self, counter, number)
        return number

    def caller_audio(self, pcm: bytes) -> None:
        """Audio of the caller's has come."""
        self.caller_audio_ms += len(pcm) * self._ms_per_byte

    def dropped_audio(self, ms: float, *, away: bool) -> bool:
        """Caller audio was dropped; whether it is the first of the call.

        ``away`` says that there was no session to send it to.
        """
        first = not self.dropped_audio_ms
        self.dropped_audio_ms += ms
        self.dropped_away_ms += ms if away else 0
        return first

    def cut_audio(self, ms: float) -> None:
        """Agent audio was thrown away: more waited than may."""
        self.cut_audio_ms += ms

    def agent_audio(self, pcm: bytes) -> None:
        """Audio leaves for AVR Core."""
        self.agent_audio_ms += len(pcm) * self._ms_per_byte

    def add_usage(self, usage: Usage) -> None:
        """Add the tokens of one response."""
        self.input_text_tokens += _count(usage.input_text_tokens)
        self.input_audio_tokens += _count(usage.input_audio_tokens)
        self.cached_text_tokens += _count(usage.cached_text_tokens)
        self.cached_audio_tokens += _count(usage.cached_audio_tokens)
        self.output_text_tokens += _count(usage.output_text_tokens)
        self.output_audio_tokens += _count(usage.output_audio_tokens)

    def first_token_limit(self) -> bool:
        """Whether an answer is cut by the token limit for the first time in the call."""
        first = not self._token_limit_told
        self._token_limit_told = True
        return first

    def add_transcription(self, usage: Mapping[str, Any]) -> None:
        """Add what one of the caller's transcripts took, by time or by tokens.

        Args:
            usage: As the endpoint sent it; what is no number in it counts as none.
        """
        self.transcription_s += _figure(usage, "seconds")
        self.transcription_input_tokens += int(_figure(usage, "input_tokens"))
        self.transcription_output_tokens += int(_figure(usage, "output_tokens"))

    def is_new_type(self, message_type: str) -> bool:
        """Whether an unknown type is seen for the first time; from now on it is not."""
        known = self._unknown_types
        if message_type in known or len(known) >= _MOST_UNKNOWN_TYPES:
            return False
        known.add(message_type)
        return True


def _figure(usage: Mapping[str, Any], name: str) -> float:
    value = usage.get(name)
    if isinstance(value, bool) or not isinstance(value, int | float):
        return 0
    return value if 0 <= value <= _MOST_COUNTED else 0


def _count(tokens: int) -> int:
    return tokens if 0 <= tokens <= _MOST_COUNTED else 0
