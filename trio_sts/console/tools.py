"""*Tools*: what the model is offered, and trying one for real."""

from typing import Final

import orjson
import trio
from attrs import define, field
from starlette.requests import Request
from starlette.responses import Response

from .answers import Json, Refused, read_body
from .json import as_object
from .toolbox import Toolbox

# Tries at the same time, of all pages together.
MOST_TRIES: Final = 2


@define(eq=False)
class Tools:
    """The tools of the service.

    Attributes:
        toolbox: Has them.
    """

    toolbox: Toolbox
    _tries: trio.CapacityLimiter = field(
        factory=lambda: trio.CapacityLimiter(MOST_TRIES)
    )

    async def listed(self, _: Request) -> Response:
        """All of them, as the model is told."""
        return Json(await self.toolbox.listed())

    async def run(self, request: Request) -> Response:
        """Run one with the arguments that the page has sent, as a call of its own."""
        arguments = _arguments(await read_body(request))
        try:
            self._tries.acquire_nowait()
        except trio.WouldBlock:
            raise Refused(429, f"{MOST_TRIES} tries run already.") from None
        try:
            told = await self.toolbox.run(request.path_params["name"], arguments)
        finally:
            self._tries.release()
        if told is None:
            raise Refused(404, "There is no tool of this name.")
        return Json(told)


def _arguments(body: bytes) -> str:
    try:
        told: object = orjson.loads(body)
    except orjson.JSONDecodeError:
        raise Refused(400, "The body is no JSON.") from None
    body_given = as_object(told)
    given = None if body_given is None else as_object(body_given.get("arguments", {}))
    if given is None:
        raise Refused(400, "The arguments are no JSON object.")
    return orjson.dumps(given).decode()
