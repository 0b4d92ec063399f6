import subprocess
import sys
from itertools import pairwise
from struct import pack, unpack

import pytest
from hypothesis import given
from hypothesis import strategies as st

from trio_sts.audio.formats import (
    CALLER_MS_PER_BYTE,
    AudioFormat,
    decoder,
    encoder,
    ms_per_byte,
)
from trio_sts.audio.framing import FRAME_BYTES, Framer

FORMATS: tuple[AudioFormat, ...] = ("pcm", "pcmu", "pcma")
EVERY = pytest.mark.parametrize("audio_format", FORMATS)
MODEL_FRAME_BYTES = {"pcm": 960, "pcmu": 160, "pcma": 160}


def loud(samples: int) -> bytes:
    return pack(
        f"<{samples}h", *(20_000 if i // 8 % 2 else -20_000 for i in range(samples))
    )


@EVERY
def test_a_frame_goes_up_and_comes_down_as_one_frame(audio_format: AudioFormat) -> None:
    up, down = encoder(audio_format), decoder(audio_format)
    for _ in range(3):
        sent = up.encode(loud(160))
        assert len(sent) == MODEL_FRAME_BYTES[audio_format]
        assert len(down.decode(sent)) == FRAME_BYTES


@EVERY
def test_silence_stays_silent_both_ways(audio_format: AudioFormat) -> None:
    up, down = encoder(audio_format), decoder(audio_format)
    heard = unpack("<160h", down.decode(up.encode(bytes(FRAME_BYTES))))
    # A-law has no zero: half its smallest step is its silence.
    assert set(heard) == {8 if audio_format == "pcma" else 0}


@EVERY
def test_two_calls_share_no_sound(audio_format: AudioFormat) -> None:
    noisy, quiet = encoder(audio_format), encoder(audio_format)
    silence = encoder(audio_format).encode(bytes(FRAME_BYTES))
    noisy.encode(loud(160))
    assert quiet.encode(bytes(FRAME_BYTES)) == silence
    one, other = decoder(audio_format), decoder(audio_format)
    one.decode(noisy.encode(loud(160)))
    assert other.decode(silence) == decoder(audio_format).decode(silence)


@EVERY
@given(audio=st.binary(max_size=700), cuts=st.lists(st.integers(0, 700)))
def test_deltas_may_be_cut_anywhere(
    audio_format: AudioFormat, audio: bytes, cuts: list[int]
) -> None:
    edges = [0, *sorted(min(cut, len(audio)) for cut in cuts), len(audio)]
    whole, pieces = decoder(audio_format), decoder(audio_format)
    got = b"".join(pieces.decode(audio[a:b]) for a, b in pairwise(edges))
    assert got + pieces.flush() == whole.decode(audio) + whole.flush()


def test_an_odd_byte_is_carried_to_the_next_delta() -> None:
    audio = encoder("pcm").encode(loud(320))
    down = decoder("pcm")
    got = down.decode(audio[:961]) + down.decode(audio[961:])
    assert got == decoder("pcm").decode(audio)


@EVERY
def test_an_items_tail_is_its_own_and_the_next_begins_fresh(
    audio_format: AudioFormat,
) -> None:
    first = encoder(audio_format).encode(loud(160)) + b"\x11"
    down = decoder(audio_format)
    once = down.decode(first) + down.flush()
    again = down.decode(first) + down.flush()
    assert again == once
    assert down.flush() == b""


def test_the_last_syllable_is_complete() -> None:
    """The sound ends with the item, and nothing of it waits for the next one."""
    item = pack("<2400h", *[0] * 2_390, *[20_000] * 10)
    down = decoder("pcm")
    body, tail = down.decode(item), down.flush()
    assert len(body) == 1_600
    # All of the sound's energy: its sum, a third of what came in.
    total = sum(unpack(f"<{len(body + tail) // 2}h", body + tail))
    assert total == pytest.approx(20_000 * 10 / 3, abs=30)
    assert len(tail) <= 2 * 30
    frames = Framer()
    assert len(frames.push(body + tail) + frames.flush()) == 6


def test_g711_never_loads_numpy() -> None:
    program = (
        "import sys\n"
        "from trio_sts.audio.formats import decoder, encoder\n"
        "for name in ('pcmu', 'pcma'):\n"
        "    decoder(name).decode(encoder(name).encode(bytes(320)))\n"
        "sys.exit('numpy' in sys.modules)\n"
    )
    subprocess.run([sys.executable, "-c", program], check=True, timeout=30)


@EVERY
def test_a_byte_sounds_as_long_as_its_format_says(audio_format: AudioFormat) -> None:
    model_frame = MODEL_FRAME_BYTES[audio_format]
    assert model_frame * ms_per_byte(audio_format) == pytest.approx(20)
    assert FRAME_BYTES * CALLER_MS_PER_BYTE == 20
