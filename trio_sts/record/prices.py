"""What a call costs: tokens and minutes times list prices.

A model that is not listed has no cost in the summary rather than a wrong one.
"""

from attrs import frozen

from trio_sts.conversation.parts.counters import Counters
from trio_sts.modelfacts import Price, facts

_MILLION = 1_000_000


@frozen
class Cost:
    """What a call costs.

    Attributes:
        usd: US dollars in list prices, as far as they are known; None if the model's
            price is not, or nothing is paid for it.
        unpriced: The names of models that were used and whose prices are not known: a
            cost beside them is too low.
    """

    usd: float | None = None
    unpriced: tuple[str, ...] = ()


def cost(counters: Counters, model: str | None, transcriber: str | None = None) -> Cost:
    """The cost of all responses of a call, and of the caller's transcripts.

    Args:
        counters: What the endpoint counted. Cached tokens are a part of the input, and
            more of them than input are as many as the input.
        model: The session's model; None for one that nobody pays for.
        transcriber: What wrote down the caller's words, if anything did.
    """
    if model is None:
        return Cost()
    price = facts().price(model)
    words_usd = _transcripts_usd(counters, transcriber)
    unpriced: tuple[str, ...] = (model,) if price is None else ()
    if words_usd is None:
        unpriced += (transcriber or "",)
    if price is None:
        return Cost(None, unpriced)
    return Cost(_responses_usd(counters, price) + (words_usd or 0), unpriced)


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


def _transcripts_usd(counters: Counters, transcriber: str | None) -> float | None:
    """None if something was transcribed, and what that costs is not known.

    A model is paid by the minute or by the token; usage in the other unit has no price.
    """
    seconds = counters.transcription_s
    tokens_in = counters.transcription_input_tokens
    tokens_out = counters.transcription_output_tokens
    if not (seconds or tokens_in or tokens_out) or transcriber is None:
        return 0.0
    known = facts().transcriber(transcriber)
    if known is None:
        return None
    if (seconds and not known.minute) or (
        (tokens_in or tokens_out) and not known.tokens_out
    ):
        return None
    return (
        seconds / 60 * known.minute
        + tokens_in / _MILLION * known.tokens_in
        + tokens_out / _MILLION * known.tokens_out
    )
