"""Whether traces are wanted, and opening and closing them."""

import importlib.util
from collections.abc import AsyncGenerator, Callable, Mapping
from contextlib import asynccontextmanager
from typing import TYPE_CHECKING, Final

import structlog
import trio

from trio_sts.observing.observer import Observed, Observer

if TYPE_CHECKING:
    from .provider import Tracing

_ENDPOINTS: Final = (
    "OTEL_EXPORTER_OTLP_TRACES_ENDPOINT",
    "OTEL_EXPORTER_OTLP_ENDPOINT",
)
_PROTOCOLS: Final = (
    "OTEL_EXPORTER_OTLP_TRACES_PROTOCOL",
    "OTEL_EXPORTER_OTLP_PROTOCOL",
)
_HTTP: Final = "http/protobuf"
# What the packages of the extra are found by.
_NEEDED: Final = ("opentelemetry.sdk", "opentelemetry.exporter.otlp.proto.http")
# At a stop: what is not sent then is lost, and who receives it may be away.
_STOP_S: Final = 0.5

_log = structlog.get_logger()


def is_wanted(environ: Mapping[str, str]) -> bool:
    """Whether an endpoint is named, and traces are not switched off."""
    if environ.get("OTEL_SDK_DISABLED", "").strip().lower() == "true":
        return False
    exporters = environ.get("OTEL_TRACES_EXPORTER", "otlp").split(",")
    if "otlp" not in {each.strip().lower() for each in exporters}:
        return False
    return any(environ.get(name, "").strip() for name in _ENDPOINTS)


def problem(environ: Mapping[str, str]) -> str | None:
    """Why there are no traces although they are wanted."""
    if not all(_is_installed(name) for name in _NEEDED):
        return (
            "OTEL_EXPORTER_OTLP_ENDPOINT is set and there are no traces: they need "
            "trio-sts[otel]"
        )
    given = (environ.get(name, "").strip() for name in _PROTOCOLS)
    protocol = next(filter(None, given), _HTTP)
    if protocol != _HTTP:
        return f"OTEL_EXPORTER_OTLP_PROTOCOL: traces are sent by {_HTTP} alone"
    return None


@asynccontextmanager
async def open_tracing(
    environ: Mapping[str, str],
) -> AsyncGenerator[tuple[Callable[[Observed], Observer], ...]]:
    """Who makes traces of calls: nobody, unless the environment asks for it.

    What waits to be sent at the end has half a second.
    """
    if not is_wanted(environ):
        yield ()
        return
    why_not = problem(environ)
    if why_not is not None:
        _log.warning("installation", problem=why_not)
        yield ()
        return
    tracing = _tracing(environ)
    try:
        yield (tracing.observe,)
    finally:
        with trio.move_on_after(_STOP_S, shield=True) as closing:
            # It waits for a peer; the thread is let go.
            await trio.to_thread.run_sync(tracing.close, abandon_on_cancel=True)
        if closing.cancelled_caught:
            tracing.give_up()


def _tracing(environ: Mapping[str, str]) -> "Tracing":
    # Imported here: the extra may be missing, and takes its time.
    from .provider import Tracing

    return Tracing.open(environ)


def _is_installed(name: str) -> bool:
    try:
        return importlib.util.find_spec(name) is not None
    except ModuleNotFoundError:
        return False
