"""Misbehaviour to order, so that each failure of a real endpoint can be tried."""

from typing import Any

from attrs import Attribute, evolve, fields, frozen


@frozen(kw_only=True)
class Faults:
    """What goes wrong in every session of an endpoint; by default nothing.

    Attributes:
        slow_connect_s: The handshake takes this long.
        reject_http: The handshake is refused with this status.
        drop_after_s: The connection is reset after this long.
        close_1001_after_s: ``session_expired`` and close 1001, without warning.
        lifetime_s: The same, announced by ``expires_at``.
        refuse: Fields of ``session.update`` that are refused as unknown parameters.
        wrong_format_echo: ``session.updated`` names other formats than were asked.
        odd_bytes: Audio deltas are cut at odd bytes.
        no_transcription: Caller transcripts fail.
        rate_limit_once: The endpoint's first response fails for its rate limit.
        server_error_once: The endpoint's first response fails for a server fault.
        insufficient_quota: Every response fails for its quota.
        silent_response_once: The endpoint's first response ends without any output.
        silent_response: Every response does.
        stuck_response_once: The endpoint's first response never ends.
        stuck_response: No response does.
    """

    slow_connect_s: float = 0.0
    reject_http: int = 0
    drop_after_s: float = 0.0
    close_1001_after_s: float = 0.0
    lifetime_s: float = 0.0
    refuse: tuple[str, ...] = ()
    wrong_format_echo: bool = False
    odd_bytes: bool = False
    no_transcription: bool = False
    rate_limit_once: bool = False
    server_error_once: bool = False
    insufficient_quota: bool = False
    silent_response_once: bool = False
    silent_response: bool = False
    stuck_response_once: bool = False
    stuck_response: bool = False

    @classmethod
    def parse(cls, *orders: str) -> "Faults":
        """Read faults: ``name`` or ``name=value``, several apart by spaces.

        Raises:
            ValueError: There is no such fault, or its value is no good; the text is
                fit for a terminal.
        """
        known = {attribute.name: attribute for attribute in fields(cls)}
        faults = cls()
        for order in " ".join(orders).split():
            name, _, text = order.partition("=")
            name = name.replace("-", "_")
            if name not in known:
                reason = f"there is no fault {name!r}; known are {', '.join(known)}"
                raise ValueError(reason)
            faults = evolve(faults, **{name: _value(known[name], text)})
        return faults


def _value(attribute: "Attribute[Any]", text: str) -> Any:
    if isinstance(attribute.default, bool):
        if text:
            reason = f"the fault {attribute.name} takes no value"
            raise ValueError(reason)
        return True
    if isinstance(attribute.default, tuple):
        return tuple(name for name in text.split(",") if name)
    read = int if isinstance(attribute.default, int) else float
    try:
        return read(text)
    except ValueError as exc:
        reason = f"the fault {attribute.name} needs a number: {attribute.name}=5"
        raise ValueError(reason) from exc
