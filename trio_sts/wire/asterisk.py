"""The control messages between Asterisk's `chan_websocket` and an application.

Events come from Asterisk, commands go to it; samples are binary messages beside them, in
the format that `MediaStart` names. Both have two forms on the wire, which are
`asterisk_codec`'s. Field names are the driver's.

Source: Asterisk's page "WebSocket" under Channel Drivers, for 20.18, 22.8, 23.2 and newer;
what a field was called before is the same.
"""

from collections.abc import Mapping
from typing import Final, Literal

from attrs import define, field, frozen

# How control messages are written, all of a connection in the same way.
Form = Literal["json", "plain"]
Direction = Literal["both", "in", "out"]

# What the subprotocol of such a WebSocket is called.
SUBPROTOCOL: Final = "media"
# A longer binary message ends the call (close code 1009) ...
MAX_MEDIA_BYTES: Final = 65_500
# ... and a longer command is not looked at.
MAX_COMMAND_BYTES: Final = 128
# Frames in the driver's queue: so many stop the sender, so few let it go on, and from so
# many on whole messages are dropped.
XOFF_FRAMES: Final = 900
XON_FRAMES: Final = 800
MAX_FRAMES: Final = 1_000


@frozen
class MediaStart:
    """The first event: what the channel is, and how its samples are written.

    Attributes:
        connection_id: In some versions the connection's name in ``websocket_client.conf``.
        format: As Asterisk calls it: ``slin24``, ``ulaw``, ...
        optimal_frame_size: Of one frame, in bytes; what fills none is dropped outside
            buffering. 0 where Asterisk cuts no frames (passthrough).
        channel: The channel's name.
        channel_id: The channel's unique id; "" from versions before 20.18.
        ptime: How long a frame is, in ms.
        channel_variables: Set on the channel; in JSON only.
    """

    connection_id: str
    format: str
    optimal_frame_size: int
    channel: str = ""
    channel_id: str = ""
    ptime: int = 20
    channel_variables: Mapping[str, str] = field(
        factory=dict[str, str], repr=False, hash=False
    )


@frozen
class DtmfEnd:
    """A key was pressed and let go: one of ``0``-``9``, ``*``, ``#``, ``A``-``D``."""

    digit: str = field(repr=False)
    channel_id: str = ""


@frozen
class MediaXoff:
    """The queue is nearly full: what is sent from now on may be dropped."""

    channel_id: str = ""


@frozen
class MediaXon:
    """The queue has room again."""

    channel_id: str = ""


# Not frozen: it comes for every batch of audio.
@define
class MediaMarkProcessed:
    """What was sent before a mark has left the queue."""

    correlation_id: str = ""
    channel_id: str = ""


@frozen
class MediaBufferingCompleted:
    """What was sent before `StopMediaBuffering` has left the queue."""

    correlation_id: str = ""
    channel_id: str = ""


@frozen
class QueueDrained:
    """The queue is empty, as `ReportQueueDrained` asked to be told."""

    channel_id: str = ""


@frozen
class Status:
    """Answers `GetStatus`; lengths and levels are numbers of frames."""

    queue_length: int
    xon_level: int = XON_FRAMES
    xoff_level: int = XOFF_FRAMES
    queue_full: bool = False
    bulk_media: bool = False
    media_paused: bool = False
    channel_id: str = ""


@frozen
class CommandError:
    """A command was wrong, or cannot be used now; on the wire it is ``ERROR``."""

    error_text: str
    channel_id: str = ""


@frozen
class UnknownEvent:
    """An event that this version does not know; it is ignored."""

    event: str


Event = (
    MediaStart
    | DtmfEnd
    | MediaXoff
    | MediaXon
    | MediaMarkProcessed
    | MediaBufferingCompleted
    | QueueDrained
    | Status
    | CommandError
    | UnknownEvent
)


@frozen
class AnswerChannel:
    """Answer the channel; ignored where it is answered."""


@frozen
class HangUpChannel:
    """Hang the channel up and close the WebSocket."""


@frozen
class StartMediaBuffering:
    """From now on messages with samples may have any length."""


@frozen
class StopMediaBuffering:
    """No more: what fills no frame is filled up with silence."""

    correlation_id: str = ""


@frozen
class FlushMedia:
    """Throw away all that is queued, marks as well; ends buffering and a pause."""


@frozen
class PauseMedia:
    """Play silence, and keep what is queued."""


@frozen
class ContinueMedia:
    """Go on with what is queued."""


@frozen
class MarkMedia:
    """Report when all that was sent before this has left the queue."""

    correlation_id: str = ""


@frozen
class GetStatus:
    """Send a `Status`."""


@frozen
class ReportQueueDrained:
    """Send one `QueueDrained` once the queue is empty."""


@frozen
class SetMediaDirection:
    """From the application's side: ``in`` drops what it sends, ``out`` sends it none."""

    direction: Direction


@frozen
class UnknownCommand:
    """A command that this version does not know; Asterisk warns and goes on."""

    command: str


AsteriskCommand = (
    AnswerChannel
    | HangUpChannel
    | StartMediaBuffering
    | StopMediaBuffering
    | FlushMedia
    | PauseMedia
    | ContinueMedia
    | MarkMedia
    | GetStatus
    | ReportQueueDrained
    | SetMediaDirection
    | UnknownCommand
)
