"""The two workers of a session: one hears turns, one makes responses."""

import math
from functools import partial
from typing import Any, NoReturn

import trio
from attrs import define

from .brain.answers import Reply
from .brain.dialogue import next_reply
from .events import event
from .items import Item
from .output import Rendered, render
from .response import Response
from .session import Session
from .speech.recogniser import recogniser

_MS_PER_TOKEN = 50
_TOKENS_PER_MINUTE = 15_000_000
_RETRY_S = 1.5


@define
class OnceFaults:
    """The faults that only the endpoint's first response has, ticked off when used."""

    used: bool = False

    def first(self) -> bool:
        """Whether this is the first response that asks."""
        first, self.used = not self.used, True
        return first


@define
class Mind:
    """What thinks for a session, in threads, while its socket is read.

    Attributes:
        session: The session.
        pace: How many times faster than real time audio is sent.
        threads: How many sentences may be heard or spoken at once.
        once: Shared by the sessions of an endpoint.
    """

    session: Session
    pace: float
    threads: trio.CapacityLimiter
    once: OnceFaults

    async def hear(self) -> NoReturn:
        """Recognise the turns in the order in which they were committed."""
        while True:
            item, heard = await self.session.spoken.receive()
            said = await trio.to_thread.run_sync(
                recogniser().hear,
                heard.pcm8k,
                self.session.grammar,
                limiter=self.threads,
            )
            item.said = said
            if item.heard is not None:
                item.heard.set()
            self._transcribe(item, heard.duration_ms / 1000)

    def _transcribe(self, item: Item, seconds: float) -> None:
        if self.session.config["audio"]["input"]["transcription"] is None:
            return
        kind = "conversation.item.input_audio_transcription"
        where = {"item_id": item.id, "content_index": 0}
        if self.session.faults.no_transcription:
            error = {
                "type": "server_error",
                "code": "transcription_failed",
                "message": "Input transcription failed.",
                "param": None,
            }
            self.session.post(event(f"{kind}.failed", **where, error=error))
            return
        if item.said:
            self.session.post(event(f"{kind}.delta", **where, delta=item.said))
        usage = {"type": "duration", "seconds": seconds}
        self.session.post(
            event(f"{kind}.completed", **where, transcript=item.said, usage=usage)
        )

    async def respond(self) -> NoReturn:
        """Make the responses that were asked for, one after the other."""
        while True:
            response = await self.session.wanted.receive()
            if not response.over:
                with response.scope:
                    await self._make(response)
            self.session.ended(response)
            self.session.post(event("rate_limits.updated", rate_limits=_limits()))

    async def _make(self, response: Response) -> None:
        if await self._goes_wrong(response):
            return
        for item in self.session.conversation.items:
            if item.heard is not None:
                await item.heard.wait()
        reply = self._reply(response)
        complete = True
        if reply.say and response.modalities == ["text"]:
            response.message()
            response.text(reply.say)
            response.message_done()
        elif reply.say:
            rendered = await self._render(reply, response)
            await self._speak(response, rendered)
            complete = rendered.complete
        for call in reply.calls if complete else ():
            response.call(call)
        if complete:
            response.done("completed")
        else:
            details = {"type": "incomplete", "reason": "max_output_tokens"}
            response.done("incomplete", details)

    def _reply(self, response: Response) -> Reply:
        config, wish = self.session.config, response.wish
        return next_reply(
            self.session.conversation.items,
            tools=wish.get("tools", config["tools"]),
            tool_choice=wish.get("tool_choice", config["tool_choice"]),
            instructions=config["instructions"],
            ordered=wish.get("instructions"),
        )

    async def _render(self, reply: Reply, response: Response) -> Rendered:
        output = self.session.config["audio"]["output"]
        limit = response.max_tokens
        return await trio.to_thread.run_sync(
            partial(
                render,
                reply.say,
                voice=output["voice"],
                speed=output["speed"],
                audio_format=self.session.output_format,
                longest_ms=None if limit is None else limit * _MS_PER_TOKEN,
                odd_bytes=self.session.faults.odd_bytes,
            ),
            limiter=self.threads,
        )

    async def _speak(self, response: Response, rendered: Rendered) -> None:
        item = response.message()
        item.words = rendered.words
        start = trio.current_time()
        for delta in rendered.deltas:
            if delta.text:
                response.text(delta.text)
            response.audio(delta.audio, delta.end_ms)
            if math.isinf(self.pace):
                await trio.lowlevel.checkpoint()
            else:
                await trio.sleep_until(start + delta.end_ms / 1000 / self.pace)
        response.message_done("completed" if rendered.complete else "incomplete")

    async def _goes_wrong(self, response: Response) -> bool:
        """The one place where responses misbehave as ordered."""
        faults = self.session.faults
        first = self.once.first()
        if faults.insufficient_quota:
            response.failed(
                "insufficient_quota",
                "insufficient_quota",
                "You exceeded your current quota, please check your plan.",
            )
        elif faults.rate_limit_once and first:
            response.failed(
                "tokens",
                "rate_limit_exceeded",
                f"Rate limit reached. Please try again in {_RETRY_S}s.",
            )
        elif faults.server_error_once and first:
            response.failed(
                "server_error", "server_error", "The server had an error. Sorry!"
            )
        elif faults.silent_response or (faults.silent_response_once and first):
            response.done("completed")
        elif faults.stuck_response or (faults.stuck_response_once and first):
            await trio.sleep_forever()
        return response.over


def _limits() -> list[dict[str, Any]]:
    return [
        {
            "name": "tokens",
            "limit": _TOKENS_PER_MINUTE,
            "remaining": _TOKENS_PER_MINUTE,
            "reset_seconds": 0.0,
        }
    ]
