"""From the settings to what the core is given: a session's shape and a call's rules."""

from collections.abc import Mapping, Sequence
from functools import lru_cache

from trio_sts import sounds
from trio_sts.audio.framing import SAMPLE_RATE_HZ
from trio_sts.audio.resample import resample_whole
from trio_sts.conversation.config import ControlKind, Rules
from trio_sts.dialplan import AVR_CONTEXT
from trio_sts.modelfacts import facts
from trio_sts.settings import (
    Settings,
    Sound,
    reasoning_sent,
    temperature_sent,
    transcriber,
    transcriber_fallback,
)
from trio_sts.wire.line import Line
from trio_sts.wire.realtime.session import FunctionTool, SessionConfig, TurnDetection


def session_config(
    settings: Settings, instructions: str, tools: Sequence[FunctionTool]
) -> SessionConfig:
    """What a call's session is asked for; ``instructions`` are the resolved ones."""
    words = transcriber(settings)
    return SessionConfig(
        instructions=instructions,
        voice=settings.voice,
        audio_format=settings.audio_format,
        tools=tuple(tools),
        mcp_servers=settings.mcp_servers,
        turn_detection=_turn_detection(settings),
        transcription_model=words,
        transcription_fallback=transcriber_fallback(settings),
        transcription_lists=words is not None and facts().takes_lists(words),
        transcription_keywords=settings.transcription_keywords,
        language=settings.language,
        noise_reduction=settings.noise_reduction,
        max_tokens=settings.max_tokens,
        temperature=temperature_sent(settings),
        reasoning_effort=reasoning_sent(settings),
        truncation=None if settings.truncation == "auto" else settings.truncation,
        speed=None if settings.speed == 1 else settings.speed,
    )


def rules(
    settings: Settings,
    control: Mapping[str, ControlKind],
    line: Line | None = None,
    context: str = AVR_CONTEXT,
) -> Rules:
    """What a call's conversation obeys.

    Args:
        settings: The service's settings.
        control: The tools that end a call, and how, by name.
        line: What its caller is on; AVR Core's by default.
        context: Where in the dialplan its transfers go, unless another place is named.
    """
    line = line or Line()
    extension = settings.fallback_extension
    return Rules(
        audio_format=settings.audio_format,
        caller_rate_hz=line.rate_hz,
        reports_marks=line.reports_marks,
        awaits_answer=line.awaits_answer,
        caller_transcripts=settings.transcription_model is not None,
        playout_lead_ms=settings.playout_lead_ms,
        playout_delay_ms=0 if line.reports_marks else settings.playout_delay_ms,
        playout_max_s=settings.playout_max_s,
        barge_in=_may_barge_in(settings),
        greeting=settings.greeting,
        greeting_protected=settings.greeting_protected,
        goodbye_timeout_s=settings.goodbye_timeout_s,
        farewell=settings.farewell,
        hangup_grace_ms=settings.hangup_grace_ms,
        call_control=control,
        dtmf_timeout_ms=settings.dtmf_timeout_ms,
        dead_air_s=settings.dead_air_s,
        thinking_max_s=settings.thinking_max_s,
        silence_prompt_s=settings.silence_prompt_s,
        apology=_at_rate(_apology(settings), line.rate_hz),
        fallback=(extension, settings.fallback_context or context)
        if extension
        else None,
        hold_sound=_at_rate(_hold_sound(settings), line.rate_hz),
        hold_sound_always=settings.hold_sound != "auto",
        reconnect=settings.reconnect_budget_s > 0,
        renew=settings.renew,
        max_call_s=settings.max_call_s,
        idle_s=settings.idle_s,
    )


def _turn_detection(settings: Settings) -> TurnDetection:
    """Each kind of detection gets its own tuning alone: it refuses the other's."""
    if settings.turn_detection == "semantic_vad":
        return TurnDetection(
            type="semantic_vad",
            threshold=None,
            silence_ms=None,
            prefix_padding_ms=None,
            eagerness=settings.turn_detection_eagerness,
            interrupt_response=_may_barge_in(settings),
        )
    return TurnDetection(
        threshold=settings.turn_detection_threshold,
        silence_ms=settings.turn_detection_silence_ms,
        prefix_padding_ms=settings.turn_detection_prefix_padding_ms,
        interrupt_response=_may_barge_in(settings),
    )


def _apology(settings: Settings) -> bytes:
    if isinstance(settings.apology, Sound):
        return settings.apology.pcm
    return sounds.apology() if settings.apology == "on" else b""


def _hold_sound(settings: Settings) -> bytes:
    if isinstance(settings.hold_sound, Sound):
        return settings.hold_sound.pcm
    return b"" if settings.hold_sound == "off" else sounds.hold()


# A few sounds, each at the rates of the lines that there are.
@lru_cache(maxsize=16)
def _at_rate(pcm: bytes, rate_hz: int) -> bytes:
    return resample_whole(pcm, SAMPLE_RATE_HZ, rate_hz)


def _may_barge_in(settings: Settings) -> bool:
    return settings.barge_in == "model"
