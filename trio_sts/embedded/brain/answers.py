"""One question in, one reply out."""

import re
from collections.abc import Callable, Mapping, Sequence
from typing import Any, Final

from attrs import frozen

from . import knowledge
from .numbers import DIGITS, spell, to_digits
from .tools import HANGUP, TRANSFER, ToolCall, call, find_tool, named_tool

Tools = Sequence[Mapping[str, Any]]
_HIGHEST_COUNT = 20


@frozen
class Reply:
    """What the model says, and what it calls afterwards in the same response."""

    say: str
    calls: tuple[ToolCall, ...] = ()


def normal(text: str) -> str:
    """Lower case, no punctuation, no courtesies: the form of the grammar's sentences."""
    plain = re.sub(r"[^a-z0-9*# ]+", " ", text.lower().replace("'", ""))
    return re.sub(r"\s+please$", "", " ".join(plain.split()))


def answer(said: str, tools: Tools, last_said: str | None = None) -> Reply:
    """Reply to what somebody said or wrote.

    Args:
        said: The words; empty if there were none to be understood.
        tools: The session's tools.
        last_said: The agent's answer before, to be repeated on request.
    """
    keys = re.search(r"pressed[^:]*: *([0-9A-D*#]+)", said)
    if keys or re.fullmatch(r"[0-9*#]+", said.strip()):
        return Reply(f"You pressed {spell(keys[1] if keys else said.strip())}.")
    text = normal(said)
    if text in knowledge.AGAIN:
        return Reply(last_said or knowledge.INAUDIBLE)
    for fact in knowledge.FACTS:
        if text in fact.asked:
            return Reply(fact.answer)
    for pattern, reply in _REQUESTS:
        match = re.fullmatch(pattern, text)
        if match:
            return reply(match[1], tools)
    return Reply(knowledge.INAUDIBLE)


def _goodbye(_: str, tools: Tools) -> Reply:
    hangup = named_tool(HANGUP, tools)
    return Reply(knowledge.FAREWELL, (call(hangup),) if hangup else ())


def _weather(_: str, tools: Tools) -> Reply:
    tool = next(
        (
            tool
            for tool in tools
            if tool.get("type") == "function" and "weather" in tool["name"]
        ),
        None,
    )
    if tool is None:
        return Reply("I am sorry, I have nobody to ask about the weather.")
    return Reply("Let me have a look.", (call(tool),))


def _transfer(number: str, tools: Tools) -> Reply:
    tool, extension = named_tool(TRANSFER, tools), to_digits(number)
    if tool is None or not extension:
        return Reply("I am sorry, I cannot transfer you there.")
    arguments = f'{{"transfer_extension": "{extension}"}}'
    return Reply(
        f"One moment, I am transferring you to {spell(extension)}.",
        (ToolCall(TRANSFER, arguments),),
    )


def _use(request: str, tools: Tools) -> Reply:
    tool = find_tool(request, tools)
    if tool is None:
        return Reply("I am sorry, I was not given such a tool.")
    return Reply("One moment.", (call(tool, request),))


def _repeat(words: str, _: Tools) -> Reply:
    digits = to_digits(words)
    return Reply(f"{(spell(digits) if digits else words).capitalize()}.")


def _count(number: str, _: Tools) -> Reply:
    last = min(int(to_digits(number)[:9] or 0), _HIGHEST_COUNT)
    return Reply(", ".join(str(value) for value in range(1, last + 1)) + ".")


def _number(words: str, _: Tools) -> Reply:
    return Reply(f"Your number is {spell(to_digits(words))}. Thank you.")


# The number comes last, so that a request without one is not understood.
_NUMBER: Final = rf"((?:\d|{'|'.join(DIGITS)}|oh|ten|\w+teen|\w+ty|eleven|twelve).*)"
_REQUESTS: Final[tuple[tuple[str, Callable[[str, Tools], Reply]], ...]] = (
    (f"({'|'.join(knowledge.GOODBYE)})", _goodbye),
    (f"({'|'.join(knowledge.WEATHER)})", _weather),
    (rf"(?:transfer|connect) me to {_NUMBER}", _transfer),
    (r"(?:use the|run tool) (.+)", _use),
    (r"repeat after me (.+)", _repeat),
    (rf"count to {_NUMBER}", _count),
    (rf"my number is {_NUMBER}", _number),
)
