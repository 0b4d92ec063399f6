"""A planted fault: a rule or part that behaves as it once did, or as one might write it."""

from typing import Any

import pytest
from attrs import frozen


@frozen
class Fault:
    """What is replaced by what.

    Attributes:
        name: What is wrong then.
        changes: Where (a class, a module or a dictionary), which name or key, and what
            it is replaced by.
    """

    name: str
    changes: tuple[tuple[Any, Any, Any], ...]

    def plant(self, monkeypatch: pytest.MonkeyPatch) -> None:
        """Plant it until the test is over."""
        for where, what, by in self.changes:
            if hasattr(where, "__setitem__"):
                monkeypatch.setitem(where, what, by)
            else:
                monkeypatch.setattr(where, what, by)


def fault(name: str, where: Any, what: Any, by: Any) -> Fault:
    """A fault in one place."""
    return Fault(name, ((where, what, by),))


def nothing(*_: object, **__: object) -> None:
    """The part forgets what it was told."""


def never(*_: object, **__: object) -> bool:
    return False
