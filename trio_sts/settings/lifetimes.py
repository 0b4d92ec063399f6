"""Which models are retired, which will be, and what replaces them.

The dates are those of OpenAI's deprecations page as of November 2026.
"""

import re

from .endpoint import is_openai
from .schema import Settings

_PREVIEW = re.compile(r"gpt-4o(-mini)?-realtime-preview\b.*", re.IGNORECASE)

_MODELS_END = "2027-01-20"
_MODELS = {
    "gpt-realtime": "gpt-realtime-2.1",
    "gpt-realtime-2025-08-28": "gpt-realtime-2.1",
    "gpt-realtime-mini": "gpt-realtime-2.1-mini",
    "gpt-realtime-mini-2025-10-06": "gpt-realtime-2.1-mini",
    "gpt-realtime-mini-2025-12-15": "gpt-realtime-2.1-mini",
}

_TRANSCRIBERS_END = "2027-02-26"
_TRANSCRIBERS = frozenset(
    {
        "whisper-1",
        "gpt-4o-transcribe",
        "gpt-4o-transcribe-diarize",
        "gpt-4o-mini-transcribe",
        "gpt-4o-mini-transcribe-2025-12-15",
    }
)
_TRANSCRIBER_NOW = "gpt-realtime-whisper"


def current_model(settings: Settings) -> str:
    """The model to ask for: a retired preview's successor at OpenAI, else as set."""
    preview = _PREVIEW.fullmatch(settings.model)
    if preview is None or not is_openai(settings):
        return settings.model
    return "gpt-realtime-2.1-mini" if preview[1] else "gpt-realtime-2.1"


def retirements(settings: Settings) -> tuple[str, ...]:
    """One line for each model in use that OpenAI will shut down, with its date.

    Elsewhere a name is a deployment's or another vendor's, and has no known date.
    """
    if not is_openai(settings):
        return ()
    lines: list[str] = []
    if settings.model in _MODELS:
        lines.append(
            f"OPENAI_MODEL: {settings.model} shuts down on {_MODELS_END}; "
            f"use {_MODELS[settings.model]}"
        )
    if settings.transcription_model in _TRANSCRIBERS:
        lines.append(
            f"OPENAI_TRANSCRIPTION_MODEL: {settings.transcription_model} shuts down on "
            f"{_TRANSCRIBERS_END}; use {_TRANSCRIBER_NOW}"
        )
    return tuple(lines)
