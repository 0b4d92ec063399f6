"""What an operator may choose: one frozen class, read from the environment once.

Nothing here prints or logs; faults and warnings are lines for the caller to show.
"""

from .databases import sqlite_path
from .endpoint import (
    auth_header,
    endpoint_url,
    is_azure,
    is_openai,
    reasoning_sent,
    temperature_sent,
    transcriber,
    transcriber_fallback,
)
from .files import read_prompt
from .kinds import is_loopback
from .lifetimes import retirements
from .loading import load
from .masking import mask_secrets, mask_url
from .percall import NO_CONFIG, CallConfig, read_call_config
from .report import EffectiveRow, Row, changed, describe, effective
from .schema import Settings
from .secrets import secrets_of
from .sounds import Sound
from .sources import tool_environment
from .surprises import surprises

__all__ = [
    "NO_CONFIG",
    "CallConfig",
    "EffectiveRow",
    "Row",
    "Settings",
    "Sound",
    "auth_header",
    "changed",
    "describe",
    "effective",
    "endpoint_url",
    "is_azure",
    "is_loopback",
    "is_openai",
    "load",
    "mask_secrets",
    "mask_url",
    "read_call_config",
    "read_prompt",
    "reasoning_sent",
    "retirements",
    "secrets_of",
    "sqlite_path",
    "surprises",
    "temperature_sent",
    "tool_environment",
    "transcriber",
    "transcriber_fallback",
]
