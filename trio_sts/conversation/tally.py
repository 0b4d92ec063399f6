"""What a call was like, in numbers: the core counts, the summary line tells."""

from attrs import define, field

from trio_sts.wire.realtime.items import Usage


@define
class Tally:
    """Counters of one call; milliseconds of audio, seconds of latency."""

    turns: int = 0
    barge_ins: int = 0
    tools: int = 0
    keys: int = 0
    nudges: int = 0
    retries: int = 0
    reconnects: int = 0
    bad_messages: int = 0
    bad_events: int = 0
    caller_audio_ms: float = 0
    agent_audio_ms: float = 0
    dropped_audio_ms: float = 0
    worst_latency_s: float = 0
    input_text_tokens: int = 0
    input_audio_tokens: int = 0
    cached_text_tokens: int = 0
    cached_audio_tokens: int = 0
    output_text_tokens: int = 0
    output_audio_tokens: int = 0
    _asked_at: float | None = field(default=None, repr=False)

    def add_usage(self, usage: Usage) -> None:
        """Add the tokens of one response."""
        self.input_text_tokens += usage.input_text_tokens
        self.input_audio_tokens += usage.input_audio_tokens
        self.cached_text_tokens += usage.cached_text_tokens
        self.cached_audio_tokens += usage.cached_audio_tokens
        self.output_text_tokens += usage.output_text_tokens
        self.output_audio_tokens += usage.output_audio_tokens

    def caller_finished(self, now: float) -> None:
        """The caller stopped speaking: the latency of this turn starts to count."""
        self.turns += 1
        self._asked_at = now

    def agent_answers(self, now: float) -> None:
        """The first audio after a turn leaves for AVR Core."""
        if self._asked_at is not None:
            self.worst_latency_s = max(self.worst_latency_s, now - self._asked_at)
            self._asked_at = None
