"""What a call costs: tokens and minutes times list prices.

A model that is not listed has no cost in the summary rather than a wrong one.
"""

from trio_sts.conversation.parts.counters import Counters
from trio_sts.modelfacts import Price, facts

_MILLION = 1_000_000


def cost_usd(
    counters: Counters, model: str, transcriber: str | None = None
) -> float | None:
    """US dollars for all responses of a call, and for the caller's transcripts.

    Args:
        counters: What the endpoint counted. Cached tokens are a part of the input, and
            more of them than input are as many as the input.
        model: The session's model.
        transcriber: What wrote down the caller's words, if anything did; one without a
            known price costs nothing here.

    Returns:
        None for a model without a known price.
    """
    price = facts().price(model)
    if price is None:
        return None
    return _responses_usd(counters, price) + _transcripts_usd(counters, transcriber)


def _responses_usd(counters: Counters, price: Price) -> float:
    cached_audio = min(counters.cached_audio_tokens, counters.input_audio_tokens)
    cached_text = min(counters.cached_text_tokens, counters.input_text_tokens)
    millionths = (
        (counters.input_audio_tokens - cached_audio) * price.audio_in
        + cached_audio * price.audio_cached
        + counters.output_audio_tokens * price.audio_out
        + (counters.input_text_tokens - cached_text) * price.text_in
        + cached_text * price.text_cached
        + counters.output_text_tokens * price.text_out
    )
    return millionths / _MILLION


def _transcripts_usd(counters: Counters, transcriber: str | None) -> float:
    known = facts().transcriber(transcriber) if transcriber else None
    if known is None:
        return 0.0
    return (
        counters.transcription_s / 60 * known.minute
        + counters.transcription_input_tokens / _MILLION * known.tokens_in
        + counters.transcription_output_tokens / _MILLION * known.tokens_out
    )
