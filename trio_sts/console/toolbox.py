"""What the *Tools* page shows and tries, in the process that has the tools."""

from collections.abc import Callable
from typing import Final, Protocol
from uuid import uuid4

import structlog
import trio
from attrs import frozen

from trio_sts.settings import Settings, mask_secrets, secrets_of
from trio_sts.tools.registry import Registry

from .json import dumps

# By it a tool, and whoever it asks, knows that there is no call.
TRY_PREFIX: Final = "try-from-console-"

_log = structlog.get_logger()


class Toolbox(Protocol):
    """The tools of a service, wherever they are."""

    async def listed(self) -> bytes:
        """All of them, as the model is told, and what is wrong with others; as JSON."""
        ...

    async def run(self, name: str, arguments: str) -> bytes | None:
        """Run one, as a call of its own.

        Args:
            name: Of the tool.
            arguments: A JSON object.

        Returns:
            How it ended, as JSON; None if there is no such tool.
        """
        ...


@frozen(eq=False)
class OwnTools:
    """The tools of this process.

    Attributes:
        registry: All of them, as they are now.
        settings: The service's, whose secrets are in no answer.
    """

    registry: Callable[[], Registry]
    settings: Callable[[], Settings]

    async def listed(self) -> bytes:
        """All of them; see `Toolbox`."""
        registry, secrets = self.registry(), secrets_of(self.settings())
        default_s = registry.tool_timeout_s
        await trio.lowlevel.checkpoint()
        return dumps(
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
                    for tool in registry.tools.values()
                ],
                # As in the log: the reason of a failed import may hold anything.
                "problems": [
                    mask_secrets(problem, secrets) for problem in registry.problems
                ],
            }
        )

    async def run(self, name: str, arguments: str) -> bytes | None:
        """Run one; see `Toolbox`."""
        registry = self.registry()
        if name not in registry.tools:
            await trio.lowlevel.checkpoint()
            return None
        uuid = f"{TRY_PREFIX}{uuid4()}"
        _log.info("console: a tool is tried", tool=name, call_id=uuid)
        began_at = trio.current_time()
        context = registry.context(uuid, {}, _log.bind(call_id=uuid))
        outcome = await registry.run(name, arguments, context)
        took_ms = round((trio.current_time() - began_at) * 1000)
        told = {"ok": outcome.ok, "output": outcome.output, "took_ms": took_ms}
        return dumps(told)


def _last_part(source: str) -> str:
    """A file's name, and not where it is."""
    return source.rpartition("/")[2]
