"""Which extensions a call may be transferred to."""

import re
from collections.abc import Iterable
from functools import lru_cache


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


@lru_cache(maxsize=1024)
def _compiled(pattern: str) -> re.Pattern[str]:
    # Not fnmatch: to that a bracket is more than a bracket.
    parts = {"*": ".*", "?": "."}
    # Stars beside each other would make the search quadratic.
    single = re.sub(r"\*+", "*", pattern)
    return re.compile("".join(parts.get(char, re.escape(char)) for char in single))
