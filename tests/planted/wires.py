# It reaches into the codec: that is what planting is.
# pyright: basic, reportPrivateUsage=false, reportArgumentType=false
"""Faults of reading the model's events: one that is odd costs more than itself."""

from typing import Any, cast

from trio_sts.wire.realtime import codec, decode

from .fault import fault


def _all_or_none(value: object, kind: type[Any]) -> tuple[Any, ...]:
    found = cast("list[object]", value if isinstance(value, list) else [])
    return tuple(decode._converter.structure(each, kind) for each in found)


FAULTS = (
    fault("one bad item voids its response", decode, "_readable_ones", _all_or_none),
    fault(
        "a dispensable event of an odd shape is a fault",
        codec,
        "_ESSENTIAL",
        frozenset(codec._EVENTS),
    ),
)
