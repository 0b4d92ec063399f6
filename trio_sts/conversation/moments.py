"""Two special times: due already, and never due."""

from typing import Final

AT_ONCE: Final = float("-inf")
NEVER: Final = float("inf")
