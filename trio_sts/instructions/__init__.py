"""What the agent is told: environment, then web service, then file, then a default.

The instructions are resolved per call, so that a web service can write them for this
caller. A source that fails is passed over with a warning.
"""

from .resolving import DEFAULT, Resolved, resolve
from .service import with_metadata

__all__ = ["DEFAULT", "Resolved", "resolve", "with_metadata"]
