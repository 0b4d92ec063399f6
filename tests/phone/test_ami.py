import math
from collections.abc import AsyncGenerator, Generator
from contextlib import asynccontextmanager, contextmanager

import httpx
import pytest
import trio
from trio.testing import MockClock, memory_stream_pair

from trio_sts.phone.ami import NEVER, AmiAnswer, AmiStandIn
from trio_sts.phone.exchange import Exchange
from trio_sts.phone.report import Outcome


@asynccontextmanager
async def client_of(ami: AmiStandIn) -> AsyncGenerator[httpx.AsyncClient]:
    async with trio.open_nursery() as nursery:
        url: str = await nursery.start(ami.serve)
        async with httpx.AsyncClient(base_url=url, trust_env=False) as client:
            yield client
        nursery.cancel_scope.cancel(reason="the test is over")


@contextmanager
def call_on(ami: AmiStandIn, uuid: str) -> Generator[list[Outcome]]:
    ended: list[Outcome] = []
    with ami.exchange.connected(uuid, ended.append):
        yield ended


@pytest.mark.parametrize(
    ("path", "outcome"),
    [("/hangup", Outcome.AMI_HUNG_UP), ("/transfer", Outcome.TRANSFERRED)],
)
async def test_hangup_and_transfer_end_the_call_at_once_and_are_recorded(
    path: str, outcome: Outcome
) -> None:
    ami = AmiStandIn()
    body = {"uuid": "a-call", "exten": "600"}
    async with client_of(ami) as client:
        with call_on(ami, "a-call") as ended, call_on(ami, "another") as untouched:
            before = trio.current_time()
            answer = await client.post(path, json=body)
            assert answer.status_code == 200
            assert answer.json().keys() == {"message"}
            assert (ended, untouched) == ([outcome], [])
            again = await client.post(path, json=body)
            assert again.status_code == 404
    first, second = ami.requests
    assert (first.path, first.body) == (path, body)
    assert before <= first.at_s <= second.at_s <= trio.current_time()


async def test_a_call_that_nobody_holds_is_not_found() -> None:
    ami = AmiStandIn()
    async with client_of(ami) as client:
        for body in ({"uuid": "nobody"}, {}, {"uuid": 7}):
            answer = await client.post("/hangup", json=body)
            assert answer.status_code == 404
    assert len(ami.requests) == 3


async def test_it_fails_as_told_and_leaves_the_call_alone() -> None:
    ami = AmiStandIn(answers={"/hangup": AmiAnswer(500), "/transfer": AmiAnswer(404)})
    async with client_of(ami) as client:
        with call_on(ami, "a-call") as ended:
            hangup = await client.post("/hangup", json={"uuid": "a-call"})
            transfer = await client.post("/transfer", json={"uuid": "a-call"})
    assert (hangup.status_code, transfer.status_code, ended) == (500, 404, [])


async def test_originate_is_recorded() -> None:
    ami = AmiStandIn()
    body = {"channel": "PJSIP/1000", "exten": "5001", "context": "demo"}
    async with client_of(ami) as client:
        answer = await client.post("/originate", json=body)
    assert answer.status_code == 200
    assert ami.requests[0].body == body


@pytest.mark.parametrize(
    ("method", "path", "content", "status"),
    [
        ("GET", "/hangup", b"", 404),
        ("POST", "/nothing", b"{}", 404),
        ("POST", "/hangup", b"[]", 400),
        ("POST", "/hangup", b"{", 400),
    ],
)
async def test_other_requests_are_refused(
    method: str, path: str, content: bytes, status: int
) -> None:
    ami = AmiStandIn()
    async with client_of(ami) as client:
        answer = await client.request(method, path, content=content)
    assert answer.status_code == status
    assert not ami.requests


def request(
    body: bytes, *, path: bytes = b"/hangup", length: int | None = None
) -> bytes:
    head = b"POST " + path + b" HTTP/1.1\r\nHost: ami\r\nContent-Length: %d\r\n\r\n"
    return head % (len(body) if length is None else length) + body


async def test_a_slow_answer_comes_when_told(autojump_clock: MockClock) -> None:
    ami = AmiStandIn(answers={"/hangup": AmiAnswer(delay_s=4)})
    ours, theirs = memory_stream_pair()
    async with trio.open_nursery() as nursery:
        nursery.start_soon(ami.handle, theirs)
        with call_on(ami, "a-call") as ended:
            start = trio.current_time()
            await ours.send_all(request(b'{"uuid":"a-call"}'))
            await trio.sleep(3.9)
            assert ended == []
            answer = await ours.receive_some()
            assert trio.current_time() - start == pytest.approx(4)
            assert answer.startswith(b"HTTP/1.1 200")
            assert ended == [Outcome.AMI_HUNG_UP]
        await ours.aclose()


async def test_no_answer_is_no_answer(autojump_clock: MockClock) -> None:
    ami = AmiStandIn(answers={"/hangup": NEVER})
    assert math.isinf(NEVER.delay_s)
    ours, theirs = memory_stream_pair()
    async with trio.open_nursery() as nursery:
        nursery.start_soon(ami.handle, theirs)
        await ours.send_all(request(b"{}"))
        with trio.move_on_after(3600) as scope:
            await ours.receive_some()
        assert scope.cancelled_caught
        nursery.cancel_scope.cancel(reason="the test is over")


@pytest.mark.parametrize(
    "junk",
    [
        b"\x16\x03\x01\x02\x00 this is TLS\r\n\r\n",
        request(b"", length=10**6) + bytes(70_000),
        b"POST /hangup HTTP/1.1\r\n" + b"x: y\r\n" * 20_000,
        b"",
    ],
)
async def test_a_peer_that_speaks_no_http_is_hung_up_on(
    autojump_clock: MockClock, junk: bytes
) -> None:
    ami = AmiStandIn()
    ours, theirs = memory_stream_pair()
    async with trio.open_nursery() as nursery:
        nursery.start_soon(ami.handle, theirs)
        await ours.send_all(junk)
        assert await ours.receive_some() == b""
    # A peer that says nothing is given half a minute.
    assert trio.current_time() <= 31
    assert not ami.requests


async def test_one_connection_carries_many_requests(autojump_clock: MockClock) -> None:
    ami = AmiStandIn()
    ours, theirs = memory_stream_pair()
    async with trio.open_nursery() as nursery:
        nursery.start_soon(ami.handle, theirs)
        for _ in range(3):
            await ours.send_all(request(b"{}", path=b"/originate"))
            assert (await ours.receive_some()).startswith(b"HTTP/1.1 200")
        await ours.aclose()
    assert len(ami.requests) == 3


def test_everything_on_the_line_can_be_dropped_at_once() -> None:
    exchange, ended = Exchange(), list[Outcome]()
    with exchange.connected("a", ended.append), exchange.connected("b", ended.append):
        exchange.drop_all(Outcome.CALLER_HUNG_UP)
        exchange.drop_all(Outcome.TIME_UP)
    assert ended == [Outcome.CALLER_HUNG_UP] * 2
