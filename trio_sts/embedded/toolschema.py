"""What tools may look like: functions of the client, and remote MCP servers."""

import re
from collections.abc import Mapping
from typing import Any, Final

from .checks import (
    Schema,
    anything,
    array,
    boolean,
    either,
    field_of,
    mapping,
    one_of,
    optional,
    text,
)
from .refusal import Refusal

_NAME: Final = re.compile(r"[a-zA-Z0-9_-]+")
_REACHED_BY: Final = ("server_url", "connector_id", "tunnel_id")
_FUNCTION: Final[Schema] = {
    "type": text,
    "name": text,
    "description": optional(text),
    "parameters": optional(mapping),
}
_MCP: Final[Schema] = {
    "type": text,
    "server_label": text,
    "server_url": optional(text),
    "connector_id": optional(text),
    "tunnel_id": optional(text),
    "authorization": optional(text),
    "headers": optional(mapping),
    "allowed_tools": anything,
    "allowed_callers": anything,
    "require_approval": anything,
    "server_description": optional(text),
    "defer_loading": optional(boolean),
}
tool_choice = either("auto", "none", "required", keys=("type", "name", "server_label"))


def tools(value: Any, param: str) -> None:
    """A list of tools, each with what its kind needs."""
    labels: set[str] = set()
    for index, item in enumerate(array(value, param)):
        where = f"{param}[{index}]"
        tool = mapping(item, where)
        _needs(tool, where, "type")
        one_of("function", "mcp")(tool["type"], f"{where}.type")
        if tool["type"] == "function":
            _function(tool, where)
        else:
            _mcp(tool, where, labels)


def _function(tool: Mapping[str, Any], where: str) -> None:
    field_of(tool, where, _FUNCTION)
    _needs(tool, where, "name")
    if not _NAME.fullmatch(tool["name"]):
        raise Refusal(
            "invalid_value",
            f"Invalid '{where}.name': string does not match pattern. Expected a string "
            "that matches the pattern '^[a-zA-Z0-9_-]+$'.",
            f"{where}.name",
        )


def _mcp(tool: Mapping[str, Any], where: str, labels: set[str]) -> None:
    field_of(tool, where, _MCP)
    _needs(tool, where, "server_label")
    if not any(tool.get(name) for name in _REACHED_BY):
        _needs(tool, where, "server_url")
    if tool["server_label"] in labels:
        told = f"Duplicate server_label: '{tool['server_label']}'."
        raise Refusal("invalid_value", told, f"{where}.server_label")
    labels.add(tool["server_label"])


def _needs(tool: Mapping[str, Any], where: str, name: str) -> None:
    if name not in tool:
        raise Refusal(
            "missing_required_parameter",
            f"Missing required parameter: '{where}.{name}'.",
            f"{where}.{name}",
        )
