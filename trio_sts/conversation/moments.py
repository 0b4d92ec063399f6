"""Two times that no clock shows: what is due already, and what never is."""

from typing import Final

AT_ONCE: Final = float("-inf")
NEVER: Final = float("inf")
