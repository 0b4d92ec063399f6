"""Moments as people write them."""

from datetime import UTC, datetime
from zoneinfo import ZoneInfo

import pytest

from trio_sts.calls.moments import read_moment

NOW = datetime(2026, 11, 25, 12, tzinfo=UTC)
ROME = ZoneInfo("Europe/Rome")


@pytest.mark.parametrize(
    ("text", "moment"),
    [
        ("90m", datetime(2026, 11, 25, 10, 30, tzinfo=UTC)),
        ("1.5h", datetime(2026, 11, 25, 10, 30, tzinfo=UTC)),
        ("7d", datetime(2026, 11, 18, 12, tzinfo=UTC)),
        ("1w", datetime(2026, 11, 18, 12, tzinfo=UTC)),
        ("30 s", datetime(2026, 11, 25, 11, 59, 30, tzinfo=UTC)),
        ("2026-11-25", datetime(2026, 11, 24, 23, tzinfo=UTC)),
        ("2026-07-01 10:00", datetime(2026, 7, 1, 8, tzinfo=UTC)),
        ("2026-11-25T10:00Z", datetime(2026, 11, 25, 10, tzinfo=UTC)),
    ],
)
def test_a_moment_is_a_date_or_how_long_ago(text: str, moment: datetime) -> None:
    assert read_moment(text, NOW, ROME) == moment


@pytest.mark.parametrize(
    "text", ["", "soon", "7 x", "-1d", "9" * 30 + "w", "2026-13-01"]
)
def test_anything_else_is_refused(text: str) -> None:
    with pytest.raises(ValueError, match=r".*"):
        read_moment(text, NOW, ROME)
