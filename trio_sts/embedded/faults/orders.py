"""Reading orders of faults, and which of them concern one session, turn or response.

::

    NAME[=VALUE][:WHICH][@CONNECTION]      stall=600ms:2   empty:1-3   empty:2-@1

``WHICH`` is a number or a range, ``2-`` has no end; left out it means each. It counts
what the fault concerns, within its session: responses, turns, ``session.update``.
``CONNECTION`` says in the same way which of the endpoint's connections go wrong.
Of several orders that cannot all be obeyed the last one counts.
"""

import re
from collections.abc import Mapping
from typing import Final

from attrs import frozen

from trio_sts.errors import StsError

from .table import TABLE, Counted, Fault, Value

_ORDER: Final = re.compile(
    r"(?P<name>[^=:@]+)(?:=(?P<value>[^:@]*))?(?::(?P<which>[^@]*))?(?:@(?P<where>.*))?"
)
_RANGE: Final = re.compile(r"([1-9]\d*)(?:(-)([1-9]\d*)?)?")
_DURATION: Final = re.compile(r"(\d+(?:\.\d+)?)(ms|s)")
_UNITS_S: Final = {"ms": 0.001, "s": 1.0}
_STATUSES: Final = range(400, 600)


class WrongFault(StsError):
    """An order that cannot be read; its text is one line for a terminal."""


@frozen
class Span:
    """Some of a series that is counted from 1; ``last`` None has no end."""

    first: int = 1
    last: int | None = None

    def __contains__(self, number: int) -> bool:
        return self.first <= number and (self.last is None or number <= self.last)


@frozen
class Order:
    """One fault that was ordered.

    Attributes:
        fault: Its row of the table.
        amount: Seconds, or an HTTP status; 0 where it has no such value.
        names: What it is limited to; empty means no limit.
        which: Of what its row counts.
        where: Of the endpoint's connections.
    """

    fault: Fault
    amount: float = 0
    names: tuple[str, ...] = ()
    which: Span = Span()
    where: Span = Span()

    def concerns(self, name: str) -> bool:
        """Whether a name is among those that it is limited to."""
        return not self.names or name in self.names


Ordered = Mapping[str, Order]


@frozen
class Faults:
    """What goes wrong in the sessions of an endpoint; by default nothing."""

    orders: tuple[Order, ...] = ()

    @classmethod
    def parse(cls, *texts: str) -> "Faults":
        """Read orders, apart by commas or spaces.

        Raises:
            WrongFault: There is no such fault, or something about it is wrong.
        """
        words = re.split(r"[,\s]+", ",".join(texts))
        return cls(tuple(_order(word) for word in words if word))

    def on(self, connection: int) -> "Faults":
        """Those of one of the endpoint's connections, counted from 1."""
        return Faults(tuple(o for o in self.orders if connection in o.where))

    def of(self, counts: Counted, number: int = 1) -> Ordered:
        """By name: those of one connection, update, turn or response."""
        return {
            order.fault.name: order
            for order in self.orders
            if order.fault.counts == counts and number in order.which
        }


def _order(word: str) -> Order:
    match = _ORDER.fullmatch(word)
    name = (match["name"] if match else word).replace("-", "_")
    fault = next((fault for fault in TABLE if fault.name == name), None)
    if match is None or fault is None:
        known = ", ".join(fault.name for fault in TABLE)
        reason = f"there is no fault {name!r}; known are {known}"
        raise WrongFault(reason)
    if match["which"] is not None and fault.counts == "connection":
        reason = f"{name} concerns a whole connection: write {name}@2"
        raise WrongFault(reason)
    order = _with_value(fault, match["value"])
    return Order(
        fault,
        order.amount,
        order.names,
        _span(name, match["which"]),
        _span(name, match["where"]),
    )


def _with_value(fault: Fault, text: str | None) -> Order:
    if fault.value is None:
        if text is not None:
            reason = f"{fault.name} takes no value"
            raise WrongFault(reason)
        return Order(fault)
    if text is None and fault.value.default is not None:
        return Order(fault, fault.value.default)
    if fault.value.kind == "names":
        names = tuple(name for name in (text or "").split("+") if name)
        if not names:
            reason = f"{fault.name} needs names, apart by +"
            raise WrongFault(reason)
        return Order(fault, names=names)
    return Order(fault, _amount(fault.name, fault.value, text or ""))


def _amount(name: str, value: Value, text: str) -> float:
    if value.kind == "status":
        if not text.isdecimal() or int(text) not in _STATUSES:
            reason = f"{name} needs an HTTP status: {name}=503"
            raise WrongFault(reason)
        return int(text)
    match = _DURATION.fullmatch(text)
    if match is None:
        reason = f"{name} needs a time with its unit: {name}=600ms or =10s"
        raise WrongFault(reason)
    return float(match[1]) * _UNITS_S[match[2]]


def _span(name: str, text: str | None) -> Span:
    if text is None:
        return Span()
    match = _RANGE.fullmatch(text)
    if match is None:
        reason = f"{name}: write which ones as 2, 2-4 or 2-, not {text!r}"
        raise WrongFault(reason)
    if match[2] is None:
        return Span(int(match[1]), int(match[1]))
    return Span(int(match[1]), int(match[3]) if match[3] else None)
