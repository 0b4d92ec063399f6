"""How a conversation is held: the part of the settings that the core knows."""

from collections.abc import Collection, Mapping
from typing import Literal

from attrs import field, frozen

from trio_sts.audio.formats import AudioFormat
from trio_sts.wire.line import NARROWBAND_HZ

ControlKind = Literal["hangup", "transfer", "either"]


def _built_in_control() -> Mapping[str, ControlKind]:
    return {"avr_hangup": "hangup", "avr_transfer": "transfer"}


@frozen
class Rules:
    """Every number that a conversation obeys; units are in the names.

    Attributes:
        call_control: The tools that end the agent's part of the call, by name, and how;
            "either" where nobody says it.
        caller_rate_hz: Of the PCM16LE that comes from the caller and goes to them.
        reports_marks: Whether the caller's peer says what it has played.
        awaits_answer: Whether the caller hears ringing until the call is answered.
        apology: PCM16LE at the caller's rate that is played when the model can't be had;
            empty for none.
        fallback: Extension and context that the caller is transferred to after it.
        hold_sound: PCM16LE at the caller's rate, played over and over while a connection
            is awaited; empty for never.
        hold_sound_always: Whether it is played while a tool or a thought takes long
            as well.
    """

    audio_format: AudioFormat = "pcm"
    caller_rate_hz: int = NARROWBAND_HZ
    reports_marks: bool = False
    awaits_answer: bool = False
    caller_transcripts: bool = True
    playout_lead_ms: int = 400
    playout_delay_ms: int = 60
    playout_max_s: float = 300
    barge_in: bool = True
    greeting: bool = True
    greeting_protected: bool = False
    goodbye_timeout_s: float = 15
    farewell: bool = True
    hangup_grace_ms: int = 800
    dtmf_timeout_ms: int = 1500
    dead_air_s: float = 8
    thinking_max_s: float = 30
    silence_prompt_s: float = 20
    reconnect: bool = True
    renew: bool = True
    max_call_s: float = 7200
    idle_s: float = 120
    hangup_tool: str = "avr_hangup"
    transfer_tool: str = "avr_transfer"
    call_control: Mapping[str, ControlKind] = field(factory=_built_in_control)
    apology: bytes = field(default=b"", repr=False)
    fallback: tuple[str, str] | None = None
    hold_sound: bytes = field(default=b"", repr=False)
    hold_sound_always: bool = False


@frozen
class Permitted:
    """What one call may do, which is known when its session is.

    Attributes:
        tools: The names of its tools; None is any.
        transfer_to: Patterns of extensions for the transfer tool; () is any.
    """

    tools: Collection[str] | None = None
    transfer_to: tuple[str, ...] = ()
