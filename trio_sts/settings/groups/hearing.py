"""What the agent hears, and whose turn it is."""

from typing import Literal

from attrs import field, frozen

from trio_sts.settings.kinds import DAY_S, choice, language, line, number, whole
from trio_sts.settings.lists import keywords
from trio_sts.settings.sounds import Sound, sound
from trio_sts.settings.spec import about

# The word for the endpoint's own best.
DEFAULT_TRANSCRIBER = "auto"

_TURN = "OPENAI_TURN_DETECTION"


@frozen(kw_only=True, slots=False)
class Hearing:
    """What the agent hears, and whose turn it is."""

    language: str | None = field(
        default=None,
        metadata=about(
            "OPENAI_LANGUAGE",
            language(),
            "The language of the caller's transcripts.",
            default="auto",
            lenient=True,
        ),
    )
    transcription_model: str | None = field(
        default=DEFAULT_TRANSCRIBER,
        metadata=about(
            "OPENAI_TRANSCRIPTION_MODEL",
            line(none="none", known=frozenset({DEFAULT_TRANSCRIBER})),
            "What writes down the caller's words; `none` turns that off. A default that "
            "does not work falls back to `whisper-1`, then to none.",
            default="gpt-transcribe at api.openai.com, else whisper-1",
        ),
    )
    transcription_keywords: tuple[str, ...] = field(
        default=(),
        metadata=about(
            "OPENAI_TRANSCRIPTION_KEYWORDS",
            keywords(),
            "Words that callers say and that are hard to spell, for transcription models "
            "that take them.",
            default="none",
            example="Acme,Grüezi,PX-200",
        ),
    )
    turn_detection: Literal["server_vad", "semantic_vad"] = field(
        default="server_vad",
        metadata=about(
            _TURN,
            choice("server_vad", "semantic_vad"),
            "How the end of the caller's turn is found.",
            lenient=True,
        ),
    )
    turn_detection_eagerness: Literal["low", "medium", "high", "auto"] = field(
        default="auto",
        metadata=about(
            f"{_TURN}_EAGERNESS",
            choice("low", "medium", "high", "auto"),
            "How soon `semantic_vad` takes the turn.",
            lenient=True,
        ),
    )
    turn_detection_threshold: float = field(
        default=0.5,
        metadata=about(
            f"{_TURN}_THRESHOLD",
            number(0, 1),
            "How loud speech must be for `server_vad`.",
            lenient=True,
        ),
    )
    turn_detection_silence_ms: int = field(
        default=500,
        metadata=about(
            f"{_TURN}_SILENCE_MS",
            whole(0, 10_000),
            "How much silence ends a turn for `server_vad`.",
            unit="ms",
            lenient=True,
        ),
    )
    turn_detection_prefix_padding_ms: int = field(
        default=300,
        metadata=about(
            f"{_TURN}_PREFIX_PADDING_MS",
            whole(0, 10_000),
            "How much audio before the speech `server_vad` adds to it.",
            unit="ms",
            lenient=True,
        ),
    )
    noise_reduction: Literal["near_field", "far_field"] | None = field(
        default=None,
        metadata=about(
            "OPENAI_NOISE_REDUCTION",
            choice("near_field", "far_field", also={"none": None}),
            "Filter the caller's audio before it is listened to.",
            default="none",
        ),
    )
    audio_format: Literal["pcm", "pcmu", "pcma"] = field(
        default="pcm",
        metadata=about(
            "OPENAI_AUDIO_FORMAT",
            choice("pcm", "pcmu", "pcma"),
            "The audio of the model leg: 24 kHz, or G.711 at a sixth of the bandwidth.",
        ),
    )
    barge_in: Literal["model", "off"] = field(
        default="model",
        metadata=about(
            "STS_BARGE_IN",
            choice("model", "off"),
            "`off`: the agent finishes what it says.",
        ),
    )
    dead_air_s: float = field(
        default=8,
        metadata=about(
            "STS_DEAD_AIR_S",
            number(1, 600),
            "How long a model that owes an answer may show no sign of life before it "
            "is asked again.",
            unit="s",
        ),
    )
    thinking_max_s: float = field(
        default=30,
        metadata=about(
            "STS_THINKING_MAX_S",
            number(1, 600),
            "How long a model that is working may keep the caller in silence.",
            unit="s",
        ),
    )
    silence_prompt_s: float = field(
        default=20,
        metadata=about(
            "STS_SILENCE_PROMPT_S",
            number(0, DAY_S),
            "After how much silence the caller is asked whether they are still there; "
            "the third time the call ends. 0 asks never.",
            unit="s",
        ),
    )
    hold_sound: Literal["auto", "soft", "off"] | Sound = field(
        default="auto",
        metadata=about(
            "STS_HOLD_SOUND",
            sound("auto", "soft", "off"),
            "What a waiting caller hears: `auto` a quiet sound while a connection is "
            "awaited or the model shows no sign of life, `soft` the same during tools "
            "and long thoughts too, or a WAV file.",
        ),
    )
    dtmf_timeout_ms: int = field(
        default=1500,
        metadata=about(
            "STS_DTMF_TIMEOUT_MS",
            whole(100, 30_000),
            "How long after a key the number is complete.",
            unit="ms",
        ),
    )
