"""What the records of all calls share: the writer, and who sees that nothing waits long."""

from typing import TYPE_CHECKING, Final

import structlog
import trio
from attrs import Factory, define, field

from trio_sts.conversation.config import Rules
from trio_sts.settings import Settings, secrets_of

from .callfile import FLUSH_AFTER_S, CallFile
from .masking import Masker
from .passes import NotedDetector
from .writer import MOST_BYTES, Writer

if TYPE_CHECKING:
    from .recording_file import RecordingFile

# A call whose passes go on writes its lines by itself, before this.
_SWEEP_AFTER_S: Final = FLUSH_AFTER_S + 0.05
_SHORTEST_SLEEP_S: Final = 0.05
# What is later than two frames may be heard; a late loop has little time to be told so.
_LAG_S: Final = 0.050
_LAG_TOLD_EVERY_S: Final = 1.0

_log = structlog.get_logger()


def _new_writer(records: "Records") -> Writer:
    if not records.settings.record_audio:
        return Writer()
    # Mixing needs numpy, which a service without recordings does without. It is loaded here
    # so that no call waits for it.
    from .recording_file import MOST_WAITING_BYTES

    return Writer(most_bytes=MOST_BYTES + MOST_WAITING_BYTES)


@define(eq=False)
class Records:
    """Opens the call files, and flushes those of calls in which nothing happens.

    Attributes:
        settings: The service's.
        writer: The thread that writes.
    """

    settings: Settings
    writer: Writer = field(default=Factory(_new_writer, takes_self=True))
    _waiting: set[CallFile] = field(factory=set[CallFile])
    _some: trio.Event = field(factory=trio.Event)
    _lag_told_at: float = float("-inf")

    def call_file(
        self, rules: Rules, started_at: float, number: str, fallback_uuid: str
    ) -> CallFile | None:
        """The file of a call whose caller leg opened just now; None if none is kept."""
        settings = self.settings
        if settings.record_dir is None:
            return None
        masker = Masker.of_call(
            keeps_text=settings.record_text,
            number=number,
            secrets=secrets_of(settings),
        )
        return CallFile(
            rules,
            started_at,
            masker,
            NotedDetector(rate_hz=rules.caller_rate_hz),
            self.writer,
            fallback_uuid,
            self._wait,
        )

    def recording(self, rules: Rules, started_at: float) -> "RecordingFile | None":
        """The recording of such a call; None if none is made."""
        if self.settings.record_dir is None or not self.settings.record_audio:
            return None
        from .recording import Recording
        from .recording_file import RecordingFile

        recording = Recording(started_at, rules.caller_rate_hz)
        return RecordingFile(recording, self.writer)

    def _wait(self, file: CallFile) -> None:
        self._waiting.add(file)
        self._some.set()

    async def run(self) -> None:
        """Flush what waits; notes in the files when the loop was late."""
        while True:
            await self._some.wait()
            self._some = trio.Event()
            while self._waiting:
                oldest = min(file.waits_since for file in self._waiting)
                now = trio.current_time()
                # One that was flushed meanwhile has none.
                due = oldest + _SWEEP_AFTER_S if oldest <= now else now
                due = max(due, now + _SHORTEST_SLEEP_S)
                await trio.sleep_until(due)
                self.look(due, trio.current_time())

    def look(self, due: float, now: float) -> None:
        """Flush what has waited long enough; it was to be looked at at ``due``."""
        lag_s = now - due
        is_late = lag_s > _LAG_S and now >= self._lag_told_at + _LAG_TOLD_EVERY_S
        if is_late:
            self._lag_told_at = now
        for file in [*self._waiting]:
            if file.is_over or file.waits_since > now:
                self._waiting.discard(file)
                continue
            if is_late:
                file.note("loop lag", now, {"lag_s": round(lag_s, 4)})
            if now - file.waits_since >= FLUSH_AFTER_S:
                file.flush()

    async def aclose(self) -> None:
        """Write what waits for the disk; the caller bounds it."""
        await self.writer.aclose()
