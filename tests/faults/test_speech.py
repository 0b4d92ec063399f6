"""Words can be told apart behind the relay's own resampling, whole or cut."""

import pytest

from trio_sts.audio.formats import encoder

from . import speech


def at_the_model(pcm: bytes) -> bytes:
    """What the model gets of the caller's audio."""
    encode = encoder("pcm").encode
    return b"".join(encode(pcm[at : at + 320]) for at in range(0, len(pcm), 320))


@pytest.mark.parametrize("number", range(speech.WORDS))
def test_every_word_is_heard_as_itself_and_nothing_else(number: int) -> None:
    heard = speech.words_in(at_the_model(speech.word(number)), speech.MODEL_HZ)
    assert list(heard) == [number]
    assert 220 <= heard[number] <= 260


def test_a_word_that_is_cut_is_heard_in_part() -> None:
    word = speech.word(5)
    heard = speech.words_in(at_the_model(word[: 120 * 16]), speech.MODEL_HZ)
    assert 80 <= heard[5] <= 120


def test_a_word_that_comes_twice_is_heard_twice() -> None:
    heard = speech.words_in(at_the_model(speech.word(7) * 2), speech.MODEL_HZ)
    assert 440 <= heard[7] <= 520


def test_silence_has_no_words() -> None:
    assert speech.words_in(bytes(48_000), speech.MODEL_HZ) == {}
