"""What is kept of one call: opened with it, fed from one place, closed at its end.

`trio_sts.relay.Relay.take` is the place: each input of the core, its time and the commands
that came of it. What the core does not see is told by `CallRecord.note`.
"""

from typing import Any

import trio
from attrs import define, field

from trio_sts.audio.voice_activity import VoiceActivityDetector
from trio_sts.conversation.commands import Command, EndCall
from trio_sts.conversation.config import Rules
from trio_sts.conversation.inputs import Input
from trio_sts.conversation.parts.counters import Counters
from trio_sts.conversation.parts.ear import SpeechDetector
from trio_sts.settings import Settings, transcriber
from trio_sts.wire.realtime.session import SessionConfig

from .summary import summary
from .transcript import TranscriptFile


@define(eq=False)
class CallRecord:
    """The record of one call; what the operator did not ask for is not kept.

    Attributes:
        settings: The service's; those of the call once they are known.
        rules: What the call's conversation obeys.
        started_at: When its caller leg opened, on Trio's clock.
        number: The caller's, as the metadata tells it; may be empty.
        uuid: The call id, from `begin` on.
        detector: What hears speech in the caller's audio, for the conversation.
    """

    settings: Settings
    rules: Rules
    started_at: float
    number: str = field(repr=False)
    uuid: str = ""
    detector: SpeechDetector = field(factory=VoiceActivityDetector, repr=False)
    _session: SessionConfig | None = field(default=None, repr=False)
    _transcript: TranscriptFile = field(factory=TranscriptFile)

    def begin(self, uuid: str) -> None:
        """The call begins, under this id: open its files."""
        self.uuid = uuid
        self._transcript = TranscriptFile.open(self.settings.transcript_dir, uuid)
        self._transcript.write("begun", {"call_id": uuid})

    def settled(self, settings: Settings, session: SessionConfig) -> None:
        """It is known what holds for this call, and what its session is asked for."""
        self.settings, self._session = settings, session

    def took(self, input_: Input, now: float, commands: list[Command]) -> None:
        """The core was given an input at this time, and asks for these commands."""

    def note(self, kind: str, **fields: Any) -> None:
        """Something happened that the core does not see."""

    def entry(self, kind: str, fields: dict[str, Any]) -> None:
        """Keep one entry of the transcript, if one is kept."""
        self._transcript.write(kind, fields)

    def discard(self) -> None:
        """Keep nothing of this call after all: what was written is removed."""
        self._transcript.discard()

    def close(self, ending: EndCall, counters: Counters) -> dict[str, Any]:
        """The call is over: the last entries are written, and the files closed.

        Returns:
            The fields of the call's last line in the log.
        """
        try:
            return summary(
                counters,
                outcome=ending.outcome,
                code=ending.code,
                duration_s=trio.current_time() - self.started_at,
                model=self.settings.model,
                transcriber=transcriber(self.settings),
            )
        finally:
            ended = {"outcome": ending.outcome, "code": ending.code}
            self._transcript.write("ended", ended)
            self._transcript.close()
