"""The tool of ``trio-sts demo``, in a file as operators write them."""

from datetime import UTC, datetime

from trio_sts.tools import tool

# The mean temperature in °C, January to December.
_CLIMATE = (5, 5, 7, 10, 13, 16, 18, 18, 15, 11, 8, 6)


@tool
def weather() -> str:
    """Tells what the weather beside the river is like at this time of the year."""
    today = datetime.now(UTC)
    return f"{_CLIMATE[today.month - 1]} degrees, as usual in {today:%B}"
