"""The kinds of value that a setting can have: how its text is read and shown."""

import re
from collections.abc import Callable, Mapping
from difflib import get_close_matches
from enum import Enum
from ipaddress import ip_address
from pathlib import Path
from typing import Any
from urllib.parse import SplitResult, urlsplit
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError

from attrs import frozen

from trio_sts.environment import NOT_SET

from .languages import ISO_639_1
from .masking import MASK, mask_url

_NUMBER = re.compile(
    r"[+-]?(?:\d+(?:\.\d*)?|\.\d+)(?:e[+-]?\d{1,4})?", re.ASCII | re.IGNORECASE
)
_LABEL = r"[A-Za-z0-9_](?:[A-Za-z0-9_-]{0,61}[A-Za-z0-9_])?"
_HOST_NAME = re.compile(rf"{_LABEL}(?:\.{_LABEL})*\.?")
_HOST_CHARS = 253  # RFC 1035, section 2.3.4, without the length bytes
_LINE_CHARS = 200
DAY_S = 86_400
# What JavaScript and Python write for it.
_ENDLESS = frozenset({"inf", "+inf", "infinity"})

_SWITCH = {
    **dict.fromkeys(("on", "true", "1", "yes"), True),
    **dict.fromkeys(("off", "false", "0", "no"), False),
}


class Unfit(ValueError):
    """A value is not allowed.

    Attributes:
        why: What is wrong, without the value; may be empty.
        nearest: The text of the nearest allowed value; None if there is none.
    """

    def __init__(self, why: str = "", *, nearest: str | None = None) -> None:
        super().__init__(why)
        self.why = why
        self.nearest = nearest


def plain(value: object) -> str:
    """A value as an operator would write it."""
    match value:
        case None:
            return ""
        case bool():
            return "on" if value else "off"
        case float() if value.is_integer():
            return str(int(value))
        case Enum():
            return str(value.value)
        case _:
            return str(value)


@frozen
class Kind:
    """How a setting's text is read.

    ``allowed`` completes the sentence "must be …". ``parse`` raises `Unfit`. ``show``
    turns a parsed value into text for people, with everything secret masked. A value
    that ``is_url`` is masked as one, even where it is malformed. ``own_words`` are those
    of `NOT_SET` that mean something here.
    """

    allowed: str
    parse: Callable[[str], Any]
    show: Callable[[Any], str] = plain
    is_url: bool = False
    own_words: frozenset[str] = frozenset()


def number(low: float, high: float) -> Kind:
    """A decimal number in a range, both ends included."""

    def parse(text: str) -> float:
        if _NUMBER.fullmatch(text) is None:
            raise Unfit
        return _within(float(text), low, high)

    return Kind(f"a number from {plain(low)} to {plain(high)}", parse)


def whole(low: int, high: int) -> Kind:
    """A whole number in a range, both ends included."""

    def parse(text: str) -> int:
        if _NUMBER.fullmatch(text) is None:
            raise Unfit
        value = _within(float(text), low, high)
        if not value.is_integer():
            raise Unfit(nearest=str(round(value)))
        return int(value)

    return Kind(f"a whole number from {low} to {high}", parse)


def tokens(high: int) -> Kind:
    """``inf``, or how many tokens at most."""
    count = whole(1, high)

    def parse(text: str) -> int | str:
        return "inf" if text.lower() in _ENDLESS else count.parse(text)

    return Kind(f"{count.allowed}, or inf", parse)


def workers(high: int) -> Kind:
    """``auto``, or how many processes."""
    count = whole(1, high)

    def parse(text: str) -> int | str:
        return "auto" if text.lower() == "auto" else count.parse(text)

    return Kind(f"{count.allowed}, or auto", parse)


def time_zone() -> Kind:
    """A name of the time zone database."""

    def parse(name: str) -> ZoneInfo:
        try:
            return ZoneInfo(name.removeprefix(":"))
        except (ZoneInfoNotFoundError, ValueError, OSError):
            raise Unfit from None

    return Kind("the name of a time zone, such as Europe/Rome", parse)


def truncation() -> Kind:
    """``auto``, ``disabled``, or which part of a full conversation is kept."""
    words = choice("auto", "disabled")
    ratio = number(0.1, 1)

    def parse(text: str) -> str | float:
        if _NUMBER.fullmatch(text):
            kept: float = ratio.parse(text)
            return kept
        word: str = words.parse(text)
        return word

    return Kind(f"{words.allowed}, or {ratio.allowed}", parse)


def choice(*words: str, also: Mapping[str, Any] | None = None) -> Kind:
    """One of a few words, in any case; ``also`` maps further words to their values."""
    values: dict[str, Any] = {word: word for word in words} | dict(also or {})

    def parse(text: str) -> Any:
        word = text.lower().replace("-", "_")
        if word in values:
            return values[word]
        close = get_close_matches(word[:_LINE_CHARS], values, n=1)
        raise Unfit(nearest=close[0] if close else None)

    return Kind(_either(list(values)), parse, own_words=NOT_SET & values.keys())


def switch() -> Kind:
    """On or off."""

    def parse(text: str) -> bool:
        try:
            return _SWITCH[text.lower()]
        except KeyError:
            raise Unfit from None

    return Kind("on or off (or true, false, yes, no, 1, 0)", parse)


def text() -> Kind:
    """Any text, of any number of lines."""
    return Kind("UTF-8 text", str)


def prompt() -> Kind:
    """Text that is nobody's business but the model's."""

    def show(value: str | None) -> str:
        return "" if value is None else f"{MASK} ({len(value)} characters)"

    return Kind("UTF-8 text", str, show)


def line(*, none: str | None = None, known: frozenset[str] = frozenset()) -> Kind:
    """A name on one line, as other programs know it.

    The word ``none``, in any case, stands for no value at all; ``known`` names are
    taken in any case as well.
    """

    def parse(name: str) -> str | None:
        if none is not None and name.lower() == none:
            return None
        if not name.isprintable() or len(name) > _LINE_CHARS:
            raise Unfit
        return name.lower() if name.lower() in known else name

    allowed = f"one printable line of at most {_LINE_CHARS} characters"
    return Kind(
        allowed + (f", or {none}" if none else ""),
        parse,
        lambda value: (none or "") if value is None else value,
        own_words=NOT_SET & {none},
    )


def secret() -> Kind:
    """A key that fits into a header: never shown."""

    def parse(key: str) -> str:
        if not _is_visible_ascii(key):
            raise Unfit
        return key

    return Kind(
        "printable ASCII without spaces",
        parse,
        lambda value: "" if value is None else MASK,
    )


def path() -> Kind:
    """The name of a file or folder."""

    def parse(name: str) -> Path:
        if not name.isprintable():
            raise Unfit
        return Path(name)

    return Kind("a printable path", parse)


def host() -> Kind:
    """The address or the name of an interface to listen on."""

    def parse(name: str) -> str:
        bare = name.removeprefix("[").removesuffix("]")
        if not _is_host(bare):
            raise Unfit
        return bare

    return Kind("an IP address or a host name", parse)


def url(*schemes: str) -> Kind:
    """A URL with a host; it is ASCII, as it goes into a request line."""

    def parse(address: str) -> str:
        if not _is_visible_ascii(address):
            raise Unfit
        try:
            parts = urlsplit(address)
            sound = _is_host(parts.hostname or "") and _has_port(parts)
        except ValueError:
            raise Unfit from None
        if not sound or parts.scheme not in schemes:
            raise Unfit
        return address

    return Kind(
        f"a URL that starts with {_either([f'{scheme}://' for scheme in schemes])}",
        parse,
        lambda value: "" if value is None else mask_url(value),
        is_url=True,
    )


def is_loopback(host: str) -> bool:
    """Whether a host is this machine, and nobody else can reach it there."""
    if host.lower().removesuffix(".") == "localhost":
        return True
    try:
        return ip_address(host).is_loopback
    except ValueError:
        return False


def language() -> Kind:
    """An ISO-639-1 code; ``auto`` and ``NULL`` stand for none."""

    def parse(code: str) -> str | None:
        word = code.lower()
        if word in {"auto", "null"}:
            return None
        if word in ISO_639_1:
            return word
        # "en-US" and "en_GB.UTF-8" are what other programs write for "en".
        start = re.split("[-_.]", word, maxsplit=1)[0]
        raise Unfit(nearest=start if start in ISO_639_1 else None)

    return Kind(
        "an ISO-639-1 code of two letters, or auto",
        parse,
        own_words=frozenset({"null"}),
    )


def _within(value: float, low: float, high: float) -> float:
    if low <= value <= high:
        return value
    raise Unfit(nearest=plain(float(min(max(value, low), high))))


def _either(words: list[str]) -> str:
    return " or ".join(filter(None, (", ".join(words[:-1]), words[-1])))


def _is_visible_ascii(value: str) -> bool:
    return value.isascii() and value.isprintable() and " " not in value


def _is_host(name: str) -> bool:
    if ":" not in name:
        return len(name) <= _HOST_CHARS and _HOST_NAME.fullmatch(name) is not None
    try:
        ip_address(name)
    except ValueError:
        return False
    return True


def _has_port(parts: SplitResult) -> bool:
    """Whether the port is missing or a number; the standard library raises otherwise."""
    return parts.port is None or parts.port > 0
