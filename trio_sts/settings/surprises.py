"""What is allowed and will surprise: one line for each setting that will not do as hoped."""

from collections.abc import Iterator

from .kinds import plain
from .schema import Settings


def surprises(settings: Settings) -> tuple[str, ...]:
    """One line for each, as the operator wrote it: what happens, and what to set."""
    return tuple(_all(settings))


def _all(settings: Settings) -> Iterator[str]:
    yield from _silent_caller(settings)


def _silent_caller(settings: Settings) -> Iterator[str]:
    asked_s = settings.silence_prompt_s
    if asked_s and settings.idle_s <= asked_s:
        yield (
            f"STS_IDLE_S={plain(settings.idle_s)} ends a silent call before the caller is "
            f"asked, which is after STS_SILENCE_PROMPT_S={plain(asked_s)}"
        )
