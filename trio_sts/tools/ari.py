"""Asterisk's REST interface (ARI), as far as a call needs it.

Of a channel that is in no Stasis application, such as a caller behind ``Dial``, ARI sets
no variable and moves it nowhere: it answers 409. But the dialplan function ``EXPORT`` sets
a variable of any channel, and functions are written through ``/asterisk/variable``, which
tells nothing of a failure; so the variable is read back.
"""

import re
from collections.abc import Mapping
from http import HTTPStatus
from typing import Any, Final, Self, cast
from urllib.parse import quote

import httpx
import orjson
from attrs import field, frozen

from trio_sts.dialplan import Target
from trio_sts.errors import ToolError
from trio_sts.settings import Settings

from .telephone_system import Answered, ask, check_done

# What the dialplan behind `Dial` finds on the caller's channel.
NEXT_VARIABLE: Final = "TRIO_STS_NEXT"
# A comma or a parenthesis would end an argument of a dialplan function.
_CHANNEL: Final = re.compile(r"[A-Za-z0-9_./@:;+*#~=-]{1,150}")
_CHANNEL_NAMES: Final = ("uniqueid", "channel")
_MOST_PRIORITY_DIGITS: Final = 9


def channel_of(metadata: Mapping[str, str]) -> str | None:
    """The caller's channel, as the dialplan has told it: its unique id, or its name."""
    told = (metadata.get(name, "").strip() for name in _CHANNEL_NAMES)
    return next((each for each in told if _CHANNEL.fullmatch(each)), None)


@frozen
class Ari:
    """ARI as one of its users.

    Attributes:
        url: With its prefix, such as ``http://127.0.0.1:8088/ari``.
        auth: Who asks.
        http: The client.
    """

    url: str
    auth: httpx.BasicAuth = field(repr=False)
    http: httpx.AsyncClient = field(repr=False)

    @classmethod
    def of(cls, settings: Settings, http: httpx.AsyncClient) -> Self | None:
        """That of the settings, if they name one."""
        url, user, password = (
            settings.ari_url,
            settings.ari_user,
            settings.ari_password,
        )
        if url is None or user is None or password is None:
            return None
        return cls(url, httpx.BasicAuth(user, password), http)

    async def ask(
        self, method: str, path: str, body: Mapping[str, object] | None = None
    ) -> Answered:
        """Ask something, and take whatever is answered.

        Args:
            method: Of HTTP.
            path: Below ``url``, quoted.
            body: Takes the place of query parameters.

        Raises:
            ToolError: There is no answer.
        """
        url = f"{self.url.rstrip('/')}/{path}"
        return await ask(self.http, method, url, body, self.auth)

    async def hang_up(self, channel: str) -> None:
        """End a channel.

        Raises:
            ToolError: It has not been done.
        """
        check_done(await self.ask("DELETE", f"channels/{_quoted(channel)}"))

    async def send(self, channel: str, target: Target) -> bool:
        """Send a channel to another place of the dialplan.

        Returns:
            Whether it is on its way. If not, it is in no Stasis application: its variable
            `NEXT_VARIABLE` says where to go once its ``Dial`` is over.

        Raises:
            ToolError: Neither has been done.
        """
        path = f"channels/{_quoted(channel)}/continue"
        answered = await self.ask("POST", path, _continued(target))
        if answered.status != HTTPStatus.CONFLICT:
            check_done(answered)
            return True
        await self._export(channel, NEXT_VARIABLE, str(target))
        return False

    async def _export(self, channel: str, name: str, value: str) -> None:
        written = {"variable": f"EXPORT({channel},{name})", "value": value}
        check_done(await self.ask("POST", "asterisk/variable", written))
        path = f"channels/{_quoted(channel)}/variable?variable={name}"
        answered = await self.ask("GET", path)
        check_done(answered)
        if _value_in(answered.body) != value:
            raise ToolError("The telephone system did not take the variable.")


def _quoted(channel: str) -> str:
    return quote(channel, safe="")


def _continued(target: Target) -> Mapping[str, object]:
    place: dict[str, object] = {
        "context": target.context,
        "extension": target.extension,
    }
    if target.priority.isdigit() and len(target.priority) <= _MOST_PRIORITY_DIGITS:
        return {**place, "priority": int(target.priority)}
    return {**place, "label": target.priority}


def _value_in(body: bytes) -> object:
    try:
        answer: object = orjson.loads(body)
    except orjson.JSONDecodeError:
        return None
    told = cast("dict[str, Any]", answer) if isinstance(answer, dict) else {}
    return told.get("value")
