"""Traces are made where the usual variables ask for it, and cost nothing elsewhere."""

import subprocess
import sys

import pytest
from structlog.testing import capture_logs

from trio_sts.tracing import opening
from trio_sts.tracing.opening import is_wanted, open_tracing, problem

ENDPOINT = {"OTEL_EXPORTER_OTLP_ENDPOINT": "http://127.0.0.1:4318"}


@pytest.mark.parametrize(
    ("environ", "wanted"),
    [
        ({}, False),
        (ENDPOINT, True),
        ({"OTEL_EXPORTER_OTLP_TRACES_ENDPOINT": "http://x/v1/traces"}, True),
        ({"OTEL_EXPORTER_OTLP_ENDPOINT": "  "}, False),
        ({**ENDPOINT, "OTEL_SDK_DISABLED": "TRUE"}, False),
        ({**ENDPOINT, "OTEL_SDK_DISABLED": "false"}, True),
        ({**ENDPOINT, "OTEL_TRACES_EXPORTER": "none"}, False),
        ({**ENDPOINT, "OTEL_TRACES_EXPORTER": "console, otlp"}, True),
        ({"OTEL_SERVICE_NAME": "x"}, False),
    ],
)
def test_when_traces_are_wanted(environ: dict[str, str], wanted: bool) -> None:
    assert is_wanted(environ) is wanted


async def test_without_the_extra_there_is_one_warning(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(opening, "_NEEDED", ("opentelemetry.sdk", "not_there.at.all"))
    with capture_logs() as logs:
        async with open_tracing(ENDPOINT) as observers:
            assert observers == ()
    (line,) = logs
    assert line["log_level"] == "warning"
    assert "trio-sts[otel]" in line["problem"]


@pytest.mark.parametrize(
    ("protocol", "works"),
    [("", True), ("http/protobuf", True), ("grpc", False), ("http/json", False)],
)
def test_a_protocol_that_is_not_spoken_is_said(protocol: str, works: bool) -> None:
    environ = {**ENDPOINT, "OTEL_EXPORTER_OTLP_PROTOCOL": protocol}
    assert (problem(environ) is None) is works


def test_the_service_imports_nothing_of_it_on_its_own() -> None:
    code = (
        "import sys, trio_sts.service; "
        "print([m for m in sys.modules if m.startswith('opentelemetry')])"
    )
    found = subprocess.run(
        [sys.executable, "-c", code], capture_output=True, text=True, check=True
    )
    assert found.stdout.strip() == "[]"
