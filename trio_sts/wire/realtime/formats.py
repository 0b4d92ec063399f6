"""The names that endpoints give to audio formats, folded into ours."""

from collections.abc import Mapping
from typing import Any, cast

_NAMES = {
    "audio/pcm": "pcm",
    "audio/pcmu": "pcmu",
    "audio/pcma": "pcma",
    "pcm16": "pcm",
    "g711_ulaw": "pcmu",
    "g711_alaw": "pcma",
}
_RATES_HZ = {"pcm": 24000, "pcmu": 8000, "pcma": 8000}


def input_format(session: Mapping[str, Any]) -> str | None:
    """The format of the caller's audio that a session shows, in either dialect.

    Returns:
        ``pcm`` (16 bit, 24 kHz), ``pcmu`` or ``pcma`` (8 kHz). Any other name or rate
        comes back as the endpoint's own name, such as ``audio/pcm@16000``, so that it
        equals none of the three. None if the session does not say.
    """
    rate_hz = session.get("input_audio_sampling_rate")
    return _format(session, "input", rate_hz)


def output_format(session: Mapping[str, Any]) -> str | None:
    """The format of the agent's audio that a session shows; as `input_format`."""
    return _format(session, "output", None)


def _format(session: Mapping[str, Any], way: str, rate_hz: object) -> str | None:
    shown = _inside(_inside(session.get("audio")).get(way)).get("format")
    if shown is None:
        shown = session.get(f"{way}_audio_format")
    fields = _inside(shown)
    word = fields.get("type") if fields else shown
    if not isinstance(word, str) or not word:
        return None
    return _fold(word, fields.get("rate", rate_hz))


def _fold(word: str, rate_hz: object) -> str:
    name = _NAMES.get(word.lower(), word)
    if rate_hz is None or rate_hz == _RATES_HZ.get(name):
        return name
    return f"{word}@{rate_hz}"


def _inside(value: object) -> Mapping[str, Any]:
    return cast("Mapping[str, Any]", value) if isinstance(value, dict) else {}
