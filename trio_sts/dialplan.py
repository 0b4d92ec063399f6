"""Places of a dialplan: what names one, and which of them a call may be transferred to."""

import json
import re
from collections.abc import Iterable, Mapping
from functools import lru_cache
from typing import Final, cast

from attrs import frozen
from typing_extensions import override

# The argument of AVR's own transfer tool that holds it.
EXTENSION: Final = "transfer_extension"
# Where AVR's own transfer tool goes if it is told no context.
AVR_CONTEXT: Final = "demo"
# Asterisk's own name for the context of who has none.
DEFAULT_CONTEXT: Final = "default"
FIRST_PRIORITY: Final = "1"

# Nothing else may get in: what a caller makes the model say ends up in a line of the
# manager protocol, in a variable that Asterisk evaluates, in a dialplan's `Goto`.
_NAME: Final = re.compile(r"[A-Za-z0-9_*#+.@-]{1,80}")
_CONTEXT: Final = "context"


@frozen
class Target:
    """Where in the dialplan a call goes on; each is a name as `is_name` has it."""

    context: str
    extension: str
    priority: str

    @override
    def __str__(self) -> str:
        """As ``Goto`` takes it."""
        return f"{self.context},{self.extension},{self.priority}"


def is_name(text: str) -> bool:
    """Whether it names a context, an extension or a priority, and is nothing else."""
    return _NAME.fullmatch(text) is not None


def context_of(metadata: Mapping[str, str]) -> str:
    """Where transfers of a call go that Asterisk itself has dialled.

    Its dialplan may say so: ``context`` of the metadata. Else it is ``default``.
    """
    named = metadata.get(_CONTEXT, "").strip()
    return named if is_name(named) else DEFAULT_CONTEXT


def may_dial(extension: str, patterns: Iterable[str]) -> bool:
    """Whether an extension is one of some patterns; without any, every one is.

    Args:
        extension: As it would be dialled.
        patterns: In which ``*`` is any text and ``?`` any one character.
    """
    patterns = tuple(patterns)
    return not patterns or any(
        _compiled(each).fullmatch(extension) for each in patterns
    )


def may_transfer(arguments_raw: str, patterns: tuple[str, ...]) -> bool:
    """Whether a transfer's raw arguments name an extension that the call may reach.

    Arguments that name none, as those of an operator's own tool, are not ours to judge.

    Args:
        arguments_raw: JSON as the model wrote it.
        patterns: As in `may_dial`.
    """
    if not patterns:
        return True
    try:
        # Not stricter than what runs the tool: that would let others pass unseen.
        arguments: object = json.loads(arguments_raw, strict=False)
    except (ValueError, RecursionError):
        return True
    if not isinstance(arguments, dict) or EXTENSION not in arguments:
        return True
    named = cast("dict[str, object]", arguments)[EXTENSION]
    # Nothing else than a string or a number names an extension.
    is_name = isinstance(named, str | int) and not isinstance(named, bool)
    return is_name and may_dial(str(named).strip(), patterns)


@lru_cache(maxsize=1024)
def _compiled(pattern: str) -> re.Pattern[str]:
    # Not fnmatch: to that a bracket is more than a bracket.
    parts = {"*": ".*", "?": "."}
    # Stars beside each other would make the search quadratic.
    single = re.sub(r"\*+", "*", pattern)
    return re.compile("".join(parts.get(char, re.escape(char)) for char in single))
