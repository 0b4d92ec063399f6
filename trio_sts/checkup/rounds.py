"""The questions of a check: settings, model, endpoint, prompt and tools in turn."""

from collections.abc import Iterable, Iterator, Mapping
from datetime import UTC, date, datetime

import trio

from trio_sts.audio import engine
from trio_sts.errors import StoreAway
from trio_sts.instructions import resolve
from trio_sts.modelcheck import ask_endpoint
from trio_sts.modelfacts import facts
from trio_sts.settings import (
    Settings,
    effective,
    retirements,
    sqlite_path,
    surprises,
    transcriber,
    transcriber_fallback,
)
from trio_sts.settings.tls import Unusable, read_certificate, server_context
from trio_sts.tools.ari import Ari
from trio_sts.tools.ari_verdict import ask_ari
from trio_sts.tools.http_client import tool_http_client
from trio_sts.tools.listing import list_tools
from trio_sts.tools.ranks import ListedTool
from trio_sts.tools.tool import BUILT_IN

from .report import Finding, Level, Report

_STORE_S = 8
# Of certificates that are renewed by programs, none is so old.
_RENEW_DAYS = 7


async def examine(
    settings: Settings,
    warnings: Iterable[str],
    environ: Mapping[str, str],
    today: date,
    *,
    offline: bool = False,
    call_uuid: str | None = None,
) -> Report:
    """Ask everything once.

    Args:
        settings: As they were understood.
        warnings: What loading them had to say.
        environ: What the tools see.
        today: For dates of retirement.
        offline: Ask nobody over the network; tool files are still loaded.
        call_uuid: Ask the sources of instructions as this call would.
    """
    findings = [
        *_lines("settings", "warning", [*warnings, *surprises(settings, today)]),
        *_lines("model", "note", retirements(settings)),
        *_models(settings, today),
        *_lines("installation", "note", engine.WARNINGS),
    ]
    findings += _certificate(settings)
    if not offline:
        findings.append(await _endpoint(settings))
        findings += await _store(settings)
        findings += await _ari(settings)
    findings += await _prompt(settings, offline=offline, call_uuid=call_uuid)
    tools, problems = await _tools(settings, environ)
    findings += _lines("tools", "warning", problems)
    return Report(tuple(findings), effective(settings), tools)


def _lines(subject: str, level: Level, texts: Iterable[str]) -> Iterator[Finding]:
    return (Finding(subject, level, text) for text in texts)


def _models(settings: Settings, today: date) -> Iterator[Finding]:
    words = transcriber(settings)
    told = f"{words} writes down the caller's words" if words else "off"
    if fallback := transcriber_fallback(settings):
        told += f"; {fallback} if it does not work"
    yield Finding("transcription", "ok", told)
    age_days = (today - facts().read_on).days
    price = facts().price(settings.model)
    if settings.embedded or price is None:
        told = f"none is known for {settings.model:.60}: calls have no cost in the log"
    else:
        told = (
            f"{settings.model:.60}: audio {price.audio_in:g} in, {price.audio_out:g} out, "
            f"text {price.text_in:g} in, {price.text_out:g} out, in USD per million tokens"
        )
        known = facts().transcriber(words or "")
        if known is not None and known.minute:
            told += f"; {words} {known.minute:g} USD a minute"
    ago = "1 day ago" if age_days == 1 else f"{age_days} days ago"
    read = f"as of {facts().read_on}, {ago}"
    yield Finding("prices", "ok", f"{told} ({read})")


def _certificate(settings: Settings) -> Iterator[Finding]:
    cert, key = settings.tls_cert, settings.tls_key
    if cert is None or key is None:
        return
    try:
        found = read_certificate(server_context(cert, key), cert)
    except Unusable as exc:
        yield Finding("tls", "warning", str(exc))
        return
    days = found.days_left(datetime.now(tz=UTC).timestamp())
    until = datetime.fromtimestamp(found.ends_at, tz=UTC).date()
    level: Level = "warning" if days < _RENEW_DAYS else "ok"
    yield Finding(
        "tls", level, f"the certificate is good for {days} days, until {until}"
    )


async def _endpoint(settings: Settings) -> Finding:
    if settings.embedded:
        return Finding("endpoint", "ok", "the built-in model: no key, no network")
    verdict = await ask_endpoint(settings)
    return Finding("endpoint", verdict.level, verdict.told)


async def _store(settings: Settings) -> list[Finding]:
    """A server is asked whether it is there; an SQLite file was looked at already."""
    if settings.calls_db is None or sqlite_path(settings.calls_db) is not None:
        return []
    # Imported here: it takes a third of a second.
    from trio_sts.callstore.store import CallStore

    store = CallStore.open(settings.calls_db)
    told = ""
    with trio.move_on_after(_STORE_S) as scope:  # noqa: ASYNC912  # a thread waits
        try:
            await trio.to_thread.run_sync(store.reach, abandon_on_cancel=True)
        except StoreAway as exc:
            told = str(exc)
        else:
            await trio.to_thread.run_sync(store.close, abandon_on_cancel=True)
    if scope.cancelled_caught:
        told = f"no answer for {_STORE_S} s"
    if told:
        waits = f"calls wait for it in the meantime: {told}"
        return [Finding("store", "warning", f"the database is away, {waits}")]
    return [Finding("store", "ok", "the database answers")]


async def _ari(settings: Settings) -> list[Finding]:
    async with tool_http_client() as http:
        ari = Ari.of(settings, http)
        if ari is None:
            return []
        verdict = await ask_ari(ari)
    return [Finding("ari", verdict.level, verdict.told)]


async def _prompt(
    settings: Settings, *, offline: bool, call_uuid: str | None
) -> list[Finding]:
    is_remote = settings.instructions is None and settings.url_instructions is not None
    if is_remote and (offline or call_uuid is None):
        how = "--call-uuid UUID asks it as that call would"
        told = f"a web service gives it for each call; {how}"
        return [Finding("prompt", "note", told)]
    async with tool_http_client() as http:
        found = await resolve(settings, call_uuid or "check", {}, http)
    # A file that gives no prompt is told among the settings already.
    problems = found.problems if is_remote else ()
    told = f"{len(found.text)} characters from the {found.source}"
    if own := found.config.named():
        told += f", with {', '.join(own)}"
    return [*_lines("prompt", "warning", problems), Finding("prompt", "ok", told)]


async def _tools(
    settings: Settings, environ: Mapping[str, str]
) -> tuple[tuple[ListedTool, ...], list[str]]:
    """Python files are read, JavaScript files loaded, and no handler is called."""
    listing = await list_tools(settings.tools_dir, environ, settings.call_control_tools)
    problems = [*listing.problems]
    off = set(settings.tools_off)
    has_control = settings.asterisk or settings.ami_url is not None
    offered = tuple(
        tool
        for tool in listing.tools
        if tool.name not in off and (tool.source != BUILT_IN or has_control)
    )
    unknown = off - {tool.name for tool in listing.tools}
    if unknown:
        problems.append(f"STS_TOOLS_OFF names no tool: {', '.join(sorted(unknown))}")
    return offered, problems
