"""The metrics as text, in the format that the scraper asks for."""

from collections.abc import Iterator
from copy import copy
from typing import Final

import trio
from attrs import frozen
from prometheus_client.core import Metric
from prometheus_client.exposition import choose_encoder
from prometheus_client.registry import Collector
from typing_extensions import override

_END = b"# EOF\n"
# Some 3 us each: less than a third of what `trio_sts.loop.pace` may sleep.
_AT_ONCE: Final = 100


@frozen
class _Family(Collector):
    metric: Metric

    @override
    def collect(self) -> list[Metric]:
        """The one that it is."""
        return [self.metric]


async def render(metrics: Collector, accept: str = "") -> tuple[bytes, str]:
    """The body and the media type of the answer to ``GET /metrics``.

    The whole may take milliseconds, and calls are to wait for none of them: other tasks
    have their turn after each family, and within long ones after every 100 samples.

    Args:
        metrics: A registry, or what adds up several of them.
        accept: The request's header: OpenMetrics, or Prometheus's text for all others.
    """
    encode, media_type = choose_encoder(accept)
    parts: list[bytes] = []
    for metric in metrics.collect():
        for number, some in enumerate(_in_parts(metric)):
            text = encode(some).removesuffix(_END)
            # The family's head is told once.
            parts.append(text if number == 0 else _samples_of(text))
            await trio.lowlevel.checkpoint()
    if media_type.startswith("application/openmetrics-text"):
        parts.append(_END)
    return b"".join(parts), media_type


def _in_parts(metric: Metric) -> Iterator[_Family]:
    samples = metric.samples
    for at in range(0, max(len(samples), 1), _AT_ONCE):
        part = copy(metric)
        part.samples = samples[at : at + _AT_ONCE]
        yield _Family(part)


def _samples_of(text: bytes) -> bytes:
    while text.startswith(b"# "):
        text = text.partition(b"\n")[2]
    return text
