import subprocess
import sys
from itertools import pairwise, product
from struct import pack, unpack
from typing import Literal

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from trio_sts.audio.formats import (
    CALLER_MS_PER_BYTE,
    AudioFormat,
    Decoder,
    Encoder,
    decoder,
    encoder,
    ms_per_byte,
)
from trio_sts.audio.framing import FRAME_BYTES, Framer, frame_bytes
from trio_sts.audio.g711 import A_LAW, MU_LAW
from trio_sts.audio.resample import resampler

FORMATS: tuple[AudioFormat, ...] = ("pcm", "pcmu", "pcma")
RATES_HZ = (8_000, 16_000, 24_000)
BOTH = list(product(FORMATS, RATES_HZ))
EVERY = pytest.mark.parametrize(("audio_format", "rate_hz"), BOTH)
MODEL_FRAME_BYTES = {"pcm": 960, "pcmu": 160, "pcma": 160}
LAWS = {"pcmu": MU_LAW, "pcma": A_LAW}
MODEL_RATE_HZ = {"pcm": 24_000, "pcmu": 8_000, "pcma": 8_000}


def loud(samples: int, rate_hz: int = 8_000) -> bytes:
    half = rate_hz // 1_000
    return pack(
        f"<{samples}h", *(20_000 if i // half % 2 else -20_000 for i in range(samples))
    )


@EVERY
def test_a_frame_goes_up_and_comes_down_as_one_frame(
    audio_format: AudioFormat, rate_hz: int
) -> None:
    up, down = encoder(audio_format, rate_hz), decoder(audio_format, rate_hz)
    for _ in range(3):
        sent = up.encode(loud(rate_hz // 50, rate_hz))
        assert len(sent) == MODEL_FRAME_BYTES[audio_format]
        assert len(down.decode(sent)) == frame_bytes(rate_hz)


@EVERY
def test_silence_stays_silent_both_ways(
    audio_format: AudioFormat, rate_hz: int
) -> None:
    up, down = encoder(audio_format, rate_hz), decoder(audio_format, rate_hz)
    silence = bytes(frame_bytes(rate_hz))
    down.decode(up.encode(silence))
    heard = down.decode(up.encode(silence))
    # A-law has no zero: half its smallest step is its silence.
    assert set(unpack(f"<{len(heard) // 2}h", heard)) == {
        8 if audio_format == "pcma" else 0
    }


@EVERY
def test_what_is_said_is_what_is_heard(audio_format: AudioFormat, rate_hz: int) -> None:
    """The level at 500 Hz, there and back, whatever it is resampled by on its way."""
    said = loud(rate_hz, rate_hz)
    heard = decoder(audio_format, rate_hz).decode(
        encoder(audio_format, rate_hz).encode(said)
    )
    assert len(heard) == len(said)

    level, other = (
        abs(np.fft.rfft(np.frombuffer(pcm, "<i2"))[500]) for pcm in (said, heard)
    )
    assert other == pytest.approx(level, rel=0.05)


@pytest.mark.parametrize(("audio_format", "rate_hz"), BOTH)
@given(audio=st.binary(max_size=2_000).map(lambda pcm: pcm[: len(pcm) & -2]))
@settings(max_examples=30)
def test_it_is_the_resampler_and_the_law_one_after_the_other(
    audio_format: Literal["pcm", "pcmu", "pcma"], rate_hz: int, audio: bytes
) -> None:
    model_hz = MODEL_RATE_HZ[audio_format]

    def resampled(pcm: bytes, from_hz: int, to_hz: int) -> bytes:
        return pcm if from_hz == to_hz else resampler(from_hz, to_hz).push(pcm)

    law = LAWS.get(audio_format)
    up = resampled(audio, rate_hz, model_hz)
    assert encoder(audio_format, rate_hz).encode(audio) == (
        law.encode(up) if law else up
    )
    down = resampled(law.decode(audio) if law else audio, model_hz, rate_hz)
    assert decoder(audio_format, rate_hz).decode(audio) == down


def test_at_24_khz_the_models_own_pcm_is_not_even_copied() -> None:
    audio = loud(480)
    assert encoder("pcm", 24_000).encode(audio) is audio
    down = decoder("pcm", 24_000)
    assert down.decode(audio) is audio
    assert down.flush() == b""


@EVERY
def test_two_calls_share_no_sound(audio_format: AudioFormat, rate_hz: int) -> None:
    frame, sound = bytes(frame_bytes(rate_hz)), loud(rate_hz // 50, rate_hz)

    def up() -> Encoder:
        return encoder(audio_format, rate_hz)

    def down() -> Decoder:
        return decoder(audio_format, rate_hz)

    noisy, quiet = up(), up()
    silence = up().encode(frame)
    noisy.encode(sound)
    assert quiet.encode(frame) == silence
    one, other = down(), down()
    one.decode(noisy.encode(sound))
    assert other.decode(silence) == down().decode(silence)


@EVERY
@given(audio=st.binary(max_size=700), cuts=st.lists(st.integers(0, 700)))
@settings(max_examples=40)
def test_deltas_may_be_cut_anywhere(
    audio_format: AudioFormat, rate_hz: int, audio: bytes, cuts: list[int]
) -> None:
    edges = [0, *sorted(min(cut, len(audio)) for cut in cuts), len(audio)]
    whole, pieces = decoder(audio_format, rate_hz), decoder(audio_format, rate_hz)
    parts = [pieces.decode(audio[a:b]) for a, b in pairwise(edges)]
    assert not any(len(part) % 2 for part in parts)
    assert b"".join(parts) + pieces.flush() == whole.decode(audio) + whole.flush()


@pytest.mark.parametrize("rate_hz", RATES_HZ)
def test_an_odd_byte_is_carried_to_the_next_delta(rate_hz: int) -> None:
    audio = loud(960)
    down = decoder("pcm", rate_hz)
    got = down.decode(audio[:961]) + down.decode(audio[961:])
    assert got == decoder("pcm", rate_hz).decode(audio)


@EVERY
def test_an_items_tail_is_its_own_and_the_next_begins_fresh(
    audio_format: AudioFormat, rate_hz: int
) -> None:
    up = encoder(audio_format, rate_hz)
    first = up.encode(loud(rate_hz // 50, rate_hz)) + b"\x11"
    down = decoder(audio_format, rate_hz)
    once = down.decode(first) + down.flush()
    again = down.decode(first) + down.flush()
    assert again == once
    assert down.flush() == b""


@pytest.mark.parametrize(
    ("rate_hz", "tail_ms"), [(8_000, 3.75), (16_000, 2.8), (24_000, 0)]
)
def test_the_last_syllable_is_complete(rate_hz: int, tail_ms: float) -> None:
    """The sound ends with the item, and nothing of it waits for the next one."""
    item = pack("<2400h", *[0] * 2_390, *[20_000] * 10)
    down = decoder("pcm", rate_hz)
    body, tail = down.decode(item), down.flush()
    assert len(body) == 5 * frame_bytes(rate_hz)
    # All of the sound's energy: its sum, a third of what came in.
    total = sum(unpack(f"<{len(body + tail) // 2}h", body + tail))
    assert total * 24_000 / rate_hz == pytest.approx(20_000 * 10, abs=90)
    assert len(tail) <= 2 * rate_hz * tail_ms / 1_000
    frames = Framer(rate_hz)
    cut = frames.push(body + tail) + frames.flush()
    assert len(cut) == (6 if tail_ms else 5)


def test_g711_never_loads_numpy() -> None:
    program = (
        "import sys\n"
        "from trio_sts.audio.formats import decoder, encoder\n"
        "for name in ('pcmu', 'pcma'):\n"
        "    decoder(name).decode(encoder(name).encode(bytes(320)))\n"
        "sys.exit('numpy' in sys.modules)\n"
    )
    subprocess.run([sys.executable, "-c", program], check=True, timeout=30)


@pytest.mark.parametrize("audio_format", FORMATS)
def test_a_byte_sounds_as_long_as_its_format_says(audio_format: AudioFormat) -> None:
    model_frame = MODEL_FRAME_BYTES[audio_format]
    assert model_frame * ms_per_byte(audio_format) == pytest.approx(20)
    assert FRAME_BYTES * CALLER_MS_PER_BYTE == 20


@pytest.mark.parametrize("audio_format", FORMATS)
def test_other_rates_are_refused(audio_format: AudioFormat) -> None:
    for make in (encoder, decoder):
        with pytest.raises(ValueError, match="only between 8000, 16000 and 24000"):
            make(audio_format, 48_000)
