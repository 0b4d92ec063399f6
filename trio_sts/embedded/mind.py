"""The two workers of a session: one hears turns, one makes responses."""

from typing import Any, NoReturn

import trio
from attrs import define

from .events import event
from .maker import Maker
from .response import Response
from .session import Session
from .speech.recogniser import recogniser
from .turns import Spoken

_TOKENS_PER_MINUTE = 15_000_000


@define
class Mind:
    """What thinks for a session, in threads, while its socket is read.

    Attributes:
        session: The session.
        pace: How many times faster than real time audio is sent.
        threads: How many sentences may be heard or spoken at once.
    """

    session: Session
    pace: float
    threads: trio.CapacityLimiter

    async def hear(self) -> NoReturn:
        """Recognise the turns in the order in which they were committed."""
        while True:
            spoken = await self.session.turns.spoken.receive()
            said = await trio.to_thread.run_sync(
                recogniser().hear,
                spoken.part.pcm8k,
                self.session.grammar,
                limiter=self.threads,
            )
            spoken.part.understood(said)
            if spoken.told:
                self._transcribe(spoken)

    def _transcribe(self, turn: Spoken) -> None:
        transcription = self.session.config["audio"]["input"]["transcription"]
        if transcription is None:
            return
        kind = "conversation.item.input_audio_transcription"
        where = {"item_id": turn.item.id, "content_index": 0}
        fault = turn.faults.get("no_transcription")
        if fault is not None and fault.concerns(str(transcription.get("model"))):
            error = {
                "type": "server_error",
                "code": "transcription_failed",
                "message": "Input transcription failed.",
                "param": None,
            }
            self.session.post(event(f"{kind}.failed", **where, error=error))
            return
        said = turn.part.said
        if said:
            self.session.post(event(f"{kind}.delta", **where, delta=said))
        usage = {"type": "duration", "seconds": turn.part.audio_ms / 1000}
        self.session.post(
            event(f"{kind}.completed", **where, transcript=said, usage=usage)
        )

    async def respond(self) -> None:
        """Make the responses that were asked for."""
        async with trio.open_nursery() as nursery:
            while True:
                response = await self.session.responses.wanted.receive()
                nursery.start_soon(self._respond, response, nursery)

    async def _respond(self, response: Response, nursery: trio.Nursery) -> None:
        if not response.over:
            with response.scope:
                await Maker(
                    self.session,
                    response,
                    self.pace,
                    self.threads,
                    nursery.start_soon,
                ).make()
        self.session.responses.ended(response)
        self.session.post(event("rate_limits.updated", rate_limits=_limits()))


def _limits() -> list[dict[str, Any]]:
    return [
        {
            "name": "tokens",
            "limit": _TOKENS_PER_MINUTE,
            "remaining": _TOKENS_PER_MINUTE,
            "reset_seconds": 0.0,
        }
    ]
