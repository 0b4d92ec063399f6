"""From opening the service to serving: the signals are handed on, in any order of tasks."""

import signal

import structlog

from trio_sts.service import run_service
from trio_sts.settings import Settings

# Whichever of two tasks runs first is drawn by Trio: so many draws meet both orders.
DRAWS = 12


def stop_when_ready(
    _: object, __: str, event: structlog.typing.EventDict
) -> structlog.typing.EventDict:
    if event["event"] == "ready":
        signal.raise_signal(signal.SIGTERM)
    raise structlog.DropEvent


def test_a_port_that_is_bound_at_once_is_served_until_a_signal() -> None:
    settings = Settings(
        api_key="sk-opening-test", base_url="http://127.0.0.1:9/v1", host="::", port=0
    )
    structlog.configure(processors=[stop_when_ready])
    # A signal that nobody took is raised again when its receiver is closed.
    before = signal.signal(signal.SIGTERM, signal.SIG_IGN)
    try:
        codes = {
            run_service(settings, (), {}, read=lambda: (settings, (), {}))
            for _ in range(DRAWS)
        }
    finally:
        signal.signal(signal.SIGTERM, before)
        structlog.reset_defaults()
    assert codes == {0}
