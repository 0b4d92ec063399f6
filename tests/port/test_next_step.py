"""``GET /calls/<uuid>/next``: once, within a minute, for who has the token."""

import pytest
import trio
import trio.testing

from tests.system.service import serving
from tests.system.test_port import ask as ask_port
from trio_sts.dialplan import Target
from trio_sts.legs.http_head import RequestHead
from trio_sts.port.admission import PortAdmission, Told
from trio_sts.port.answers import Answer
from trio_sts.port.next_step import call_in
from trio_sts.port.peer import Peer
from trio_sts.port.places import Places
from trio_sts.port.waiting import WaitingRoom
from trio_sts.settings import Settings
from trio_sts.tools.targets import Targets

SALES = Target("default", "1001", "1")
PEER = Peer("127.0.0.1", 40_000)
NOWHERE = (404, b"")


async def no_metrics(_: str) -> tuple[bytes, str]:
    await trio.lowlevel.checkpoint()
    return b"", ""


def port(targets: Targets, **settings: str) -> PortAdmission:
    told = Told(tuple, lambda: None, lambda _: None, no_metrics, targets)
    places = Places(0, WaitingRoom(8))
    return PortAdmission(Settings(**settings), places, told)  # type: ignore[arg-type]


async def ask(
    admission: PortAdmission,
    target: str = "/calls/call-1/next",
    method: str = "GET",
    **headers: str,
) -> tuple[int, bytes]:
    path, _, query = target.partition("?")
    head = RequestHead(method, path, query, headers, is_upgrade=False)
    answer = await admission.decide(head, PEER)
    assert isinstance(answer, Answer)
    assert answer.media_type.startswith("text/plain")
    return answer.status, answer.body


async def test_a_dialplan_is_told_once_where_a_call_goes_on() -> None:
    targets = Targets()
    admission = port(targets)
    assert await ask(admission) == NOWHERE
    await targets.keep("call-1", SALES)
    assert await ask(admission, "/calls/call-2/next") == NOWHERE
    assert await ask(admission) == (200, b"default,1001,1")
    assert await ask(admission) == NOWHERE


async def test_a_look_uses_nothing_up() -> None:
    targets = Targets()
    admission = port(targets)
    assert (await ask(admission, method="HEAD"))[0] == 404
    await targets.keep("call-1", SALES)
    for _ in range(2):
        # The body of an answer to HEAD is not sent.
        assert (await ask(admission, method="HEAD"))[0] == 200
    assert await ask(admission) == (200, b"default,1001,1")


@pytest.mark.parametrize("method", ["POST", "PUT", "DELETE", "OPTIONS", "PATCH"])
async def test_only_get_is_answered(method: str) -> None:
    targets = Targets()
    await targets.keep("call-1", SALES)
    admission = port(targets)
    assert (await ask(admission, method=method))[0] == 405
    assert targets.look("call-1") == SALES


async def test_after_a_minute_nobody_knows_any_more(
    autojump_clock: trio.testing.MockClock,
) -> None:
    targets = Targets()
    await targets.keep("call-1", SALES)
    await trio.sleep(60)
    assert await ask(port(targets)) == NOWHERE


@pytest.mark.parametrize("method", ["GET", "HEAD", "POST"])
async def test_without_the_token_nobody_is_told(method: str) -> None:
    targets = Targets()
    await targets.keep("call-1", SALES)
    admission = port(targets, token="let-me-in")
    assert (await ask(admission, method=method))[0] == 401
    assert (await ask(admission, "/calls/call-1/next?token=x", method))[0] == 401
    assert targets.look("call-1") == SALES


@pytest.mark.parametrize(
    ("target", "headers"),
    [
        ("/calls/call-1/next?token=let-me-in", {}),
        ("/calls/call-1/next", {"authorization": "Bearer let-me-in"}),
        # The user "asterisk", as its CURL sends one.
        ("/calls/call-1/next", {"authorization": "Basic YXN0ZXJpc2s6bGV0LW1lLWlu"}),
    ],
)
async def test_the_token_is_taken_as_the_port_takes_it(
    target: str, headers: dict[str, str]
) -> None:
    targets = Targets()
    await targets.keep("call-1", SALES)
    admission = port(targets, token="let-me-in")
    assert await ask(admission, target, **headers) == (200, b"default,1001,1")


async def test_a_stopping_service_still_tells_it() -> None:
    targets = Targets()
    await targets.keep("call-1", SALES)
    admission = port(targets)
    admission.drain()
    assert await ask(admission) == (200, b"default,1001,1")


async def test_a_call_may_be_dialled_at_the_same_path() -> None:
    head = RequestHead("GET", "/calls/call-1/next", "", {}, is_upgrade=True)
    assert not isinstance(await port(Targets()).decide(head, PEER), Answer)


@pytest.mark.parametrize(
    ("path", "uuid"),
    [
        ("/calls/0b6f5c1e-7d5e-4d53-9f0e-6f1a5f1e9c11/next", "0b6f5c1e-7d5e-4d53-9f0e-6f1a5f1e9c11"),
        ("/calls/1795704354.13/next", "1795704354.13"),
        ("/calls/a%22b%2Bc/next", 'a"b+c'),
        ("/calls/a%2Fb/next", "a/b"),
        ("/calls//next", None),
        ("/calls/next", None),
        ("/calls/a/b/next", None),
        ("/calls/a/next/", None),
        ("/calls/a", None),
        ("/CALLS/a/next", None),
        ("/metrics", None),
    ],
)  # fmt: skip
def test_the_call_id_stands_between_two_words(path: str, uuid: str | None) -> None:
    assert call_in(path) == uuid


async def test_whatever_is_asked_for_is_nowhere() -> None:
    admission = port(Targets())
    for target in (
        "/calls/%00/next",
        "/calls/%ff%fe/next",
        f"/calls/{'x' * 9999}/next",
    ):
        assert await ask(admission, target) == NOWHERE


async def test_a_stop_waits_for_the_dialplan_of_a_call_that_has_just_ended(
    mock_clock: trio.testing.MockClock,
) -> None:
    # The clock stands still: only the question ends the stop.
    async with serving("http://127.0.0.1:9/v1") as service:
        await service.server.services.targets.keep("call-1", SALES)
        service.signal()
        await trio.testing.wait_all_tasks_blocked(0.01)
        assert not service.stopped.is_set()
        assert await ask_port(service, "/calls/call-1/next") == (200, "default,1001,1")
        await service.stopped.wait()
