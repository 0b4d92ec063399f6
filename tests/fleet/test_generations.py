"""SIGHUP: new workers take the new calls, and no call is lost."""

import os
import signal
from pathlib import Path

import httpx
import pytest
import trio
import trustme

from tests.peers.core import calling
from tests.peers.model import ScriptedSession, scripted_model

from .kit import Fleet, caller, fleet, until

# `ROLLING=50 pytest tests/fleet/test_generations.py` rolls so many.
_GENERATIONS = int(os.environ.get("ROLLING", "4"))
_CALLS_AT_ONCE = 4


def counts(service: Fleet) -> list[int]:
    """How many processes there are; descriptors and threads of those that stay."""
    family = service.family()
    staying = family[:2]
    descriptors = [each.num_fds() for each in staying]
    return [len(family), *descriptors, *(each.num_threads() for each in staying)]


def none_more(after: list[int], before: list[int]) -> bool:
    """A thread that has nothing to do ends by itself, so that there may be fewer."""
    return all(now <= then for now, then in zip(after, before, strict=True))


async def test_rolling_generations_lose_no_call_and_leave_nothing_behind(
    tmp_path: Path,
) -> None:
    calls = 0
    stop = trio.Event()

    async def keep_calling(service: Fleet, who: int) -> None:
        nonlocal calls
        while not stop.is_set():
            async with calling(service.url) as core:
                await core.init(f"call-{who}-{calls}")
                # The greeting has to come, whatever generation holds the call.
                await core.wait_audio(100, within_s=20)
                await trio.sleep(0.05)
                await core.hang_up()
            calls += 1

    async def greets(session: ScriptedSession) -> None:
        await session.set_up()
        await session.expect("response.create", within_s=20)
        async with session.response() as response:
            await response.say(bytes(100 * 48))

    async with (
        scripted_model(greets) as model,
        fleet(tmp_path, model, STS_LOG_LEVEL="info") as service,
    ):
        await service.logged("worker ready", 2)
        before = counts(service)
        async with trio.open_nursery() as nursery:
            for who in range(_CALLS_AT_ONCE):
                nursery.start_soon(keep_calling, service, who)
            for number in range(2, _GENERATIONS + 2):
                service.process.send_signal(signal.SIGHUP)
                await service.logged("generation ready", generation=number, within_s=30)
            stop.set()
        await until(lambda: len(service.pids()) == 2, within_s=30)
        await until(
            lambda: none_more(counts(service), before),
            lambda: f"{before} has become {counts(service)}",
        )
    assert calls > _GENERATIONS
    assert not service.lines("worker died")
    codes = {line["close_code"] for line in service.lines("call ended")}
    assert codes == {1000}


async def test_a_running_call_stays_with_its_generation_to_its_end(
    tmp_path: Path,
) -> None:
    env = tmp_path / ".env"
    env.write_text("OPENAI_VOICE=ash\n")
    async with (
        scripted_model() as model,
        fleet(tmp_path, model) as service,
        caller(service, model) as placing,
    ):
        old = await placing.call()
        env.write_text("OPENAI_VOICE=coral\nSTS_MAX_CALLS=7\n")
        service.process.send_signal(signal.SIGHUP)
        await service.logged("generation ready", 2)
        new = await placing.call()
        async with httpx.AsyncClient() as http:
            metrics = (await http.get(f"http://127.0.0.1:{service.port}/metrics")).text
        assert "trio_sts_calls_limit 7.0" in metrics.splitlines()
        for held, voice in ((old, "ash"), (new, "coral")):
            await held.goes_on()
            received = held.session.received
            update = next(e for e in received if e["type"] == "session.update")
            assert update["session"]["audio"]["output"]["voice"] == voice
        # Of the old workers the one without a call has ended.
        await until(lambda: len(service.pids()) == 3)
        await old.core.hang_up()
        await until(lambda: len(service.pids()) == 2)
        await new.goes_on()


@pytest.mark.parametrize(
    "faulty",
    [
        "STS_IDLE_S=soon\n",
        "STS_EMBEDDED=on\n",
        "STS_TLS_CERT={folder}/cert.pem\nSTS_TLS_KEY={folder}/key.pem\n",
    ],
    ids=["setting", "worker", "TLS instead of none"],
)
async def test_a_faulty_reload_keeps_the_old_generation(
    tmp_path: Path, faulty: str
) -> None:
    # The built-in model has no ears here.
    (tmp_path / "pocketsphinx.py").write_text("raise ImportError")
    env = tmp_path / ".env"
    env.write_text("")
    issued = trustme.CA().issue_cert("127.0.0.1")
    issued.private_key_pem.write_to_path(str(tmp_path / "key.pem"))
    issued.cert_chain_pems[0].write_to_path(str(tmp_path / "cert.pem"))
    async with (
        scripted_model() as model,
        fleet(tmp_path, model, PYTHONPATH=str(tmp_path)) as service,
        caller(service, model) as placing,
    ):
        held = await placing.call()
        pids = service.pids()
        env.write_text(faulty.format(folder=tmp_path))
        service.process.send_signal(signal.SIGHUP)
        await service.logged("reload failed")
        await until(lambda: service.pids() == pids)
        await held.goes_on()
        await (await placing.call()).goes_on()
        env.write_text("OPENAI_VOICE=ash\n")
        service.process.send_signal(signal.SIGHUP)
        await service.logged("generation ready", 2)
        await (await placing.call()).goes_on()
