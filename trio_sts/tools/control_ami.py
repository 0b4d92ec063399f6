"""Call control through avr-ami, for the calls that AVR Core brings."""

from collections.abc import Mapping

import httpx
import orjson
from attrs import field, frozen
from typing_extensions import override

from trio_sts.dialplan import AVR_CONTEXT, Target
from trio_sts.errors import ToolError

from .control import CallControl
from .telephone_system import ask, check_done


@frozen
class AmiControl(CallControl):
    """Has avr-ami do it.

    Attributes:
        url: Where avr-ami is.
        uuid: The call's id, by which avr-ami finds the caller's channel.
        http: The client.
    """

    url: str
    uuid: str
    http: httpx.AsyncClient = field(repr=False)

    @property
    @override
    def default_context(self) -> str:
        return AVR_CONTEXT

    @override
    async def hang_up(self) -> None:
        await self._post("hangup", {"uuid": self.uuid})

    @override
    async def transfer(self, target: Target) -> None:
        body = {
            "uuid": self.uuid,
            "exten": target.extension,
            "context": target.context,
            "priority": target.priority,
        }
        await self._post("transfer", body)

    async def _post(self, path: str, body: Mapping[str, str]) -> None:
        url = f"{self.url.rstrip('/')}/{path}"
        answered = await ask(self.http, "POST", url, body)
        check_done(answered)
        try:
            orjson.loads(answered.body)
        except orjson.JSONDecodeError as exc:
            told = "The telephone system gave no understandable answer."
            raise ToolError(told) from exc
