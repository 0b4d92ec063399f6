"""A call's recording on its way into a WAV file, once a second."""

import os
from pathlib import Path
from typing import Final

from attrs import define, field
from typing_extensions import override

from trio_sts.conversation.commands import Command, ToCaller
from trio_sts.conversation.inputs import Finish, Input
from trio_sts.wire.avr import AgentAudio, CallerAudio, Interruption, ToCore

from .recording import Recording
from .recording_wav import CHANNELS, wav_head
from .writer import MOST_BYTES, RecordFile, Writer

SUFFIX: Final = ".wav"
# Of all recordings together, on top of what call files may let wait: 80 s of 50 calls.
MOST_WAITING_BYTES: Final = 64 * 1024 * 1024
_EVERY_S: Final = 1.0
# A caller who floods: 10 s of audio do not wait for the second to be over.
_FLOOD_BYTES: Final = 80_000


@define(eq=False)
class WavFile(RecordFile):
    """A recording's file. Its head is right once it is closed, and can be read before."""

    @override
    def write(self, piece: bytes) -> None:
        if self._failed:
            return
        if self._descriptor < 0:
            flags = os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_CLOEXEC
            self._descriptor = os.open(self.path, flags, mode=0o600)
            os.write(self._descriptor, wav_head())
        left = memoryview(piece)
        while left:
            # A full disk takes a part, and says so with the next.
            written = os.write(self._descriptor, left)
            left = left[written:]
            self._bytes += written

    @override
    def close(self) -> None:
        try:
            if self._descriptor >= 0:
                os.pwrite(self._descriptor, wav_head(self._bytes // CHANNELS), 0)
        finally:
            super().close()


@define(eq=False)
class RecordingFile:
    """Records one call from the passes of its core.

    What comes before `begin` is kept: without an ``init`` no call is longer than 10 s.
    """

    _recording: Recording
    _writer: Writer = field(repr=False)
    _file: WavFile | None = None
    # What was final before there was a file.
    _early: list[bytes] = field(factory=list[bytes], repr=False)
    _due_at: float = 0.0
    _over: bool = False

    @property
    def path(self) -> Path | None:
        """Where the file is; None if there is none."""
        return None if self._file is None else self._file.path

    def begin(self, folder: Path, uuid: str, stem: str) -> None:
        """The call id is known, and so the file's name."""
        self._file = WavFile(folder / f"{stem}{SUFFIX}", uuid)
        early, self._early = self._early, []
        for piece in early:
            self._write(piece)

    def took(self, input_: Input, now: float, commands: list[Command]) -> None:
        """The core was given an input at this time, and asks for these commands."""
        if self._over:
            return
        recording = self._recording
        if now >= self._due_at or recording.waiting_bytes > _FLOOD_BYTES:
            # Before the input is told: it may be the first one after a stall.
            for piece in recording.take(now):
                self._write(piece)
            self._due_at = now + _EVERY_S
        if isinstance(input_, CallerAudio):
            recording.caller(now, input_.pcm)
        for command in commands:
            if isinstance(command, ToCaller):
                self._sent(command.message, now)
        if isinstance(input_, Finish):
            self.finish(now)

    def finish(self, now: float) -> None:
        """The call is over: complete the file, once."""
        if self._over:
            return
        for piece in self._recording.finish(now):
            self._write(piece)
        if self._file is not None:
            self._writer.close(self._file)
        self._over = True

    def discard(self) -> None:
        """Keep nothing of this call after all."""
        self._over = True
        self._early = []
        if self._file is not None:
            self._writer.remove(self._file)
            self._file = None

    def _sent(self, message: ToCore, now: float) -> None:
        if isinstance(message, AgentAudio):
            self._recording.agent(now, message.pcm)
        elif isinstance(message, Interruption):
            self._recording.interrupt(now)

    def _write(self, piece: bytes) -> None:
        if self._over:
            return
        if self._file is None:
            self._early.append(piece)
        elif not self._writer.write(self._file, piece, spare_bytes=MOST_BYTES):
            # No room for it; the writer has ended the file.
            self._over = True
