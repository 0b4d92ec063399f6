"""Metrics as data that another process can be sent, and the sum of several of them.

Everything here gives other tasks their turn after some hundred samples: calls run in the
processes that make snapshots, and the one that adds them up hands sockets over.
"""

from collections.abc import Iterable, Iterator, Sequence
from itertools import chain
from typing import Final, TypedDict

import trio
from attrs import define, field, frozen
from prometheus_client.core import Metric
from prometheus_client.registry import Collector
from typing_extensions import override

# One sample: its name, its labels, its value.
Sample = tuple[str, dict[str, str], float]


class Family(TypedDict):
    """One metric with all its series; it is plain JSON."""

    name: str
    about: str
    kind: str
    samples: Sequence[Sample]


Snapshot = list[Family]

# Of these no sum makes sense: the first process tells them for all.
_OF_THE_FIRST: Final = frozenset({"trio_sts_calls_limit", "trio_sts_model_failing"})
# As in `exposition`: some 3 us each.
_AT_ONCE: Final = 100
_NOW: Final = frozenset({"gauge", "info"})


async def snapshot(metrics: Collector) -> Snapshot:
    """The metrics of this process; each of them as it is when its turn comes."""
    found: Snapshot = []
    for metric in metrics.collect():
        samples = [(s.name, dict(s.labels), s.value) for s in metric.samples]
        found.append(
            Family(
                name=metric.name,
                about=metric.documentation,
                kind=metric.type,
                samples=samples,
            )
        )
        await trio.lowlevel.checkpoint()
    return found


def what_stays(of: Snapshot) -> Snapshot:
    """The counts of a process that has ended: what was true only then is left out."""
    return [family for family in of if family["kind"] not in _NOW]


async def sum_of(snapshots: Iterable[Snapshot]) -> Snapshot:
    """The sum over several processes: each family once; series of the same labels are one.

    Args:
        snapshots: Of each; `what_stays` of those that have ended. What is no sum, as the
            limit of calls, is told by the first that has it.
    """
    sums: dict[str, _Sum] = {}
    for family in chain.from_iterable(snapshots):
        name = family["name"]
        known = sums.get(name)
        if known is None:
            known = sums[name] = _Sum(family)
        elif name in _OF_THE_FIRST:
            continue
        for start in range(0, len(family["samples"]), _AT_ONCE):
            known.add(family["samples"][start : start + _AT_ONCE])
            await trio.lowlevel.checkpoint()
    await trio.lowlevel.checkpoint()
    return [each.family() for each in sums.values()]


@define(eq=False)
class _Sum:
    of: Family
    values: dict[tuple[str, tuple[tuple[str, str], ...]], float] = field(
        factory=dict[tuple[str, tuple[tuple[str, str], ...]], float]
    )

    def add(self, samples: Sequence[Sample]) -> None:
        is_info = self.of["kind"] == "info"
        for name, labels, value in samples:
            key = name, tuple(sorted(labels.items()))
            known = self.values.get(key, 0.0)
            self.values[key] = value if is_info else known + value

    def family(self) -> Family:
        samples = [(name, dict(of), value) for (name, of), value in self.values.items()]
        about, kind = self.of["about"], self.of["kind"]
        return Family(name=self.of["name"], about=about, kind=kind, samples=samples)


@frozen
class Told(Collector):
    """A snapshot, for `exposition.render`."""

    snapshot: Snapshot

    @override
    def collect(self) -> Iterator[Metric]:
        """Each family of it."""
        for family in self.snapshot:
            metric = Metric(family["name"], family["about"], family["kind"])
            for name, labels, value in family["samples"]:
                metric.add_sample(name, labels, value)
            yield metric
