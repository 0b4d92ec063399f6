"""The parts of one conversation, side by side; the rules that join them are elsewhere."""

from attrs import define, field

from trio_sts.audio.formats import encoder
from trio_sts.audio.voice_activity import VoiceActivityDetector

from .commands import Outgoing
from .config import Permitted, Rules
from .parts.apology import Apology
from .parts.caller_silence import CallerSilence
from .parts.caller_speech import CallerSpeech
from .parts.connection import Connection
from .parts.counters import Counters
from .parts.ear import Ear, SpeechDetector
from .parts.failures import Retries
from .parts.goodbye import Goodbye
from .parts.greeting import Greeting
from .parts.history import History
from .parts.hold_sound import HoldSound
from .parts.intake import Intake
from .parts.keypad import Keypad
from .parts.latencies import Latencies
from .parts.mcp import McpCalls
from .parts.opening import Opening
from .parts.owed_turn import OwedTurn
from .parts.playout import Marks, Playout
from .parts.quarantine import Quarantine
from .parts.renewal import Renewal
from .parts.replay import Replay
from .parts.sequencer import Sequencer
from .parts.toolcalls import ToolCalls


@define
class State:
    """Everything that a conversation knows; ``out`` collects what it asks for.

    ``permitted`` is written by tools, with every session.
    """

    rules: Rules
    opening: Opening
    playout: Playout
    intake: Intake
    history: History
    goodbye: Goodbye
    keypad: Keypad
    owed_turn: OwedTurn
    caller_silence: CallerSilence
    hold_sound: HoldSound
    ear: Ear
    replay: Replay
    counters: Counters
    permitted: Permitted = field(factory=Permitted)
    out: Outgoing = field(factory=Outgoing)
    connection: Connection = field(factory=Connection)
    caller_speech: CallerSpeech = field(factory=CallerSpeech)
    sequencer: Sequencer = field(factory=Sequencer)
    quarantine: Quarantine = field(factory=Quarantine)
    greeting: Greeting = field(factory=Greeting)
    calls: ToolCalls = field(factory=ToolCalls)
    mcp: McpCalls = field(factory=McpCalls)
    apology: Apology = field(factory=Apology)
    renewal: Renewal = field(factory=Renewal)
    retries: Retries = field(factory=Retries)
    latencies: Latencies = field(factory=Latencies)


def new_state(
    rules: Rules,
    *,
    started_at: float,
    fallback_uuid: str,
    detector: SpeechDetector | None = None,
) -> State:
    """The state of a call whose caller leg opened just now; arguments as its session's."""
    rate_hz = rules.caller_rate_hz
    return State(
        rules=rules,
        opening=Opening(started_at, fallback_uuid),
        playout=Playout(
            rules.audio_format,
            lead_ms=rules.playout_lead_ms,
            delay_ms=rules.playout_delay_ms,
            max_ms=rules.playout_max_s * 1000,
            rate_hz=rate_hz,
            marks=Marks(rules.reports_marks),
        ),
        intake=Intake(encoder(rules.audio_format, rate_hz), rate_hz),
        history=History(rules.caller_transcripts),
        goodbye=Goodbye(rules.goodbye_timeout_s, rules.hangup_grace_ms),
        keypad=Keypad(rules.dtmf_timeout_ms),
        owed_turn=OwedTurn(rules.dead_air_s, rules.thinking_max_s),
        caller_silence=CallerSilence(rules.silence_prompt_s, started_at),
        hold_sound=HoldSound(rules.hold_sound, rate_hz),
        replay=Replay(rate_hz=rate_hz),
        counters=Counters(rate_hz=rate_hz),
        ear=Ear(detector or VoiceActivityDetector(rate_hz=rate_hz)),
    )
