"""What is allowed and will surprise: one line for each setting that will not do as hoped."""

from collections.abc import Iterator
from datetime import date
from urllib.parse import parse_qsl, urlsplit

from trio_sts.modelfacts import facts
from trio_sts.wire.realtime.session import Dialect

from .endpoint import is_azure, is_openai, transcriber
from .files import read_prompt
from .kinds import plain
from .lifetimes import has_ended
from .masking import mask_value, one_line
from .schema import Settings

# Some five seconds of speech: audio is 20 tokens a second, words come on top.
_FEW_TOKENS = 300


def surprises(settings: Settings, today: date) -> tuple[str, ...]:
    """One line for each: what will happen, and what to set instead."""
    rules = (
        _model,
        _transcriber,
        _voice,
        _answers,
        _turns,
        _prompt,
        _mcp,
        _endings,
        _records,
    )
    return tuple(line for rule in rules for line in rule(settings, today))


def _model(settings: Settings, today: date) -> Iterator[str]:
    if not is_openai(settings):
        yield from _azure(settings)
        return
    name = _shown(settings.model)
    if why := facts().why_no_session(settings.model):
        yield f"OPENAI_MODEL={name} {why}: no call will work; use {_a_model()}"
    elif has_ended(settings.model, today):
        yield f"OPENAI_MODEL={name} was shut down: no call will work; use {_a_model()}"
    if settings.realtime_api is Dialect.BETA:
        ended = facts().beta_ended
        yield f"OPENAI_REALTIME_API=beta was switched off at OpenAI on {ended}; use ga"


def _azure(settings: Settings) -> Iterator[str]:
    query = dict(parse_qsl(urlsplit(settings.base_url).query, keep_blank_values=True))
    if is_azure(settings) and settings.realtime_api is Dialect.GA:
        if "api-version" in query:
            yield "OPENAI_BASE_URL has an api-version, which Azure answers with 401"
        if settings.turn_detection == "semantic_vad":
            yield (
                "OPENAI_TURN_DETECTION=semantic_vad: Azure does not say when the caller "
                "begins to speak, so the agent stops late; use server_vad"
            )


def _transcriber(settings: Settings, today: date) -> Iterator[str]:
    name = transcriber(settings)
    if name is None:
        return
    if is_openai(settings) and has_ended(name, today):
        yield f"OPENAI_TRANSCRIPTION_MODEL={_shown(name)} was shut down: callers' words stay unwritten"
    if settings.transcription_keywords and not facts().takes_lists(name):
        yield f"OPENAI_TRANSCRIPTION_KEYWORDS is not used: {_shown(name)} takes none"


def _voice(settings: Settings, _: date) -> Iterator[str]:
    known = facts().voices
    if (
        is_openai(settings)
        and settings.voice not in known
        and not settings.voice.startswith("voice_")
    ):
        yield (
            f"OPENAI_VOICE={_shown(settings.voice)} is none of OpenAI's, and no call will "
            f"work; it has {', '.join(known)}"
        )


def _answers(settings: Settings, _: date) -> Iterator[str]:
    few = settings.max_tokens
    if few != "inf" and few < _FEW_TOKENS:
        yield (
            f"OPENAI_MAX_TOKENS={few} ends answers in mid-sentence, after some "
            f"{few // 20} s; use inf, or {_FEW_TOKENS} and more"
        )
    if settings.welcome_message is not None and not settings.greeting:
        yield "OPENAI_WELCOME_MESSAGE is not spoken: STS_GREETING is off"


def _turns(settings: Settings, _: date) -> Iterator[str]:
    asked_s = settings.silence_prompt_s
    if asked_s and settings.idle_s <= asked_s:
        yield (
            f"STS_IDLE_S={plain(settings.idle_s)} ends a silent call before the caller is "
            f"asked, which is after STS_SILENCE_PROMPT_S={plain(asked_s)}"
        )


def _prompt(settings: Settings, _: date) -> Iterator[str]:
    # The first of the three holds, and a failing service falls through to the file.
    if settings.instructions is None and settings.file_instructions is not None:
        text, problem = read_prompt(settings.file_instructions)
        if text is None:
            path = _shown(str(settings.file_instructions))
            yield f"OPENAI_FILE_INSTRUCTIONS={path} gives no prompt: {problem}"


def _mcp(settings: Settings, _: date) -> Iterator[str]:
    for server in settings.mcp_servers:
        if server.get("require_approval", "never") != "never":
            label = _shown(str(server["server_label"]))
            yield (
                f"OPENAI_MCP_SERVERS: {label} wants its calls approved, and on a call "
                'nobody can: they are refused; set "require_approval": "never"'
            )


def _endings(settings: Settings, _: date) -> Iterator[str]:
    if settings.fallback_extension is not None and settings.ami_url is None:
        whose = " for calls of AVR Core" if settings.asterisk else ""
        yield (
            f"STS_FALLBACK_EXTENSION is not used{whose}: without AMI_URL nobody is "
            "transferred"
        )


def _records(settings: Settings, _: date) -> Iterator[str]:
    if settings.record_audio and not settings.record_text:
        yield "STS_RECORD_TEXT=off masks no voice: STS_RECORD_AUDIO=on keeps all that is said"


def _a_model() -> str:
    return Settings().model


def _shown(text: str) -> str:
    return one_line(mask_value(text, ()))
