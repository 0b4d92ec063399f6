"""Misbehaviour to order, so that each failure of a real endpoint can be tried."""

from .orders import Faults, Order, WrongFault
from .table import TABLE, Fault

__all__ = ["TABLE", "Fault", "Faults", "Order", "WrongFault"]
