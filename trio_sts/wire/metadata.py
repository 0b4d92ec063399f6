"""The call's metadata: the query string that it was dialled with, and what it fills.

Nothing of it is trusted: it comes from a dialplan, a webhook or whoever reaches the port.
"""

import re
import unicodedata
from collections.abc import Iterable, Iterator, Mapping
from itertools import chain
from urllib.parse import parse_qsl

MAX_PAIRS = 64
MAX_NAME_CHARS = 64
MAX_VALUE_CHARS = 200

# The shared secret of the caller leg travels in the same query string.
TOKEN = "token"  # noqa: S105 - a parameter's name

# The name and the number that were dialled contain the query, and its token.
_DRIVERS_OWN = re.compile(r"DIALEDPEERNUMBER|DIALEDPEERNAME|MEDIA_WEBSOCKET_\w+")

_PLACEHOLDER = re.compile(r"\{\{([^{}]{1,80})\}\}")

# Controls, lone surrogates (they cannot be encoded), line and paragraph separators.
_UNWANTED = frozenset({"Cc", "Cs", "Zl", "Zp"})


def clean_metadata(
    query: Mapping[str, str] | str, variables: Mapping[str, str] | None = None
) -> dict[str, str]:
    """Bound and clean the metadata of a call; the token is not part of it.

    Args:
        query: The pairs, or a raw query string with or without its question mark. Of
            names that repeat, the first wins.
        variables: Of the channel that Asterisk has made for the call, whose names may
            have underscores before them; a name that the query has is the query's. What
            the driver itself has set, such as all that was dialled, is left out.

    Returns:
        At most 64 names of 1 to 64 characters, and values of at most 200; control
        characters and braces are removed from both.
    """
    cleaned: dict[str, str] = {}
    pairs = list(_pairs(query))
    for raw_name, raw_value in chain(pairs, _inherited(variables or {}, pairs)):
        name = _clean(raw_name, MAX_NAME_CHARS).strip()
        if not name or name.lower() == TOKEN or name in cleaned:
            continue
        cleaned[name] = _clean(raw_value, MAX_VALUE_CHARS)
        if len(cleaned) == MAX_PAIRS:
            break
    return cleaned


def fill(text: str, values: Mapping[str, str]) -> tuple[str, tuple[str, ...]]:
    """Fill each ``{{name}}`` in one pass: what a value contains is never filled again.

    Returns:
        The text, in which unknown placeholders stay as they are, and their names, each
        once, in order.
    """
    unknown: dict[str, None] = {}

    def value_of(placeholder: re.Match[str]) -> str:
        name = placeholder[1].strip()
        if name in values:
            return values[name]
        unknown[name] = None
        return placeholder[0]

    return _PLACEHOLDER.sub(value_of, text), tuple(unknown)


def _inherited(
    variables: Mapping[str, str], query: Iterable[tuple[str, str]]
) -> Iterator[tuple[str, str]]:
    """What the dialplan has put onto the channel, without a secret of the query."""
    secrets = [value for name, value in query if name.lower() == TOKEN and value]
    for name, value in variables.items():
        # Asterisk's mark of a variable that is inherited.
        bare = name.lstrip("_")
        hides_token = any(secret in value for secret in secrets)
        if _DRIVERS_OWN.fullmatch(bare) is None and not hides_token:
            yield bare, value


def _pairs(query: Mapping[str, str] | str) -> Iterable[tuple[str, str]]:
    if isinstance(query, str):
        return parse_qsl(query.removeprefix("?"), keep_blank_values=True)
    return query.items()


def _clean(text: str, limit: int) -> str:
    kept = (
        char
        for char in text
        if char not in "{}" and unicodedata.category(char) not in _UNWANTED
    )
    return "".join(kept)[:limit]
