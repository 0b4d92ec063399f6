"""Ears and voice with each other, over a telephone's band."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from trio_sts.embedded.brain.answers import answer, normal
from trio_sts.embedded.brain.grammar import build, sentences
from trio_sts.embedded.brain.knowledge import INAUDIBLE
from trio_sts.embedded.brain.numbers import to_digits
from trio_sts.embedded.speech.espeak import espeak
from trio_sts.embedded.speech.extras import SpeechMissing, require
from trio_sts.embedded.speech.rates import from_pcm, resample, to_pcm
from trio_sts.embedded.speech.recogniser import recogniser
from trio_sts.embedded.speech.vad import Started, Stopped, TurnDetector, TurnRules
from trio_sts.embedded.speech.voice import AGENTS, CALLERS, say, speak

_SILENCE = bytes(8000)
_TOOLS = ("create_ticket", "check_order_status", "xylqz")


def heard(text: str, voice: str) -> str:
    grammar = build(_TOOLS, recogniser().knows)
    return recogniser().hear(_SILENCE + speak(text, voice=voice) + _SILENCE, grammar)


@pytest.mark.parametrize("voice", CALLERS[:2])
def test_every_sentence_is_understood_from_several_callers(voice: str) -> None:
    asked = [
        *sentences(),
        "transfer me to two hundred",
        "connect me to one zero one please",
        "use the create ticket tool",
        "run tool check order status",
    ]
    understood = {text: normal(heard(text, voice)) for text in asked}
    assert understood == {text: normal(text) for text in asked}


@pytest.mark.parametrize(
    "number", ["two hundred", "three hundred and five", "four two", "two oh one"]
)
def test_extensions_are_understood_as_the_same_digits(number: str) -> None:
    said = heard(f"transfer me to {number}", CALLERS[0])
    assert to_digits(said.removeprefix("transfer me to")) == to_digits(number)


def test_a_tool_whose_name_no_dictionary_has_is_left_out_of_the_grammar() -> None:
    assert "xylqz" not in build(_TOOLS, recogniser().knows)
    assert "<tool>" not in build(["xylqz"], recogniser().knows)


@pytest.mark.parametrize("loud", [100, 1000, 8000])
def test_noise_is_inaudible(loud: int) -> None:
    noise = np.random.default_rng(1).normal(0, loud, 12_000)
    said = recogniser().hear(to_pcm(noise), build((), recogniser().knows))
    assert answer(said, ()).say == INAUDIBLE


@pytest.mark.parametrize(
    "text", ["umbrella", "my cat likes purple bananas", "pizza with extra cheese"]
)
def test_other_sentences_are_asked_for_again(text: str) -> None:
    assert answer(heard(text, CALLERS[0]), ()).say == INAUDIBLE


def test_no_sound_at_all_is_inaudible() -> None:
    grammar = build((), recogniser().knows)
    assert recogniser().hear(b"", grammar) == ""
    assert recogniser().hear(bytes(3200), grammar) == ""


def test_only_so_many_grammars_are_kept_and_an_old_one_still_works() -> None:
    ears = recogniser()
    first = build((), ears.knows)
    for index in range(10):
        other = f"good morning | {'hello ' * (index + 1)}"
        ears.hear(bytes(8000), first.replace("good morning", other))
    said = ears.hear(_SILENCE + speak("tell me a story") + _SILENCE, first)
    assert said == "tell me a story"


def test_agents_do_not_sound_alike() -> None:
    spoken = {say("good morning", voice=name, rate_hz=8000).pcm for name in AGENTS}
    assert len(spoken) == len(AGENTS)


@pytest.mark.parametrize("rate_hz", [8000, 16_000, 24_000])
def test_speech_lasts_as_long_at_every_rate(rate_hz: int) -> None:
    made = say("what are your opening hours", voice="alloy", rate_hz=rate_hz)
    native = say("what are your opening hours", voice="alloy", rate_hz=22_050)
    assert abs(made.duration_ms - native.duration_ms) <= 1


def test_words_come_in_order_and_inside_the_audio() -> None:
    made = say("Hello there. This is café number 42.", voice="alloy", rate_hz=8000)
    times = [word.at_ms for word in made.words]
    assert times == sorted(times)
    assert times[-1] < made.duration_ms
    assert [made.text[word.first : word.end] for word in made.words][:2] == [
        "Hello",
        "there",
    ]


def test_an_unknown_voice_is_refused() -> None:
    with pytest.raises(ValueError, match="no voice"):
        espeak().synthesise("hello", voice="nobody", words_per_minute=140)


def test_a_missing_library_names_the_extra() -> None:
    with pytest.raises(SpeechMissing, match=r"pip install 'trio-sts\[demo\]'"):
        require("no_such_speech_library")


@pytest.mark.parametrize(("from_hz", "to_hz"), [(22_050, 8000), (22_050, 24_000)])
def test_a_tone_keeps_its_pitch_and_level_at_another_rate(
    from_hz: int, to_hz: int
) -> None:
    def tone(rate_hz: int) -> "np.ndarray[tuple[int, ...], np.dtype[np.float64]]":
        return 10_000 * np.sin(2 * np.pi * 1000 * np.arange(rate_hz) / rate_hz)

    made, wanted = resample(tone(from_hz), from_hz, to_hz), tone(to_hz)
    inner = slice(to_hz // 10, -to_hz // 10)
    error = float(np.sqrt(np.mean((made[inner] - wanted[inner]) ** 2)))
    assert len(made) == to_hz
    assert error < 50


def test_what_is_too_loud_is_clipped() -> None:
    assert list(from_pcm(to_pcm(np.array([40_000.0, -40_000.0])))) == [32767, -32768]


def _speech_after(silence_ms: int) -> bytes:
    return bytes(silence_ms * 16) + speak("tell me a story") + bytes(1000 * 16)


@settings(max_examples=20, deadline=None)
@given(st.integers(min_value=1, max_value=5000))
def test_turns_do_not_depend_on_how_audio_is_cut(size: int) -> None:
    audio = _speech_after(1000)
    whole = TurnDetector(TurnRules()).push(audio)
    cut = TurnDetector(TurnRules())
    found = [
        change
        for first in range(0, len(audio), size)
        for change in cut.push(audio[first : first + size])
    ]
    assert found == whole
    assert [type(change) for change in whole] == [Started, Stopped]


def test_the_start_has_its_padding_and_the_end_its_silence() -> None:
    audio = _speech_after(1000)
    started, stopped = TurnDetector(TurnRules()).push(audio)
    bare, sooner = TurnDetector(TurnRules(silence_ms=200, prefix_padding_ms=0)).push(
        audio
    )
    assert 1000 <= bare.at_ms <= 1200
    assert started.at_ms == bare.at_ms - 300
    assert stopped.at_ms == sooner.at_ms + 300


def test_a_quiet_voice_needs_a_low_threshold() -> None:
    quiet = to_pcm(from_pcm(_speech_after(500)) / 8)
    assert TurnDetector(TurnRules(threshold=0.9)).push(quiet) == []
    assert TurnDetector(TurnRules(threshold=0.1)).push(quiet) != []


def test_a_click_is_not_speech() -> None:
    click = to_pcm(np.random.default_rng(1).normal(0, 9000, 320))
    assert TurnDetector(TurnRules()).push(bytes(8000) + click + bytes(16_000)) == []
