"""The doctor: what ``trio-sts check`` asks and tells before any call."""

from .report import Finding, Report, refusal
from .rounds import examine
from .show import as_json, as_text

__all__ = ["Finding", "Report", "as_json", "as_text", "examine", "refusal"]
