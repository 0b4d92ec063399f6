"""What the whole service leaves of a call in the store and tells the webhook."""

import gzip
import json
import sqlite3
from base64 import b64encode
from collections.abc import AsyncGenerator
from contextlib import asynccontextmanager
from functools import partial
from pathlib import Path
from typing import Any

import h11
import pytest
import trio
from attrs import define, field
from standardwebhooks import Webhook
from structlog.testing import capture_logs

from tests.delivery.kit import until
from tests.peers.core import calling
from tests.peers.model import ScriptedSession, scripted_model
from trio_sts.calls.forgetting import numbers_in
from trio_sts.callstore.store import CallStore, Wanted
from trio_sts.delivery.spool import all_entries
from trio_sts.record.finished_call import FinishedCall

from .desk import loud
from .service import KEY, Service, serving

SECRET = "whsec_" + b64encode(b"a secret of thirty-two bytes, 32").decode()
NUMBER = "+49 30 555-0177"
WORDS = "My parrot is called Quetzal"


@define(eq=False)
class Receiver:
    """The operator's web service."""

    url: str = ""
    status: int = 204
    hangs: bool = False
    told: list[dict[str, Any]] = field(factory=list[dict[str, Any]])

    async def serve(self, stream: trio.SocketStream) -> None:
        async with stream:
            peer, body, headers = h11.Connection(h11.SERVER), b"", {}
            while True:
                event = peer.next_event()
                if event is h11.NEED_DATA:
                    peer.receive_data(bytes(await stream.receive_some()))
                elif isinstance(event, h11.Request):
                    headers = {k.decode(): v.decode() for k, v in event.headers}
                elif isinstance(event, h11.Data):
                    body += bytes(event.data)
                else:
                    break
            self.told.append(Webhook(SECRET).verify(body, headers))
            if self.hangs:
                await trio.sleep_forever()
            head = f"HTTP/1.1 {self.status} X\r\nContent-Length: 0\r\n\r\n"
            await stream.send_all(head.encode())


@asynccontextmanager
async def receiver() -> AsyncGenerator[Receiver]:
    web = Receiver()
    async with trio.open_nursery() as nursery:
        listeners: list[trio.SocketListener] = await nursery.start(
            partial(trio.serve_tcp, web.serve, 0, host="127.0.0.1")
        )
        port = listeners[0].socket.getsockname()[1]
        web.url = f"http://127.0.0.1:{port}/calls?key=whisper-7"
        yield web
        nursery.cancel_scope.cancel(reason="the test is over")


def environment(folder: Path, web: Receiver, **more: str) -> dict[str, str]:
    records = folder / "records"
    return {
        "STS_CALLS_DB": f"sqlite:///{folder / 'calls.db'}",
        "STS_WEBHOOK_URL": web.url,
        "STS_WEBHOOK_SECRET": SECRET,
        "STS_RECORD_DIR": str(records),
        "STS_SILENCE_PROMPT_S": "0",
        "STS_TOKEN": "token-Mumble-1",
        **more,
    }


async def hold(
    service: Service, model: Any, uuid: str = "call-1", **init: object
) -> ScriptedSession:
    """One short call, in which both say something."""
    query = "?from=%2B49%2030%20555-0177&to=5001&token=token-Mumble-1"
    async with calling(f"{service.url}/{query}") as core:
        await core.init(uuid, **init)
        session: ScriptedSession = await model.next_session()
        await session.expect("response.create")
        async with session.response() as response:
            await response.say(loud(200), "Good morning")
        await core.wait_audio(200)
        await session.send(
            "conversation.item.input_audio_transcription.completed",
            item_id="u1",
            content_index=0,
            transcript=WORDS,
            usage={"type": "duration", "seconds": 3},
        )
        await core.hang_up()
    return session


def stored(folder: Path) -> list[FinishedCall]:
    store = CallStore.open(f"sqlite:///{folder / 'calls.db'}")
    found = list(store.find(Wanted()))
    store.close()
    return found


def count(folder: Path) -> int:
    """Rows, without waiting for anything."""
    path = folder / "calls.db"
    if not path.exists():
        return 0
    connection = sqlite3.connect(path, timeout=0)
    try:
        (rows,) = connection.execute("SELECT count(*) FROM calls").fetchone()
    except sqlite3.OperationalError:
        return 0
    finally:
        connection.close()
    return int(rows)


def everything(folder: Path, *, but: str = "") -> str:
    text = ""
    for path in folder.rglob("*"):
        if path.is_file() and not (but and path.name.startswith(but)):
            content = path.read_bytes()
            if content[:2] == b"\x1f\x8b":
                content = gzip.decompress(content)
            text += f"{path} {content.decode(errors='replace')}\n"
    return text


async def test_a_call_leaves_a_row_and_is_told_with_what_was_said(
    tmp_path: Path,
) -> None:
    with capture_logs() as lines:
        async with receiver() as web, scripted_model() as model:
            given = environment(tmp_path, web)
            async with serving(model.base_url, **given) as service:
                await hold(service, model)
                await until(lambda: count(tmp_path) == 1 and len(web.told) == 1)
    (call,) = stored(tmp_path)
    assert (call.uuid, call.caller, call.called) == ("call-1", NUMBER, "5001")
    assert (call.outcome, call.close_code) == ("caller hung up", 1000)
    assert call.greeting.count == 1
    assert call.cost.usd is not None
    assert call.files.call is not None
    assert call.files.call in everything(tmp_path)
    # By this the file is found when the number is to be forgotten.
    noted = numbers_in(Path(call.files.call)) or {}
    assert (noted["call"], noted["caller"], noted["called"]) == (
        "call-1",
        NUMBER,
        "5001",
    )
    (told,) = web.told
    assert told["type"] == "call.ended"
    assert told["data"]["id"] == call.id
    assert told["data"]["caller"] == NUMBER
    said = [(each["role"], each["text"]) for each in told["data"]["transcript"]]
    assert ("user", WORDS) in said
    ended = next(line for line in lines if line["event"] == "call ended")
    assert ended["greeting_latency_ms"] == call.greeting.worst_ms
    for secret in (KEY, SECRET, "whisper-7", "token-Mumble-1"):
        assert secret not in str(lines)
        assert secret not in everything(tmp_path)
        assert secret not in json.dumps(web.told)
    assert NUMBER not in str(lines)
    assert not list(all_entries(tmp_path / "records" / "spool" / "calls"))


async def test_without_text_words_are_nowhere_and_the_number_in_the_store_alone(
    tmp_path: Path,
) -> None:
    async with receiver() as web, scripted_model() as model:
        given = environment(tmp_path, web, STS_RECORD_TEXT="off")
        async with serving(model.base_url, **given) as service:
            await hold(service, model)
            await until(lambda: count(tmp_path) == 1 and len(web.told) == 1)
    (call,) = stored(tmp_path)
    assert call.caller == NUMBER
    elsewhere = everything(tmp_path, but="calls.db") + json.dumps(web.told)
    for told in ("555-0177", "495550177", "4930555", "Quetzal", "Good morning"):
        assert told not in elsewhere
    assert "Quetzal" not in everything(tmp_path)


async def test_without_text_a_call_that_waits_has_no_word_in_its_file(
    tmp_path: Path,
) -> None:
    async with receiver() as web, scripted_model() as model:
        web.status = 500
        given = environment(tmp_path, web, STS_RECORD_TEXT="off")
        async with serving(model.base_url, **given) as service:
            await hold(service, model)
            root = tmp_path / "records" / "spool" / "webhook"
            await until(lambda: len(list(all_entries(root))) == 1)
            assert "Quetzal" not in everything(tmp_path)
            assert "555-0177" not in everything(root)


@pytest.mark.parametrize("sends_init", [True, False])
async def test_what_is_not_to_be_kept_and_what_was_no_call_leaves_nothing(
    tmp_path: Path, *, sends_init: bool
) -> None:
    async with receiver() as web, scripted_model() as model:
        async with serving(model.base_url, **environment(tmp_path, web)) as service:
            if sends_init:
                await hold(service, model, provider_config={"record": False})
            else:
                async with calling(f"{service.url}/?token=token-Mumble-1") as core:
                    await core.hang_up()
            await hold(service, model, "call-2")
            await until(lambda: count(tmp_path) == 1 and len(web.told) == 1)
    assert [call.uuid for call in stored(tmp_path)] == ["call-2"]
    assert [each["data"]["uuid"] for each in web.told] == ["call-2"]


async def test_a_store_that_is_locked_holds_up_no_call_and_gets_it_afterwards(
    tmp_path: Path,
) -> None:
    store = CallStore.open(f"sqlite:///{tmp_path / 'calls.db'}")
    list(store.find(Wanted()))
    store.close()
    lock = sqlite3.connect(tmp_path / "calls.db", isolation_level=None)
    lock.execute("BEGIN IMMEDIATE")
    async with receiver() as web, scripted_model() as model:
        async with serving(model.base_url, **environment(tmp_path, web)) as service:
            for number in range(3):
                with trio.fail_after(10):
                    await hold(service, model, f"call-{number}")
            await until(lambda: len(web.told) == 3)
            assert count(tmp_path) == 0
            lock.execute("COMMIT")
            lock.close()
            await until(lambda: count(tmp_path) == 3)


async def test_a_folder_that_is_gone_costs_the_files_and_not_the_delivery(
    tmp_path: Path,
) -> None:
    with capture_logs() as lines:
        async with receiver() as web, scripted_model() as model:
            given = environment(tmp_path, web)
            async with serving(model.base_url, **given) as service:
                (tmp_path / "records").rmdir()
                await hold(service, model)
                await until(lambda: count(tmp_path) == 1 and len(web.told) == 1)
    assert "record lost" not in {line["event"] for line in lines}


async def test_a_stop_waits_for_a_receiver_no_longer_than_the_drain(
    tmp_path: Path,
) -> None:
    async with receiver() as web, scripted_model() as model:
        web.hangs = True
        given = environment(tmp_path, web, STS_DRAIN_S="1")
        async with serving(model.base_url, **given) as service:
            await hold(service, model)
            await until(lambda: len(web.told) == 1)
            service.signal()
            with trio.fail_after(2):
                await service.stopped.wait()
        root = tmp_path / "records" / "spool" / "webhook"
        assert len(list(all_entries(root))) == 1
        # The next process tells it, under the same id.
        web.hangs = False
        async with serving(model.base_url, **given) as service:
            await until(lambda: len(web.told) == 2)
            await until(lambda: not list(all_entries(root)))
    first, second = web.told
    assert first["data"]["id"] == second["data"]["id"]


async def test_a_stop_delivers_what_is_under_way(tmp_path: Path) -> None:
    async with receiver() as web, scripted_model() as model:
        async with serving(model.base_url, **environment(tmp_path, web)) as service:
            await hold(service, model)
            service.signal()
            with trio.fail_after(5):
                await service.stopped.wait()
            assert count(tmp_path) == 1
            assert len(web.told) == 1


async def test_a_second_signal_waits_for_no_receiver(tmp_path: Path) -> None:
    async with receiver() as web, scripted_model() as model:
        web.hangs = True
        given = environment(tmp_path, web, STS_DRAIN_S="60")
        async with serving(model.base_url, **given) as service:
            await hold(service, model)
            await until(lambda: len(web.told) == 1)
            service.signal()
            with trio.move_on_after(0.3):
                await service.stopped.wait()
            assert not service.stopped.is_set()
            service.signal()
            with trio.fail_after(3):
                await service.stopped.wait()
