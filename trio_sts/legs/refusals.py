"""Which fields of a session an endpoint refuses, and which of those can be left out."""

import re
from collections.abc import Iterable, Mapping, Sequence
from typing import Any

from attrs import define, field

from trio_sts.wire.realtime.items import ErrorDetail

from .endpoint import Endpoint

_WHOLE = {
    "temperature": "temperature",
    "reasoning": "reasoning",
    "parallel_tool_calls": "parallel_tool_calls",
    "max_output_tokens": "max_output_tokens",
    "max_response_output_tokens": "max_output_tokens",
    "tool_choice": "tool_choice",
    "noise_reduction": "noise_reduction",
    "input_audio_noise_reduction": "noise_reduction",
    "transcription": "transcription",
    "input_audio_transcription": "transcription",
}
# Parts that can go while the rest of their object stays.
_PARTS = {
    "transcription.language": "transcription.language",
    "input_audio_transcription.language": "transcription.language",
    **{
        name: name
        for name in (
            "turn_detection.threshold",
            "turn_detection.prefix_padding_ms",
            "turn_detection.silence_duration_ms",
            "turn_detection.eagerness",
            "turn_detection.create_response",
            "turn_detection.interrupt_response",
        )
    },
}
_PREFIXES = ("session.", "audio.", "input.")
_TOOL = re.compile(r"tools(?:\[(\d+)\]|\.(\d+))")
_QUOTED = re.compile(r"""['"`]([\w.\[\] -]+)['"`]""")


@define(eq=False)
class Refusals:
    """What each endpoint refuses for each model, for the life of the process."""

    _known: dict[tuple[str, str], frozenset[str]] = field(
        factory=dict[tuple[str, str], frozenset[str]], init=False
    )

    def known(self, endpoint: Endpoint) -> frozenset[str]:
        """The names to leave out, as the session's builders know them."""
        return self._known.get(endpoint.identity, frozenset())

    def add(self, endpoint: Endpoint, name: str) -> None:
        """Remember one more."""
        self._known[endpoint.identity] = self.known(endpoint) | {name}


def refused_field(error: ErrorDetail, session: Mapping[str, Any]) -> str | None:
    """The optional field that an error is about.

    Args:
        error: The answer to a ``session.update``. Its ``param`` names the field or,
            where there is none, its message quotes it.
        session: What the update asked for.

    Returns:
        A name that the session's builders know, or None: the field is mandatory, or
        nothing tells which it is.
    """
    quoted = _QUOTED.findall(error.message)
    if error.param and error.param != "session":
        return _optional(error.param, session) or _server(error.param, quoted, session)
    names = (_optional(word, session) for word in quoted)
    return next(filter(None, names), None)


def _optional(path: str, session: Mapping[str, Any]) -> str | None:
    for prefix in _PREFIXES:
        path = path.removeprefix(prefix)
    tool = _TOOL.match(path)
    if tool:
        return _tool(int(tool[1] or tool[2]), session)
    return _PARTS.get(path) or _WHOLE.get(re.split(r"[.\[]", path, maxsplit=1)[0])


def _tool(index: int, session: Mapping[str, Any]) -> str | None:
    tools: Sequence[Mapping[str, Any]] = session["tools"]
    if index >= len(tools) or tools[index]["type"] != "mcp":
        return None
    return f"mcp.{tools[index].get('server_label')}"


def _server(path: str, quoted: Iterable[str], session: Mapping[str, Any]) -> str | None:
    # All tools are blamed, and the message says which of the remote servers it is.
    if path.removeprefix("session.") != "tools":
        return None
    labels = {
        tool.get("server_label") for tool in session["tools"] if tool["type"] == "mcp"
    }
    return next((f"mcp.{word}" for word in quoted if word in labels), None)
