"""Whether the caller speaks, as the model's VAD tells it."""

from attrs import define


@define
class CallerSpeech:
    """The model's VAD says when speech starts and stops.

    Written by: hearing; restoring when the VAD is gone with its session.
    """

    active: bool = False

    def started(self) -> None:
        """The VAD hears the caller."""
        self.active = True

    def stopped(self) -> None:
        """The VAD hears the end of the caller's turn, or there is no VAD any more."""
        self.active = False
