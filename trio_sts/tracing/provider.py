"""The SDK: where spans go, in a thread of its own and bounded."""

import logging
import os
from collections.abc import Callable, Generator, Mapping
from contextlib import contextmanager
from typing import Final, Self

from attrs import frozen
from opentelemetry.exporter.otlp.proto.http.trace_exporter import OTLPSpanExporter
from opentelemetry.sdk.resources import Resource
from opentelemetry.sdk.trace import TracerProvider
from opentelemetry.sdk.trace.export import BatchSpanProcessor
from opentelemetry.trace import Tracer

from trio_sts import __version__
from trio_sts.observing.observer import Observed, Observer

from .call import CallTrace

_SERVICE: Final = "trio-sts"
_CONTENT: Final = "OTEL_INSTRUMENTATION_GENAI_CAPTURE_MESSAGE_CONTENT"
# The conventions' values for content in spans, and the older switch.
_WITH_CONTENT: Final = frozenset({"true", "span_only", "span_and_event"})


@frozen(eq=False)
class Tracing:
    """Traces of calls that are sent somewhere.

    Attributes:
        provider: The SDK's.
        tracer: Makes the spans.
        content: Whether words may be part of them.
    """

    provider: TracerProvider
    tracer: Tracer
    content: bool
    _exporter: OTLPSpanExporter

    @classmethod
    def open(cls, environ: Mapping[str, str]) -> Self:
        """Read the ``OTEL_*`` variables, and start the thread that sends."""
        with _variables(environ):
            named = Resource.create({"service.version": __version__})
            if not _is_named(environ):
                named = named.merge(Resource({"service.name": _SERVICE}))
            # A process that ends waits no longer than `close` is given.
            provider = TracerProvider(resource=named, shutdown_on_exit=False)
            exporter = OTLPSpanExporter()
            provider.add_span_processor(BatchSpanProcessor(exporter))
        content = environ.get(_CONTENT, "").strip().lower() in _WITH_CONTENT
        tracer = provider.get_tracer(_SERVICE, __version__)
        # Each of its own tries is a warning; what is lost in the end is an error.
        logging.getLogger("opentelemetry.exporter").setLevel(logging.ERROR)
        return cls(provider, tracer, content, exporter)

    def observe(self, call: Observed) -> Observer:
        """Look on at one call."""
        return CallTrace(self.tracer, call, content=self.content)

    def close(self) -> None:
        """Send what waits; this blocks, for as long as the other side lets it."""
        self.provider.shutdown()

    def give_up(self) -> None:
        """What is not sent yet is lost; who sends tries no more. Returns at once."""
        # Some of its versions have no types here.
        shutdown: Callable[[], None] = self._exporter.shutdown
        shutdown()


def _is_named(environ: Mapping[str, str]) -> bool:
    attributes = environ.get("OTEL_RESOURCE_ATTRIBUTES", "")
    return bool(environ.get("OTEL_SERVICE_NAME")) or "service.name=" in attributes


@contextmanager
def _variables(environ: Mapping[str, str]) -> Generator[None]:
    """The SDK reads the process's own variables; ours may come from a file as well."""
    added = {
        name: value
        for name, value in environ.items()
        if name.startswith("OTEL_") and name not in os.environ
    }
    os.environ.update(added)
    try:
        yield
    finally:
        for name in added:
            os.environ.pop(name, None)
