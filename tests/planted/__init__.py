"""Faults that are planted one by one, each of which tests must notice."""

from .calls import FAULTS as _CALLS
from .ends import FAULTS as _ENDS
from .fault import Fault
from .sound import FAULTS as _SOUND
from .turns import FAULTS as _TURNS
from .wires import FAULTS as _WIRES

__all__ = ["FAULTS", "Fault"]

FAULTS = {each.name: each for each in (*_TURNS, *_CALLS, *_ENDS, *_SOUND, *_WIRES)}
