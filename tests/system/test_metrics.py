"""Calls are held, and /metrics tells of them over a real socket."""

from collections.abc import AsyncGenerator
from contextlib import asynccontextmanager
from pathlib import Path

import pytest
import trio
from prometheus_client.parser import text_string_to_metric_families
from websockets.exceptions import InvalidStatus

from tests.peers.core import FakeCore, calling
from tests.peers.model import ScriptedModel, ScriptedSession, agree, scripted_model
from trio_sts import __version__

from .kit import log
from .service import Service, serving
from .test_call import tone
from .test_port import ask

LOOKUP = '''
from trio_sts.tools import tool

@tool
def look_up(number: int) -> str:
    """Look an order up."""
    return f"order {number} is on its way"
'''
USAGE = {
    "input_token_details": {
        "text_tokens": 100,
        "audio_tokens": 200,
        "cached_tokens_details": {"text_tokens": 60, "audio_tokens": 20},
    },
    "output_token_details": {"text_tokens": 30, "audio_tokens": 400},
}


class Scraped(dict[str, float]):
    """Every sample: its name and the values of its labels, in order of their names."""

    def of(self, name: str) -> dict[str, float]:
        """The series of a metric, by the values of their labels; none that is 0 by them."""
        start = f"trio_sts_{name}"
        found = {
            key.removeprefix(start).strip(): value
            for key, value in self.items()
            if key.split(" ", 1)[0] == start
        }
        return {key: value for key, value in found.items() if value or not key}


async def scrape(service: Service) -> Scraped:
    status, body = await ask(service, "/metrics")
    assert status == 200
    return Scraped(
        (" ".join((s.name, *(v for _, v in sorted(s.labels.items())))), s.value)
        for family in text_string_to_metric_families(body)
        for s in family.samples
    )


async def until(service: Service, name: str, series: str, value: float) -> Scraped:
    """What is told once a series has reached a value."""
    with trio.fail_after(5):
        while True:
            found = await scrape(service)
            if found.of(name).get(series, 0) >= value:
                return found
            # Nobody is told of it when a metric changes.
            await trio.sleep(0.02)


@asynccontextmanager
async def speaking(
    service: Service, model: ScriptedModel, uuid: str
) -> AsyncGenerator[tuple[FakeCore, ScriptedSession]]:
    """A call whose caller has heard the greeting."""
    async with calling(service.url) as core:
        await core.init(uuid)
        session = await model.next_session()
        await session.expect("response.create")
        async with session.response() as response:
            await response.say(tone(200, rate_hz=24000), "Good morning.")
        await core.wait_audio(200)
        yield core, session


async def with_a_tool_and_a_barge_in(core: FakeCore, session: ScriptedSession) -> None:
    """A turn that needs two tools, one of them made up, and an answer that is cut."""
    await session.speech(transcript="Where is my order?")
    response = await session.begin()
    await response.call("look_up", '{"number": 7}')
    await response.call('no"such{tool}\\n', "{}")
    await response.done(usage=USAGE)
    await session.expect("response.create")
    response = await session.begin()
    await response.say(tone(5000, rate_hz=24000), "It is on its way.", finish=False)
    await core.wait_audio(400)
    await session.speech_started()
    await response.done("cancelled", reason="turn_detected", usage=USAGE)
    await core.wait_for("interruption")


async def test_a_call_with_tools_and_a_barge_in(tmp_path: Path) -> None:
    tools = tmp_path / "tools"
    tools.mkdir()
    (tools / "lookup.py").write_text(LOOKUP)
    environ = {
        "TOOLS_DIR": str(tools),
        "STS_CALLS_DB": f"sqlite:///{tmp_path}/calls.db",
        "STS_RECORD_DIR": str(tmp_path / "records"),
        "STS_MAX_CALLS": "7",
    }
    with log() as lines:
        async with (
            scripted_model() as model,
            serving(model.base_url, **environ) as service,
        ):
            before = await scrape(service)
            assert before.of("calls_active") == {"": 0}
            assert before.of("calls_limit") == {"": 7}
            assert before.of("info") == {__version__: 1}
            async with speaking(service, model, "one") as (core, session):
                assert (await scrape(service)).of("calls_active") == {"": 1}
                await with_a_tool_and_a_barge_in(core, session)
                await session.error("a_new_code")
                limit = {"name": "tokens", "limit": 1000, "remaining": 400}
                await session.send("rate_limits.updated", rate_limits=[limit])
                ratio = "rate_limit_remaining_ratio"
                await until(service, ratio, "tokens", 0.4)
                await core.hang_up()
            await until(service, "records_total", "delivered store", 1)
            found = await until(service, "records_total", "written file", 1)
    assert found.of("calls_active") == {"": 0}
    assert found.of("calls_total") == {"1000 caller hung up": 1}
    assert found.of("calls_failed_total") == {"": 0}
    assert found.of("call_seconds_count") == {"": 1}
    assert found.of("call_seconds_sum")[""] > 0
    assert found.of("first_audio_seconds_count") == {"greeting": 1, "tool": 1}
    (ended,) = [line for line in lines if line["event"] == "call ended"]
    assert found.of("barge_ins_total") == {"": ended["barge_ins"]}
    assert ended["barge_ins"] >= 1
    assert ended["log_level"] == "info"
    assert found.of("dead_air_total") == {}
    assert found.of("responses_total") == {
        "completed": 2,
        "turn_detected cancelled": 1,
    }
    assert found.of("model_connects_total") == {"connected": 1}
    assert found.of("model_reconnects_total") == {}
    assert found.of("model_errors_total") == {"other": 1}
    assert found.of("tool_seconds_count") == {"ok look_up": 1, "failed unknown": 1}
    assert found.of("tokens_total") == {
        "input_audio": 400,
        "input_cached": 160,
        "input_text": 200,
        "output_audio": 800,
        "output_text": 60,
    }
    assert found.of("cost_usd_total")[""] > 0.01
    assert found.of("audio_dropped_seconds_total") == {}
    assert found.of("records_total") == {"delivered store": 1, "written file": 1}
    assert found.of("loop_lag_seconds_count")[""] > 50
    assert found.of("model_failing") == {"": 0}


async def test_a_session_that_is_lost_and_the_audio_that_has_no_room_meanwhile() -> (
    None
):
    back = trio.Event()

    async def second_is_late(session: ScriptedSession) -> None:
        if session.index == 1:
            await back.wait()
        await agree(session)

    async with (
        scripted_model(second_is_late) as model,
        serving(model.base_url) as service,
        speaking(service, model, "one") as (core, session),
    ):
        await session.abort()
        await model.next_connection()
        # 10 s are kept.
        for _ in range(26):
            await core.say(tone(500))
        await core.say(tone(20))
        back.set()
        found = await until(service, "model_reconnects_total", "restored lost", 1)
        await core.hang_up()
        found = await until(service, "calls_total", "1000 caller hung up", 1)
    assert found.of("model_connects_total") == {"connected": 2}
    dropped = found.of("audio_dropped_seconds_total")
    assert dropped == {"model away": pytest.approx(3.0, abs=0.6)}


async def test_a_silent_model_is_dead_air_and_the_call_has_failed() -> None:
    with log() as lines:
        async with (
            scripted_model() as model,
            serving(model.base_url, STS_DEAD_AIR_S="1") as service,
            speaking(service, model, "one") as (core, session),
        ):
            await session.speech(transcript="Are you there?")
            await core.wait_closed(within_s=8)
            found = await until(service, "calls_total", "1011 model silent", 1)
    assert found.of("dead_air_total") == {
        "ask_again": 1,
        "other_session": 1,
        "give_up": 1,
    }
    assert found.of("model_reconnects_total") == {"restored silent": 1}
    assert found.of("calls_failed_total") == {"": 1}
    (ended,) = [line for line in lines if line["event"] == "call ended"]
    assert ended["log_level"] == "warning"


@pytest.mark.parametrize("status", [404, 401])
async def test_a_model_that_fails_call_after_call_is_told_to_probes(
    status: int,
) -> None:
    failing = {
        404: "the model is failing: 5 calls in a row (no model)",
        401: "the endpoint refuses the key",
    }[status]
    with log() as lines:
        async with (
            scripted_model(refuse=[status] * 5) as model,
            serving(model.base_url) as service,
        ):
            for number in range(5):
                # A key that is refused once will be refused again.
                seen = await ask(service, "/readyz")
                assert (seen == (200, "ready\n")) is (number == 0 or status == 404)
                async with calling(service.url) as core:
                    await core.init(f"call-{number}")
                    await core.wait_closed()
                await until(service, "calls_failed_total", "", number + 1)
            assert await ask(service, "/readyz") == (503, f"not ready: {failing}\n")
            found = await until(service, "model_failing", "", 1)
            async with speaking(service, model, "good") as (core, _):
                await core.hang_up()
            await until(service, "calls_total", "1000 caller hung up", 1)
            assert await ask(service, "/readyz") == (200, "ready\n")
            assert (await scrape(service)).of("model_failing") == {"": 0}
    assert found.of("calls_total") == {"1011 no model": 5}
    assert found.of("model_connects_total") == {f"http_{status}": 5}
    errors = [line["event"] for line in lines if line["log_level"] == "error"]
    assert errors == ["key refused"] * (status == 401) + ["model failing"]


async def test_refused_callers_are_no_calls() -> None:
    async with serving(
        "http://127.0.0.1:9/v1", STS_TOKEN="s3cret", STS_MAX_CALLS="1"
    ) as service:
        for _ in range(2):
            with pytest.raises(InvalidStatus):
                async with calling(service.url):
                    pass
        async with calling(f"{service.url}/?token=s3cret") as core:
            await core.init()
            with trio.fail_after(5):
                await trio.lowlevel.checkpoint()
                while service.server.calls < 1:  # noqa: ASYNC110  the service's count
                    await trio.sleep(0.01)
            with pytest.raises(InvalidStatus):
                async with calling(f"{service.url}/?token=s3cret"):
                    pass
            assert (await ask(service, "/metrics"))[0] == 401
            status, body = await ask(service, "/metrics?token=s3cret")
    assert status == 200
    assert 'trio_sts_callers_refused_total{why="token"} 2.0' in body
    assert 'trio_sts_callers_refused_total{why="full"} 1.0' in body
    assert "trio_sts_calls_active 1.0" in body
    counts = [
        line for line in body.splitlines() if line.startswith("trio_sts_calls_total")
    ]
    assert all(line.endswith("} 0.0") for line in counts)


async def test_the_page_is_read_and_nothing_else() -> None:
    async with serving("http://127.0.0.1:9/v1") as service:
        assert (await ask(service, "/metrics", "HEAD")) == (200, "")
        assert (await ask(service, "/metrics", "POST"))[0] == 405
        assert (await ask(service, "/metrics/", "GET"))[0] == 404
