import pytest

from trio_sts.port.answers import Answer, answer


@pytest.mark.parametrize("method", ["GET", "HEAD"])
def test_health_is_told_whatever_the_load(method: str) -> None:
    told = answer(method, "/healthz", draining=True, full=True)
    assert told.status == 200


@pytest.mark.parametrize(
    ("draining", "full", "status"),
    [(False, False, 200), (True, False, 503), (False, True, 503), (True, True, 503)],
)
def test_readiness_is_whether_one_more_call_would_be_taken(
    draining: bool, full: bool, status: int
) -> None:
    assert answer("GET", "/readyz", draining=draining, full=full).status == status


def test_a_service_that_is_ready_names_its_warnings() -> None:
    warnings = ["two tools are missing", "so is a third"]
    told = answer("GET", "/readyz", draining=False, full=False, warnings=warnings)
    assert told == Answer(
        200, b"ready\nwarning: two tools are missing\nwarning: so is a third\n"
    )
    told = answer("GET", "/readyz", draining=True, full=False, warnings=warnings)
    assert told.body == b"draining\n"


def test_the_legacy_transport_is_told_the_websocket_form() -> None:
    told = answer("POST", "/speech-to-speech-stream", draining=False, full=False)
    assert told.status == 426
    assert b"ws://" in told.body


@pytest.mark.parametrize(
    ("method", "path"),
    [("GET", "/"), ("POST", "/healthz"), ("GET", "/speech-to-speech-stream")],
)
def test_anything_else_is_not_there(method: str, path: str) -> None:
    assert answer(method, path, draining=False, full=False).status == 404
