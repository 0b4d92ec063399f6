"""The model of these calls: it detects speech, knows words, answers and calls tools.

What it says follows from what it was told alone, by whichever session it was told: a
session that was told nothing of the call before it greets, and one that was not told of
a tool's call calls the tool again.
"""

import math
import time
from collections.abc import Awaitable, Callable
from typing import Final

import numpy as np
import trio
from attrs import define, field, frozen

from tests.peers.model import Event, Gone, ScriptedResponse, ScriptedSession

from . import speech

INAUDIBLE: Final = "(inaudible)"
_FRAME_BYTES: Final = speech.MODEL_HZ * speech.FRAME_MS // 1000 * 2
_DELTA_MS, _DELTA_BYTES = 250, 12_000
# Four times as fast as it is heard.
_DELTA_EVERY_S: Final = _DELTA_MS / 1000 / 4
_LOUD_FRAMES, _QUIET_FRAMES = 2, 25
_ANSWER_AFTER_S: Final = 0.3
END_MS: Final = 260
# By frequency and length in ms.
GREETING: Final = (speech.GREETING_HZ, 1500)
GOODBYE: Final = (speech.ANSWER_HZ, 1750)

Reached = Callable[[str], Awaitable[None]]


@frozen
class Plan:
    """How the model behaves.

    Attributes:
        tool_words: A turn with one of these makes it call the tool.
        bye_word: A turn with this makes it say goodbye and hang up.
        answer: An answer's frequency, and its length in ms.
        lifetime_s: How long a session lives, as it says when it begins; None: for ever.
    """

    tool_words: frozenset[int] = frozenset({8})
    bye_word: int = 11
    answer: tuple[int, int] = (speech.ANSWER_HZ, 2250)
    lifetime_s: float | None = None


@define(eq=False)
class Told:
    """What one session knows of the call: in its history, and by its own ears."""

    user: list[frozenset[int]] = field(factory=list[frozenset[int]])
    items: list[tuple[str, str]] = field(factory=list[tuple[str, str]])
    calls: set[str] = field(factory=set[str])
    answered: set[str] = field(factory=set[str])

    def words(self) -> frozenset[int]:
        """All words that it knows the caller has said."""
        return frozenset(word for words in self.user for word in words)


@define(eq=False)
class Agent:
    """All sessions of one call.

    Attributes:
        reached: Told of each moment at which a fault may be due.
        plan: What it does with which words, and how long a session lives.
        told: What each session knows, in the order of their beginning.
        faults: What a real endpoint would have refused.
    """

    reached: Reached
    plan: Plan = field(factory=Plan)
    told: list[Told] = field(factory=list[Told])
    sessions: list[ScriptedSession] = field(factory=list[ScriptedSession])
    faults: list[str] = field(factory=list[str])

    async def script(self, session: ScriptedSession) -> None:
        """What each connection does."""
        await _Mind(self, session).live()

    def heard(self) -> dict[int, int]:
        """How many milliseconds of each word arrived, in whichever sessions."""
        found: dict[int, int] = {}
        for session in self.sessions:
            for word, ms in speech.words_in(session.audio, speech.MODEL_HZ).items():
                found[word] = found.get(word, 0) + ms
        return found


@define(eq=False)
class _Mind:
    """One session."""

    agent: Agent
    session: ScriptedSession
    told: Told = field(factory=Told)
    _tasks: trio.Nursery = field(init=False)
    _seen: int = 0
    _responses: int = 0
    _speaking: bool = False

    async def live(self) -> None:
        session = self.session
        self.agent.told.append(self.told)
        self.agent.sessions.append(session)
        await self.agent.reached("before session.created")
        lifetime_s = self.agent.plan.lifetime_s
        created_s = trio.current_time()
        await session.create(**_lifetime(lifetime_s))
        await session.expect("session.update", within_s=60)
        await self.agent.reached("before session.updated")
        await session.update()
        try:
            async with trio.open_nursery() as self._tasks:
                self._tasks.start_soon(self._obey)
                self._tasks.start_soon(self._hear)
                if lifetime_s is not None:
                    self._tasks.start_soon(self._expire, created_s + lifetime_s)
        except* Gone:
            pass

    async def _expire(self, deadline: float) -> None:
        await trio.sleep_until(deadline)
        await self.session.error("session_expired", "The session has expired.")
        await self.session.close(1001)

    # What it is sent.

    async def _obey(self) -> None:
        while True:
            await self.session.received_more(self._seen)
            event = self.session.received[self._seen]
            self._seen += 1
            match event["type"]:
                case "conversation.item.create":
                    await self._learn(event["item"])
                case "response.create":
                    await self._asked()
                case _:
                    pass

    async def _learn(self, item: Event) -> None:
        match item["type"]:
            case "message" if item["role"] == "user":
                text = item["content"][0]["text"]
                words = [int(each[1:]) for each in text.split() if each[:1] == "w"]
                self._user_said(frozenset(words))
            case "message":
                self.told.items.append((item["role"], ""))
            case "function_call":
                self._called(item["call_id"])
            case "function_call_output":
                call_id = item["call_id"]
                if call_id not in self.told.calls:
                    self.agent.faults.append("output of a call it never heard of")
                    await self.session.error("invalid_tool_call_id")
                elif call_id in self.told.answered:
                    self.agent.faults.append("second output of a call")
                self.told.answered.add(call_id)
                self.told.items.append(("output", call_id))
            case _:
                pass

    def _user_said(self, words: frozenset[int]) -> None:
        self.told.user.append(words)
        self.told.items.append(("user", ""))

    def _called(self, call_id: str) -> None:
        self.told.calls.add(call_id)
        self.told.items.append(("call", call_id))

    async def _asked(self) -> None:
        if self.session.active is not None:
            await self.session.error("conversation_already_has_active_response")
        else:
            await self._respond()

    # What it hears.

    async def _hear(self) -> None:
        at = loud = quiet = begun_at = 0
        item_id: str | None = None
        while True:
            await self.session.hears(at + _FRAME_BYTES)
            frame = np.frombuffer(
                bytes(self.session.audio[at : at + _FRAME_BYTES]), dtype=np.int16
            )
            at += _FRAME_BYTES
            is_loud = speech.rms(frame) > speech.LOUD_RMS
            loud, quiet = (loud + 1, 0) if is_loud else (0, quiet + 1)
            if item_id is None and loud >= _LOUD_FRAMES:
                begun_at = max(at - 10 * _FRAME_BYTES, 0)
                self._speaking = True
                if self.session.active is not None:
                    await self.session.active.done("cancelled", reason="turn_detected")
                item_id = await self.session.speech_started(begun_at // 48)
            elif item_id is not None and quiet >= _QUIET_FRAMES:
                self._speaking = False
                spoken = self.session.audio[begun_at:at]
                await self._turn(item_id, speech.words_in(spoken, speech.MODEL_HZ))
                item_id = None

    async def _turn(self, item_id: str, found: dict[int, int]) -> None:
        words = sorted(word for word, ms in found.items() if ms > speech.WORD_MS / 2)
        text = " ".join(f"w{word}" for word in words) or "(noise)"
        self._user_said(frozenset(words))
        await self.session.speech_stopped(item_id, 1000, transcript=text)
        if 0 in words:
            await self.agent.reached("between commit and answer")
        self._tasks.start_soon(self._answer_soon)

    async def _answer_soon(self) -> None:
        await trio.sleep(_ANSWER_AFTER_S)
        if self.session.active is None and not self._speaking:
            await self._respond()

    # What it says.

    async def _respond(self) -> None:
        self._responses += 1
        response = await self.session.begin()
        self._tasks.start_soon(self._give, response, self._responses)

    async def _give(self, response: ScriptedResponse, number: int) -> None:
        name = f"a{self.session.index}.{number}"
        kinds = [kind for kind, _ in self.told.items]
        if "user" not in kinds:
            await self.agent.reached("before the greeting's audio")
            await self._say(response, name, GREETING, ("in the greeting", ""))
        else:
            await self._answer(response, name, kinds)
        if not response.is_done:
            await response.done()
            if self.agent.plan.bye_word in self._last_words() and not self._speaking:
                await self.agent.reached("in a goodbye")

    def _last_words(self) -> frozenset[int]:
        return self.told.user[-1] if self.told.user else frozenset()

    async def _answer(
        self, response: ScriptedResponse, name: str, kinds: list[str]
    ) -> None:
        last = self._last_words()
        since = kinds[len(kinds) - kinds[::-1].index("user") :]
        if last & self.agent.plan.tool_words and "call" not in since:
            self._called(await response.call("look_up", "{}"))
            return
        points = ("in mid-answer", "after its audio") if 0 in last else ("", "")
        words = GOODBYE if self.agent.plan.bye_word in last else self.agent.plan.answer
        await self._say(response, name, words, points)
        if (
            self.agent.plan.bye_word in last
            and "call" not in since
            and not response.is_done
        ):
            self._called(await response.call("avr_hangup", "{}"))

    async def _say(
        self,
        response: ScriptedResponse,
        name: str,
        words: tuple[int, int],
        points: tuple[str, str],
    ) -> None:
        """Say something; whoever hears its last tone has heard all of it."""
        hz, ms = words
        halfway, after = points
        audio = speech.agent(hz, ms - END_MS) + speech.agent(speech.END_HZ, END_MS)
        item_id = await response.say(b"", name, finish=False)
        middle = len(audio) // 2
        for start in range(0, len(audio), _DELTA_BYTES):
            if response.is_done:
                return
            if halfway and start <= middle < start + _DELTA_BYTES:
                await self.agent.reached(halfway)
            await response.play(item_id, audio[start : start + _DELTA_BYTES])
            await trio.sleep(_DELTA_EVERY_S)
        if after:
            await self.agent.reached(after)
        if not response.is_done:
            await response.finish(item_id, name)
            self.told.items.append(("agent", name))


def _lifetime(lifetime_s: float | None) -> Event:
    """What ``session.created`` says of it: the moment of its end, by the wall clock."""
    if lifetime_s is None:
        return {}
    # In whole seconds, and no later than it ends.
    return {"expires_at": math.floor(time.time() + lifetime_s)}  # noqa: TID251


def is_agent(pitch_hz: float) -> bool:
    """Whether a frame's pitch is one of the agent's."""
    hz = (speech.ANSWER_HZ, speech.GREETING_HZ, speech.END_HZ)
    return any(abs(pitch_hz - each) <= 50 for each in hz)
