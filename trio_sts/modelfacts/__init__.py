"""What is known of OpenAI's models: one data file, with the day on which it was read."""

import re
import tomllib
from collections.abc import Mapping
from datetime import date
from fnmatch import fnmatchcase
from functools import cache
from importlib.resources import files
from typing import Literal

from attrs import frozen
from cattrs import Converter

_DATED = re.compile(r"-\d{4}-\d{2}-\d{2}$", re.ASCII)
_REALTIME = "gpt-realtime*"


@frozen
class Price:
    """US dollars per million tokens; cached input replaces the input price."""

    audio_in: float
    audio_cached: float
    audio_out: float
    text_in: float
    text_cached: float
    text_out: float


@frozen
class Model:
    """A Realtime model.

    Attributes:
        price: The name of its prices; None for one that cannot be had any more.
        ends: The day of its shutdown, if one is announced.
        use: What replaces it.
    """

    price: str | None = None
    ends: date | None = None
    use: str = ""


@frozen
class Transcriber:
    """A transcription model.

    Attributes:
        minute: US dollars for a minute of audio, where that is what counts.
        tokens_in: US dollars per million input tokens, where those count.
        tokens_out: The same of output tokens.
        hints: Whether it takes one ``language``, or lists of languages and keywords.
        ends: The day of its shutdown, if one is announced.
        use: What replaces it.
    """

    minute: float = 0
    tokens_in: float = 0
    tokens_out: float = 0
    hints: Literal["language", "lists"] = "language"
    ends: date | None = None
    use: str = ""


@frozen
class Strangers:
    """Names of models, as a pattern, that hold no Realtime session, and why."""

    names: str
    why: str


@frozen
class Facts:
    """The data file; names are OpenAI's, and hold at its own endpoint."""

    read_on: date
    beta_ended: date
    voices: tuple[str, ...]
    prices: Mapping[str, Price]
    models: Mapping[str, Model]
    transcribers: Mapping[str, Transcriber]
    strangers: tuple[Strangers, ...]

    def model(self, name: str) -> Model | None:
        """What is known of a Realtime model, under its name with or without a date."""
        return self.models.get(_undated(name))

    def price(self, name: str) -> Price | None:
        """What a Realtime model costs; None if that is not known."""
        model = self.model(name)
        return None if model is None or not model.price else self.prices[model.price]

    def transcriber(self, name: str) -> Transcriber | None:
        """What is known of a transcription model, with or without a date."""
        return self.transcribers.get(_undated(name))

    def takes_lists(self, name: str) -> bool:
        """Whether a transcription model takes lists of languages and keywords."""
        known = self.transcriber(name)
        return known is not None and known.hints == "lists"

    def why_no_session(self, name: str) -> str:
        """Why a model holds no Realtime session at OpenAI; empty if it may."""
        lowered = name.lower()
        for strangers in self.strangers:
            if fnmatchcase(lowered, strangers.names):
                return strangers.why
        if fnmatchcase(lowered, _REALTIME) or self.model(lowered):
            return ""
        return "is no Realtime model"


def _undated(name: str) -> str:
    return _DATED.sub("", name.lower())


@cache
def facts() -> Facts:
    """The data file, read once."""
    text = files(__name__).joinpath("facts.toml").read_text("utf-8")
    converter = Converter(forbid_extra_keys=True)
    converter.register_structure_hook(date, lambda value, _: value)
    return converter.structure(tomllib.loads(text), Facts)
