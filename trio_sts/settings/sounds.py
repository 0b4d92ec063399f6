"""Settings that are a word or the path of a sound file."""

from pathlib import Path

from attrs import field, frozen

from trio_sts.soundfiles import BadSound, read_sound

from .kinds import Kind, Unfit, path, plain


@frozen
class Sound:
    """A sound file of the operator's, read at the start.

    Attributes:
        path: Where it was.
        pcm: PCM16LE, 8000 Hz, mono; never empty.
    """

    path: Path
    pcm: bytes = field(repr=False)


def sound(*words: str) -> Kind:
    """One of a few words, in any case, or the path of a WAV file that can be read."""
    name = path()

    def parse(text: str) -> str | Sound:
        if text.lower() in words:
            return text.lower()
        file: Path = name.parse(text)
        try:
            return Sound(file, read_sound(file))
        except BadSound as exc:
            raise Unfit(str(exc)) from exc

    def show(value: str | Sound) -> str:
        return plain(value.path if isinstance(value, Sound) else value)

    return Kind(f"{', '.join(words)} or the path of a WAV file", parse, show)
