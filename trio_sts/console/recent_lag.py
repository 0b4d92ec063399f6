"""How late the loop was in the last second or so."""

from typing import Final

from attrs import define, field

from trio_sts.loop.lag import BOUNDS_S, Lag

# Of a shorter time there would be too few passes.
OVER_S: Final = 1.0
# Who has not looked for longer begins anew: a page is told something every five seconds.
STALE_S: Final = 10.0
QUANTILE: Final = 0.99
# What is longer than the last bound counts as long as that.
_AT_MOST_S: Final = (*BOUNDS_S, BOUNDS_S[-1])


@define(eq=False)
class RecentLag:
    """Looks at the loop's counts now and then."""

    lag: Lag
    _seen: tuple[int, ...] = field(init=False)
    _looked_at: float = float("-inf")
    _told_ms: float | None = None

    def __attrs_post_init__(self) -> None:
        self._seen = tuple(self.lag.counts)

    def ms(self, now: float) -> float | None:
        """What 99 of 100 passes were not later than: one of the bounds of `Lag`.

        None until it was looked at for a second. A new figure comes once a second at
        most; what came while nobody looked is of no figure.
        """
        since_s = now - self._looked_at
        if since_s >= OVER_S:
            counts = tuple(self.lag.counts)
            passes = [new - old for new, old in zip(counts, self._seen, strict=True)]
            self._seen, self._looked_at = counts, now
            found_ms = _quantile_ms(passes) or self._told_ms
            self._told_ms = found_ms if since_s <= STALE_S else None
        return self._told_ms


def _quantile_ms(passes: list[int]) -> float | None:
    allowed = (1 - QUANTILE) * sum(passes)
    for bound_s, count in zip(reversed(_AT_MOST_S), reversed(passes), strict=True):
        allowed -= count
        if allowed < 0:
            return bound_s * 1000
    return None
