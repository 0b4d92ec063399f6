"""What may be written of a call: texts are masked here, and nowhere else.

The core decides on some of what it reads: on how long a text is, on where its words end,
on whether arguments are a JSON object, on the delay that an error names. A masked text
keeps exactly that, so that a call which is replayed from masked texts takes the same way.

A character is masked by one that takes as many bytes of UTF-8; white space stays.
"""

import json
import re
from collections.abc import Iterable, Iterator, Mapping
from hashlib import blake2b
from typing import Final, NewType, Self, Union, cast

from attrs import define, field

from trio_sts.conversation.parts.failures import spans_read
from trio_sts.dialplan import EXTENSION, may_transfer
from trio_sts.settings.masking import MIN_SECRET_CHARS
from trio_sts.wire.json_object import is_object

# A text that may be written. `Masker` makes them, and a call file takes no other strings.
Masked = NewType("Masked", str)
# What a line of a file consists of. No `Sequence` and no `Mapping`: a string is one too.
Value = Union[Masked, int, float, bool, list["Value"], dict[str, "Value"], None]  # noqa: UP007 # it names itself

# One for each length in UTF-8.
_MASKS: Final = ("", "x", "§", "…", "🔒")
_ASCII: Final = re.compile(r"[!-~]")
_LETTER: Final = re.compile(r"[A-Za-z]")
_DIGIT: Final = re.compile(r"[0-9]")
_OTHER: Final = re.compile(r"[^\s -~]")
# JSON's own characters stay.
_TOKEN: Final = re.compile(
    r'"(?:[^"\\]|\\.)*"|-?\d[\d.eE+-]*|true|false|[{}\[\]]', re.DOTALL
)
_IN_STRING: Final = re.compile(r"\\u[0-9a-fA-F]{4}|\\.|[!#-\[\]-~]|[^\x00-~]")
_DIGITS: Final = re.compile(r"\d{3,}", re.ASCII)
_PRESSED_KEYS: Final = 256
# As long as "true".
_NULL: Final = "null"
# Fewer characters name nobody.
_LEAST_NUMBER: Final = 3
_DECIDED_TEXTS: Final = 256
# Matches nothing that is written in a masked text.
NO_PATTERN: Final = "!"


def own(word: str) -> Masked:
    """A word of this program: the name of a class, a rule, a setting."""
    return Masked(word)


def own_value(value: object) -> Value:
    """A setting's value, or a figure: its strings are choices, models and voices."""
    if isinstance(value, Mapping):
        named = cast("Mapping[str, object]", value)
        return {key: own_value(each) for key, each in named.items()}
    if isinstance(value, list | tuple):
        return [own_value(each) for each in cast("list[object]", value)]
    if isinstance(value, bool | int | float) or value is None:
        return value
    return own(str(value))


def masked(text: str) -> Masked:
    """A text of the same length, in characters and in bytes, with the same gaps."""
    text = _ASCII.sub("x", text)
    return Masked(text if text.isascii() else _OTHER.sub(_wide, text))


def masked_message(text: str) -> Masked:
    """An error's words: what the core reads out of them stays."""
    parts: list[str] = []
    at = 0
    for begin, end in spans_read(text):
        parts += [_masked_words(text[at:begin]), text[begin:end]]
        at = end
    return Masked("".join([*parts, _masked_words(text[at:])]))


def masked_arguments(text: str, patterns: tuple[str, ...]) -> Masked:
    """A tool's arguments: the shape of the JSON stays, and whether they may be acted on.

    Args:
        text: As the model wrote it.
        patterns: The extensions that a transfer may reach; () is any. Arguments that
            name none of them keep the name of the extension's argument, and are to be
            judged by `NO_PATTERN`.
    """
    if not (is_object(text) or _is_loose_object(text)):
        return masked(text)
    return Masked(_masked_json(text, keep=not may_transfer(text, patterns)))


def _is_loose_object(text: str) -> bool:
    """As what runs the tools reads it."""
    try:
        return isinstance(json.loads(text, strict=False), dict)
    except (ValueError, RecursionError):
        return False


def _masked_words(text: str) -> str:
    """Punctuation stays: it ends what the core looks for."""
    text = _DIGIT.sub("0", _LETTER.sub("x", text))
    return text if text.isascii() else _OTHER.sub(_wide, text)


def _wide(match: re.Match[str]) -> str:
    return _MASKS[len(match[0].encode("utf-8", "surrogatepass"))]


def _masked_json(text: str, *, keep: bool) -> str:
    depth = 0

    def mask(match: re.Match[str]) -> str:
        nonlocal depth
        token = match[0]
        if token[0] in "{[":
            depth += 1
        elif token[0] in "}]":
            depth -= 1
        elif token[0] == '"':
            if keep and depth == 1 and _is_extension(text, match):
                return token
            return f'"{_IN_STRING.sub(_in_string, token[1:-1])}"'
        else:
            return _NULL if token[0] == "t" else "1" * len(token)
        return token

    return _TOKEN.sub(mask, text)


def _is_extension(text: str, match: re.Match[str]) -> bool:
    is_key = text[match.end() :].lstrip(" \t\r\n").startswith(":")
    return is_key and json.loads(match[0], strict=False) == EXTENSION


def _in_string(match: re.Match[str]) -> str:
    found = match[0]
    if found.isspace():
        return found
    return "x" * len(found) if found.isascii() else _wide(match)


def _ways_to_write(number: str) -> Iterator[str]:
    """A telephone number as it may stand in an id or a text."""
    digits = re.sub(r"[^0-9A-Za-z]", "", number)
    for way in {number.strip(), digits, digits.removeprefix("00")}:
        if len(way) >= _LEAST_NUMBER:
            yield way


@define(eq=False)
class Masker:
    """Makes what may be written of one call's texts.

    Digits that the caller pressed are masked always, also where the model repeats them in
    a tool's arguments.

    Attributes:
        keeps_text: Whether words, prompts, arguments and outputs may be written.
        patterns: The extensions that a transfer may reach.
    """

    keeps_text: bool
    _secrets: tuple[str, ...] = field(repr=False)
    patterns: tuple[str, ...] = ()
    _from_file: bool = field(default=False, alias="from_file")
    _pressed: str = field(default="", repr=False)
    # Arguments and outputs with digits, by their hash, and what was made of them; None if
    # nothing was: they come again, as commands too, and are to be what they were.
    _decided: dict[bytes, Masked | None] = field(
        factory=dict[bytes, Masked | None], repr=False
    )

    @classmethod
    def of_call(cls, *, keeps_text: bool, number: str, secrets: Iterable[str]) -> Self:
        """For a call under way.

        Args:
            keeps_text: As the operator wants it.
            number: The caller's; without texts it is written nowhere.
            secrets: The key and the token: no peer should repeat them, and if one does
                they are not written all the same. A short one, as a local endpoint
                takes any, is a word like others.
        """
        named = {each for each in secrets if len(each) >= MIN_SECRET_CHARS}
        if not keeps_text:
            named |= {*_ways_to_write(number)}
        return cls(keeps_text, tuple(sorted(named, key=len, reverse=True)))

    @classmethod
    def of_file(cls, *, keeps_text: bool) -> Self:
        """For a call that is replayed: what was masked once is masked."""
        return cls(keeps_text, (), from_file=True)

    def plain(self, text: str) -> Masked:
        """An id, a type, a name: what the operator or an endpoint calls something."""
        for secret in self._secrets:
            if secret in text:
                text = text.replace(secret, masked(secret))
        return Masked(text)

    def text(self, text: str) -> Masked:
        """Words, a prompt, a tool's output."""
        return self.plain(text) if self.keeps_text else masked(text)

    def message(self, text: str) -> Masked:
        """What an error says."""
        return self.plain(text) if self.keeps_text else masked_message(text)

    def private(self, text: str) -> Masked:
        """What names digits that the caller pressed."""
        return masked(text)

    def output(self, text: str) -> Masked:
        """What a tool has answered."""
        return self._without_keys(self.plain(text)) if self.keeps_text else masked(text)

    def arguments(self, text: str) -> Masked:
        """A tool's arguments, in JSON."""
        if not self.keeps_text:
            return masked_arguments(text, self.patterns)
        plain = self.plain(text)
        kept = self._without_keys(plain)
        if kept != plain and may_transfer(kept, self.patterns) != may_transfer(
            plain, self.patterns
        ):
            kept = masked_arguments(plain, self.patterns)
            self._decided[_key(plain)] = kept
        return kept

    def digit(self, digit: str) -> Masked:
        """A key: ``#`` ends a message, all others are the same to the core."""
        self._pressed = (self._pressed + digit)[-_PRESSED_KEYS:]
        return Masked("#" if digit == "#" else "0")

    def given(self, kind: str, text: str) -> Masked:
        """`arguments` or `output` of a command: masked as when it came."""
        if self.keeps_text:
            plain = self.plain(text)
            if self._decided and _DIGITS.search(plain):
                return self._decided.get(_key(plain)) or plain
            return plain
        return self.arguments(text) if kind == "arguments" else masked(text)

    def _without_keys(self, text: Masked) -> Masked:
        """Digits in a row that the caller has pressed in a row are masked."""
        if self._from_file or not _DIGITS.search(text):
            return text
        key = _key(text)
        if key not in self._decided:
            kept = Masked(_DIGITS.sub(self._without_pressed, text))
            if len(self._decided) >= _DECIDED_TEXTS:
                del self._decided[next(iter(self._decided))]
            self._decided[key] = None if kept == text else kept
        return self._decided[key] or text

    def _without_pressed(self, match: re.Match[str]) -> str:
        pressed = self._pressed.replace("#", "")
        return "1" * len(match[0]) if match[0] in pressed else match[0]


def _key(text: str) -> bytes:
    return blake2b(text.encode("utf-8", "surrogatepass"), digest_size=16).digest()


def masked_name(uuid: str, number: str) -> str:
    """A call id for a file name: without the caller's number, if that is in it."""
    for way in sorted(_ways_to_write(number), key=len, reverse=True):
        uuid = uuid.replace(way, "x" * len(way))
    return uuid
