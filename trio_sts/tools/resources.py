"""What the tools of all calls work with, in two separate sets.

Call control has its own set: a hundred slow requests of tools must not hold up a hangup.
"""

import httpx
import trio
from attrs import field, frozen

from .http_client import tool_http_client
from .threads import tool_threads


@frozen
class Resources:
    """An HTTP client with a pool of its own, and a bound on threads.

    Attributes:
        http: Closed by `open_registry`, or by whoever else made it.
        threads: Bounds the handlers that are plain functions.
    """

    http: httpx.AsyncClient = field(factory=tool_http_client, repr=False)
    threads: trio.CapacityLimiter = field(factory=tool_threads, repr=False)
