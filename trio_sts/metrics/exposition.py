"""The metrics as text, in the format that the scraper asks for."""

import trio
from attrs import frozen
from prometheus_client.core import Metric
from prometheus_client.exposition import choose_encoder
from prometheus_client.registry import Collector
from typing_extensions import override

_END = b"# EOF\n"


@frozen
class _Family(Collector):
    metric: Metric

    @override
    def collect(self) -> list[Metric]:
        """The one that it is."""
        return [self.metric]


async def render(metrics: Collector, accept: str = "") -> tuple[bytes, str]:
    """The body and the media type of the answer to ``GET /metrics``.

    Family by family, with a pause for other tasks after each: the whole may take
    milliseconds, and calls wait for none of them.

    Args:
        metrics: A registry, or what adds up several of them.
        accept: The request's header: OpenMetrics, or Prometheus's text for all others.
    """
    encode, media_type = choose_encoder(accept)
    parts: list[bytes] = []
    for metric in metrics.collect():
        parts.append(encode(_Family(metric)).removesuffix(_END))
        await trio.lowlevel.checkpoint()
    if media_type.startswith("application/openmetrics-text"):
        parts.append(_END)
    return b"".join(parts), media_type
