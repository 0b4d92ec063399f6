"""Calls for the board: real conversations, told to it as a service does."""

from typing import Any

from attrs import define, field

from tests.conversation.stage import QUIET, Stage
from trio_sts.console.board import Board
from trio_sts.console.live import LiveCall
from trio_sts.conversation.commands import Command, EndCall, ToCaller, ToModel
from trio_sts.conversation.config import Rules
from trio_sts.observing.observer import Observed

NOT_TOLD = (ToCaller, ToModel)


@define(eq=False)
class Call:
    """A conversation on a stage that a board looks on at."""

    stage: Stage
    live: LiveCall
    ends: list[EndCall] = field(factory=list[EndCall])
    _told: int = 0

    def tell(self) -> None:
        """Tell the board what has happened since the last time."""
        log = self.stage.log
        for at, what in log[self._told :]:
            if isinstance(what, Command) and not isinstance(what, NOT_TOLD):
                self.live.asked(what, at)
        self._told = len(log)


def held(
    board: Board,
    uuid: str = "call-1",
    started_at: float | None = None,
    /,
    **metadata: str,
) -> Call:
    """A call whose ``init`` has come, and whose model is ready."""
    given: dict[str, Any] = {"greeting": False, **QUIET}
    stage = Stage(Rules(**given))
    ends: list[EndCall] = []
    observed = Observed(
        "fallback",
        metadata,
        stage.now if started_at is None else started_at,
        stage.conversation,
        ends.append,
    )
    call = Call(stage, board.observe(observed), ends)
    stage.init(uuid)
    stage.model_ready()
    call.tell()
    return call
