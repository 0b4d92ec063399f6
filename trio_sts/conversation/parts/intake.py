"""Caller audio for the model: kept, limited in rate, gaps filled with silence."""

from collections import deque

from attrs import define, field

from trio_sts.audio.formats import Encoder
from trio_sts.audio.framing import (
    FRAME_MS,
    SAMPLE_RATE_HZ,
    frame_bytes,
    ms_per_pcm_byte,
)
from trio_sts.conversation.moments import AT_ONCE, NEVER

KEPT_MS = 10_000
# A token bucket: so much passes at once, and as much again in each second.
_BURST_MS = 5_000
# After a protected greeting: faster than real time, as fast as the VAD can follow.
_CATCH_UP_RATE = 4.0
# AVR Core sends a frame every 20 ms; after this it has stopped.
_GAP_S = 0.2
_MOST_SILENCE_MS = 2_000
_MEND_MS = 100
_CHUNK_MS = 100


@define
class Intake:
    """A ring buffer of caller PCM, and the token bucket that empties it.

    Written by: hearing; restoring opens and closes it with the model's session, and
    greeting withholds the caller's audio.
    """

    _encoder: Encoder = field(repr=False)
    rate_hz: int = SAMPLE_RATE_HZ
    open: bool = False
    withheld: bool = False
    heard_at: float = AT_ONCE
    _ring: deque[bytes] = field(factory=deque[bytes], repr=False)
    _ring_ms: float = 0
    _allowance_ms: float = _BURST_MS
    _rate: float = float(_BURST_MS) / 1000
    _metered_at: float = AT_ONCE
    _mended_ms: float = 0
    _mend_at: float = NEVER
    _ms_per_byte: float = field(init=False)

    def __attrs_post_init__(self) -> None:
        self._ms_per_byte = ms_per_pcm_byte(self.rate_hz)

    def start(self, *, model_hears_speech: bool) -> None:
        """There is a session: audio may go to the model."""
        self.open = True
        if model_hears_speech:
            self.speech_started()

    def stop(self) -> None:
        """There is no session: audio is kept."""
        self.open = False

    def withhold(self) -> None:
        """Keep the audio until `catch_up`, although there is a session."""
        self.withheld = True

    def speech_started(self) -> None:
        """The model hears speech: from now on a gap in it is filled."""
        held_up = not self.open or self.withheld or self._ring
        if not held_up and self._mended_ms == 0:
            self._mend_at = self.heard_at + _GAP_S

    def speech_stopped(self) -> None:
        """The model hears no speech any more: gaps are left."""
        self._mend_at = NEVER

    def add(self, pcm: bytes, now: float) -> float:
        """Keep caller audio.

        Returns:
            Milliseconds of older audio that were dropped to make room.
        """
        self.heard_at = now
        self._mended_ms = 0
        self._ring.append(pcm)
        self._ring_ms += len(pcm) * self._ms_per_byte
        return self._keep_bound()

    def pass_on(
        self, pcm: bytes, now: float, *, model_hears_speech: bool
    ) -> bytes | None:
        """`add`, `take` and `mend` in one, for audio that nothing holds up.

        Returns:
            What goes to the model; None if something does, and nothing was done.
        """
        gained_ms = (now - self._metered_at) * 1000 * self._rate
        allowance_ms = min(self._allowance_ms + gained_ms, _BURST_MS)
        if not self.open or self.withheld or self._ring or allowance_ms <= 0:
            return None
        self.heard_at = self._metered_at = now
        self._mended_ms = 0
        self._mend_at = now + _GAP_S if model_hears_speech else NEVER
        self._allowance_ms = allowance_ms - len(pcm) * self._ms_per_byte
        self._rate = _BURST_MS / 1000
        return self._encoder.encode(pcm)

    def catch_up(self, now: float, *, model_hears_speech: bool = False) -> None:
        """Send what was withheld, at no more than four times real time."""
        self.withheld = False
        self._rate = _CATCH_UP_RATE
        self._allowance_ms = 0
        self._metered_at = now
        if model_hears_speech:
            self.speech_started()

    def may_take(self, now: float) -> bool:
        """Whether `take` gives something now, be it before the deadline."""
        if not self._ring or not self.open or self.withheld:
            return False
        return self._allowance_ms + self._gained_ms(now) > 0

    def put_back(self, pcm: bytes) -> None:
        """Audio that was sent in vain goes again, before what is kept."""
        size = frame_bytes(self.rate_hz) * (_CHUNK_MS // FRAME_MS)
        chunks = [pcm[at : at + size] for at in range(0, len(pcm), size)]
        for chunk in reversed(chunks):
            self._ring.appendleft(chunk)
        self._ring_ms += len(pcm) * self._ms_per_byte
        self._keep_bound()

    def encode(self, pcm: bytes) -> bytes:
        """The same audio in the model's format."""
        return self._encoder.encode(pcm)

    def take(self, now: float) -> bytes:
        """What may go to the model now, as PCM; empty if nothing may."""
        if not self.open or self.withheld or not self._ring:
            return b""
        self._refill(now)
        taken: list[bytes] = []
        while self._ring and self._allowance_ms > 0:
            pcm = self._ring.popleft()
            ms = len(pcm) * self._ms_per_byte
            self._ring_ms -= ms
            self._allowance_ms -= ms
            taken.append(pcm)
        if not self._ring:
            self._rate = _BURST_MS / 1000
        return b"".join(taken)

    def mend(self, now: float, *, model_hears_speech: bool) -> bytes:
        """Silence, in the model's format, where caller audio stopped in mid-speech."""
        if not (self.open and model_hears_speech) or self.withheld or self._ring:
            self._mend_at = NEVER
            return b""
        if self._mended_ms == 0:
            self._mend_at = self.heard_at + _GAP_S
        if now < self._mend_at or self._mended_ms >= _MOST_SILENCE_MS:
            return b""
        self._mended_ms += _MEND_MS
        done = self._mended_ms >= _MOST_SILENCE_MS
        next_at = max(self._mend_at, now) + _MEND_MS / 1000
        self._mend_at = NEVER if done else next_at
        return self._encoder.encode(
            bytes(frame_bytes(self.rate_hz) * (_MEND_MS // FRAME_MS))
        )

    @property
    def deadline(self) -> float:
        """When `take` or `mend` has something to do."""
        if not self.open or self.withheld:
            return NEVER
        if self._ring and self._allowance_ms <= 0:
            owed_s = (FRAME_MS - self._allowance_ms) / (self._rate * 1000)
            return min(self._mend_at, self._metered_at + owed_s)
        return self._mend_at

    def _keep_bound(self) -> float:
        dropped_ms = 0.0
        while self._ring_ms > KEPT_MS and len(self._ring) > 1:
            ms = len(self._ring.popleft()) * self._ms_per_byte
            self._ring_ms -= ms
            dropped_ms += ms
        return dropped_ms

    def _refill(self, now: float) -> None:
        gained_ms = self._gained_ms(now)
        self._allowance_ms = min(self._allowance_ms + gained_ms, _BURST_MS)
        self._metered_at = now

    def _gained_ms(self, now: float) -> float:
        return (now - self._metered_at) * 1000 * self._rate
