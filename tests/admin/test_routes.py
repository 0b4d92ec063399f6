import pytest

from trio_sts.admin.routes import answer


@pytest.mark.parametrize("method", ["GET", "HEAD"])
def test_health_is_told_whatever_the_load(method: str) -> None:
    status, _ = answer(method, "/healthz", draining=True, full=True)
    assert status == 200


@pytest.mark.parametrize(
    ("draining", "full", "status"),
    [(False, False, 200), (True, False, 503), (False, True, 503), (True, True, 503)],
)
def test_readiness_is_whether_one_more_call_would_be_taken(
    draining: bool, full: bool, status: int
) -> None:
    assert answer("GET", "/readyz", draining=draining, full=full)[0] == status


def test_a_service_that_is_ready_names_its_warnings() -> None:
    warnings = ["two tools are missing", "so is a third"]
    assert answer("GET", "/readyz", draining=False, full=False, warnings=warnings) == (
        200,
        "ready\nwarning: two tools are missing\nwarning: so is a third\n",
    )
    _, body = answer("GET", "/readyz", draining=True, full=False, warnings=warnings)
    assert body == "draining\n"


def test_the_legacy_transport_is_told_the_websocket_form() -> None:
    status, body = answer(
        "POST", "/speech-to-speech-stream", draining=False, full=False
    )
    assert status == 426
    assert "ws://" in body


@pytest.mark.parametrize(
    ("method", "path"),
    [("GET", "/"), ("POST", "/healthz"), ("GET", "/speech-to-speech-stream")],
)
def test_anything_else_is_not_there(method: str, path: str) -> None:
    assert answer(method, path, draining=False, full=False)[0] == 404
