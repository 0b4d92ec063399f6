"""Which fields of a session an endpoint refuses, and which of those can be left out."""

import re
from collections.abc import Iterable, Mapping, Sequence
from typing import Any

from attrs import define, field

from trio_sts.wire.realtime.items import ErrorDetail
from trio_sts.wire.realtime.session import (
    OptionalField,
    Refused,
    RemoteServer,
    SessionConfig,
)

from .endpoint import Endpoint

# What endpoints call the fields: the names of both dialects.
_NAMES: Mapping[str, OptionalField] = {
    **{field.value: field for field in OptionalField},
    "max_response_output_tokens": OptionalField.MAX_OUTPUT_TOKENS,
    "input_audio_noise_reduction": OptionalField.NOISE_REDUCTION,
    "input_audio_transcription": OptionalField.TRANSCRIPTION,
    "transcription.languages": OptionalField.LANGUAGE,
    "input_audio_transcription.model": OptionalField.TRANSCRIBER,
    "input_audio_transcription.language": OptionalField.LANGUAGE,
    "input_audio_transcription.languages": OptionalField.LANGUAGE,
    "input_audio_transcription.keywords": OptionalField.KEYWORDS,
}
_PREFIXES = ("session.", "audio.", "input.", "output.")
# Wrong values of single calls that are remembered: a service may make up new ones.
_MOST_OWN = 1000
_TOOL = re.compile(r"tools(?:\[(\d+)\]|\.(\d+))")
_INDEX = re.compile(r"(?:\[\d+\]|\.\d+)+$")
_QUOTED = re.compile(r"""['"`]([\w.\[\] -]+)['"`]""")


@define(eq=False)
class RefusedFields:
    """What each endpoint refuses for each model, for the life of the process."""

    _known: dict[tuple[str, str], Refused] = field(
        factory=dict[tuple[str, str], Refused], init=False
    )
    _known_own: set[tuple[object, ...]] = field(
        factory=set[tuple[object, ...]], init=False
    )

    def known(self, endpoint: Endpoint) -> Refused:
        """What to leave out of a session."""
        return self._known.get(endpoint.identity, frozenset())

    def add(self, endpoint: Endpoint, refused: OptionalField | RemoteServer) -> None:
        """Remember one more."""
        self._known[endpoint.identity] = self.known(endpoint) | {refused}

    def known_own(self, endpoint: Endpoint, config: SessionConfig) -> tuple[str, ...]:
        """What of a call's own is refused, as it was for a call before."""
        return tuple(
            name
            for name in config.instead
            if (endpoint.identity, name, getattr(config, name)) in self._known_own
        )

    def add_own(
        self, endpoint: Endpoint, config: SessionConfig, names: Iterable[str]
    ) -> None:
        """Remember that these values of a call's own are refused."""
        if len(self._known_own) >= _MOST_OWN:
            self._known_own.clear()
        for name in names:
            self._known_own.add((endpoint.identity, name, getattr(config, name)))


def refused_field(
    error: ErrorDetail, session: Mapping[str, Any]
) -> OptionalField | RemoteServer | None:
    """The optional field that an error is about.

    Args:
        error: The answer to a ``session.update``. Its ``param`` names the field or,
            where there is none, its message quotes it.
        session: What the update asked for.

    Returns:
        What to leave out, or None: the field is mandatory, or nothing says which it is.
    """
    quoted = _QUOTED.findall(error.message)
    if error.param and error.param != "session":
        return _optional(error.param, session) or _server(error.param, quoted, session)
    found = (_optional(word, session) for word in quoted)
    return next((field for field in found if field is not None), None)


def _optional(
    path: str, session: Mapping[str, Any]
) -> OptionalField | RemoteServer | None:
    for prefix in _PREFIXES:
        path = path.removeprefix(prefix)
    tool = _TOOL.match(path)
    if tool:
        return _tool(int(tool[1] or tool[2]), session)
    # A list's element stands for the list. Of some fields the whole path is optional, of
    # others all that is inside.
    path = _INDEX.sub("", path)
    return _NAMES.get(path) or _NAMES.get(path.partition(".")[0])


def _tool(index: int, session: Mapping[str, Any]) -> RemoteServer | None:
    tools: Sequence[Mapping[str, Any]] = session["tools"]
    if index >= len(tools) or tools[index]["type"] != "mcp":
        return None
    return RemoteServer(str(tools[index].get("server_label")))


def _server(
    path: str, quoted: Iterable[str], session: Mapping[str, Any]
) -> RemoteServer | None:
    # The path names all tools, and the message which of the remote servers it is.
    if path.removeprefix("session.") != "tools":
        return None
    labels = {
        tool.get("server_label") for tool in session["tools"] if tool["type"] == "mcp"
    }
    return next((RemoteServer(word) for word in quoted if word in labels), None)
