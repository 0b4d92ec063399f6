"""Settings that are lists with commas in them."""

import re
from collections.abc import Callable
from ipaddress import IPv4Network, IPv6Network, ip_network

from attrs import evolve

from trio_sts.environment import NOT_SET

from .kinds import Kind, Unfit

_MAX_ENTRIES = 100
_MAX_CHARS = 100
# What the Realtime API takes for the name of a function.
_TOOL_NAME = re.compile(r"[A-Za-z0-9_-]{1,64}", re.ASCII)
# A name or an IPv4 address, or an IPv6 one in brackets; with a port or for all ports.
_HOST = re.compile(
    r"(?:[0-9A-Za-z._-]{1,80}|\[[0-9A-Fa-f:.]{2,45}\])(?::\d{1,5})?", re.ASCII
)
_EXTENSION = re.compile(r"[0-9A-Za-z_+*#?.-]{1,80}", re.ASCII)


def tool_names() -> Kind:
    """Names of tools; a name may be one that no tool has."""
    return _comma_list(
        "names of tools with commas between them", _TOOL_NAME.fullmatch, none="none"
    )


def host_names() -> Kind:
    """Hosts that may be connected to, each with a port or without one."""
    return _comma_list(
        "names of hosts with commas between them, with a port (sts-2.example.org:6030) "
        "or without one",
        _HOST.fullmatch,
        none="none",
    )


def networks() -> Kind:
    """Networks of the Internet; an address is a network of one."""
    listed = _comma_list(
        "networks (10.0.0.0/8, fd00::/8) or addresses with commas between them",
        _network,
        none="none",
    )

    def parse(text: str) -> tuple[IPv4Network | IPv6Network, ...]:
        return tuple(ip_network(entry, strict=False) for entry in listed.parse(text))

    def show(found: tuple[IPv4Network | IPv6Network, ...]) -> str:
        return ", ".join(str(each) for each in found) or "none"

    return evolve(listed, parse=parse, show=show)


def _network(text: str) -> bool:
    try:
        ip_network(text, strict=False)
    except ValueError:
        return False
    return True


def extensions() -> Kind:
    """Extensions, in which ``*`` is any text and ``?`` any character; ``any`` is all."""
    return _comma_list(
        "extensions with commas between them (* and ? stand for any characters), or any",
        _EXTENSION.fullmatch,
        none="any",
    )


def extension() -> Kind:
    """One extension to dial."""

    def parse(text: str) -> str | None:
        if text.lower() == "none":
            return None
        if not _EXTENSION.fullmatch(text):
            raise Unfit
        return text

    return Kind("an extension, or none", parse, own_words=frozenset({"none"}))


def keywords() -> Kind:
    """Words and phrases on one line each."""
    return _comma_list(
        f"words with commas between them, at most {_MAX_ENTRIES}, each of at most "
        f"{_MAX_CHARS} characters",
        str.isprintable,
        none="none",
    )


def _comma_list(
    allowed: str, is_fit: Callable[[str], object], *, none: str = ""
) -> Kind:
    def parse(text: str) -> tuple[str, ...]:
        if none and text.lower() == none:
            return ()
        entries = tuple(
            dict.fromkeys(entry for part in text.split(",") if (entry := part.strip()))
        )
        if len(entries) > _MAX_ENTRIES:
            why = f"there are {len(entries)}"
            raise Unfit(why)
        for number, entry in enumerate(entries, start=1):
            if len(entry) > _MAX_CHARS or not is_fit(entry):
                why = f"entry {number} is none"
                raise Unfit(why)
        return entries

    return Kind(
        allowed,
        parse,
        lambda entries: ", ".join(entries) or none,
        own_words=NOT_SET & {none},
    )
