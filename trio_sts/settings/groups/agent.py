"""What the agent is and says."""

from pathlib import Path
from typing import Literal
from zoneinfo import ZoneInfo

from attrs import field, frozen

from trio_sts.modelfacts import facts
from trio_sts.settings.kinds import (
    choice,
    line,
    number,
    path,
    prompt,
    switch,
    text,
    time_zone,
    tokens,
    truncation,
    url,
)
from trio_sts.settings.masking import url_repr
from trio_sts.settings.spec import about

# OpenAI's own; other endpoints have others, and their case may matter.
_VOICES = frozenset(facts().voices)


@frozen(kw_only=True, slots=False)
class Agent:
    """What the agent is and says."""

    instructions: str | None = field(
        default=None,
        repr=False,
        metadata=about(
            "OPENAI_INSTRUCTIONS",
            prompt(),
            "The prompt. `{{name}}` stands for a piece of the call's metadata, `{{uuid}}` "
            "for its id, `{{caller}}` for the caller's number, and there are `{{now}}`, "
            "`{{date}}`, `{{time}}` and `{{weekday}}`.",
            default="a built-in prompt",
            secret=True,
        ),
    )
    url_instructions: str | None = field(
        default=None,
        repr=url_repr,
        metadata=about(
            "OPENAI_URL_INSTRUCTIONS",
            url("https", "http"),
            'A web service that answers `{"system": "…"}` for each call, and what else '
            "holds for it; asked if `OPENAI_INSTRUCTIONS` is not set.",
            example="https://crm.example/prompt",
        ),
    )
    instructions_metadata: bool = field(
        default=True,
        metadata=about(
            "STS_INSTRUCTIONS_METADATA",
            switch(),
            "Tell the instructions service the call's metadata as query parameters; "
            "`off` leaves a signed URL as it is.",
        ),
    )
    file_instructions: Path | None = field(
        default=None,
        metadata=about(
            "OPENAI_FILE_INSTRUCTIONS",
            path(),
            "A text file with the prompt; read if neither of the other two gave one.",
            example="/etc/trio-sts/prompt.txt",
        ),
    )
    tz: ZoneInfo | None = field(
        default=None,
        metadata=about(
            "TZ",
            time_zone(),
            "The time zone of `{{now}}`, `{{date}}`, `{{time}}` and `{{weekday}}`.",
            default="the system's",
            example="Europe/Rome",
            costs="the time in prompts is the system's",
        ),
    )
    voice: str = field(
        default="alloy",
        metadata=about("OPENAI_VOICE", line(known=_VOICES), "The agent's voice."),
    )
    welcome_message: str | None = field(
        default=None,
        repr=False,
        metadata=about(
            "OPENAI_WELCOME_MESSAGE",
            text(),
            "Spoken word for word as the greeting.",
            example="Hello, how can I help you?",
        ),
    )
    greeting: bool = field(
        default=True,
        metadata=about("STS_GREETING", switch(), "Whether the agent speaks first."),
    )
    greeting_protected: bool = field(
        default=False,
        metadata=about(
            "STS_GREETING_PROTECTED",
            switch(),
            "Withhold the caller's voice until the greeting was heard.",
        ),
    )
    speed: float = field(
        default=1.0,
        metadata=about("OPENAI_SPEED", number(0.25, 1.5), "How fast the agent speaks."),
    )
    truncation: Literal["auto", "disabled"] | float = field(
        default="auto",
        metadata=about(
            "OPENAI_TRUNCATION",
            truncation(),
            "What happens to a conversation that the model cannot hold any more: a number "
            "is the part that is kept.",
        ),
    )
    temperature: float | None = field(
        default=None,
        metadata=about(
            "OPENAI_TEMPERATURE",
            number(0, 1.2),
            "Sent as 0.6 to 1.2 to `beta` endpoints; to others only when set, and never "
            "to OpenAI or Azure, whose API has no temperature.",
            default="0.8",
            lenient=True,
        ),
    )
    max_tokens: int | Literal["inf"] = field(
        default="inf",
        metadata=about(
            "OPENAI_MAX_TOKENS",
            tokens(4096),
            "The longest response; it holds for every response of the call.",
            lenient=True,
        ),
    )
    reasoning_effort: str = field(
        default="low",
        metadata=about(
            "OPENAI_REASONING_EFFORT",
            choice("minimal", "low", "medium", "high", "xhigh"),
            "How much `gpt-realtime-2*` models think; others are not told.",
            lenient=True,
        ),
    )
