"""JavaScript tools of a worker: they run in the Node.js host of its whole generation."""

from collections.abc import Mapping
from itertools import count
from pathlib import Path
from typing import Any, Final

import structlog
import trio
from attrs import define, field

from trio_sts.errors import ToolError
from trio_sts.tools.answers import Silent
from trio_sts.tools.node_host import Caller, Offer, Say

from .channel import Channel, ChannelError, Handler

# The worker asks what is loaded, and for one call; the parent says what a tool writes.
LOADED: Final = "scripts.loaded"
CALL: Final = "scripts.call"
SAYS: Final = "scripts.says"
# The host has 15 s to load all files.
_LOADED_S: Final = 20.0
# The host's own limit comes first, if it is there.
_LATER_S: Final = 5.0

_log = structlog.get_logger()


@define(eq=False)
class FarScripts:
    """The host as a worker has it; see `trio_sts.tools.node_host.ScriptHost`.

    Attributes:
        channel: Leads to the parent, whose host it is.
        offers: By file, once `loaded`.
        faults: By file, the reason why it is not loaded.
    """

    channel: Channel
    offers: dict[Path, Offer] = field(factory=dict[Path, Offer])
    faults: dict[Path, str] = field(factory=dict[Path, str])
    # By the number of a call: how what its tool writes is logged.
    _say: dict[int, Say] = field(factory=dict[int, Say])
    _numbers: "count[int]" = field(factory=count)

    @property
    def handlers(self) -> Mapping[str, Handler]:
        """What the parent says."""
        return {SAYS: self._says}

    async def loaded(self) -> "FarScripts":
        """Wait until each file is loaded or has its fault.

        A parent that does not answer leaves every file without an offer.
        """
        told: Any = {"offers": {}, "faults": {}}
        try:
            told = await self.channel.ask(LOADED, timeout_s=_LOADED_S)
        except ChannelError as exc:
            _log.warning("JavaScript tools are not there", why=str(exc))
        self.offers = {
            Path(path): Offer(*offer) for path, offer in told["offers"].items()
        }
        self.faults = {Path(path): fault for path, fault in told["faults"].items()}
        return self

    async def call(
        self, path: Path, args: Mapping[str, Any], caller: Caller, timeout_s: float
    ) -> str | Silent:
        """Call the tool of one file; if this is cancelled, nobody waits for it any more.

        Raises:
            ToolError: The tool failed, or the host is not there.
        """
        number = next(self._numbers)
        self._say[number] = caller.say
        asked = {
            "number": number,
            "file": str(path),
            "args": args,
            "uuid": caller.uuid,
            "metadata": dict(caller.metadata),
            "timeout_s": timeout_s,
        }
        try:
            told = await self.channel.ask(CALL, asked, timeout_s=timeout_s + _LATER_S)
        except (ChannelError, ValueError) as exc:
            # ValueError: over 8 MiB.
            raise ToolError("The tool is not available at the moment.") from exc
        finally:
            del self._say[number]
        if "error" in told:
            cause = told["cause"]
            raise ToolError(told["error"]) from (cause and RuntimeError(cause))
        result: str = told["result"]
        return Silent(result) if told["silent"] else result

    async def _says(self, told: Any) -> None:
        await trio.lowlevel.checkpoint()
        say = self._say.get(told["number"])
        if say is not None:
            say(told["level"], told["text"])
