"""What a call has of its own, and an endpoint refuses, gives way to the container's.

A web service or AVR Core says it for one call alone, so one call alone is to lose it:
nothing is learned here about the endpoint but that value.
"""

import re
from collections.abc import Iterable, Iterator, Mapping
from typing import Any

from attrs import evolve

from trio_sts.wire.realtime.items import ErrorDetail
from trio_sts.wire.realtime.session import SessionConfig

# Where endpoints have them, in both dialects.
_PATHS: Mapping[str, tuple[str, ...]] = {
    "voice": ("audio.output.voice", "voice"),
    "max_tokens": ("max_output_tokens", "max_response_output_tokens"),
    "language": (
        "audio.input.transcription.language",
        "audio.input.transcription.languages",
        "input_audio_transcription.language",
    ),
    "transcription_keywords": ("audio.input.transcription.keywords",),
}
# The names of `SessionConfig` that one call may have of its own.
OWN = tuple(_PATHS)
_INDEX = re.compile(r"(?:\[\d+\]|\.\d+)+$")
_QUOTED = re.compile(r"""['"`]([^'"`]{1,80})['"`]""")


def own_named(error: ErrorDetail, config: SessionConfig) -> tuple[str, ...]:
    """What an error is about, of that which is the call's own.

    Args:
        error: The answer to a ``session.update``. Its ``param`` names the field or, where
            there is none, its message quotes it or its value.
        config: What the update asked for.
    """
    if error.param and error.param != "session":
        return tuple(_under(error.param, config.instead))
    quoted = _QUOTED.findall(error.message)
    by_value = (name for name in config.instead if _values(config, name) & {*quoted})
    by_name = (name for word in quoted for name in _under(word, config.instead))
    return tuple(dict.fromkeys((*by_value, *by_name)))


def own_within(error: ErrorDetail, config: SessionConfig) -> tuple[str, ...]:
    """What is the call's own in the object that an error is about; arguments as above."""
    path = _INDEX.sub("", (error.param or "").removeprefix("session."))
    return tuple(
        name
        for name in config.instead
        if any(f".{each}.".find(f".{path}.") >= 0 for each in _PATHS[name])
    )


def without_own(config: SessionConfig, names: Iterable[str]) -> SessionConfig:
    """The same, with the container's values of these names."""
    changed: dict[str, Any] = {name: config.instead[name] for name in names}
    rest = {
        name: value for name, value in config.instead.items() if name not in changed
    }
    return evolve(config, **changed, instead=rest)


def _under(path: str, own: Iterable[str]) -> Iterator[str]:
    """The own fields that a path names, whole or by its last parts."""
    path = _INDEX.sub("", path.removeprefix("session."))
    for name in own:
        if any(f".{each}".endswith(f".{path}") for each in _PATHS[name]):
            yield name


def _values(config: SessionConfig, name: str) -> set[str]:
    value: object = getattr(config, name)
    return {*value} if isinstance(value, tuple) else {str(value)}
