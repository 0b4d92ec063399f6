"""Telephone numbers as they are compared: without what people write between digits."""

import re

_BETWEEN = re.compile(r"[\s().\-/+\u00ad\u2010-\u2015]")


def number_key(number: str | None) -> str | None:
    """What two spellings of one number have in common; None if nothing is left.

    ``+49 (30) 123-456`` and ``4930123456`` are the same; so are two spellings of a name
    in different case.
    """
    if number is None:
        return None
    return _BETWEEN.sub("", number).casefold() or None
