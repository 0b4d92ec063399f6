"""What is kept of one call: opened with it, fed from one place, closed at its end.

`trio_sts.relay.Relay.take` is the place: each input of the core, its time and the commands
that came of it. What the core does not see is told by `CallRecord.note`.
"""

from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING, Any

import trio
from attrs import define, field

from trio_sts.conversation.commands import Command, EndCall
from trio_sts.conversation.config import Rules
from trio_sts.conversation.inputs import Input
from trio_sts.conversation.session import Conversation
from trio_sts.settings import Settings
from trio_sts.wire.realtime.session import SessionConfig

from .callfile import CallFile, file_stem
from .collecting import Collected
from .encode import Crash
from .finished_call import Files
from .records import Records
from .transcript import TranscriptFile

if TYPE_CHECKING:
    from .recording_file import RecordingFile

Took = Callable[[Input, float, list[Command]], None]


def _nothing(_: Input, __: float, ___: list[Command]) -> None:
    """What is not kept."""


@define(eq=False)
class CallRecord:
    """The record of one call; what the operator did not ask for is not kept.

    Attributes:
        records: What all calls share.
        settings: The service's; those of the call once they are known.
        rules: What the call's conversation obeys.
        started_at: When its caller leg opened, on Trio's clock.
        number: The caller's, as the metadata tells it; may be empty.
        uuid: The call id; the final one from `begin` on.
        collected: What the call's finished record is made of at the end.
    """

    records: Records
    settings: Settings
    rules: Rules
    started_at: float
    number: str = field(repr=False)
    uuid: str
    collected: Collected = field(factory=Collected, repr=False)
    _call_file: CallFile | None = None
    _recording: "RecordingFile | None" = None
    _transcript: TranscriptFile = field(factory=TranscriptFile)
    # The core was given an input at a time, and asks for commands: told a hundred times a
    # second, so nothing stands between the relay and who keeps that.
    took: Took = field(default=_nothing, init=False, repr=False)

    @property
    def call_file(self) -> Path | None:
        """Where the call file is, if there is one."""
        return None if self._call_file is None else self._call_file.path

    @property
    def recording(self) -> Path | None:
        """Where the recording is, if there is one."""
        return None if self._recording is None else self._recording.path

    def conversation(self) -> Conversation:
        """The call's conversation, whose ear is listened to as far as that is kept."""
        self._recording = self.records.recording(self.rules, self.started_at)
        file = self._call_file = self.records.call_file(
            self.rules, self.started_at, self.number, self.uuid
        )
        core = Conversation(
            self.rules,
            now=self.started_at,
            fallback_uuid=self.uuid,
            detector=None if file is None else file.detector,
        )
        if file is not None:
            file.core = core
            self.took = file.add
            if self._recording is not None:
                self.took = _both(file.add, self._recording.took)
        return core

    def begin(self, uuid: str) -> None:
        """The call begins, under this id: open its files."""
        self.uuid = uuid
        folder = self.settings.record_dir
        stem = file_stem(uuid, self.number)
        if self._call_file is not None and folder is not None:
            self._call_file.begin(folder, uuid, stem)
            if self.settings.record_text:
                # By this a caller's files are found when they are to be removed.
                self.note("numbers", **self.collected.numbers)
        if self._recording is not None and folder is not None:
            self._recording.begin(folder, uuid, stem)
        self._transcript = TranscriptFile.open(self.settings.transcript_dir, uuid)
        self._transcript.write("begun", {"call_id": uuid})

    def settled(self, settings: Settings, session: SessionConfig, now: float) -> None:
        """It is known what holds for this call, and what its session is asked for."""
        self.settings = settings
        if self._call_file is not None:
            self._call_file.settled(session, settings.model, now)

    def crashed(self, input_: Input, now: float, error: Exception) -> None:
        """The core has failed at an input: who replays the call sees it fail there."""
        if self._call_file is not None:
            self._call_file.add(input_, now, [Crash(type(error).__name__)])

    def note(self, kind: str, **fields: Any) -> None:
        """Something happened that the core does not see; strings in it are no words."""
        if self._call_file is not None:
            self._call_file.note(kind, trio.current_time(), fields)

    def entry(self, kind: str, fields: dict[str, Any]) -> None:
        """Keep one entry of the transcript, if one is kept."""
        self._transcript.write(kind, fields)
        self.collected.entry(kind, fields)

    def discard(self) -> None:
        """Keep nothing of this call after all: what was written is removed."""
        self._transcript.discard()
        self.collected.discard()
        if self._call_file is not None:
            self._call_file.discard()
            self._call_file = None
        if self._recording is not None:
            self._recording.discard()
            self._recording = None

    @property
    def files(self) -> Files:
        """What is kept of the call, and where."""
        paths = {
            "call": self.call_file,
            "recording": self.recording,
            "transcript": self._transcript.path,
        }
        return Files(
            **{
                name: str(path.absolute())
                for name, path in paths.items()
                if path is not None
            }
        )

    def close(self, ending: EndCall, fields: dict[str, Any]) -> None:
        """The call is over: the last entries are written, and the files closed.

        Args:
            ending: How it ended.
            fields: Those of the call's last line in the log.
        """
        ended = {"outcome": ending.outcome, "code": ending.code}
        now = trio.current_time()
        self._transcript.write("ended", ended)
        self._transcript.close()
        if self._call_file is not None:
            self._call_file.close(fields, now)
        if self._recording is not None:
            self._recording.finish(now)


def _both(first: Took, second: Took) -> Took:
    def took(input_: Input, now: float, commands: list[Command]) -> None:
        first(input_, now, commands)
        second(input_, now, commands)

    return took
