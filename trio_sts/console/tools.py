"""*Tools*: what the model is offered, and trying one for real."""

from typing import Final
from uuid import uuid4

import orjson
import structlog
import trio
from attrs import define, field
from starlette.requests import Request
from starlette.responses import Response

from trio_sts.settings import Settings, mask_secrets, secrets_of
from trio_sts.tools.registry import Registry

from .answers import Json, Refused, read_body
from .json import as_object, dumps

# Tries at the same time, of all pages together.
MOST_TRIES: Final = 2
# By it a tool, and whoever it asks, knows that there is no call.
TRY_PREFIX: Final = "try-from-console-"

_log = structlog.get_logger()


@define(eq=False)
class Tools:
    """The tools of the service.

    Attributes:
        registry: All of them.
        settings: The service's, whose secrets are in no answer.
    """

    registry: Registry
    settings: Settings
    _tries: trio.CapacityLimiter = field(
        factory=lambda: trio.CapacityLimiter(MOST_TRIES)
    )

    async def listed(self, _: Request) -> Response:
        """All of them, as the model is told."""
        default_s = self.registry.tool_timeout_s
        secrets = secrets_of(self.settings)
        await trio.lowlevel.checkpoint()
        return Json(
            dumps(
                {
                    "tools": [
                        {
                            "name": tool.name,
                            "source": _last_part(tool.source),
                            "kind": tool.kind.value,
                            "ends_call": tool.ends_call is not None,
                            "description": tool.description,
                            "parameters": dict(tool.input_schema),
                            "timeout_s": tool.timeout_s or default_s,
                        }
                        for tool in self.registry.tools.values()
                    ],
                    # As in the log: the reason of a failed import may hold anything.
                    "problems": [
                        mask_secrets(problem, secrets)
                        for problem in self.registry.problems
                    ],
                }
            )
        )

    async def run(self, request: Request) -> Response:
        """Run one with the arguments that the page has sent, as a call of its own."""
        name = request.path_params["name"]
        if name not in self.registry.tools:
            raise Refused(404, "There is no tool of this name.")
        arguments = _arguments(await read_body(request))
        try:
            self._tries.acquire_nowait()
        except trio.WouldBlock:
            raise Refused(429, f"{MOST_TRIES} tries run already.") from None
        uuid = f"{TRY_PREFIX}{uuid4()}"
        _log.info("console: a tool is tried", tool=name, call_id=uuid)
        began_at = trio.current_time()
        try:
            context = self.registry.context(uuid, {}, _log.bind(call_id=uuid))
            outcome = await self.registry.run(name, arguments, context)
        finally:
            self._tries.release()
        took_ms = round((trio.current_time() - began_at) * 1000)
        told = {"ok": outcome.ok, "output": outcome.output, "took_ms": took_ms}
        return Json(dumps(told))


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


def _last_part(source: str) -> str:
    """A file's name, and not where it is."""
    return source.rpartition("/")[2]
