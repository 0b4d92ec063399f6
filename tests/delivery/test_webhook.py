"""The webhook: signed, tried for an hour, and done with who wants nothing any more."""

import json
import ssl
from base64 import b64decode, b64encode
from collections.abc import AsyncGenerator, Awaitable, Callable
from contextlib import asynccontextmanager
from datetime import UTC, datetime
from pathlib import Path

import httpx
import pytest
import trio
import trustme
from attrs import define, field
from standardwebhooks import Webhook, WebhookVerificationError
from structlog.testing import capture_logs
from trio.testing import MockClock

from tests.record.kit import finished
from trio_sts.delivery.message import message
from trio_sts.delivery.outbox import Outbox
from trio_sts.delivery.signing import signed_headers
from trio_sts.delivery.spool import Spool, all_entries
from trio_sts.delivery.webhook import WebhookSender
from trio_sts.settings.webhooks import webhook_key
from trio_sts.tools.http_client import tool_http_client

from .kit import until

SECRET = "whsec_" + b64encode(bytes(range(40))).decode()
URL = "https://crm.example/calls?key=hush-hush"
Handler = Callable[[httpx.Request], Awaitable[httpx.Response]]


@define(eq=False)
class Receiver:
    """Somebody's web service: verifies what comes, and answers as it is told.

    Attributes:
        status: What it answers; a string is the name of an error of the connection.
        got: The time and the request of each attempt.
    """

    status: int | str = 204
    got: list[tuple[float, httpx.Request]] = field(
        factory=list[tuple[float, httpx.Request]]
    )

    async def handle(self, request: httpx.Request) -> httpx.Response:
        Webhook(SECRET).verify(request.content, dict(request.headers))
        self.got.append((trio.current_time(), request))
        await trio.lowlevel.checkpoint()
        if self.status == "hangs":
            await trio.sleep_forever()
        if self.status == "refused":
            raise httpx.ConnectError("to https://crm.example?key=hush-hush")
        assert isinstance(self.status, int)
        return httpx.Response(self.status, headers={"location": "https://other/"})

    @property
    def ids(self) -> list[str]:
        return [request.headers["webhook-id"] for _, request in self.got]

    @property
    def times(self) -> list[float]:
        return [at for at, _ in self.got]


@asynccontextmanager
async def sending(
    receiver: Receiver, spool: Spool | None = None
) -> AsyncGenerator[WebhookSender]:
    http = httpx.AsyncClient(transport=httpx.MockTransport(receiver.handle))
    outbox = Outbox("webhook", spool)
    async with http, trio.open_nursery() as nursery:
        sender = WebhookSender(URL, webhook_key(SECRET), outbox, http)
        nursery.start_soon(outbox.keep)
        nursery.start_soon(sender.run)
        yield sender
        nursery.cancel_scope.cancel(reason="the test is over")


def put(sender: WebhookSender, *ids: str) -> None:
    for each in ids or ("a1",):
        sender.outbox.put(each, message(finished(id=each), [], whole=True))


async def test_a_call_is_told_signed_as_standard_webhooks_say(
    autojump_clock: MockClock,
) -> None:
    receiver = Receiver()
    async with sending(receiver) as sender:
        put(sender)
        await until(lambda: sender.outbox.results["delivered"] == 1)
    ((_, request),) = receiver.got
    told = Webhook(SECRET).verify(request.content, dict(request.headers))
    assert told["type"] == "call.ended"
    assert told["data"]["uuid"] == "call-1"
    assert request.headers["webhook-id"] == "msg_a1"
    assert request.headers["content-type"] == "application/json"
    assert str(request.url) == URL
    changed = request.content.replace(b"call-1", b"call-2")
    with pytest.raises(WebhookVerificationError):
        Webhook(SECRET).verify(changed, dict(request.headers))


@pytest.mark.parametrize("status", [500, 404, 429, 301, 307, "refused", "hangs"])
async def test_a_receiver_that_fails_is_tried_for_an_hour_with_one_id(
    autojump_clock: MockClock, status: int | str
) -> None:
    receiver = Receiver(status)
    with capture_logs() as lines:
        async with sending(receiver) as sender:
            put(sender)
            await trio.sleep(2 * 3600)
            assert sender.outbox.results == {"given up": 1}
    assert set(receiver.ids) == {"msg_a1"}
    assert receiver.times[0] == 0
    # An attempt may take 15 s, and the last one is the first that fails after an hour.
    attempt_s = 15 if status == "hangs" else 0
    assert receiver.times[1] - attempt_s <= 10
    assert 3600 <= receiver.times[-1] + attempt_s <= 4200
    pauses = [b - a for a, b in zip(receiver.times, receiver.times[1:], strict=False)]
    assert max(pauses) <= 375 + 15
    assert len(receiver.times) < 40
    told = [line for line in lines if line["event"] == "webhook fails"]
    assert 1 <= len(told) <= len(receiver.times)
    assert "hush-hush" not in str(lines)
    assert "crm.example" not in str(lines)


async def test_one_that_is_down_for_an_hour_is_told_afterwards(
    autojump_clock: MockClock,
) -> None:
    receiver = Receiver("refused")
    async with sending(receiver) as sender:
        for number in range(60):
            put(sender, f"call-{number}")
            await trio.sleep(60)
        receiver.status = 200
        await trio.sleep(600)
        assert sender.outbox.results == {"delivered": 60}
        assert not sender.outbox.waiting
    assert len({*receiver.ids}) == 60


async def test_the_pauses_are_not_the_same_for_all(autojump_clock: MockClock) -> None:
    receiver = Receiver(500)
    async with sending(receiver) as sender:
        put(sender, *(f"call-{number}" for number in range(8)))
        await trio.sleep(9)
    second = receiver.times[8:16]
    assert len({*second}) > 1
    assert all(3.75 <= at <= 6.25 for at in second)


def test_each_attempt_has_the_time_at_which_it_is_made() -> None:
    at = datetime(2026, 11, 25, 10, 30, 5, 900_000, tzinfo=UTC)
    headers = signed_headers("msg_a1", at, b"{}", bytes(range(40)))
    assert headers["webhook-timestamp"] == "1795602605"
    assert headers["webhook-signature"] == Webhook(SECRET).sign("msg_a1", at, "{}")
    later = signed_headers("msg_a1", datetime.now(UTC), b"{}", bytes(range(40)))
    assert later["webhook-signature"] != headers["webhook-signature"]


async def test_410_ends_it_for_the_process_with_a_warning(
    autojump_clock: MockClock,
) -> None:
    receiver = Receiver(410)
    with capture_logs() as lines:
        async with sending(receiver) as sender:
            put(sender)
            await trio.sleep(10_000)
            assert sender.gone
            await sender.finish()
    assert len(receiver.got) == 1
    (told,) = [line for line in lines if line["event"] == "webhook is over"]
    assert told["log_level"] == "warning"


async def test_few_are_told_at_once(autojump_clock: MockClock) -> None:
    receiver = Receiver("hangs")
    async with sending(receiver) as sender:
        put(sender, *(f"call-{number}" for number in range(100)))
        await trio.sleep(10)
        assert len(receiver.got) == 8


async def test_a_stop_lets_an_attempt_end_and_tries_again_what_no_file_keeps(
    autojump_clock: MockClock,
) -> None:
    receiver = Receiver(500)
    async with sending(receiver) as sender:
        put(sender)
        await trio.sleep(1)
        receiver.status = 200
        put(sender, "a2")
        await sender.finish()
    assert receiver.ids[0] == "msg_a1"
    assert sorted(receiver.ids[1:]) == ["msg_a1", "msg_a2"]
    assert sender.outbox.results == {"delivered": 2}


async def test_a_stop_does_not_wait_for_what_is_in_a_file_and_was_tried(
    tmp_path: Path, mock_clock: MockClock
) -> None:
    root = tmp_path / "spool" / "webhook"
    receiver = Receiver(500)
    async with sending(receiver, Spool(root)) as sender:
        put(sender)
        mock_clock.rate = 1
        await until(lambda: not sender.outbox.unsafe and len(receiver.got) == 1)
        mock_clock.rate = 0
        with trio.fail_after(1):
            await sender.finish()
    assert len(list(all_entries(root))) == 1
    # The next process tells it, under the same id.
    receiver.status = 200
    await sender.outbox.close()
    mock_clock.rate = 20
    async with sending(receiver, Spool(root)) as successor:
        await until(lambda: successor.outbox.results["delivered"] == 1, within_s=400)
        await until(lambda: not list(all_entries(root)), within_s=400)
    assert receiver.ids == ["msg_a1", "msg_a1"]


async def test_a_call_whose_file_was_removed_is_not_told(
    tmp_path: Path, mock_clock: MockClock
) -> None:
    mock_clock.rate = 10
    root = tmp_path / "spool" / "webhook"
    receiver = Receiver(500)
    async with sending(receiver, Spool(root)) as sender:
        put(sender)
        await until(lambda: not sender.outbox.unsafe and len(receiver.got) == 1)
        for path in all_entries(root):
            path.unlink()
        receiver.status = 200
        await until(lambda: not sender.outbox.waiting, within_s=400)
    assert sender.outbox.results == {"forgotten": 1}
    assert len(receiver.got) == 1


@asynccontextmanager
async def listening(
    answer: Callable[[trio.abc.Stream], Awaitable[None]],
    tls: ssl.SSLContext | None = None,
) -> AsyncGenerator[str]:
    """A real receiver on the loopback; yields its URL."""

    async def serve(stream: trio.abc.Stream) -> None:
        async with stream:
            try:
                received = b""
                while b"\r\n\r\n" not in received:
                    received += bytes(await stream.receive_some()) or b"\r\n\r\n"
                await answer(stream)
            except trio.BrokenResourceError:
                await trio.lowlevel.checkpoint()

    async with trio.open_nursery() as nursery:
        listeners = await trio.open_tcp_listeners(0, host="127.0.0.1")
        port = listeners[0].socket.getsockname()[1]
        if tls is None:
            await nursery.start(trio.serve_listeners, serve, listeners)
        else:
            secured = [trio.SSLListener(each, tls) for each in listeners]
            await nursery.start(trio.serve_listeners, serve, secured)
        yield f"{'http' if tls is None else 'https'}://localhost:{port}/calls"
        nursery.cancel_scope.cancel(reason="the test is over")


async def attempt(url: str, trust: ssl.SSLContext | None = None) -> str:
    """What one attempt over a real socket comes to, and what is told of it."""
    with capture_logs() as lines:
        async with tool_http_client(trust) as http:
            sender = WebhookSender(url, bytes(32), Outbox("webhook", None), http)
            sender.outbox.put("a1", message(finished(), [], whole=True))
            answer = await sender._attempt(sender.outbox.waiting["a1"])  # pyright: ignore[reportPrivateUsage]
    return f"{answer}: {lines[0]['why']}" if lines else answer


async def test_a_redirect_is_not_followed() -> None:
    seen: list[str] = []

    async def other(stream: trio.abc.Stream) -> None:
        seen.append("asked")
        await stream.send_all(b"HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n")

    async with listening(other) as elsewhere:

        async def redirects(stream: trio.abc.Stream) -> None:
            head = (
                f"HTTP/1.1 307 X\r\nLocation: {elsewhere}\r\nContent-Length: 0\r\n\r\n"
            )
            await stream.send_all(head.encode())

        async with listening(redirects) as url:
            assert await attempt(url) == "failed: answered with 307"
    assert seen == []


async def test_a_body_without_end_is_not_read() -> None:
    sent = 0

    async def endless(stream: trio.abc.Stream) -> None:
        nonlocal sent
        await stream.send_all(b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n")
        while True:
            await stream.send_all(b"10000\r\n" + bytes(0x10000) + b"\r\n")
            sent += 0x10000

    async with listening(endless) as url:
        with trio.fail_after(10):
            assert await attempt(url) == "taken"
    assert sent < 16 * 1024 * 1024


async def test_what_is_no_answer_is_a_failure_in_few_words() -> None:
    async def nonsense(stream: trio.abc.Stream) -> None:
        await stream.send_all(b"220 mail.example ESMTP\r\n")

    async def nothing(stream: trio.abc.Stream) -> None:
        await stream.aclose()

    for answer in (nonsense, nothing):
        async with listening(answer) as url:
            told = await attempt(url)
            assert told.startswith(("failed: RemoteProtocolError", "failed: ReadError"))


async def test_a_certificate_that_nobody_vouches_for_is_refused() -> None:
    authority = trustme.CA()
    tls = ssl.create_default_context(ssl.Purpose.CLIENT_AUTH)
    authority.issue_cert("localhost").configure_cert(tls)  # pyright: ignore[reportUnknownMemberType]

    async def takes(stream: trio.abc.Stream) -> None:
        await stream.send_all(b"HTTP/1.1 204 X\r\n\r\n")

    trusting = ssl.create_default_context()
    authority.configure_trust(trusting)  # pyright: ignore[reportUnknownMemberType]
    async with listening(takes, tls) as url:
        assert await attempt(url, trusting) == "taken"
        told = await attempt(url)
        assert told.startswith("failed: ConnectError: ")
        assert "certificate verify failed" in told


def test_a_secret_is_the_bytes_that_its_base64_says() -> None:
    assert webhook_key(SECRET) == b64decode(SECRET.removeprefix("whsec_"))


def test_a_message_tells_the_call_and_nothing_of_the_machine() -> None:
    entries = [{"kind": "utterance", "role": "user", "text": "Grüezi"}]
    told = json.loads(message(finished(), entries, whole=True))["data"]
    assert told["caller"] == "+49 (30) 123-456"
    assert told["transcript"] == entries
    assert told["transcript_whole"] is True
    assert told["tools"][0] == {
        "name": "look_up",
        "duration_ms": 1234,
        "outcome": "ok",
    }
    assert told["turn"] == {"count": 4, "median_ms": 810, "worst_ms": 2400}
    assert told["cost"] == {"usd": 0.24516, "unpriced": ["our-own"]}
    text = message(finished(), entries, whole=True).decode()
    assert "telephone-1" not in text
    assert "/records" not in text


def test_without_text_there_is_no_transcript_and_no_number() -> None:
    text = message(finished(), None, whole=True).decode()
    assert "123-456" not in text
    assert 'transcript"' not in text
    assert json.loads(text)["data"]["caller"] is None
