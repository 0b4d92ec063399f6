"""Moments as people write them: a date, a time, or how long ago."""

import re
from datetime import UTC, datetime, timedelta, tzinfo
from typing import Final

_AGO = re.compile(r"(\d+(?:\.\d+)?)\s*([smhdw])", re.ASCII)
_SECONDS: Final = {"s": 1, "m": 60, "h": 3600, "d": 86_400, "w": 604_800}


def read_moment(text: str, now: datetime, zone: tzinfo | None) -> datetime:
    """Read ``90m``, ``24h``, ``7d``, or a date with or without a time of day.

    Args:
        text: What was written.
        now: What ``ago`` is counted from.
        zone: Where a time without a zone is; None is the system's.

    Raises:
        ValueError: It is none of these.
    """
    ago = _AGO.fullmatch(text.strip())
    try:
        if ago:
            return now - timedelta(seconds=float(ago[1]) * _SECONDS[ago[2]])
        moment = datetime.fromisoformat(text.strip())
        if moment.tzinfo is None:
            # Without a zone `astimezone` takes the system's.
            moment = moment.replace(tzinfo=zone) if zone else moment.astimezone()
        return moment.astimezone(UTC)
    except (OverflowError, OSError) as exc:
        raise ValueError("out of range") from exc
