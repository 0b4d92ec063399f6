"""The calls that this process holds, for who looks at them."""

from attrs import define, field
from typing_extensions import override

from trio_sts.conversation.commands import EndCall
from trio_sts.observing.observer import Observed
from trio_sts.settings import Settings

from .live import LiveCall
from .recent_lag import RecentLag
from .snapshots import ShownCall, Snapshots, is_shown

_HUNG_UP = EndCall(1000, "hung up by the operator")


@define(eq=False)
class Board(Snapshots):
    """The calls of this process.

    Attributes:
        settings: The service's.
        lag: How late the loop is, if something measures it.
    """

    settings: Settings
    lag: RecentLag | None = None
    _calls: dict[str, LiveCall] = field(factory=dict[str, LiveCall])

    def observe(self, observed: Observed) -> LiveCall:
        """Look on at one more call; an observer's factory."""
        self._forget_old(observed.started_at)
        call = LiveCall(self.settings, observed)
        self._calls[call.id] = call
        return call

    def find(self, call_id: str) -> LiveCall | None:
        """The call of this id, as the snapshots name it."""
        return self._calls.get(call_id)

    def live(self, now: float) -> list[LiveCall]:
        """The calls that are shown at this time."""
        self._forget_old(now)
        return [call for call in self._calls.values() if call.begun]

    @override
    def begun(self, now: float) -> list[ShownCall]:
        return [*self.live(now)]

    @override
    def of_uuid(self, uuid: str) -> LiveCall | None:
        found = (call for call in self._calls.values() if call.uuid == uuid)
        return next(reversed(list(found)), None)

    @override
    def lag_ms(self, now: float) -> float | None:
        return None if self.lag is None else self.lag.ms(now)

    @override
    async def hang_up(self, call_id: str) -> str | None:
        call = self.find(call_id)
        return call.uuid if call is not None and call.end(_HUNG_UP) else None

    def _forget_old(self, now: float) -> None:
        for key in [k for k, call in self._calls.items() if not is_shown(call, now)]:
            del self._calls[key]
