"""The answers of the port to requests that ask for no WebSocket."""

import pytest

from trio_sts.port.answers import Answer, Readiness, answer

READY = Readiness()


@pytest.mark.parametrize("method", ["GET", "HEAD"])
def test_health_is_told_whatever_the_load(method: str) -> None:
    readiness = Readiness(draining=True, unready="all is wrong", full=True)
    assert answer(method, "/healthz", readiness).status == 200


@pytest.mark.parametrize(
    ("readiness", "status", "told"),
    [
        (READY, 200, "ready\n"),
        (Readiness(full=True), 200, "full\n"),
        (Readiness(full=True, ready_when_full=False), 503, "full\n"),
        (Readiness(ready_when_full=False), 200, "ready\n"),
        (Readiness(draining=True, full=True, unready="so"), 503, "draining\n"),
        (
            Readiness(unready="the endpoint refuses the key", full=True),
            503,
            "not ready: the endpoint refuses the key\n",
        ),
    ],
)
def test_readiness_is_told_in_the_status_and_in_words(
    readiness: Readiness, status: int, told: str
) -> None:
    assert answer("GET", "/readyz", readiness) == Answer(status, told.encode())


@pytest.mark.parametrize(("full", "state"), [(False, b"ready"), (True, b"full")])
def test_a_service_that_is_ready_names_its_warnings(full: bool, state: bytes) -> None:
    readiness = Readiness(
        full=full, warnings=["two tools are missing", "so is a third"]
    )
    assert answer("GET", "/readyz", readiness) == Answer(
        200, state + b"\nwarning: two tools are missing\nwarning: so is a third\n"
    )


def test_the_legacy_transport_is_told_the_websocket_form() -> None:
    told = answer("POST", "/speech-to-speech-stream", READY)
    assert told.status == 426
    assert b"ws://" in told.body


@pytest.mark.parametrize(
    ("method", "path"),
    [("GET", "/"), ("POST", "/healthz"), ("GET", "/speech-to-speech-stream")],
)
def test_anything_else_is_not_there(method: str, path: str) -> None:
    assert answer(method, path, READY).status == 404
