"""The tools of one call: fewer than the service's, and transfers fenced in."""

from collections.abc import Collection, Mapping
from typing import Any

import orjson
from attrs import evolve, field, frozen

from trio_sts.conversation.config import Permitted
from trio_sts.dialplan import EXTENSION, may_transfer
from trio_sts.wire.realtime.session import FunctionTool

from .registry import Registry, ToolOutcome
from .tool import BUILT_IN, TRANSFER, CallContext


@frozen
class CallTools:
    """What one call may do.

    Attributes:
        registry: The service's tools.
        off: Names that are not offered whatever else is said.
        only: The names that are offered; None is all.
        transfer_to: Patterns of extensions for ``avr_transfer``; () is any.
        has_control: Whether the built-in call control needs no avr-ami in this call.
    """

    registry: Registry
    off: Collection[str] = ()
    only: Collection[str] | None = None
    transfer_to: tuple[str, ...] = field(default=())
    has_control: bool = False

    def offered(self) -> tuple[FunctionTool, ...]:
        """What the model is told about the tools of this call."""
        return tuple(
            self._fenced(tool)
            for tool in self.registry.offered()
            if self._is_on(tool.name)
        )

    def permitted(self) -> Permitted:
        """What the conversation has to know: which calls it need not wait with."""
        names = frozenset(name for name in self.registry.tools if self._is_on(name))
        return Permitted(names, self.transfer_to)

    async def run(
        self, name: str, arguments_raw: str, context: CallContext
    ) -> ToolOutcome:
        """Run one of them; another one is answered as if there were none of that name."""
        if not self._is_on(name):
            return _refused(f"There is no tool named {name[:64]!r}.")
        if name == TRANSFER and not may_transfer(arguments_raw, self.transfer_to):
            return _refused(
                "This call cannot be transferred to that extension, only to "
                f"{_listed(self.transfer_to)}."
            )
        return await self.registry.run(name, arguments_raw, context)

    def _is_on(self, name: str) -> bool:
        if name in self.off or not (self.only is None or name in self.only):
            return False
        return self.has_control or self.registry.has_ami or not self._needs_ami(name)

    def _needs_ami(self, name: str) -> bool:
        tool = self.registry.tools.get(name)
        if tool is None or tool.ends_call is None:
            return False
        return tool.source == BUILT_IN

    def _fenced(self, tool: FunctionTool) -> FunctionTool:
        """Tell the model in the schema where it may transfer to."""
        properties: Mapping[str, Any] = tool.parameters.get("properties") or {}
        if tool.name != TRANSFER or not self.transfer_to or EXTENSION not in properties:
            return tool
        told = dict(properties[EXTENSION])
        if any(sign in pattern for pattern in self.transfer_to for sign in "*?"):
            allowed = (
                f"Only these, where * and ? stand for any: {_listed(self.transfer_to)}."
            )
            told["description"] = f"{told.get('description', '')} {allowed}".strip()
        else:
            told["enum"] = list(self.transfer_to)
        parameters = {**tool.parameters, "properties": {**properties, EXTENSION: told}}
        return evolve(tool, parameters=parameters)


def _listed(patterns: tuple[str, ...]) -> str:
    return ", ".join(patterns)


def _refused(why: str) -> ToolOutcome:
    return ToolOutcome(orjson.dumps({"error": why}).decode(), ok=False)
