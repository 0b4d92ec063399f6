r"""The ``.env`` file, read as Node.js's dotenv reads it, which existing files are made for.

An entry is ``KEY=value`` or ``KEY: value``, with or without ``export`` before it. A value
may stand in single, double or back quotes and then go over several lines; in double
quotes ``\n`` and ``\r`` are line breaks. Without quotes it ends at a ``#``. Nothing is
expanded: a dollar sign in a key or a prompt stays what it is.
"""

import re
from collections.abc import Iterator
from typing import NamedTuple

_HEAD = re.compile(
    r"[^\S\n]*(?:export[^\S\n]+)?([A-Za-z0-9_.-]+)(?:[^\S\n]*=|:(?=\s|\Z))"
)
_NOTHING = re.compile(r"[^\S\n]*(?:#.*)?$", re.MULTILINE)
_QUOTES = "'\"`"
_BREAKS = {r"\n": "\n", r"\r": "\r"}


class Dotenv(NamedTuple):
    """What a file says.

    Attributes:
        values: By name; of a name that repeats the last one holds.
        unread: The numbers of the lines that are no entries, from 1.
        cut: The numbers of the lines whose unquoted value ends at a ``#`` that no space
            stands before, which may be a part of it.
    """

    values: dict[str, str]
    unread: tuple[int, ...]
    cut: tuple[int, ...]


def parse(text: str) -> Dotenv:
    """Read a file's text; it takes any and raises nothing."""
    text = text.removeprefix("\ufeff").replace("\r\n", "\n").replace("\r", "\n")
    values: dict[str, str] = {}
    unread: list[int] = []
    cut: list[int] = []
    place = 0
    line = 1
    while place < len(text):
        head = _HEAD.match(text, place)
        if head is not None:
            value, end, is_cut = _value(text, head.end())
            values[head[1]] = value
            if is_cut:
                cut.append(line)
        else:
            end = _line_end(text, place)
            if not _NOTHING.match(text, place):
                unread.append(line)
        line += text.count("\n", place, end) + 1
        place = end + 1
    return Dotenv(values, tuple(unread), tuple(cut))


def _value(text: str, start: int) -> tuple[str, int, bool]:
    """The value that begins there, the end of its last line, and whether it was cut."""
    line_end = _line_end(text, start)
    first = start
    while first < len(text) and text[first].isspace():
        first += 1
    # A quoted value may begin on a later line, any other may not.
    if first < len(text) and text[first] in _QUOTES:
        for closing in _closings(text, first):
            if _NOTHING.match(text, closing + 1):
                value = _expanded(text[first], text[first + 1 : closing])
                return value, _line_end(text, closing), False
    raw, comment, _ = text[first:line_end].partition("#")
    value = raw.strip()
    is_cut = bool(comment and raw) and not raw[-1].isspace()
    quote = value[:1]
    if len(value) > 1 and quote in _QUOTES and quote == value[-1]:
        value = value[1:-1]
    return _expanded(quote, value), line_end, is_cut


def _closings(text: str, opening: int) -> Iterator[int]:
    r"""Where the quoted value may end, the likeliest first.

    A quote with a backslash before it is a part of the value, unless nothing else can
    end it, as in ``"C:\tools\"``.
    """
    quote = text[opening]
    escaped: list[int] = []
    place = text.find(quote, opening + 1)
    while place >= 0 and _is_escaped(text, place, opening):
        escaped.append(place)
        place = text.find(quote, place + 1)
    if place >= 0:
        yield place
    yield from reversed(escaped)


def _is_escaped(text: str, place: int, opening: int) -> bool:
    return place - 1 > opening and text[place - 1] == "\\"


def _expanded(quote: str, value: str) -> str:
    if quote != '"':
        return value
    return re.sub(r"\\[nr]", lambda escape: _BREAKS[escape[0]], value)


def _line_end(text: str, place: int) -> int:
    end = text.find("\n", place)
    return len(text) if end < 0 else end
