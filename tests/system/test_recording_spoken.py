"""Real speech in real time: the service's recording against the one AVR Core makes."""

from pathlib import Path

import numpy as np
import numpy.typing as npt
import soundfile
import trio

from trio_sts.embedded import Endpoint, serve_model
from trio_sts.embedded.speech.voice import speak
from trio_sts.phone.core import place_call
from trio_sts.phone.script import HangUp, Pause, Say, WaitForAgent, WaitForSilence

from .service import serving

Samples = npt.NDArray[np.float64]

_FRAME = 160
_AUDIBLE = 104 / 32768
# AVR Core's clock and ours meet on the caller's frames; a message that was sent just
# before one of them may come just after it.
_NEAR = (0, -_FRAME, _FRAME)


def read(path: Path) -> tuple[Samples, Samples]:
    samples, rate_hz = soundfile.read(path)
    assert rate_hz == 8000
    return samples[:, 0], samples[:, 1]


def rms(samples: Samples) -> float:
    return float(np.sqrt(np.mean(samples**2)))


def likeness(one: Samples, other: Samples) -> float:
    """The correlation of two windows: 1 if they differ by their loudness alone."""
    size = float(np.linalg.norm(one) * np.linalg.norm(other))
    return float(np.dot(one, other)) / size if size else 0.0


def windows(samples: Samples, begins: int, number: int) -> Samples:
    around = np.zeros(2 * _FRAME)
    begins += len(around)
    whole = np.concatenate([around, samples, around])
    return whole[begins : begins + number * _FRAME].reshape(number, _FRAME)


def lag(here: Samples, there: Samples) -> int:
    """How many samples later a side is in our recording."""
    size = 1 << (len(here) + len(there)).bit_length()
    product = np.fft.rfft(here, size) * np.conj(np.fft.rfft(there, size))
    return int(np.argmax(np.fft.irfft(product, size)[: len(here)]))


def agreeing(ours: Samples, theirs: Samples, begins: int) -> tuple[float, float]:
    """Which part of the audible windows is the same; which part of the others silent.

    A window beside an audible one may hold some of it, and is not looked at.
    """
    number = len(theirs) // _FRAME
    wanted = windows(theirs, 0, number)
    found = [windows(ours, begins + near, number) for near in _NEAR]
    audible = np.array([rms(each) >= _AUDIBLE for each in wanted])
    near_audible = audible | np.roll(audible, 1) | np.roll(audible, -1)
    same = [
        max(likeness(each[n], wanted[n]) for each in found) > 0.95
        for n in np.flatnonzero(audible)
    ]
    silent = [rms(found[0][n]) < _AUDIBLE for n in np.flatnonzero(~near_audible)]
    return float(np.mean(same)), float(np.mean(silent))


async def test_the_recording_sounds_like_the_call(tmp_path: Path) -> None:
    script = (
        WaitForAgent(),
        WaitForSilence(),
        Say(speak("tell me a story")),
        WaitForAgent(),
        Pause(2.5),
        Say(speak("what kind of books do you have")),
        WaitForAgent(),
        Pause(1.0),
        # In the middle of the answer.
        HangUp(),
    )
    async with trio.open_nursery() as nursery:
        model: Endpoint = await nursery.start(serve_model)
        async with serving(
            model.url, STS_RECORD_DIR=str(tmp_path / "calls"), STS_RECORD_AUDIO="on"
        ) as service:
            report = await place_call(
                service.url,
                script,
                record_path=tmp_path / "there.wav",
                max_call_s=60,
            )
        nursery.cancel_scope.cancel(reason="the call is over")

    assert report.conversed
    assert len(report.interruptions) == 1
    (path,) = (tmp_path / "calls").glob("*.wav")
    caller, agent = read(path)
    caller_there, agent_there = read(tmp_path / "there.wav")
    begins = lag(caller, caller_there)
    # Both sides by one clock: the caller's tells where the agent is, too.
    assert abs(lag(agent, agent_there) - begins) <= _FRAME
    same, silent = agreeing(caller, caller_there, begins)
    assert same == 1.0
    assert silent == 1.0
    same, silent = agreeing(agent, agent_there, begins)
    assert same >= 0.98
    assert silent >= 0.98
    # The stand-in's ends with its last slot.
    assert 0 <= len(caller) - begins - len(caller_there) <= 2 * _FRAME
