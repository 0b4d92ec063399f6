"""Finding the instructions of one call, and what else holds for it alone."""

from collections.abc import Mapping
from typing import Literal

import httpx
import structlog
import trio
from attrs import define, field, frozen

from trio_sts.settings import (
    NO_CONFIG,
    CallConfig,
    Settings,
    mask_url,
    read_call_config,
    read_prompt,
)
from trio_sts.wire.metadata import fill

from .placeholders import caller_of, now_in, of_time
from .service import ask_service, system_of
from .unusable import Unusable

DEFAULT = """\
You are a friendly and competent assistant on the telephone.
Everything you say is spoken aloud: use short, plain sentences, one thought at a time, \
and no lists, headings, symbols or links.
Speak the caller's language, and change it when they do.
Say numbers, times and amounts the way a person says them; read telephone numbers and \
codes digit by digit.
Ask one question at a time. Repeat names, numbers and dates back before you rely on them.
The line may be bad: when you did not understand, say so and ask again; never guess.
Do not invent facts. When you do not know something, say so and offer what you can do.
When the caller asks for a person or another extension, transfer the call if you have a \
tool for it.
When the caller says goodbye, or nothing is left to do, say goodbye and then hang up if \
you have a tool for it.
"""

Source = Literal["environment", "service", "init", "file", "default"]

_log = structlog.get_logger()


@frozen
class Resolved:
    """What the agent of one call is told, with every known placeholder filled.

    Attributes:
        text: The instructions.
        source: Where they are from.
        welcome_message: The greeting, filled; None if there is none.
        config: What the service, or AVR Core in ``init``, says of this call alone.
        problems: One line for each source or field that failed, without secrets.
    """

    text: str = field(repr=False)
    source: Source
    welcome_message: str | None = field(default=None, repr=False)
    config: CallConfig = NO_CONFIG
    problems: tuple[str, ...] = ()


@define
class _Found:
    """What the sources have said so far."""

    text: str | None = field(default=None, repr=False)
    source: Source = "default"
    config: CallConfig = NO_CONFIG
    problems: list[str] = field(factory=list[str])

    def warn(self, event: str, told: str, **fields: str) -> None:
        """Log what went wrong, and keep it for who asks before any call."""
        _log.warning(event, **fields)
        self.problems.append(told)


async def resolve(
    settings: Settings,
    call_uuid: str,
    metadata: Mapping[str, str],
    http: httpx.AsyncClient,
    *,
    provider_config: Mapping[str, object] | None = None,
) -> Resolved:
    """Find the instructions of one call; it takes 6 s at most and never fails.

    Args:
        settings: Where to look, in which order.
        call_uuid: The call's id: the service's header, and ``{{uuid}}``.
        metadata: The call's, as `clean_metadata` returns it.
        http: Asks the web service; redirects are followed here, not by it.
        provider_config: AVR Core's, of ``init``: as a service's answer, and below it.
    """
    found = await _sources(settings, call_uuid, metadata, http, provider_config or {})
    text = DEFAULT if found.text is None else found.text
    welcome = found.config.welcome_message
    if welcome is None:
        welcome = settings.welcome_message
    texts = (text,) if welcome is None else (text, welcome)
    values = {
        **metadata,
        **of_time(now_in(settings.tz)),
        "caller": await caller_of(texts, call_uuid, metadata, settings.ami_url, http),
        **found.config.metadata,
        "uuid": call_uuid,
    }
    filled = [fill(each, values) for each in texts]
    unknown = tuple(dict.fromkeys(name for _, names in filled for name in names))
    if unknown:
        _log.warning("placeholders without a value", names=unknown)
    greeting = None if welcome is None else filled[1][0]
    return Resolved(
        filled[0][0], found.source, greeting, found.config, tuple(found.problems)
    )


async def _sources(
    settings: Settings,
    call_uuid: str,
    metadata: Mapping[str, str],
    http: httpx.AsyncClient,
    provider_config: Mapping[str, object],
) -> _Found:
    """The first source that gives instructions; placeholders are not filled yet."""
    found = _Found()
    found.config = _config(found, provider_config, settings, "init")
    if settings.instructions is not None:
        found.text, found.source = settings.instructions, "environment"
        return found
    if settings.url_instructions is not None:
        await _ask(found, settings, call_uuid, metadata, http)
    if found.text is None and (system := system_of(provider_config)) is not None:
        found.text, found.source = system, "init"
    if found.text is None and settings.file_instructions is not None:
        path = settings.file_instructions
        found.text, why = await trio.to_thread.run_sync(read_prompt, path)
        if found.text is None:
            told = f"OPENAI_FILE_INSTRUCTIONS gives no prompt: {why}"
            found.warn("instructions file failed", told, path=str(path), reason=why)
        else:
            found.source = "file"
    return found


async def _ask(
    found: _Found,
    settings: Settings,
    call_uuid: str,
    metadata: Mapping[str, str],
    http: httpx.AsyncClient,
) -> None:
    """Take from the service what it has: fields for the call hold without a prompt too."""
    url = settings.url_instructions or ""
    told = metadata if settings.instructions_metadata else dict[str, str]()
    reason = 'the answer has no text named "system"'
    try:
        answer = await ask_service(url, call_uuid, told, http)
    except Unusable as exc:
        reason = str(exc)
    else:
        found.config = _config(found, answer, settings, "service").over(found.config)
        found.text = system_of(answer)
    if found.text is None:
        shown = mask_url(url)
        problem = f"the service at {shown} gives no prompt: {reason}"
        found.warn("instructions service failed", problem, url=shown, reason=reason)
    else:
        found.source = "service"


def _config(
    found: _Found, answer: Mapping[str, object], settings: Settings, source: Source
) -> CallConfig:
    config, faults = read_call_config(answer, settings)
    for fault in faults:
        told = f"{source}: {fault}"
        found.warn("field of the call ignored", told, source=source, problem=fault)
    return config
