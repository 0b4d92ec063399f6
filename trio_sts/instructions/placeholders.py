"""What ``{{…}}`` in a prompt and in a greeting stands for, beside the call's metadata."""

import re
from collections.abc import Mapping
from datetime import UTC, datetime, tzinfo
from typing import cast

import httpx
import orjson
import trio

from .body import read_body
from .unusable import Unusable

_CALLER = re.compile(r"\{\{\s*caller\s*\}\}")
_ASK_S = 1
_DEEPEST = 3
_UNKNOWN = "unknown"
# As it stands in Asterisk's caller id: "Ann" <2000>.
_IN_BRACKETS = re.compile(r"<([^<>]*)>")
_NUMBER = re.compile(r"[0-9A-Za-z+*#.@_-]{1,80}", re.ASCII)
# Without case and signs, the likeliest first.
_NAMES = (
    *("calleridnum", "calleridnumber", "callernumber", "callernum", "callerphone"),
    *("from", "fromnumber", "caller", "callerid", "cidnum", "ani", "clid"),
    *("phonenumber", "phone", "number"),
)
_DAYS = (
    *("Monday", "Tuesday", "Wednesday", "Thursday", "Friday", "Saturday", "Sunday"),
)


def now_in(zone: tzinfo | None) -> datetime:
    """The time of day there; without a zone the system's own."""
    return datetime.now(UTC).astimezone(zone)


def of_time(now: datetime) -> dict[str, str]:
    """The placeholders of a moment; the weekday's name is English everywhere."""
    return {
        "now": now.isoformat(timespec="seconds"),
        "date": f"{now:%Y-%m-%d}",
        "time": f"{now:%H:%M}",
        "weekday": _DAYS[now.weekday()],
    }


async def caller_of(
    texts: tuple[str, ...],
    call_uuid: str,
    metadata: Mapping[str, str],
    ami_url: str | None,
    http: httpx.AsyncClient,
) -> str:
    """The caller's number for those texts; "unknown" where nobody tells it.

    ``from`` of the metadata is it. Without one a fork of avr-ami that knows the call's
    variables is asked, 1 s at most, if a text wants the number.
    """
    told = metadata.get("from", "").strip()
    if told or not any(_CALLER.search(text) for text in texts):
        return told or _UNKNOWN
    if ami_url is None:
        return _UNKNOWN
    with trio.move_on_after(_ASK_S):  # noqa: ASYNC912  # sending waits
        try:
            request = http.build_request(
                "POST",
                f"{ami_url.rstrip('/')}/variables",
                json={"uuid": call_uuid},
                headers={"Accept-Encoding": "identity"},
                timeout=None,
            )
            response = await http.send(request, stream=True, follow_redirects=False)
            try:
                if response.is_success:
                    return _number_in(orjson.loads(await read_body(response)))
            finally:
                with trio.move_on_after(_ASK_S, shield=True):
                    await response.aclose()
        except (httpx.HTTPError, httpx.InvalidURL, Unusable, ValueError):
            return _UNKNOWN
    return _UNKNOWN


def _number_in(answer: object) -> str:
    """The caller's number in what such a fork answers, whatever it calls it."""
    found: dict[str, str] = {}
    _collect(answer, found, depth=0)
    return next((found[name] for name in _NAMES if name in found), _UNKNOWN)


def _collect(value: object, found: dict[str, str], depth: int) -> None:
    if not isinstance(value, dict) or depth > _DEEPEST:
        return
    for name, inner in cast("dict[str, object]", value).items():
        key = re.sub(r"[^a-z]", "", name.lower())
        if isinstance(inner, str | int) and not isinstance(inner, bool):
            text = str(inner)
            bracketed = _IN_BRACKETS.search(text)
            number = (bracketed[1] if bracketed else text).strip()
            if _NUMBER.fullmatch(number):
                found.setdefault(key, number)
        else:
            _collect(inner, found, depth + 1)
