"""Instructions: four sources in order, and what bad services get."""

import gzip
import json
import zlib
from collections.abc import AsyncGenerator, AsyncIterator, Callable
from contextlib import asynccontextmanager, suppress
from datetime import UTC, datetime, timedelta
from functools import partial
from importlib import import_module
from pathlib import Path
from zoneinfo import ZoneInfo

import httpx
import pytest
import trio
import trio.testing
from attrs import define, evolve, field
from structlog.testing import capture_logs
from structlog.typing import EventDict
from typing_extensions import override

from trio_sts.instructions import DEFAULT, Resolved, resolve, with_metadata
from trio_sts.instructions.placeholders import of_time
from trio_sts.settings import Settings

URL = "https://user:hush@crm.example/prompt?tenant=hush&from=own"
SETTINGS = Settings(api_key="key")
METADATA = {"from": "2000", "name": "Ann"}


def packed(body: bytes) -> bytes:
    """With Brotli, whose library says no types."""
    compress: Callable[[bytes], bytes] = import_module("brotli").compress
    return compress(body)


PACKED_SPACES = packed(b" " * 300_000)


@define
class Service:
    """Answers every request by ``answer`` and remembers it."""

    answer: Callable[[httpx.Request], httpx.Response]
    asked: list[httpx.Request] = field(factory=list[httpx.Request])

    async def __call__(self, request: httpx.Request) -> httpx.Response:
        await trio.lowlevel.checkpoint()
        self.asked.append(request)
        return self.answer(request)

    def client(self) -> httpx.AsyncClient:
        return httpx.AsyncClient(transport=httpx.MockTransport(self))


@define
class Stream(httpx.AsyncByteStream):
    """A body that never ends, and counts what was read of it."""

    pause_s: float
    read: int = 0
    closed: bool = False

    @override
    def __aiter__(self) -> AsyncIterator[bytes]:
        return self

    async def __anext__(self) -> bytes:
        await trio.sleep(self.pause_s)
        self.read += 1
        return b" " * 1024

    @override
    async def aclose(self) -> None:
        self.closed = True


@asynccontextmanager
async def serving(*parts: bytes) -> AsyncGenerator[str, None]:
    """A server on loopback that answers each connection with the parts."""

    async def answer(stream: trio.SocketStream) -> None:
        with suppress(trio.BrokenResourceError):
            await stream.receive_some()
            for part in parts:
                await stream.send_all(part)

    async with trio.open_nursery() as nursery:
        listeners: list[trio.SocketListener] = await nursery.start(
            partial(trio.serve_tcp, answer, 0, host="127.0.0.1")
        )
        yield f"http://127.0.0.1:{listeners[0].socket.getsockname()[1]}/"
        nursery.cancel_scope.cancel()


def saying(system: object) -> Service:
    return Service(lambda _: httpx.Response(200, json={"system": system}))


async def ask(
    settings: Settings, service: Service | None = None
) -> tuple[Resolved, list[EventDict]]:
    service = service or saying("unused")
    with capture_logs() as lines:
        async with service.client() as http:
            resolved = await resolve(settings, "call-1", METADATA, http)
    return resolved, lines


async def test_without_any_source_there_is_a_default() -> None:
    resolved, lines = await ask(SETTINGS)
    assert resolved == Resolved(DEFAULT, "default")
    assert lines == []


async def test_the_environment_comes_first(tmp_path: Path) -> None:
    file = tmp_path / "prompt"
    file.write_text("from the file")
    service = saying("from the service")
    every = evolve(
        SETTINGS,
        instructions="from the environment",
        url_instructions=URL,
        file_instructions=file,
    )
    assert (await ask(every, service))[0].source == "environment"
    assert service.asked == []
    second = evolve(every, instructions=None)
    assert (await ask(second, service))[0] == Resolved("from the service", "service")
    third = evolve(second, url_instructions=None)
    assert (await ask(third, service))[0] == Resolved("from the file", "file")


async def test_the_service_gets_the_call_and_its_metadata_but_no_token() -> None:
    service = saying("x")
    settings = evolve(SETTINGS, url_instructions=URL)
    async with service.client() as http:
        metadata = {**METADATA, "token": "hush", "to": "a&b c"}
        await resolve(settings, "call-1", metadata, http)
    (request,) = service.asked
    assert request.method == "GET"
    assert request.headers["X-AVR-UUID"] == "call-1"
    query = "tenant=hush&from=own&name=Ann&to=a%26b+c"
    assert request.url.query.decode() == query
    assert "Authorization" in request.headers


@pytest.mark.parametrize(
    ("url", "asked"),
    [
        ("http://h/p", "http://h/p?from=2000&name=Ann"),
        ("http://h/p?from=", "http://h/p?from=&name=Ann"),
        ("http://h/p?x=%7e#part", "http://h/p?x=%7e&from=2000&name=Ann"),
    ],
)
def test_the_operators_own_parameters_win(url: str, asked: str) -> None:
    assert with_metadata(url, METADATA) == asked


def test_a_url_without_metadata_stays() -> None:
    assert with_metadata("http://h/p?a=1", {"token": "t"}) == "http://h/p?a=1"


def answering(*args: object, **kwargs: object) -> Service:
    return Service(lambda _: httpx.Response(*args, **kwargs))  # type: ignore[arg-type]  # passed on as given


def failing(_: httpx.Request) -> httpx.Response:
    raise httpx.ConnectError("no route to hush")


@pytest.mark.parametrize(
    ("service", "reason"),
    [
        (answering(500, json={"system": "x"}), "status 500"),
        (answering(204), "the answer is not JSON"),
        (answering(200, text="hush"), "the answer is not JSON"),
        (answering(200, json=["hush"]), 'the answer has no text named "system"'),
        (answering(200, json={"system": 1}), 'the answer has no text named "system"'),
        (saying("  "), 'the answer has no text named "system"'),
        (answering(200, text='{"system": NaN}'), "the answer is not JSON"),
        (answering(200, text="[" * 100_000), "the answer is not JSON"),
        (answering(404, json={"system": "x"}), "status 404"),
        (saying("a" * 256 * 1024), "the answer is longer than 262144 bytes"),
        (Service(failing), "ConnectError"),
        (answering(302, headers={"Location": "/hush"}), "more than 21 redirects"),
        (
            answering(302, headers={"Location": "https://hush:port"}),
            "RemoteProtocolError",
        ),
        (
            answering(200, headers={"Content-Encoding": "gzip"}, stream=Stream(0)),
            "the answer is packed wrongly",
        ),
        (
            answering(200, headers={"Content-Encoding": "br"}, stream=Stream(0)),
            "the answer is packed wrongly",
        ),
        (
            answering(200, headers={"Content-Encoding": "zstd"}, stream=Stream(0)),
            "the answer is packed in a way that was not asked for",
        ),
        (
            answering(
                200,
                headers={"Content-Encoding": "br"},
                stream=httpx.ByteStream(PACKED_SPACES),
            ),
            "the answer is longer than 262144 bytes",
        ),
        (
            answering(
                200,
                headers={"Content-Encoding": "gzip"},
                stream=httpx.ByteStream(gzip.compress(b" " * 300_000)),
            ),
            "the answer is longer than 262144 bytes",
        ),
    ],
)
async def test_a_bad_service_is_passed_over_with_a_warning(
    service: Service, reason: str
) -> None:
    settings = evolve(SETTINGS, url_instructions=URL)
    resolved, (line,) = await ask(settings, service)
    assert resolved.source == "default"
    assert line == {
        "event": "instructions service failed",
        "log_level": "warning",
        "url": "https://***@crm.example/prompt?tenant=***&from=***",
        "reason": reason,
    }


SAID = "Grüezi, ça va?"
ANSWER = json.dumps({"system": SAID}, ensure_ascii=False)
# As servers pack that send what they have: a piece, and another one after it.
IN_TWO = gzip.compress(ANSWER[:9].encode(), mtime=0) + gzip.compress(
    ANSWER[9:].encode(), mtime=0
)


@pytest.mark.parametrize(
    ("status", "headers", "body"),
    [
        *[(status, {}, ANSWER.encode()) for status in (200, 201, 202, 203)],
        (200, {}, ANSWER.encode("utf-8-sig")),
        (200, {"Content-Type": "text/html; charset=ISO-8859-1"}, ANSWER.encode("l1")),
        (200, {"Content-Type": "application/json; charset=nonsense"}, ANSWER.encode()),
        (200, {"Content-Type": "application/json; charset=hex"}, ANSWER.encode()),
        (200, {"Content-Type": "text/plain; charset=utf-16"}, ANSWER.encode("utf-16")),
        (200, {"Content-Encoding": "gzip"}, gzip.compress(ANSWER.encode(), mtime=0)),
        (200, {"Content-Encoding": "deflate"}, zlib.compress(ANSWER.encode())),
        (
            200,
            {"Content-Encoding": "deflate"},
            zlib.compress(ANSWER.encode(), wbits=-15),
        ),
        (200, {"Content-Encoding": "Identity"}, ANSWER.encode()),
        (200, {"Content-Encoding": "br"}, packed(ANSWER.encode())),
        (
            200,
            {"Content-Encoding": "x-compress"},
            gzip.compress(ANSWER.encode(), mtime=0),
        ),
        (200, {"Content-Encoding": "gzip"}, IN_TWO),
    ],
)
async def test_what_avr_s_own_connector_takes_is_taken(
    status: int, headers: dict[str, str], body: bytes
) -> None:
    service = answering(status, headers=headers, stream=httpx.ByteStream(body))
    resolved, lines = await ask(evolve(SETTINGS, url_instructions=URL), service)
    assert (resolved.text, resolved.source, lines) == (SAID, "service", [])


async def test_half_a_character_is_a_question_mark() -> None:
    service = answering(200, text='{"system": "a\\ud800b"}')
    resolved, _ = await ask(evolve(SETTINGS, url_instructions=URL), service)
    assert resolved.text == "a?b"


def strict(request: httpx.Request) -> httpx.Response:
    """As services exist that are particular about what they are asked with."""
    if "*/*" not in request.headers["Accept"]:
        return httpx.Response(406)
    if request.headers.get("Content-Type") != "application/json":
        return httpx.Response(415)
    return httpx.Response(200, json={"system": SAID})


async def test_a_particular_service_is_asked_as_it_wants() -> None:
    service = Service(strict)
    resolved, _ = await ask(evolve(SETTINGS, url_instructions=URL), service)
    assert resolved.text == SAID


async def test_a_signed_url_is_left_as_it_is() -> None:
    service = saying("x")
    url = "https://crm.example/prompt?b=%2F&a=1+2&sig=aB%3D%3D"
    settings = evolve(SETTINGS, url_instructions=url, instructions_metadata=False)
    await ask(settings, service)
    assert str(service.asked[0].url) == url


async def test_a_long_body_is_not_read_to_its_end() -> None:
    stream = Stream(0)
    settings = evolve(SETTINGS, url_instructions=URL)
    _, (line,) = await ask(settings, answering(200, stream=stream))
    assert line["reason"] == "the answer is longer than 262144 bytes"
    assert stream.read == 257
    assert stream.closed


async def test_a_slow_body_has_five_seconds(
    autojump_clock: trio.testing.MockClock,
) -> None:
    stream = Stream(pause_s=1.5)
    settings = evolve(SETTINGS, url_instructions=URL)
    resolved, (line,) = await ask(settings, answering(200, stream=stream))
    assert trio.current_time() == 5
    assert resolved.source == "default"
    assert line["reason"] == "no answer within 5 s"
    assert stream.closed


async def test_the_five_seconds_are_for_all_redirects_together(
    autojump_clock: trio.testing.MockClock,
) -> None:
    async def slowly(_: httpx.Request) -> httpx.Response:
        await trio.sleep(2)
        return httpx.Response(302, headers={"Location": "/next"})

    settings = evolve(SETTINGS, url_instructions=URL)
    async with httpx.AsyncClient(transport=httpx.MockTransport(slowly)) as http:
        assert (await resolve(settings, "u", {}, http)).source == "default"
    assert trio.current_time() == 5


async def test_a_redirect_is_followed_and_its_body_is_not_read() -> None:
    stream = Stream(0)

    def answer(request: httpx.Request) -> httpx.Response:
        if request.url.path == "/prompt":
            return httpx.Response(307, headers={"Location": "/moved"}, stream=stream)
        return httpx.Response(200, json={"system": "moved"})

    service = Service(answer)
    resolved, lines = await ask(evolve(SETTINGS, url_instructions=URL), service)
    assert (resolved.text, resolved.source, lines) == ("moved", "service", [])
    assert service.asked[1].headers["X-AVR-UUID"] == "call-1"
    assert (stream.read, stream.closed) == (0, True)


async def test_one_calls_cookies_are_not_sent_for_the_next() -> None:
    service = answering(200, json={"system": "x"}, headers={"Set-Cookie": "a=1"})
    settings = evolve(SETTINGS, url_instructions="https://crm.example")
    async with service.client() as http:
        await resolve(settings, "call-1", {}, http)
        await resolve(settings, "call-2", {}, http)
    assert "Cookie" not in service.asked[1].headers


async def test_a_failed_service_falls_through_to_the_file(tmp_path: Path) -> None:
    file = tmp_path / "prompt"
    file.write_text("\ufefffrom the file", encoding="utf-8")
    settings = evolve(SETTINGS, url_instructions=URL, file_instructions=file)
    resolved, lines = await ask(settings, answering(500))
    assert (resolved.text, resolved.source) == ("from the file", "file")
    assert len(lines) == 1


@pytest.mark.parametrize(
    ("content", "reason"),
    [
        (None, "it is not a file"),
        (b" \n", "it is empty"),
        (b"\xff", "it is not UTF-8 text"),
        (b"a" * (256 * 1024 + 1), "it is longer than 262144 bytes"),
    ],
)
async def test_a_bad_file_is_passed_over_with_a_warning(
    tmp_path: Path, content: bytes | None, reason: str
) -> None:
    file = tmp_path / "prompt"
    if content is not None:
        file.write_bytes(content)
    resolved, (line,) = await ask(evolve(SETTINGS, file_instructions=file))
    assert resolved.source == "default"
    assert (line["event"], line["reason"]) == ("instructions file failed", reason)


async def test_a_folder_is_not_a_file_of_instructions(tmp_path: Path) -> None:
    _, (line,) = await ask(evolve(SETTINGS, file_instructions=tmp_path))
    assert line["reason"] == "it is not a file"


async def test_a_file_name_that_no_disk_can_hold_is_passed_over() -> None:
    _, (line,) = await ask(evolve(SETTINGS, file_instructions=Path("n" * 300)))
    assert line["reason"] == "File name too long"


@pytest.mark.parametrize(
    ("location", "reason"),
    [
        ("ftp://hush/", "UnsupportedProtocol"),
        (f"http://{'hush' * 20}/", "it leads to a host that no DNS could hold"),
    ],
)
async def test_a_redirect_to_nowhere_is_passed_over(location: str, reason: str) -> None:
    async with (
        serving(f"HTTP/1.1 302 Found\r\nLocation: {location}\r\n\r\n".encode()) as url,
        httpx.AsyncClient(trust_env=False) as http,
    ):
        with capture_logs() as lines:
            await resolve(evolve(SETTINGS, url_instructions=url), "u", {}, http)
    assert [line["reason"] for line in lines] == [reason]


async def test_a_long_answer_over_a_real_connection_is_cut_off() -> None:
    head = b"HTTP/1.1 200 OK\r\nContent-Length: 9999999\r\n\r\n"
    async with (
        serving(head, *[b" " * 65_536] * 100) as url,
        httpx.AsyncClient(trust_env=False) as http,
    ):
        with capture_logs() as lines:
            await resolve(evolve(SETTINGS, url_instructions=url), "u", {}, http)
    reason = "the answer is longer than 262144 bytes"
    assert [line["reason"] for line in lines] == [reason]


async def test_placeholders_are_filled_in_instructions_and_welcome() -> None:
    settings = evolve(
        SETTINGS,
        instructions="Call {{uuid}} of {{name}} ({{vip}}, {{vip}})",
        welcome_message="Hello {{name}}, {{vip}}{{day}}",
    )
    resolved, lines = await ask(settings)
    assert resolved.text == "Call call-1 of Ann ({{vip}}, {{vip}})"
    assert resolved.welcome_message == "Hello Ann, {{vip}}{{day}}"
    assert lines == [
        {
            "event": "placeholders without a value",
            "names": ("vip", "day"),
            "log_level": "warning",
        }
    ]


async def test_the_id_of_the_call_is_not_the_metadatas() -> None:
    settings = evolve(SETTINGS, instructions="{{uuid}}")
    async with saying("x").client() as http:
        resolved = await resolve(settings, "real", {"uuid": "forged"}, http)
    assert resolved.text == "real"


def test_the_repr_of_the_instructions_is_no_prompt() -> None:
    assert "hush" not in repr(Resolved("hush", "file", "hush"))


def knowing(answer: object, status: int = 200) -> Service:
    """A fork of avr-ami that tells a call's variables, and a service of instructions."""

    def tell(request: httpx.Request) -> httpx.Response:
        if request.url.path == "/variables":
            return httpx.Response(status, json=answer)
        return httpx.Response(200, json={"system": "{{caller}} calls"})

    return Service(tell)


async def asked_of(service: Service, metadata: dict[str, str]) -> str:
    settings = evolve(SETTINGS, url_instructions="http://crm/", ami_url="http://ami/")
    async with service.client() as http:
        return (await resolve(settings, "call-1", metadata, http)).text


async def test_the_caller_is_whom_the_metadata_names() -> None:
    service = knowing({"callerid": "3000"})
    assert await asked_of(service, {"from": "2000"}) == "2000 calls"
    assert [request.url.path for request in service.asked] == ["/"]


@pytest.mark.parametrize(
    ("answer", "caller"),
    [
        ({"callerid": "3000"}, "3000"),
        ({"CALLERID(num)": "+39055123"}, "+39055123"),
        ({"variables": {"callerIdNum": "3000", "uniqueid": "1.2"}}, "3000"),
        ({"data": {"caller_id": '"Ann" <3000>'}}, "3000"),
        ({"CallerIDNum": 3000}, "3000"),
        ({"callerid": "{{uuid}}", "number": "1"}, "1"),
        ({"callerid": ""}, "unknown"),
        ({}, "unknown"),
        ([], "unknown"),
        ("3000", "unknown"),
    ],
)
async def test_avr_ami_is_asked_where_the_metadata_names_nobody(
    answer: object, caller: str
) -> None:
    service = knowing(answer)
    assert await asked_of(service, {}) == f"{caller} calls"
    question = service.asked[-1]
    assert (question.method, question.content) == ("POST", b'{"uuid":"call-1"}')


async def test_an_avr_ami_that_tells_no_variables_costs_nothing() -> None:
    assert await asked_of(knowing({}, status=404), {}) == "unknown calls"


async def test_avr_ami_has_one_second_to_answer(
    autojump_clock: trio.testing.MockClock,
) -> None:
    async def slow(request: httpx.Request) -> httpx.Response:
        await trio.sleep(30)
        return httpx.Response(200, json={"callerid": "1"})

    settings = evolve(SETTINGS, instructions="{{ caller }}")
    async with httpx.AsyncClient(transport=httpx.MockTransport(slow)) as http:
        assert (await resolve(settings, "u", {}, http)).text == "unknown"
    assert trio.current_time() == 1


async def test_avr_ami_is_not_asked_for_texts_that_name_no_caller() -> None:
    service = knowing({})
    await ask(evolve(SETTINGS, instructions="Hello."), service)
    assert service.asked == []


def test_the_placeholders_of_time_are_of_one_moment_in_its_zone() -> None:
    moment = datetime(2026, 11, 25, 19, 5, 9, tzinfo=ZoneInfo("Europe/Rome"))
    assert of_time(moment) == {
        "now": "2026-11-25T19:05:09+01:00",
        "date": "2026-11-25",
        "time": "19:05",
        "weekday": "Wednesday",
    }


async def test_time_is_told_in_the_zone_of_the_settings() -> None:
    zone = ZoneInfo("Asia/Kathmandu")
    settings = evolve(SETTINGS, instructions="{{now}}|{{weekday}}", tz=zone)
    resolved, _ = await ask(settings)
    now, _, weekday = resolved.text.partition("|")
    told = datetime.fromisoformat(now)
    assert told.utcoffset() == timedelta(hours=5, minutes=45)
    assert abs(told - datetime.now(UTC)) < timedelta(minutes=1)
    assert weekday == f"{told:%A}"


async def test_one_answer_has_everything_of_its_call() -> None:
    answer = {
        "system": "Sell {{product}} at {{uuid}}.",
        "voice": "sage",
        "welcome_message": "Hello {{name}}, {{product}}!",
        "language": "klingon",
        "metadata": {"product": "tyres", "uuid": "forged"},
    }
    service = answering(200, json=answer)
    resolved, (line,) = await ask(evolve(SETTINGS, url_instructions=URL), service)
    assert resolved.text == "Sell tyres at call-1."
    assert resolved.welcome_message == "Hello Ann, tyres!"
    assert resolved.config.voice == "sage"
    assert resolved.config.language is None
    assert line["event"] == "field of the call ignored"
    assert line["problem"].startswith("language must be")
    assert "klingon" not in str(line)


async def test_what_avr_core_says_is_below_the_service() -> None:
    init = {"system": "from init", "voice": "echo", "language": "it"}
    settings = evolve(SETTINGS, url_instructions=URL)
    for service, text, source, voice in (
        (answering(200, json={"system": "x", "voice": "sage"}), "x", "service", "sage"),
        (answering(500), "from init", "init", "echo"),
        (answering(200, json={"voice": "ash"}), "from init", "init", "ash"),
    ):
        async with service.client() as http:
            resolved = await resolve(settings, "u", {}, http, provider_config=init)
        assert (resolved.text, resolved.source) == (text, source)
        assert (resolved.config.voice, resolved.config.language) == (voice, "it")
