"""What is written down."""

from pathlib import Path
from typing import Literal

from attrs import field, frozen

from trio_sts.settings.kinds import choice, path, switch
from trio_sts.settings.spec import about


@frozen(kw_only=True, slots=False)
class Records:
    """What is written down."""

    log_level: Literal["debug", "info", "warning", "error"] = field(
        default="info",
        metadata=about(
            "STS_LOG_LEVEL",
            choice("debug", "info", "warning", "error"),
            "The least important lines that are logged.",
        ),
    )
    log_format: Literal["json", "console"] | None = field(
        default=None,
        metadata=about(
            "STS_LOG_FORMAT",
            choice("json", "console"),
            "One JSON object a line, or lines for people.",
            default="json; console on a terminal",
        ),
    )
    transcript_dir: Path | None = field(
        default=None,
        metadata=about(
            "STS_TRANSCRIPT_DIR",
            path(),
            "A folder for one JSON Lines file per call; it is created if missing.",
            default="none",
            example="/var/lib/trio-sts",
        ),
    )
    record_dir: Path | None = field(
        default=None,
        metadata=about(
            "STS_RECORD_DIR",
            path(),
            "A folder for one call file per call, which `trio-sts replay` reads; it is "
            "created if missing, in a folder that exists.",
            default="none",
            example="/var/lib/trio-sts/calls",
        ),
    )
    record_text: bool = field(
        default=True,
        metadata=about(
            "STS_RECORD_TEXT",
            switch(),
            "Keep words, prompt, tool arguments and outputs in what is recorded of a call; "
            "off masks them. Digits that were pressed are masked always.",
        ),
    )
    record_audio: bool = field(
        default=False,
        metadata=about(
            "STS_RECORD_AUDIO",
            switch(),
            "Record each call as a WAV file beside its call file: the caller left, the "
            "agent as heard right. It needs STS_RECORD_DIR.",
        ),
    )
