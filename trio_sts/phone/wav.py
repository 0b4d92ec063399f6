"""WAV files: any usual one becomes the caller's voice; a call becomes a stereo one."""

import struct
import wave
from pathlib import Path
from typing import BinaryIO

import numpy as np
from attrs import frozen
from numpy.typing import NDArray

from trio_sts.audio.framing import SAMPLE_RATE_HZ
from trio_sts.errors import StsError

from .resample import resample

# A quarter of an hour of 48 kHz stereo: more is not a question to an agent.
MAX_WAV_BYTES = 192 * 1024 * 1024
_RATES_HZ = range(8000, 192_001)
_PCM, _FLOAT, _EXTENSIBLE = 1, 3, 0xFFFE
_RIFF = struct.Struct("<4sI4s")
_CHUNK = struct.Struct("<4sI")
# Kind, channels, samples a second, bytes a second, bytes a frame, bits a sample.
_FMT = struct.Struct("<HHIIHH")
# Its own size, valid bits, loudspeakers, the plain kind.
_EXTENSION = struct.Struct("<HHIH")


class BadWav(StsError):
    """A file is no WAV file that can be played to an agent; the text says why."""


@frozen
class _Format:
    """A ``fmt`` chunk: how the samples of the ``data`` chunk are written."""

    kind: int
    channels: int
    rate_hz: int
    bits: int

    def check(self) -> None:
        """Refuse what cannot be read.

        Raises:
            BadWav: The encoding, the rate or the number of channels is not supported.
        """
        if (self.kind, self.bits) not in _DECODERS:
            told = f"encoding {self.kind} with {self.bits} bits is not supported: "
            raise BadWav(told + "use PCM of 8, 16, 24 or 32 bits or float of 32 bits")
        if self.channels not in {1, 2}:
            told = f"{self.channels} channels: only mono and stereo can be read"
            raise BadWav(told)
        if self.rate_hz not in _RATES_HZ:
            told = f"{self.rate_hz} Hz: only 8000 to 192000 Hz can be read"
            raise BadWav(told)


def read_wav(path: Path) -> bytes:
    """Read a WAV file as the caller's voice.

    Args:
        path: PCM of 8, 16, 24 or 32 bits or float of 32 bits, mono or stereo (mixed to
            mono), 8000 to 192000 Hz.

    Returns:
        PCM16LE, 8000 Hz, mono.

    Raises:
        BadWav: The file cannot be opened or is none of these.
    """
    try:
        with path.open("rb") as file:
            content = file.read(MAX_WAV_BYTES + 1)
    except OSError as exc:
        raise BadWav(exc.strerror or "cannot be read") from exc
    if len(content) > MAX_WAV_BYTES:
        told = f"larger than {MAX_WAV_BYTES >> 20} MiB"
        raise BadWav(told)
    return decode_wav(content)


def decode_wav(content: bytes) -> bytes:
    """Decode the bytes of a WAV file; see `read_wav`.

    Raises:
        BadWav: The bytes are no WAV file, or one that is not supported.
    """
    chunks = _chunks(content)
    if b"fmt " not in chunks or b"data" not in chunks:
        raise BadWav("no WAV file: it has no format or no samples")
    fmt = _format(chunks[b"fmt "])
    fmt.check()
    samples = _samples(chunks[b"data"], fmt)
    if not len(samples):
        raise BadWav("it has no samples")
    at_8k = resample(samples, fmt.rate_hz, SAMPLE_RATE_HZ)
    return np.clip(np.rint(at_8k * 32768.0), -32768, 32767).astype("<i2").tobytes()


def _chunks(content: bytes) -> dict[bytes, memoryview]:
    """The chunks of a RIFF file by name, the first of each.

    A chunk that promises more bytes than the file has is cut: recorders that were
    killed, and those that write to a pipe, leave such files.
    """
    if content[:4] != b"RIFF" or content[8:12] != b"WAVE":
        raise BadWav("no WAV file: it does not begin with RIFF … WAVE")
    view, chunks, at = memoryview(content), dict[bytes, memoryview](), _RIFF.size
    while at + _CHUNK.size <= len(content):
        name, size = _CHUNK.unpack_from(content, at)
        at += _CHUNK.size
        chunks.setdefault(name, view[at : at + size])
        at += size + size % 2
    return chunks


def _format(chunk: memoryview) -> _Format:
    if len(chunk) < _FMT.size:
        raise BadWav("no WAV file: its format is cut short")
    kind, channels, rate_hz, _, _, bits = _FMT.unpack_from(chunk)
    if kind == _EXTENSIBLE and len(chunk) >= _FMT.size + _EXTENSION.size:
        # The first two bytes of the sub-format GUID are the plain format's number.
        _, _, _, kind = _EXTENSION.unpack_from(chunk, _FMT.size)
    return _Format(kind, channels, rate_hz, bits)


def _samples(data: memoryview, fmt: _Format) -> NDArray[np.float64]:
    """The samples as -1 to 1, mono."""
    frame_bytes = fmt.channels * fmt.bits // 8
    whole = data[: len(data) - len(data) % frame_bytes]
    samples = _DECODERS[fmt.kind, fmt.bits](whole)
    mixed: NDArray[np.float64] = samples.reshape(-1, fmt.channels).mean(axis=1)
    return mixed


def _from_u8(data: memoryview) -> NDArray[np.float64]:
    return (np.frombuffer(data, np.uint8).astype(np.float64) - 128.0) / 128.0


def _from_i16(data: memoryview) -> NDArray[np.float64]:
    return np.frombuffer(data, "<i2").astype(np.float64) / 2.0**15


def _from_i24(data: memoryview) -> NDArray[np.float64]:
    low, middle, high = np.frombuffer(data, np.uint8).reshape(-1, 3).T.astype(np.int32)
    wide = (low << 8 | middle << 16 | high << 24).astype(np.int32)
    return wide.astype(np.float64) / 2.0**31


def _from_i32(data: memoryview) -> NDArray[np.float64]:
    return np.frombuffer(data, "<i4").astype(np.float64) / 2.0**31


def _from_f32(data: memoryview) -> NDArray[np.float64]:
    samples = np.frombuffer(data, "<f4").astype(np.float64)
    return np.clip(np.nan_to_num(samples), -1.0, 1.0)


_DECODERS = {
    (_PCM, 8): _from_u8,
    (_PCM, 16): _from_i16,
    (_PCM, 24): _from_i24,
    (_PCM, 32): _from_i32,
    (_FLOAT, 32): _from_f32,
}


@frozen
class Recorder:
    """Writes a call as it goes on: the caller is left, the agent is right.

    Close it: the header is only right then.
    """

    _raw: BinaryIO
    _file: wave.Wave_write

    @classmethod
    def open(cls, path: Path) -> "Recorder":
        """Record to a stereo WAV file of 8000 Hz, 16 bits: 32 kB a second.

        Raises:
            OSError: The file cannot be written.
        """
        raw = path.open("wb")
        file = wave.open(raw, "wb")  # noqa: SIM115 - close() closes it
        file.setnchannels(2)
        file.setsampwidth(2)
        file.setframerate(SAMPLE_RATE_HZ)
        return cls(raw, file)

    def write(self, caller_pcm: bytes, agent_pcm: bytes) -> None:
        """Append what both sides did in the same time; both have the same length.

        Raises:
            OSError: The disk is full.
        """
        both = np.empty((len(caller_pcm) // 2, 2), "<i2")
        both[:, 0] = np.frombuffer(caller_pcm, "<i2")
        both[:, 1] = np.frombuffer(agent_pcm, "<i2")
        self._file.writeframesraw(both.tobytes())

    def close(self) -> None:
        """Finish the file, also when this fails.

        Raises:
            OSError: The disk is full.
        """
        with self._raw:
            self._file.close()
