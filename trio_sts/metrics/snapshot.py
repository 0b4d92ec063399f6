"""Metrics as data that another process can be sent, and the sum of several of them."""

from collections.abc import Iterable, Iterator, Sequence
from typing import Final, TypedDict

from attrs import frozen
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
    samples: list[Sample]


Snapshot = list[Family]

# Of these no sum makes sense: the worst of all processes is told, or what all say.
_LEAST: Final = frozenset({"trio_sts_rate_limit_remaining_ratio"})
_MOST: Final = frozenset({"trio_sts_model_failing"})
_NOW: Final = frozenset({"gauge", "info"})


def snapshot(metrics: Collector) -> Snapshot:
    """The metrics of this process, as they are now."""
    return [
        Family(
            name=metric.name,
            about=metric.documentation,
            kind=metric.type,
            samples=[(s.name, dict(s.labels), s.value) for s in metric.samples],
        )
        for metric in metrics.collect()
    ]


def what_stays(of: Snapshot) -> Snapshot:
    """The counts of a process that has ended: what was true only then is left out."""
    return [family for family in of if family["kind"] not in _NOW]


@frozen
class Summed(Collector):
    """The sum over several processes, for `exposition.render`.

    Attributes:
        snapshots: Of each; `what_stays` of those that have ended.
    """

    snapshots: Sequence[Snapshot]

    @override
    def collect(self) -> Iterator[Metric]:
        """Each family once; series of the same labels are one."""
        families: dict[str, Metric] = {}
        values: dict[str, dict[tuple[str, tuple[tuple[str, str], ...]], float]] = {}
        for family in _all(self.snapshots):
            name = family["name"]
            families.setdefault(name, Metric(name, family["about"], family["kind"]))
            found = values.setdefault(name, {})
            for sample, labels, value in family["samples"]:
                key = sample, tuple(sorted(labels.items()))
                known = found.get(key)
                found[key] = value if known is None else _add(family, known, value)
        for name, metric in families.items():
            for (sample, pairs), value in values[name].items():
                metric.add_sample(sample, dict(pairs), value)
            yield metric


def _all(snapshots: Iterable[Snapshot]) -> Iterator[Family]:
    for each in snapshots:
        yield from each


def _add(family: Family, known: float, value: float) -> float:
    if family["name"] in _LEAST:
        return min(known, value)
    if family["name"] in _MOST or family["kind"] == "info":
        return max(known, value)
    return known + value
