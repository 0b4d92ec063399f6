"""The operator's sound files: any usual one becomes telephone audio.

libsndfile reads them and soxr changes their rate. Both are imported when the first file
is read: a service that plays none loads neither.
"""

import io
from pathlib import Path

from trio_sts.errors import StsError

SAMPLE_RATE_HZ = 8000
# Five minutes of 48 kHz stereo: more is no announcement.
MAX_FILE_BYTES = 64 * 1024 * 1024
MAX_S = 600
_MAX_CHANNELS = 8


class BadSound(StsError):
    """A file cannot be played; the text says why, in a few words, without its path."""


def read_sound(path: Path, rate_hz: int = SAMPLE_RATE_HZ) -> bytes:
    """Read a sound file as telephone audio.

    Args:
        path: WAV (PCM of any width, float, G.711), or whatever else libsndfile reads;
            any rate; all its channels are mixed to one.
        rate_hz: What rate it is to have.

    Returns:
        PCM16LE, mono; never empty.

    Raises:
        BadSound: The file cannot be opened, is no sound, is empty, or is longer than
            64 MiB or 10 minutes.
    """
    try:
        # Anything else, such as a pipe, could block for ever.
        if not path.is_file():
            raise BadSound("there is no such file")
        with path.open("rb") as file:
            content = file.read(MAX_FILE_BYTES + 1)
    except (OSError, ValueError) as exc:
        reason = exc.strerror if isinstance(exc, OSError) else None
        raise BadSound(reason or "it cannot be read") from exc
    if len(content) > MAX_FILE_BYTES:
        why = f"it is larger than {MAX_FILE_BYTES >> 20} MiB"
        raise BadSound(why)
    return decode_sound(content, rate_hz)


def decode_sound(content: bytes, rate_hz: int = SAMPLE_RATE_HZ) -> bytes:
    """Turn a sound file's content into telephone audio; as `read_sound`.

    Raises:
        BadSound: It is no sound, empty or too long.
    """
    import numpy as np  # noqa: PLC0415
    import soundfile  # noqa: PLC0415 # pyright: ignore[reportMissingTypeStubs]
    import soxr  # noqa: PLC0415 # pyright: ignore[reportMissingTypeStubs]

    try:
        with soundfile.SoundFile(io.BytesIO(content)) as sound:
            file_hz = sound.samplerate
            if sound.channels > _MAX_CHANNELS or file_hz < 1:
                why = f"it has {sound.channels} channels at {file_hz} Hz"
                raise BadSound(why)
            frames = sound.read(MAX_S * file_hz + 1, dtype="float32", always_2d=True)
    except soundfile.SoundFileError as exc:
        raise BadSound("it is no sound file that can be read") from exc
    if not len(frames):
        raise BadSound("there is no sound in it")
    if len(frames) > MAX_S * file_hz:
        why = f"it is longer than {MAX_S} s"
        raise BadSound(why)
    mono = np.nan_to_num(frames.mean(axis=1))
    if file_hz != rate_hz:
        mono = soxr.resample(mono, file_hz, rate_hz)
    samples = np.rint(np.clip(mono * 32768, -32768, 32767)).astype("<i2")
    if not len(samples):
        raise BadSound("there is no sound in it")
    pcm: bytes = samples.tobytes()
    return pcm
