"""A call that outlives its sessions: each is followed by the next before its time is up."""

from contextlib import AsyncExitStack
from functools import partial
from itertools import pairwise
from pathlib import Path
from typing import Final

import pytest
import trio
from attrs import define, field
from trio.testing import MockClock

from tests.faults import lookups, speech
from tests.faults.agent import Agent, Plan
from tests.faults.caller import Caller, Heard
from tests.faults.jumps import Jumps
from tests.peers.core import calling
from tests.peers.model import scripted_model
from trio_sts.phone.ami import AmiStandIn
from trio_sts.phone.exchange import Exchange

from .kit import log
from .service import serving

LIFETIME_S: Final = 12.0
# 6 s each: 45 s in all, which is more than three sessions.
TURNS: Final = ((0, 1), (2, 3), (4, 5), (6, 7), (8, 9), (10, 11), (12, 13))
PLAN: Final = Plan(
    tool_words=frozenset({3, 8}),
    bye_word=13,
    answer=(speech.ANSWER_HZ, 3500),
    lifetime_s=LIFETIME_S,
)
TOOL_RUNS: Final = 2
MOST_GAP_S: Final = 0.04
_IDLE_S: Final = 0.002
# Of 240 ms, by frames of 20 that may lie across a word's edge.
WORD_MS: Final = range(200, 261)


async def reached(_: str) -> None:
    """No fault is due."""
    await trio.lowlevel.checkpoint()


@define(eq=False)
class Held:
    """A call that was held to its end."""

    agent: Agent
    caller: Caller
    uuid: str
    lines: list[str] = field(factory=list[str])


async def hold(folder: Path, clock: MockClock, pause_s: float) -> Held:
    """Hold the whole call; the caller thinks for this long before the first turn."""
    agent, ami, dropped = Agent(reached, PLAN), AmiStandIn(Exchange()), trio.Event()
    uuid = f"renewal-{pause_s}"
    lookups.RUNS.pop(uuid, None)
    lookups.write_tool(folder / "tools")
    environ = {"TOOLS_DIR": str(folder / "tools")}
    jumps = Jumps(clock, _IDLE_S)
    with log() as lines:
        async with trio.open_nursery() as nursery, AsyncExitStack() as everybody:
            enter = everybody.enter_async_context
            with jumps.set_up():
                environ["AMI_URL"] = await nursery.start(partial(ami.serve, port=0))
                model = await enter(scripted_model(agent.script))
                service = await enter(serving(model.base_url, **environ))
                core = await enter(calling(service.url))
            caller = Caller(core, dropped, TURNS)
            with ami.exchange.connected(uuid, lambda _: dropped.set()):
                nursery.start_soon(caller.keep_sending)
                await core.init(uuid)
                await trio.sleep(pause_s)
                await caller.talk(reached)
            # No session is left to its end: each is closed when it was followed, and the
            # last ones, one of which may just have followed the other, with the call.
            with jumps.set_up():
                await core.hang_up()
                for session in model.sessions:
                    await session.closed.wait()
            codes = [session.close_code for session in model.sessions]
            await everybody.aclose()
            nursery.cancel_scope.cancel(reason="the call is over")
    assert set(codes) == {1000}
    assert dropped.is_set()
    return Held(agent, caller, uuid, [str(line["event"]) for line in lines])


def gaps_s(pieces: list[Heard]) -> list[float]:
    """The pauses at the ear inside of what the agent says, which has none."""
    gaps: list[float] = []
    speaking_until_s: float | None = None
    for piece in pieces:
        if piece.kind in {"agent", "end"}:
            if speaking_until_s is not None:
                gaps.append(piece.at_s - speaking_until_s)
            speaking_until_s = piece.at_s + speech.FRAME_MS / 1000
        # After its last tone it need not go on.
        if piece.kind == "end":
            speaking_until_s = None
    return gaps


@pytest.mark.parametrize("pause_s", [0.0, 1.3, 2.6, 3.9, 5.2, 6.5])
async def test_a_call_outlives_three_sessions_and_nobody_notices(
    tmp_path: Path, swift_clock: MockClock, pause_s: float
) -> None:
    held = await hold(tmp_path, swift_clock, pause_s)
    agent, caller = held.agent, held.caller
    said = [word for turn in TURNS for word in turn]
    assert len(agent.sessions) >= 4
    assert "model leg lost" not in held.lines
    assert not caller.core.of("error")
    # At the ear: every answer whole, without a gap, and nothing else.
    assert caller.said == said
    assert caller.unanswered == 0
    assert max(gaps_s(caller.ear.pieces)) <= MOST_GAP_S
    assert caller.ear.seconds_of("hold") == 0
    # At the model: every word once, in one session or another.
    heard = agent.heard()
    assert sorted(heard) == said
    assert all(ms in WORD_MS for ms in heard.values()), heard
    # In the transcripts: nothing twice, no tool twice.
    texts = [str(each.message["text"]) for each in caller.core.of("transcript")]
    words = " ".join(texts).split()
    assert len(words) == len(set(words)), words
    assert {f"w{word}" for word in said} <= set(words)
    assert lookups.RUNS[held.uuid] == TOOL_RUNS
    assert agent.faults == []
    # In each session's history: all that was said before it. One that was opened beside
    # the other and never followed it was told nothing.
    used = [told for told in agent.told if told.words()]
    for earlier, later in pairwise(used):
        assert earlier.words() <= later.words()
        assert earlier.answered <= later.answered
    assert used[-1].words() == set(said)
