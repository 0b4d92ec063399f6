"""What fails in the last steps of a call costs a line of the log, and nothing else."""

from types import SimpleNamespace

import pytest
import trio
from structlog.testing import capture_logs

from tests.peers.core import calling
from tests.peers.model import scripted_model
from trio_sts.relay import Relay

from .service import serving


def _boom(*_: object, **__: object) -> None:
    raise OverflowError("boom")


@pytest.mark.parametrize(
    ("what", "at"),
    [
        ("trio_sts.nursery.log_fields", "its summary"),
        ("last pass", "its last pass"),
        ("trio_sts.record.transcript.orjson", None),
    ],
)
async def test_the_caller_gets_the_code_and_the_log_its_line(
    what: str,
    at: str | None,
    monkeypatch: pytest.MonkeyPatch,
    tmp_path_factory: pytest.TempPathFactory,
) -> None:
    folder = tmp_path_factory.mktemp("transcripts")
    with capture_logs() as lines:
        async with (
            scripted_model() as model,
            serving(model.base_url, STS_TRANSCRIPT_DIR=str(folder)) as service,
            calling(service.url) as core,
        ):
            await core.init()
            session = await model.next_session()
            if what == "last pass":
                monkeypatch.setattr(Relay, "finish", _boom)
            elif at is None:
                no_json = SimpleNamespace(dumps=_boom, OPT_APPEND_NEWLINE=0)
                monkeypatch.setattr(what, no_json)
            else:
                monkeypatch.setattr(what, _boom)
            # The model refuses for good: the call is ended by us.
            await session.error("insufficient_quota", kind="insufficient_quota")
            assert await core.wait_closed(12) == 1011
            with trio.fail_after(3):
                await session.closed.wait()
            assert service.server.calls == 0
    events = [line["event"] for line in lines]
    assert events.count("call ended") == 1
    crashes = [line["at"] for line in lines if line["event"] == "call crashed"]
    assert crashes == ([at] if at else [])
    ended = next(line for line in lines if line["event"] == "call ended")
    assert ended["close_code"] == 1011


async def test_numbers_that_are_no_counts_are_not_counted() -> None:
    absurd = {"audio_tokens": 1e308, "text_tokens": 10**18}
    usage = {"input_token_details": absurd, "output_token_details": absurd}
    with capture_logs() as lines:
        async with (
            scripted_model(judged=False) as model,
            serving(model.base_url) as service,
            calling(service.url) as core,
        ):
            await core.init()
            session = await model.next_session()
            await session.send(
                "response.done",
                response={"id": "r1", "status": "completed", "usage": usage},
            )
            await session.send("response.created", response={"id": "r2"})
            await core.hang_up()
            with trio.fail_after(3):
                await session.closed.wait()
    ended = next(line for line in lines if line["event"] == "call ended")
    assert ended["tokens_in"] == ended["tokens_out"] == 0
