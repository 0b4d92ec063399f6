"""What the model says next, from its conversation and its instructions."""

import json
import re
from collections.abc import Mapping, Sequence
from typing import Any

from trio_sts.embedded.items import Item
from trio_sts.embedded.shapes import is_object

from . import knowledge
from .answers import Reply, answer, normal
from .tools import call, find_tool, named_tool, tell

_ANSWERED = {"function_call_output", "mcp_call"}
_TOLD = {"message", *_ANSWERED}
_QUOTED = re.compile(r"[“\"](.+)[”\"]", re.DOTALL)
# Words that are to be said may quote others.
_EXAMPLE = re.compile(r"“((?:[^“”]|“[^“”]*”)+)”|\"([^\"]+)\"")
_WORD_FOR_WORD = re.compile(
    r"(?:word for word|verbatim|exactly)[^:]*:\s*(.+)", re.DOTALL | re.IGNORECASE
)
_GO_ON = re.compile(r"\bgo on where\b", re.IGNORECASE)


def asked_to_say(instructions: str) -> str | None:
    """The words that instructions want said.

    They stand after the order to say them exactly, or are the last ones in double
    quotes: of several examples the one that is closest to the end.
    """
    exactly = _WORD_FOR_WORD.search(instructions)
    quoted = _QUOTED.search(exactly[1]) if exactly else None
    if quoted:
        return quoted[1].strip()
    examples = _EXAMPLE.findall(instructions)
    if examples:
        return "".join(examples[-1]).strip()
    return exactly[1].strip() if exactly else None


def next_reply(
    items: Sequence[Item],
    *,
    tools: Sequence[Mapping[str, Any]],
    tool_choice: Any = "auto",
    instructions: str = "",
    ordered: str | None = None,
) -> Reply:
    """Decide on the next reply.

    Args:
        items: The conversation, oldest first.
        tools: The tools that may be called.
        tool_choice: As in the Realtime API.
        instructions: The session's instructions.
        ordered: The instructions of this one response, if it has its own.
    """
    words = asked_to_say(ordered) if ordered else None
    if words:
        return Reply(words)
    if is_object(tool_choice) and "name" in tool_choice:
        tool = named_tool(str(tool_choice["name"]), tools)
        return Reply("", (call(tool),) if tool else ())
    offered = () if tool_choice == "none" else tools
    reply = None
    if ordered and _GO_ON.search(ordered):
        reply = _rest(items, offered, instructions)
    reply = reply or _to_last(items, offered, instructions)
    functions = [tool for tool in offered if tool.get("type") == "function"]
    if tool_choice == "required" and functions and not reply.calls:
        said = next((item.said for item in reversed(items) if item.role == "user"), "")
        tool = find_tool(normal(said), functions) or functions[0]
        return Reply("", (call(tool, said),))
    return reply


def _to_last(
    items: Sequence[Item], tools: Sequence[Mapping[str, Any]], instructions: str
) -> Reply:
    waiting = [item for item in items if item.type in _TOLD and item.counts]
    last = waiting[-1] if waiting else None
    if last is None:
        return Reply(asked_to_say(instructions) or knowledge.GREETING)
    if last.type in _ANSWERED:
        return Reply(" ".join(tell(output) for output in _outputs(waiting)))
    if last.role == "user":
        before = [item.said for item in waiting if item.role == "assistant"]
        return answer(last.said, tools, before[-1] if before else None)
    if last.role == "system":
        return Reply(knowledge.GREETING)
    return Reply(knowledge.ANYTHING_ELSE)


def _rest(
    items: Sequence[Item], tools: Sequence[Mapping[str, Any]], instructions: str
) -> Reply | None:
    """What was not said yet of the last answer; None if that is no answer.

    An answer that cannot be thought of again is repeated.
    """
    told = [item for item in items if item.type in _TOLD and item.counts]
    if not told or told[-1].role != "assistant":
        return None
    said = told[-1].spoken
    whole = _to_last(told[:-1], tools, instructions)
    if not whole.say.startswith(said):
        return Reply(said)
    rest = whole.say.removeprefix(said).strip()
    return Reply(rest or knowledge.ANYTHING_ELSE, whole.calls)


def _outputs(waiting: Sequence[Item]) -> list[str]:
    """The outputs since anybody spoke, oldest first."""
    outputs: list[str] = []
    for item in reversed(waiting):
        if item.type not in _ANSWERED:
            break
        failed = json.dumps({"error": item.error["message"]}) if item.error else ""
        outputs.insert(0, item.output or failed)
    return outputs
