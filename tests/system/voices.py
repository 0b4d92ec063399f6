"""Two recordings of one call, compared by ear: correlation, and what is audible when."""

from pathlib import Path

import numpy as np
import numpy.typing as npt
import soundfile  # pyright: ignore[reportMissingTypeStubs]

Samples = npt.NDArray[np.float64]

FRAME_S = 0.02
_FRAME = 160
# -50 dBFS.
_AUDIBLE = 104 / 32768
# On a machine that is busy, a side may be laid half a frame from where it was. And a
# message that was sent just before AVR Core's tick may come just after it: then the
# service believes its audio to be played a frame earlier than it is.
_NEAR = [n + m for n in (0, -_FRAME, _FRAME) for m in range(-_FRAME // 2, _FRAME // 2)]


def read(path: Path) -> tuple[Samples, Samples]:
    """Caller and agent."""
    samples, rate_hz = soundfile.read(path)
    assert rate_hz == 8000
    left, right = np.asarray(samples, np.float64).T
    return left, right


def lag(here: Samples, there: Samples) -> int:
    """How many samples later a side is in the first recording."""
    size = 1 << (len(here) + len(there)).bit_length()
    product = np.fft.rfft(here, size) * np.conj(np.fft.rfft(there, size))
    return int(np.argmax(np.fft.irfft(product, size)[: len(here)]))


def audible(samples: Samples) -> npt.NDArray[np.bool_]:
    """Which of the 20 ms can be heard."""
    frames = _windows(samples, 0, len(samples) // _FRAME)
    loud: npt.NDArray[np.bool_] = np.sqrt(np.mean(frames**2, axis=1)) >= _AUDIBLE
    return loud


def utterances(samples: Samples, pause_s: float = 0.6) -> list[tuple[float, float]]:
    """When each utterance begins and ends, in seconds; a shorter pause is inside one."""
    found: list[tuple[float, float]] = []
    for frame in np.flatnonzero(audible(samples)):
        begins = float(frame) * FRAME_S
        if found and begins - found[-1][1] < pause_s:
            found[-1] = found[-1][0], begins + FRAME_S
        else:
            found.append((begins, begins + FRAME_S))
    return found


def agreeing(ours: Samples, theirs: Samples, begins: int) -> tuple[float, float]:
    """Which part of the audible windows is the same; which part of the others silent.

    A window beside an audible one may hold some of it, and is not looked at.
    """
    number = len(theirs) // _FRAME
    wanted = _windows(theirs, 0, number)
    loud = audible(theirs)
    near_loud = loud | np.roll(loud, 1) | np.roll(loud, -1)
    best = np.zeros(number)
    for near in _NEAR:
        best = np.maximum(
            best, _likeness(_windows(ours, begins + near, number), wanted)
        )
    silent = ~audible(_windows(ours, begins, number).ravel())[~near_loud]
    return float(np.mean(best[loud] > 0.97)), float(np.mean(silent))


def _windows(samples: Samples, begins: int, number: int) -> Samples:
    around = np.zeros(3 * _FRAME)
    begins += len(around)
    whole = np.concatenate([around, samples, around])
    return whole[begins : begins + number * _FRAME].reshape(number, _FRAME)


def _likeness(ones: Samples, others: Samples) -> Samples:
    """The correlation of each window: 1 if the two differ by their loudness alone."""
    sizes = np.linalg.norm(ones, axis=1) * np.linalg.norm(others, axis=1)
    found: Samples = np.einsum("ij,ij->i", ones, others) / np.maximum(sizes, 1e-9)
    return found
