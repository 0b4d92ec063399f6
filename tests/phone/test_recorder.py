import wave
from pathlib import Path

import numpy as np

from trio_sts.phone.recorder import Recorder
from trio_sts.soundfiles import read_sound


def test_a_recording_is_a_stereo_file_as_it_grows(tmp_path: Path) -> None:
    path = tmp_path / "call.wav"
    left = np.arange(160, dtype="<i2")
    recorder = Recorder.open(path)
    for _ in range(3):
        recorder.write(left.tobytes(), (-left).tobytes())
    recorder.close()
    with wave.open(str(path)) as file:
        assert file.getparams()[:4] == (2, 2, 8000, 480)
        both = np.frombuffer(file.readframes(480), "<i2").reshape(-1, 2)
    assert np.array_equal(both[:, 0], np.tile(left, 3))
    assert np.array_equal(both[:, 1], np.tile(-left, 3))
    # It can be played to an agent again: both sides in one.
    assert read_sound(path) == bytes(960)
