"""The call's metadata and where its instructions come from: nothing is trusted."""

import pytest
import trio
from trio.testing import MockClock

from tests.peers.core import calling
from tests.peers.model import scripted_model

from .kit import Answer, log, web, with_status
from .service import serving

TOKEN = "s3cret-t0ken"


async def told(base_query: str, **environ: str) -> str:
    """The instructions that a call with this query string gets."""
    async with (
        scripted_model() as model,
        serving(model.base_url, **environ) as service,
        calling(f"{service.url}/?{base_query}") as core,
    ):
        await core.init("call-1")
        # The service has 5 s.
        session = await model.next_session(within_s=10)
        return str(session.session["instructions"])


async def test_metadata_is_cut_and_cleaned_before_it_fills_anything() -> None:
    query = f"name=%7B%7Bto%7D%7D%0D%0A%00Ann&to={'9' * 300}&token={TOKEN}"
    text = await told(query, OPENAI_INSTRUCTIONS="<{{name}}> <{{to}}> <{{token}}>")
    assert text == f"<toAnn> <{'9' * 200}> <{{{{token}}}}>"


async def test_the_token_goes_nowhere_and_the_operator_s_own_parameters_win() -> None:
    with log() as lines:
        async with web(with_status(200, b'{"system":"From the service."}')) as asked:
            text = await told(
                f"token={TOKEN}&from=2000&tenant=evil&x=a%26b",
                STS_TOKEN=TOKEN,
                OPENAI_URL_INSTRUCTIONS=f"{asked.url}/prompt?tenant=own",
            )
    (request,) = asked.requests
    assert text == "From the service."
    assert request.startswith(b"GET /prompt?tenant=own&from=2000&x=a%26b HTTP/1.1\r\n")
    assert b"\r\nX-AVR-UUID: call-1\r\n" in request
    assert TOKEN.encode() not in request
    # Nothing of the request line is in the log.
    for mark in (TOKEN, "2000", "evil"):
        assert mark not in str(lines)


async def never(_: trio.SocketStream) -> None:
    await trio.sleep_forever()


async def bit_by_bit(stream: trio.SocketStream) -> None:
    await stream.send_all(b"HTTP/1.1 200 OK\r\nContent-Length: 100000\r\n\r\n")
    while True:
        await stream.send_all(b" ")
        await trio.sleep(0.5)


async def endless(stream: trio.SocketStream) -> None:
    await stream.send_all(b"HTTP/1.1 200 OK\r\nConnection: close\r\n\r\n")
    while True:
        await stream.send_all(b" " * 65536)


async def hangs_up(_: trio.SocketStream) -> None:
    await trio.lowlevel.checkpoint()


async def no_http(stream: trio.SocketStream) -> None:
    await stream.send_all(b"SSH-2.0-OpenSSH_9\r\n")


@pytest.mark.parametrize(
    "answer",
    [
        never,
        bit_by_bit,
        endless,
        hangs_up,
        no_http,
        with_status(500, b'{"system":"no"}'),
        with_status(302),
        with_status(404, b"gone"),
        with_status(200, b"<html>"),
        with_status(200, b'["system"]'),
        with_status(200, b'{"prompt":"no"}'),
        with_status(200, b'{"system":5}'),
        with_status(200, b'{"system":" "}'),
        with_status(200, b'{"system":"' + b"x" * 262_144 + b'"}'),
    ],
)
async def test_a_service_that_is_of_no_use_is_passed_over(
    hurried_clock: MockClock, answer: Answer
) -> None:
    with log() as lines:
        async with web(answer) as asked:
            begun_at = trio.current_time()
            text = await told(
                "from=2000", OPENAI_URL_INSTRUCTIONS=f"{asked.url}/prompt"
            )
            assert trio.current_time() - begun_at < 6
    assert text.startswith("You are a friendly")
    assert len(asked.requests) == 1
    warnings = [line for line in lines if line["log_level"] == "warning"]
    assert [line["event"] for line in warnings] == ["instructions service failed"]


async def test_bytes_that_are_no_text_cost_themselves_and_not_the_instructions() -> (
    None
):
    with log():
        async with web(with_status(200, b'{"system":"Be \xffkind."}')) as asked:
            text = await told("", OPENAI_URL_INSTRUCTIONS=f"{asked.url}/prompt")
    assert text == "Be \ufffdkind."
