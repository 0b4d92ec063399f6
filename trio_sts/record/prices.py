"""What a call costs: tokens times list prices.

US dollars per million tokens, from OpenAI's price list of autumn 2026. A model that is
not listed has no cost in the summary rather than a wrong one.
"""

from collections.abc import Mapping

from attrs import frozen

from trio_sts.conversation.parts.counters import Counters


@frozen
class Price:
    """US dollars per million tokens; cached input replaces the input price."""

    audio_in: float
    audio_cached: float
    audio_out: float
    text_in: float
    text_cached: float
    text_out: float


_FULL = Price(32, 0.40, 64, 4, 0.40, 24)
_FULL_1_5 = Price(32, 0.40, 64, 4, 0.40, 16)
_MINI = Price(10, 0.30, 20, 0.60, 0.06, 2.40)

PRICES: Mapping[str, Price] = {
    "gpt-realtime-2.1": _FULL,
    "gpt-realtime-2": _FULL,
    "gpt-realtime-1.5": _FULL_1_5,
    "gpt-realtime-2.1-mini": _MINI,
}


def cost_usd(counters: Counters, model: str) -> float | None:
    """US dollars for all responses of a call, transcription not included."""
    price = PRICES.get(model)
    if price is None:
        return None
    fresh_audio = counters.input_audio_tokens - counters.cached_audio_tokens
    fresh_text = counters.input_text_tokens - counters.cached_text_tokens
    millionths = (
        fresh_audio * price.audio_in
        + counters.cached_audio_tokens * price.audio_cached
        + counters.output_audio_tokens * price.audio_out
        + fresh_text * price.text_in
        + counters.cached_text_tokens * price.text_cached
        + counters.output_text_tokens * price.text_out
    )
    return millionths / 1_000_000
