"""What the model may call: the registry and the kinds of tool.

For the authors of tools in Python: ``from trio_sts.tools import Call, tool``.
"""

from .decorated import Call, tool

__all__ = ["Call", "tool"]
