"""Calling the tools that a session was given: by name, with sensible arguments."""

import json
import re
from collections.abc import Mapping, Sequence
from typing import Any, Final

from attrs import frozen

from trio_sts.embedded.shapes import is_array, is_object

from .numbers import to_digits

HANGUP: Final = "avr_hangup"
TRANSFER: Final = "avr_transfer"


@frozen
class ToolCall:
    """A function call that the model makes; ``arguments`` is a JSON object."""

    name: str
    arguments: str = "{}"


def spoken_name(name: str) -> str:
    """A tool's name as it is said: ``create_ticket`` is "create ticket"."""
    apart = re.sub(r"(?<=[a-z])(?=[A-Z])", " ", name)
    return " ".join(re.split(r"[^A-Za-z0-9]+", apart)).strip().lower()


def find_tool(
    said: str, tools: Sequence[Mapping[str, Any]]
) -> Mapping[str, Any] | None:
    """The tool with the longest name that is part of what was said."""
    named = [
        tool
        for tool in tools
        if tool.get("type") == "function"
        and re.search(rf"\b{re.escape(spoken_name(tool['name']))}\b", said)
    ]
    return max(named, key=lambda tool: len(tool["name"]), default=None)


def named_tool(
    name: str, tools: Sequence[Mapping[str, Any]]
) -> Mapping[str, Any] | None:
    """The function tool of exactly this name."""
    return next((tool for tool in tools if tool.get("name") == name), None)


def call(tool: Mapping[str, Any], said: str = "") -> ToolCall:
    """Call a tool with arguments that fit its schema.

    Only what is required or has a default is filled in: from the default, the first
    of an enumeration, the number that was said, or an example of the right type.
    """
    schema = _object(tool.get("parameters"))
    required = schema.get("required")
    wanted = required if is_array(required) else []
    digits = to_digits(said)
    arguments = {
        name: _example(_object(of), digits)
        for name, of in _object(schema.get("properties")).items()
        if name in wanted or "default" in _object(of)
    }
    return ToolCall(tool["name"], json.dumps(arguments))


def _object(value: object) -> dict[str, Any]:
    """A schema, or none: ``true`` is one too, and not every tool has a good one."""
    return value if is_object(value) else {}


def _example(schema: Mapping[str, Any], digits: str) -> Any:
    if "default" in schema:
        return schema["default"]
    choices = schema.get("enum")
    if is_array(choices) and choices:
        return choices[0]
    number = int(digits[:15]) if digits else schema.get("minimum", 1)
    examples: dict[str, Any] = {
        "string": digits or "example",
        "integer": number,
        "number": number,
        "boolean": True,
        "array": [],
        "object": {},
    }
    kind = schema.get("type", "string")
    return examples.get(str(kind[0] if is_array(kind) and kind else kind))


def tell(output: str) -> str:
    """What a tool answered, as a sentence for the telephone."""
    try:
        result = json.loads(output)
    except ValueError:
        return f"The tool says: {output.strip() or 'nothing'}"
    if is_object(result) and result.get("error"):
        return f"I am sorry, that did not work: {_plain(result['error'])}"
    return f"The tool says: {_plain(result) or 'nothing'}"


def _plain(value: Any) -> str:
    if is_object(value):
        return ", ".join(f"{key} {_plain(item)}" for key, item in value.items())
    if is_array(value):
        return ", ".join(_plain(item) for item in value)
    return str(value)
