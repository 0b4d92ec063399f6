"""How a conversation is held: the part of the settings that the core knows."""

from attrs import frozen

from trio_sts.audio.formats import AudioFormat


@frozen
class Rules:
    """Every number that a conversation obeys; units are in the names.

    ``hangup_tool`` and ``transfer_tool`` name the two tools that end the agent's part of
    the call.
    """

    audio_format: AudioFormat = "pcm"
    caller_transcripts: bool = True
    playout_lead_ms: int = 400
    playout_delay_ms: int = 60
    playout_max_s: float = 300
    barge_in: bool = True
    greeting: bool = True
    greeting_protected: bool = False
    goodbye_timeout_s: float = 15
    dtmf_timeout_ms: int = 1500
    dead_air_s: float = 8
    reconnect: bool = True
    max_call_s: float = 7200
    idle_s: float = 120
    hangup_tool: str = "avr_hangup"
    transfer_tool: str = "avr_transfer"
