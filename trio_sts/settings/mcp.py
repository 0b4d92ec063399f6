"""The list of remote MCP servers that is handed to the model."""

from collections.abc import Mapping
from typing import Any, cast

import orjson

from .kinds import Kind, Unfit
from .masking import mask_mcp_server

_ADDRESSES = ("server_url", "connector_id", "tunnel_id")


def mcp_servers() -> Kind:
    """A JSON list of objects as the Realtime API's ``mcp`` tools; ``type`` may be left out."""
    return Kind(
        'a JSON list such as [{"server_label": "crm", "server_url": "https://…"}]',
        _parse,
        _show,
    )


def _parse(text: str) -> tuple[Mapping[str, Any], ...]:
    try:
        found: object = orjson.loads(text)
    except orjson.JSONDecodeError as exc:
        why = f"not JSON at character {exc.pos}"
        raise Unfit(why) from None
    if not isinstance(found, list):
        why = "not a list"
        raise Unfit(why)
    servers = tuple(
        _server(entry, f"entry {index}")
        for index, entry in enumerate(cast("list[object]", found), start=1)
    )
    labels = [server["server_label"] for server in servers]
    if len(set(labels)) < len(labels):
        why = "two entries have the same server_label"
        raise Unfit(why)
    return servers


def _server(entry: object, where: str) -> Mapping[str, Any]:
    """Check what the API would refuse the whole session for."""
    if not isinstance(entry, dict):
        why = f"{where} is not an object"
        raise Unfit(why)
    server = {"type": "mcp"} | cast("dict[str, Any]", entry)
    label = server.get("server_label")
    headers: object = server.get("headers")
    if server["type"] != "mcp":
        why = f'{where} has a type other than "mcp"'
    elif not isinstance(label, str) or not label:
        why = f"{where} has no server_label"
    elif not any(isinstance(server.get(name), str) for name in _ADDRESSES):
        why = f"{where} has no {', '.join(_ADDRESSES[:-1])} or {_ADDRESSES[-1]}"
    elif "authorization" in server and _has_authorization(headers):
        why = f"{where} has both authorization and an Authorization header"
    else:
        return server
    raise Unfit(why)


def _has_authorization(headers: object) -> bool:
    return isinstance(headers, dict) and any(
        name.lower() == "authorization" for name in cast("dict[str, object]", headers)
    )


def _show(servers: tuple[Mapping[str, Any], ...]) -> str:
    if not servers:
        return ""
    return orjson.dumps([mask_mcp_server(server) for server in servers]).decode()
