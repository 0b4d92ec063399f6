"""Which models are retired, which will be, and what replaces them."""

from datetime import date

from trio_sts.modelfacts import Model, Transcriber, facts

from .endpoint import is_openai, transcriber
from .schema import Settings


def current_model(settings: Settings) -> str:
    """The model to ask for: a retired one's successor at OpenAI, else as set."""
    known = facts().model(settings.model) if is_openai(settings) else None
    # One that has no price any more was shut down before the facts were read.
    return known.use if known is not None and known.price is None else settings.model


def retirements(settings: Settings) -> tuple[str, ...]:
    """One line for each model in use that OpenAI will shut down, with its date.

    Elsewhere a name is a deployment's or another vendor's, and has no known date.
    """
    if not is_openai(settings):
        return ()
    model, words = settings.model, transcriber(settings)
    lines = (
        _line("OPENAI_MODEL", model, facts().model(model)),
        _line("OPENAI_TRANSCRIPTION_MODEL", words, facts().transcriber(words or "")),
    )
    return tuple(line for line in lines if line)


def has_ended(name: str, today: date) -> bool:
    """Whether a model of OpenAI's, of either sort, was shut down by a day."""
    known = facts().model(name) or facts().transcriber(name)
    return known is not None and known.ends is not None and known.ends <= today


def _line(
    variable: str, name: str | None, known: Model | Transcriber | None
) -> str | None:
    if known is None or known.ends is None:
        return None
    return f"{variable}: {name} shuts down on {known.ends}; use {known.use}"
