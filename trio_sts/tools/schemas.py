"""The JSON Schema of a tool's arguments: checked when it is loaded, used for every call."""

import json
from collections.abc import Mapping
from typing import Any, NoReturn, cast

from attrs import frozen
from jsonschema_rs import (
    FancyRegexOptions,
    ValidationError,
    Validator,
    validator_for,
)

from trio_sts.errors import ToolFault

# What a model is told about one tool. Longer texts leave no room for a conversation.
_SCHEMA_CHARS = 128 * 1024
# Steps of a pattern with look-around or back-references: some 3 ms. All others are matched
# in time that is linear in the text.
_BACKTRACKS = 20_000


@frozen
class ArgumentsCheck:
    """A compiled schema.

    Attributes:
        remark: What of the schema is not checked, or None; the model is told all of it.
    """

    _validator: Validator
    remark: str | None = None

    def violation(self, arguments: Mapping[str, Any]) -> str | None:
        """Return the first thing that is wrong with ``arguments``, or None."""
        try:
            self._validator.validate(dict(arguments))
        except ValidationError as error:
            where = ".".join(str(step) for step in error.instance_path)
            return f"{where}: {error.message}" if where else error.message
        return None


def object_schema(written: object) -> dict[str, Any]:
    """Return a JSON copy of a schema, which nobody else can change.

    None is the schema of a tool without arguments.

    Raises:
        ToolFault: It is no JSON, too long, or not the schema of an object.
    """
    if written is None:
        written = {}
    try:
        text = json.dumps(written, allow_nan=False)
        copy: object = json.loads(text)
    except (TypeError, ValueError, RecursionError) as exc:
        fault = f"input_schema is not JSON: {exc}"
        raise ToolFault(fault) from exc
    if len(text) > _SCHEMA_CHARS:
        fault = f"input_schema is longer than {_SCHEMA_CHARS} characters"
        raise ToolFault(fault)
    if not isinstance(copy, dict):
        raise ToolFault("input_schema must be an object")
    schema = cast("dict[str, Any]", copy)
    if schema.setdefault("type", "object") != "object":
        raise ToolFault("input_schema must have the type 'object'")
    schema.setdefault("properties", {})
    return schema


def compiled(schema: Mapping[str, Any]) -> ArgumentsCheck:
    """Compile what `object_schema` returned.

    JavaScript has patterns that exist nowhere else: a schema that holds one is used
    without its patterns.

    Raises:
        ToolFault: It is no JSON Schema, or refers to another document.
    """
    # Whatever dialect it names, nothing is fetched for it.
    plain = {key: value for key, value in schema.items() if key != "$schema"}
    try:
        return ArgumentsCheck(_validator(schema))
    except ValidationError as exc:
        reason = exc.message
    for lenient, remark in (
        (plain, None),
        (_without_patterns(plain), "a pattern of input_schema is not checked"),
    ):
        try:
            return ArgumentsCheck(_validator(lenient), remark)
        except ValidationError as exc:
            reason = exc.message
    fault = f"input_schema is no JSON Schema: {reason.partition(chr(10))[0]:.200}"
    raise ToolFault(fault)


def _validator(schema: Mapping[str, Any]) -> Validator:
    options = FancyRegexOptions(backtrack_limit=_BACKTRACKS)
    return validator_for(dict(schema), retriever=_refuse, pattern_options=options)


def _refuse(uri: str) -> NoReturn:
    """Fetch nothing: a schema of the Internet would be asked for at every start."""
    fault = f"{uri} is another document"
    raise ValueError(fault)


def _without_patterns(part: object) -> Any:
    """Return a schema without its patterns; a property of such a name stays."""
    if isinstance(part, list):
        return [_without_patterns(each) for each in cast("list[object]", part)]
    if not isinstance(part, dict):
        return part
    members = cast("dict[str, Any]", part)
    dropped: set[str] = set()
    if isinstance(members.get("pattern"), str):
        dropped.add("pattern")
    if "patternProperties" in members:
        # Which properties are the additional ones is not known without it.
        dropped |= {"patternProperties", "additionalProperties"}
    return {
        key: _without_patterns(value)
        for key, value in members.items()
        if key not in dropped
    }
