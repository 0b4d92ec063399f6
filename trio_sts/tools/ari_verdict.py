"""Asking Asterisk's REST interface once, before any call, whether it will do as we ask."""

from http import HTTPStatus
from typing import Any, Final, Literal, cast

import orjson
from attrs import frozen

from trio_sts.errors import ToolError

from .ari import Ari

_COSTS: Final = "hangups and transfers go by the dialplan alone"


@frozen
class AriVerdict:
    """What was found.

    Attributes:
        level: ``warning`` where ARI will not do as we ask.
        told: In a sentence, without secrets.
    """

    level: Literal["ok", "warning"]
    told: str


async def ask_ari(ari: Ari) -> AriVerdict:
    """Ask what it is, and whether we may change anything; nothing is changed."""
    try:
        info = await ari.ask("GET", "asterisk/info?only=system")
        # A variable without a name is refused, but not before who asks for it.
        write = await ari.ask("POST", "asterisk/variable", {"variable": ""})
    except ToolError:
        return _useless("ARI cannot be reached")
    if info.status in {HTTPStatus.UNAUTHORIZED, HTTPStatus.FORBIDDEN}:
        return _useless(f"ARI refuses the user (status {info.status})")
    version = _version_in(info.body)
    if info.status != HTTPStatus.OK or version is None:
        return _useless(f"STS_ARI_URL is not that of ARI (status {info.status})")
    if write.status == HTTPStatus.FORBIDDEN:
        return _useless("the user of ARI is read_only")
    return AriVerdict("ok", f"ARI of Asterisk {version:.40} takes the user")


def _useless(why: str) -> AriVerdict:
    return AriVerdict("warning", f"{why}: {_COSTS}")


def _version_in(body: bytes) -> str | None:
    try:
        answer: object = orjson.loads(body)
    except orjson.JSONDecodeError:
        return None
    told = cast("dict[str, Any]", answer) if isinstance(answer, dict) else {}
    system = told.get("system")
    found = cast("dict[str, Any]", system) if isinstance(system, dict) else {}
    version = found.get("version")
    return version if isinstance(version, str) and version.isprintable() else None
