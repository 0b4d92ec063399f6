"""What a call's counters have gained since the last look."""

from collections.abc import Mapping
from typing import Final

from attrs import define, field

from trio_sts.conversation.parts.counters import Counters
from trio_sts.record.finished_call import Tokens

from .registry import Metrics

_KINDS: Final[Mapping[str, tuple[str, ...]]] = {
    "input_audio": ("input_audio",),
    "input_text": ("input_text",),
    "input_cached": ("cached_audio", "cached_text"),
    "output_audio": ("output_audio",),
    "output_text": ("output_text",),
    "transcription": ("transcription_input", "transcription_output"),
}


@define(eq=False)
class Totals:
    """Adds the tokens of a call, and what was dropped of its audio, to the metrics."""

    metrics: Metrics
    counters: Counters
    _tokens: Tokens = field(factory=Tokens)
    _dropped_s: dict[tuple[str, str], float] = field(
        factory=dict[tuple[str, str], float]
    )

    def add(self) -> None:
        """Add what is new."""
        tokens = Tokens.of(self.counters)
        if tokens != self._tokens:
            self._add_tokens(tokens)
        for labels, seconds in _dropped(self.counters).items():
            new_s = seconds - self._dropped_s.get(labels, 0.0)
            if new_s > 0:
                self._dropped_s[labels] = seconds
                self.metrics.audio_dropped_s.labels(*labels).inc(new_s)

    def _add_tokens(self, tokens: Tokens) -> None:
        for kind, names in _KINDS.items():
            new = sum(getattr(tokens, n) - getattr(self._tokens, n) for n in names)
            if new > 0:
                self.metrics.tokens.labels(kind).inc(new)
        self._tokens = tokens


def _dropped(counters: Counters) -> dict[tuple[str, str], float]:
    away_ms = counters.dropped_away_ms
    return {
        ("model", "away"): away_ms / 1000,
        ("model", "too much"): (counters.dropped_audio_ms - away_ms) / 1000,
        ("caller", "too long"): counters.cut_audio_ms / 1000,
    }
