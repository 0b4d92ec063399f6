"""Whether the caller speaks, as the model's VAD reports it."""

from typing import Final

from attrs import define

from trio_sts.conversation.moments import AT_ONCE

# Speech that the VAD never ends excuses a silence no longer than this.
LONGEST_S: Final = 15.0


@define
class CallerSpeech:
    """The model's VAD says when speech starts and stops.

    Written by: hearing; restoring when the VAD is gone with its session.
    """

    active: bool = False
    # A turn was committed, or is being spoken, that the VAD has announced.
    announced: bool = False
    _since: float = AT_ONCE

    def started(self, now: float) -> None:
        """The VAD hears the caller."""
        self.active = self.announced = True
        self._since = now

    def committed(self) -> bool:
        """A turn is committed.

        Returns:
            Whether ``speech_started`` was sent for it: some VADs never do.
        """
        announced, self.announced = self.announced, self.active
        return announced

    def excuses_until(self, heard_until: float) -> float:
        """Until when speech excuses a silence, if our own ear hears it until then."""
        if not self.active:
            return AT_ONCE
        return min(self._since + LONGEST_S, heard_until)

    def stopped(self) -> None:
        """The VAD hears the end of the caller's turn, or there is no VAD any more."""
        self.active = False

    def leave_session(self) -> None:
        """There is no VAD any more."""
        self.active = self.announced = False
