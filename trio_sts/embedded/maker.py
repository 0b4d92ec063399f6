"""Making one response: thinking of a reply, speaking it at its pace, calling tools."""

import math
from collections.abc import Awaitable, Callable, Mapping, Sequence
from functools import partial
from typing import Any

import trio
from attrs import frozen

from .brain.answers import Reply
from .brain.dialogue import next_reply
from .faults.answers import (
    begin_remote_call,
    bent,
    call_id,
    end_remote_call,
    parts_of,
    remote_fault,
    send_arguments,
    think,
)
from .faults.endings import Ending, ending_of
from .output import Rendered, render
from .response import Response
from .session import FORMATS, Session
from .speech.voice import AGENTS

_MS_PER_TOKEN = 50
_CUT = {"type": "incomplete", "reason": "max_output_tokens"}


@frozen
class Maker:
    """Makes one response.

    Attributes:
        session: Whose response it is.
        response: What is made.
        pace: How many times faster than real time audio is sent.
        threads: How many sentences may be heard or spoken at once.
        later: Takes what is left to do after ``response.done``.
    """

    session: Session
    response: Response
    pace: float
    threads: trio.CapacityLimiter
    later: Callable[[Callable[[], Awaitable[None]]], None]

    async def make(self) -> None:
        """Make it, or whatever its faults make of it, from its first item to its end."""
        response, faults = self.response, self.response.faults
        ending = ending_of(faults)
        if "think" in faults:
            await think(response, faults["think"].amount)
        if ending is not None and not ending.after_s:
            await self._end(ending)
            return
        for item in self.response.context:
            for part in item.parts:
                if part.heard is not None:
                    await part.heard.wait()
        reply = bent(self._reply(), faults, self._tools)
        complete = await self._say(reply.say, ending)
        if ending is not None:
            await self._end(ending)
        elif complete and await self._call(reply):
            response.done("completed")
        else:
            response.done("incomplete", _CUT)

    @property
    def _tools(self) -> Sequence[Mapping[str, Any]]:
        tools: Sequence[Mapping[str, Any]] = self.response.asked("tools")
        return tools

    def _reply(self) -> Reply:
        holds = self.response.holds
        return next_reply(
            [item for item in self.response.context if not holds(item)],
            tools=self._tools,
            tool_choice=self.response.asked("tool_choice"),
            instructions=self.session.config["instructions"],
            ordered=self.response.wish.get("instructions"),
        )

    async def _end(self, ending: Ending) -> None:
        ending.perform(self.response)
        if ending.drops:
            self.session.reset()
        if not self.response.over:
            await trio.sleep_forever()

    async def _say(self, text: str, ending: Ending | None) -> bool:
        """Say a text; whether all of it fitted into the response."""
        if not text:
            return True
        response, faults = self.response, self.response.faults
        if response.modalities == ["text"] or "text_only" in faults:
            response.message("output_text")
            response.text(text)
            response.message_done()
            return True
        until_ms = math.inf if ending is None else ending.after_s * 1000
        for number, part in enumerate(parts_of(text, faults)):
            rendered = await self._render(part)
            if number:
                response.end_part()
                response.begin_part("output_audio")
            else:
                response.message("output_audio")
            await self._speak(rendered, until_ms)
            if not rendered.complete:
                response.message_done("incomplete")
                return False
        if ending is None:
            response.message_done()
        return True

    async def _render(self, text: str) -> Rendered:
        output = self.response.audio_output
        limit = self.response.max_tokens
        rendered = await trio.to_thread.run_sync(
            partial(
                render,
                text,
                # A custom voice sounds like one of those that are there.
                voice=output["voice"] if output["voice"] in AGENTS else "alloy",
                speed=output["speed"],
                audio_format=FORMATS[output["format"]["type"]],
                longest_ms=None if limit is None else limit * _MS_PER_TOKEN,
                odd_bytes="odd_bytes" in self.session.faults.of("connection"),
            ),
            limiter=self.threads,
        )
        # It may have been cancelled meanwhile, which the thread does not tell.
        await trio.lowlevel.checkpoint_if_cancelled()
        return rendered

    async def _speak(self, rendered: Rendered, until_ms: float) -> None:
        self.response.words(rendered.words)
        start = trio.current_time()
        for delta in rendered.deltas:
            if delta.text:
                self.response.text(delta.text)
            self.response.audio(delta.audio, delta.end_ms)
            if math.isinf(self.pace):
                await trio.lowlevel.checkpoint()
            else:
                await trio.sleep_until(start + delta.end_ms / 1000 / self.pace)
            if delta.end_ms >= until_ms:
                return

    async def _call(self, reply: Reply) -> bool:
        """Call what the reply calls; whether nothing cut it off."""
        response, faults = self.response, self.response.faults
        for called in reply.calls:
            response.begin_call(called.name, call_id(faults))
            if "half_call" in faults:
                response.call_cut()
                return False
            await send_arguments(response, called.arguments)
            response.call_done()
        if remote_fault(faults) is not None:
            item = begin_remote_call(response, self._tools)
            finish = partial(end_remote_call, response, item)
            if "mcp_late" in faults:
                self.later(finish)
            else:
                await finish()
        return True
