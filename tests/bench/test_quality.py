"""What G.711 costs: the measures themselves, on sounds whose figures are known."""

import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest

from bench.bandwidth import down_kbit_s, up_kbit_s
from bench.distortion import (
    Samples,
    at_level,
    level_dbov,
    segmental_snr_db,
    snr_db,
    telephone_band,
    through,
    with_noise,
)
from bench.listening import judged_otherwise, spoken, utterances, word_errors
from bench.quality import BEGIN, FORMATS, Condition, changed_samples, heard
from bench.report import BEGIN as OTHER_BEGIN
from bench.report import with_figures
from bench.wideband import RATES_HZ, added_db, ear_differs
from trio_sts.audio.formats import AudioFormat
from trio_sts.embedded.speech.rates import to_pcm

ROOT = Path(__file__).parents[2]
PAGE = ROOT / "docs" / "performance.md"
SECOND = 8_000
EVERY_SAMPLE = np.arange(-32_768, 32_768).astype("<i2").tobytes()
LAWS: tuple[AudioFormat, ...] = ("pcmu", "pcma")


def square(amplitude: float, count: int = SECOND) -> Samples:
    return np.where(np.arange(count) % 2, -amplitude, amplitude).astype(np.float64)


def tone(hertz: float, amplitude: float = 3_000) -> Samples:
    wave: Samples = np.sin(2 * np.pi * hertz * np.arange(SECOND) / SECOND)
    return wave * amplitude


def test_a_hundredth_of_the_amplitude_is_40_db() -> None:
    speech = square(1_000)
    assert snr_db(speech, speech * 1.01) == pytest.approx(40)
    assert segmental_snr_db(speech, speech * 1.01) == pytest.approx(40)


def test_only_the_segmental_figure_hears_noise_on_quiet_syllables() -> None:
    speech = np.concatenate([square(1_000), square(100)])
    noisy = speech + square(10, 2 * SECOND)
    assert segmental_snr_db(speech, noisy) == pytest.approx((40 + 20) / 2)
    assert snr_db(speech, noisy) == pytest.approx(37, abs=0.1)


def test_pauses_count_neither_for_the_level_nor_for_the_segments() -> None:
    speech = np.concatenate([square(1_000), np.zeros(3 * SECOND)])
    noisy = speech + square(10, 4 * SECOND)
    assert level_dbov(speech) == pytest.approx(level_dbov(square(1_000)))
    assert segmental_snr_db(speech, noisy) == pytest.approx(40)


def test_the_same_samples_are_as_good_as_rounding_can_tell() -> None:
    speech = square(1_000)
    assert snr_db(speech, speech) == pytest.approx(60 + 10 * np.log10(12))


def test_a_level_is_told_from_a_square_wave_of_full_scale() -> None:
    assert level_dbov(square(32_768)) == pytest.approx(0)
    assert level_dbov(at_level(square(500), -26)) == pytest.approx(-26)


def test_speech_that_would_be_clipped_is_refused() -> None:
    with pytest.raises(ValueError, match="clipped"):
        at_level(tone(500), -2)


def test_noise_is_as_far_below_speech_as_asked_for_and_always_the_same() -> None:
    noisy = with_noise(tone(500), 20)
    assert snr_db(tone(500), noisy) == pytest.approx(20)
    assert np.array_equal(noisy, with_noise(tone(500), 20))


def test_the_band_ends_where_a_telephones_does() -> None:
    assert snr_db(tone(1_000), telephone_band(tone(1_000) + tone(3_600))) > 40
    assert np.abs(telephone_band(tone(100))[1_000:-1_000]).max() < 30


@pytest.mark.parametrize("hertz", [400, 1_010, 3_300])
def test_pcm_comes_back_in_step_and_whole(hertz: int) -> None:
    sent = tone(hertz)
    heard_back = through("pcm", to_pcm(sent))
    inner = slice(400, -400)
    assert len(heard_back) == len(sent)
    assert snr_db(sent[inner], heard_back[inner]) > 55


@pytest.mark.parametrize("rate_hz", RATES_HZ)
@pytest.mark.parametrize("audio_format", FORMATS)
def test_each_rate_comes_back_in_step_from_each_format(
    audio_format: AudioFormat, rate_hz: int
) -> None:
    wave = 3_000 * np.sin(2 * np.pi * 1_010 / rate_hz * np.arange(rate_hz))
    pcm = to_pcm(wave)
    heard_back = through(audio_format, pcm, rate_hz)
    inner = slice(rate_hz // 20, -rate_hz // 20)
    assert len(heard_back) == rate_hz
    least = 55 if audio_format == "pcm" else 35
    assert snr_db(wave[inner], heard_back[inner]) > least


def test_a_format_is_asked_for_what_the_line_can_carry() -> None:
    white = to_pcm(np.random.default_rng(2).normal(0, 1_000, 24_000))
    assert added_db("pcm", white, 24_000) == ()
    narrow, wide = added_db("pcmu", white, 24_000)
    assert narrow > 33
    assert wide < 5
    assert [db > 40 for db in added_db("pcm", white, 16_000)] == [True, True]
    assert len(added_db("pcm", white, 8_000)) == 1


@pytest.mark.parametrize("rate_hz", RATES_HZ)
def test_our_own_ear_hears_nearly_the_same_at_every_rate(rate_hz: int) -> None:
    text = utterances()[:3]
    call = to_pcm(np.concatenate([*spoken(text, rate_hz)]))
    differs = ear_differs(call, rate_hz)
    assert differs < 0.04
    assert differs == 0 or rate_hz > 8_000


@pytest.mark.parametrize("law", LAWS)
def test_g711_costs_what_its_intervals_do(law: AudioFormat) -> None:
    # ITU-T G.712 asks for 33 dB at these levels; the law itself leaves a few more.
    for dbov in (-10, -20, -30):
        sent = at_level(tone(1_010), dbov)
        assert 35 < snr_db(sent, through(law, to_pcm(sent))) < 42


@pytest.mark.parametrize("law", LAWS)
def test_the_same_law_again_changes_no_sample_there_is(law: AudioFormat) -> None:
    line = to_pcm(through(law, EVERY_SAMPLE))
    assert changed_samples(line, law) == 0
    assert changed_samples(EVERY_SAMPLE, law) > 60_000
    other: AudioFormat = "pcma" if law == "pcmu" else "pcmu"
    assert changed_samples(line, other) > 30_000


@pytest.mark.parametrize(
    ("said", "understood", "errors"),
    [
        ("one two three", "one two three", 0),
        ("one two three", "", 3),
        ("", "one two", 2),
        ("one two three", "one three", 1),
        ("one two three", "one oh two three", 1),
        ("one two three", "one five three", 1),
        ("one two three four", "two three four five", 2),
    ],
)
def test_words_put_in_left_out_and_replaced_are_counted(
    said: str, understood: str, errors: int
) -> None:
    assert word_errors(said, understood) == errors


def test_a_detector_that_hears_nothing_decides_otherwise_where_somebody_speaks() -> (
    None
):
    (clip,) = Condition(-30).clips(spoken(utterances()[:1]))
    assert judged_otherwise(clip, clip) == 0
    assert 0.3 < judged_otherwise(clip, bytes(len(clip))) < 1


def test_each_process_hears_the_same_callers() -> None:
    program = (
        "import sys; from bench.listening import spoken, utterances\n"
        "for clip in spoken(utterances()): sys.stdout.buffer.write(clip.tobytes())"
    )
    command = [sys.executable, "-c", program]
    first, second = (
        subprocess.run(command, cwd=ROOT, check=True, capture_output=True).stdout
        for _ in range(2)
    )
    assert first == second
    assert len(first) > len(utterances()) * SECOND


@pytest.mark.parametrize("audio_format", FORMATS)
def test_a_sentence_is_understood_behind_every_format(
    audio_format: AudioFormat,
) -> None:
    texts, quiet = utterances()[:1], Condition(-40)
    found = heard(texts, quiet, quiet.clips(spoken(texts)), audio_format)
    assert found.wrong_words == 0
    assert (found.snr_db > 50) is (audio_format == "pcm")


@pytest.mark.parametrize(
    ("audio_format", "audio_bytes"), [("pcm", 960), ("pcmu", 160), ("pcma", 160)]
)
def test_the_wire_takes_base64_the_event_and_a_header_with_a_mask(
    audio_format: AudioFormat, audio_bytes: int
) -> None:
    event = len('{"type":"input_audio_buffer.append","audio":""}')
    base64 = -(-audio_bytes // 3) * 4
    assert up_kbit_s(audio_format) == (8 + event + base64) * 8 * 50 / 1_000


def test_deltas_of_a_sixth_of_the_audio_take_a_fifth_of_the_wire() -> None:
    assert 4.5 < down_kbit_s("pcm") / down_kbit_s("pcmu") < 6


def test_the_page_has_a_place_for_these_figures_beside_those_of_the_load() -> None:
    page = PAGE.read_text("utf-8")
    fresh = with_figures(page, "fresh", BEGIN)
    before, _, after = fresh.partition(f"{BEGIN}\nfresh\n")
    assert OTHER_BEGIN in before
    assert page.startswith(before)
    assert page.endswith(after)
