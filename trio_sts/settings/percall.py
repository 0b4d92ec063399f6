"""What one call may have of its own: a web service's or AVR Core's answer about it."""

from collections.abc import Mapping
from typing import Any, Literal, Self, cast

from attrs import asdict, evolve, field, fields_dict, frozen

from trio_sts.environment import NOT_SET
from trio_sts.modelfacts import facts

from .endpoint import is_openai
from .kinds import Kind, Unfit
from .lifetimes import current_model
from .lists import tool_names
from .schema import Settings
from .spec import spec_of

_MOST_METADATA = 100
_MOST_METADATA_CHARS = 10_000


@frozen(kw_only=True)
class CallConfig:
    """What holds for one call instead of the container's settings.

    None is "as the container has it". The names up to ``transfer_to`` are those of the
    settings that they stand for.

    Attributes:
        voice: The agent's voice.
        language: ISO-639-1, of the caller's transcripts.
        welcome_message: The greeting, with its placeholders not filled yet.
        model: The Realtime model.
        max_tokens: The longest response.
        transcription_keywords: Words that are hard to spell.
        transfer_to: The extensions that the call may be transferred to.
        tools: The names that are offered; () offers none.
        record: False keeps nothing of the call.
        metadata: More placeholders, by name.
    """

    voice: str | None = None
    language: str | None = None
    welcome_message: str | None = field(default=None, repr=False)
    model: str | None = None
    max_tokens: int | Literal["inf"] | None = None
    transcription_keywords: tuple[str, ...] | None = None
    transfer_to: tuple[str, ...] | None = None
    tools: tuple[str, ...] | None = None
    record: bool | None = None
    metadata: Mapping[str, str] = field(factory=dict[str, str], repr=False)

    def over(self, lower: Self) -> Self:
        """This one, and where it says nothing the other; metadata of both."""
        mine = {
            name: value
            for name, value in asdict(self, recurse=False).items()
            if value is not None
        }
        return evolve(
            lower, **{**mine, "metadata": {**lower.metadata, **self.metadata}}
        )

    def named(self) -> tuple[str, ...]:
        """The names of what it says something about."""
        fields = asdict(self, recurse=False)
        return tuple(name for name, value in fields.items() if value not in (None, {}))

    def applied(self, settings: Settings) -> Settings:
        """The settings of this call."""
        own: dict[str, Any] = {
            name: value
            for name in _FROM_SETTINGS
            if (value := getattr(self, name)) is not None
        }
        if self.record is False:
            own |= {"transcript_dir": None, "record_dir": None, "record_audio": False}
        return evolve(settings, **own) if own else settings


_FROM_SETTINGS = (
    "voice",
    "language",
    "welcome_message",
    "model",
    "max_tokens",
    "transcription_keywords",
    "transfer_to",
)
_KINDS: dict[str, Kind] = {
    **{
        name: spec_of(attribute).kind
        for name, attribute in fields_dict(Settings).items()
        if name in _FROM_SETTINGS
    },
    "tools": tool_names(),
}


def read_call_config(
    answer: Mapping[str, object], settings: Settings
) -> tuple[CallConfig, tuple[str, ...]]:
    """Structure what an answer says of its call; fields of other names are ignored.

    Args:
        answer: A JSON object; a faulty field costs itself and nothing else.
        settings: The container's, which say what the endpoint is.

    Returns:
        What can be used, and one line for each fault, without the value.
    """
    own: dict[str, Any] = {}
    faults: list[str] = []
    for name, read in _READERS.items():
        value = answer.get(name)
        if value is None:
            continue
        try:
            own[name] = read(name, value)
            _check(name, own[name], settings)
        except Unfit as exc:
            own.pop(name, None)
            faults.append(f"{name} {exc.why}")
    if (model := own.get("model")) is not None:
        own["model"] = current_model(evolve(settings, model=model))
    return CallConfig(**own), tuple(faults)


def _single(name: str, value: object) -> object:
    if isinstance(value, list):
        raise _misfit(_KINDS[name])
    return _setting(name, value)


def _setting(name: str, value: object) -> object:
    kind = _KINDS[name]
    text = _as_text(value, kind)
    if not text or text.lower() in NOT_SET - kind.own_words:
        return None
    try:
        return kind.parse(text)
    except Unfit:
        raise _misfit(kind) from None


def _list(name: str, value: object) -> object:
    if value == [] and name == "tools":
        return ()
    if value == []:
        raise Unfit("is an empty list")
    return _setting(name, value)


def _as_text(value: object, kind: Kind) -> str:
    """The value as it would stand in the environment."""
    if isinstance(value, list):
        parts = cast("list[object]", value)
        texts = [
            str(part)
            for part in parts
            if isinstance(part, str | int) and not isinstance(part, bool)
        ]
        if len(texts) == len(parts) and not any("," in text for text in texts):
            return ",".join(texts)
    elif isinstance(value, str):
        return value.strip()
    elif isinstance(value, int | float) and not isinstance(value, bool):
        return str(value)
    raise _misfit(kind)


def _misfit(kind: Kind) -> Unfit:
    return Unfit(f"must be {kind.allowed}")


def _record(_: str, value: object) -> bool:
    if not isinstance(value, bool):
        raise Unfit("must be true or false")
    return value


def _metadata(_: str, value: object) -> dict[str, str]:
    if not isinstance(value, dict):
        raise Unfit("must be an object")
    pairs = cast("dict[str, object]", value)
    if len(pairs) > _MOST_METADATA:
        why = f"has more than {_MOST_METADATA} names"
        raise Unfit(why)
    texts: dict[str, str] = {}
    for key, content in pairs.items():
        if isinstance(content, bool) or not isinstance(content, str | int | float):
            raise Unfit("must hold texts and numbers only")
        texts[key] = str(content)[:_MOST_METADATA_CHARS]
    return texts


def _check(name: str, value: object, settings: Settings) -> None:
    """Refuse what the endpoint would refuse the whole call for."""
    if not is_openai(settings) or not isinstance(value, str):
        return
    if name == "model" and (why := facts().why_no_session(value)):
        raise Unfit(why)
    known = facts().voices
    if name == "voice" and value not in known and not value.startswith("voice_"):
        why = f"must be one of {', '.join(known)}"
        raise Unfit(why)


_READERS = {
    **dict.fromkeys(
        ("voice", "language", "welcome_message", "model", "max_tokens"), _single
    ),
    **dict.fromkeys(("transcription_keywords", "transfer_to", "tools"), _list),
    "record": _record,
    "metadata": _metadata,
}

# As the container has everything.
NO_CONFIG = CallConfig()
