"""What a client may ask for as of the real service, and is not done here.

It is accepted, so that a client meets no error that it would not meet elsewhere, and said
once in the log, so that nobody believes in an effect that is not there.
"""

from collections.abc import Callable, Iterator, Mapping
from typing import Any, Final

from .items import Item
from .speech.voice import AGENTS

_Config = Mapping[str, Any]
_SESSION: Final[tuple[tuple[Callable[[_Config], object], str], ...]] = (
    (lambda of: of["tracing"], "tracing: nothing is traced"),
    (lambda of: of["include"], "include: transcripts have no log probabilities"),
    (lambda of: of["prompt"], "prompt: stored prompts are not known here"),
    (
        lambda of: of["truncation"] != "auto",
        "truncation: a conversation is never shortened",
    ),
    (
        lambda of: any(tool["type"] == "mcp" for tool in of["tools"]),
        "tools: MCP servers are not reached, their tools cannot be listed",
    ),
    (
        lambda of: of["audio"]["output"]["voice"] not in AGENTS,
        "audio.output.voice: custom voices sound like alloy",
    ),
)
_INPUT: Final[tuple[tuple[Callable[[_Config], object], str], ...]] = (
    (
        lambda of: of["noise_reduction"],
        "audio.input.noise_reduction: noise is not taken away",
    ),
    (
        lambda of: _inside(of, "turn_detection").get("idle_timeout_ms"),
        "turn_detection.idle_timeout_ms: silence is never answered",
    ),
    (
        lambda of: any(not language.startswith("en") for language in _languages(of)),
        "transcription.language: only English is understood",
    ),
    (
        lambda of: {"prompt", "keywords"} & set(_inside(of, "transcription")),
        "transcription: prompt and keywords change nothing",
    ),
)


def unmet_in_session(config: _Config) -> Iterator[str]:
    """What of a session's configuration has no effect."""
    for asks, told in _SESSION:
        if asks(config):
            yield told
    for asks, told in _INPUT:
        if asks(config["audio"]["input"]):
            yield told


def _inside(heard: _Config, name: str) -> _Config:
    """An object of the configuration; empty where it is null."""
    found: _Config | None = heard[name]
    return {} if found is None else found


def _languages(heard: _Config) -> Iterator[str]:
    transcription = _inside(heard, "transcription")
    yield from transcription.get("languages") or ()
    if transcription.get("language"):
        yield transcription["language"]


def unmet_in_item(item: Item) -> Iterator[str]:
    """What of an item that a client made has no effect."""
    if any(part.image_url is not None for part in item.parts):
        yield "input_image: nobody looks at pictures"


def unmet_in_response(wish: Mapping[str, Any]) -> Iterator[str]:
    """What of a ``response.create`` has no effect."""
    if "prompt" in wish:
        yield "prompt: no stored prompt is known, the instructions hold"
    if "reasoning" in wish:
        yield "reasoning: nothing is thought about for longer"
