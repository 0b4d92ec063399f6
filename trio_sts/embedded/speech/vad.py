"""When somebody speaks: WebRTC's detector and the patience of a turn."""

from collections import deque
from typing import Any, Final

import numpy as np
from attrs import define, field, frozen

from .extras import require

RATE_HZ: Final = 8000
FRAME_MS: Final = 20
_FRAME_BYTES = RATE_HZ * FRAME_MS // 1000 * 2
# Speech begins when 80 of the last 120 ms are voiced: a click is shorter.
_ONSET_FRAMES = 6
_ONSET_VOICED = 4
# At threshold 1 only what is louder than this (-44 dBFS) is speech.
_GATE_RMS = 200


@frozen(kw_only=True)
class TurnRules:
    """How a turn is detected: the numbers of ``turn_detection``."""

    threshold: float = 0.5
    silence_ms: int = 500
    prefix_padding_ms: int = 300


@frozen
class Started:
    """Somebody speaks; ``at_ms`` has the prefix padding taken off."""

    at_ms: int


@frozen
class Stopped:
    """They have been silent long enough; ``at_ms`` is the end of that silence."""

    at_ms: int


def _rms(frame: bytes) -> float:
    samples = np.frombuffer(frame, dtype="<i2").astype(np.float64)
    return float(np.sqrt(np.mean(samples**2)))


@define
class TurnDetector:
    """Finds turns in a stream of PCM16LE, 8 kHz; its clock counts that audio only."""

    rules: TurnRules
    clock_ms: int = 0
    speaking: bool = field(default=False, init=False)
    _detector: Any = field(init=False, repr=False)
    _rest: bytes = field(default=b"", init=False, repr=False)
    _recent: deque[bool] = field(init=False, repr=False)
    _quiet_ms: int = field(default=0, init=False)

    def __attrs_post_init__(self) -> None:
        mode = min(3, int(self.rules.threshold * 3))
        self._detector = require("webrtcvad").Vad(mode)
        self._recent = deque(maxlen=_ONSET_FRAMES)

    def push(self, pcm8k: bytes) -> list[Started | Stopped]:
        """Hear more audio; whole frames are judged, the rest waits for the next call."""
        audio = self._rest + pcm8k
        whole = len(audio) // _FRAME_BYTES * _FRAME_BYTES
        self._rest = audio[whole:]
        found: list[Started | Stopped] = []
        for first in range(0, whole, _FRAME_BYTES):
            change = self._frame(audio[first : first + _FRAME_BYTES])
            if change is not None:
                found.append(change)
        return found

    def _frame(self, frame: bytes) -> Started | Stopped | None:
        self.clock_ms += FRAME_MS
        voiced = _rms(frame) >= _GATE_RMS * self.rules.threshold and bool(
            self._detector.is_speech(frame, RATE_HZ)
        )
        if self.speaking:
            return self._ending(voiced=voiced)
        self._recent.append(voiced)
        if sum(self._recent) < _ONSET_VOICED:
            return None
        onset_ms = FRAME_MS * (len(self._recent) - self._recent.index(True))
        self.speaking, self._quiet_ms = True, 0
        self._recent.clear()
        return Started(max(0, self.clock_ms - onset_ms - self.rules.prefix_padding_ms))

    def _ending(self, *, voiced: bool) -> Stopped | None:
        self._quiet_ms = 0 if voiced else self._quiet_ms + FRAME_MS
        if self._quiet_ms < self.rules.silence_ms:
            return None
        self.speaking = False
        return Stopped(self.clock_ms)
