"""What may be shown of a value: secrets are masked, the rest is one short line."""

import re
from collections.abc import Iterable, Mapping
from typing import Any, cast
from urllib.parse import urlsplit

MASK = "***"

# A fault is one line of a terminal; what is wrong is seen in the first 60 characters.
SHOWN_CHARS = 60

# Shorter ones are words like any other, and masking them would hide what is wrong.
MIN_SECRET_CHARS = 6

_KEY_LIKE = re.compile(r"\bsk-[A-Za-z0-9_-]{8,}")
# In a setting that is no secret, also other vendors' keys and what looks like chance.
_PERHAPS_KEY = re.compile(
    r"(?<![A-Za-z0-9])(?:gsk_|xai-|AIza|eyJ)[A-Za-z0-9_.-]{8,}"
    r"|(?<![A-Za-z0-9])(?=[A-Za-z]*[0-9])(?=[0-9]*[A-Za-z])[A-Za-z0-9]{32,}"
)
_USERINFO = re.compile(r"[^\s/:@]*:[^\s@]*@(?=[\w\[])")
_PARAMETER = re.compile(r"[\w.~\[\]-]{1,40}", re.ASCII)
_SCHEME = re.compile(r"[A-Za-z][A-Za-z0-9+.-]*://")

# What of a remote MCP server is no secret; its URL is shown masked.
_MCP_SHOWN = frozenset(
    {
        "type",
        "server_label",
        "server_description",
        "allowed_tools",
        "require_approval",
    }
)


def one_line(text: str) -> str:
    """Cut to 60 characters; what a terminal would not print is escaped."""
    start = text[: SHOWN_CHARS + 1]
    line = "".join(
        char if char.isprintable() else char.encode("unicode_escape").decode()
        for char in start
    )
    return line if len(line) <= SHOWN_CHARS else f"{line[: SHOWN_CHARS - 1]}…"


def mask_url(url: str) -> str:
    """Hide user name, password, query values and fragment; the URL may be malformed."""
    scheme = _SCHEME.match(url)
    start = scheme.end() if scheme else 0
    rest, fragment = _cut(url[start:], "#")
    rest, query = _cut(rest, "?")
    if "@" in query + fragment and not _is_sound(url):
        # Perhaps a password with a question mark in it: show the host alone.
        host = re.split(r"[/?#]", url.rpartition("@")[2], maxsplit=1)[0]
        return f"{url[:start]}{MASK}@{host}"
    if "@" in rest:
        rest = f"{MASK}@{rest.rpartition('@')[2]}"
    masked = url[:start] + rest
    if query:
        masked += "?" + "&".join(_mask_pair(pair) for pair in query.split("&"))
    return f"{masked}#{MASK}" if fragment else masked


def mask_mcp_server(server: Mapping[str, Any]) -> dict[str, Any]:
    """Show what names a remote MCP server; headers, keys and unknown fields are hidden."""
    return {
        key: mask_url(value)
        if key == "server_url" and isinstance(value, str)
        else value
        if key in _MCP_SHOWN
        else _mask_leaves(value)
        for key, value in server.items()
    }


def mask_secrets(text: str, secrets: Iterable[str]) -> str:
    """Hide the known secrets, and whatever looks like a model key, inside any text."""
    for secret in secrets:
        if len(secret) >= MIN_SECRET_CHARS:
            text = text.replace(secret, MASK)
    return _KEY_LIKE.sub(f"sk-{MASK}", text)


def mask_value(text: str, secrets: Iterable[str]) -> str:
    """What may be shown of a setting that is no secret: perhaps a key was put into it."""
    masked = _PERHAPS_KEY.sub(MASK, mask_secrets(text, secrets))
    if "://" in masked:
        return mask_url(masked)
    return _USERINFO.sub(f"{MASK}@", masked)


def url_repr(url: str | None) -> str:
    """The ``repr`` of a field that holds a URL."""
    return repr(url if url is None else mask_url(url))


def _cut(text: str, mark: str) -> tuple[str, str]:
    before, _, after = text.partition(mark)
    return before, after


def _mask_pair(pair: str) -> str:
    name, equals, _ = pair.partition("=")
    return f"{name}={MASK}" if equals and _PARAMETER.fullmatch(name) else MASK


def _is_sound(url: str) -> bool:
    try:
        parts = urlsplit(url)
        has_host = bool(parts.hostname) and (parts.port is None or parts.port > 0)
    except ValueError:
        return False
    return has_host and ":" not in parts.path


def _mask_leaves(value: object) -> object:
    if isinstance(value, dict):
        fields = cast("dict[str, object]", value)
        return {name: _mask_leaves(inner) for name, inner in fields.items()}
    return MASK
