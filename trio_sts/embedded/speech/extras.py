"""The libraries of the extra, imported when they are first needed."""

from importlib import import_module
from types import ModuleType

from trio_sts.errors import StsError


class SpeechMissing(StsError):
    """The ears or the voice cannot be had on this machine; the text says what to do."""


def require(name: str) -> ModuleType:
    """Import a library of the extra ``trio-sts[demo]``.

    Raises:
        SpeechMissing: It is not installed.
    """
    try:
        return import_module(name)
    except ImportError as exc:
        reason = (
            f"the embedded model needs {name}, which is not installed: "
            "pip install 'trio-sts[demo]', or build the container's image "
            "with --build-arg WITH_DEMO=1"
        )
        raise SpeechMissing(reason) from exc
