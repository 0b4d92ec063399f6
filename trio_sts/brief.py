"""What one call is held with: the service's settings and what was said of this call."""

from typing import Any

from attrs import evolve, field, frozen

from trio_sts import plan
from trio_sts.instructions import Resolved
from trio_sts.legs.endpoint import Endpoint, with_model
from trio_sts.legs.own_fields import OWN
from trio_sts.settings import Settings, transcriber
from trio_sts.tools.percall import CallTools
from trio_sts.tools.registry import Registry
from trio_sts.wire.realtime.session import SessionConfig


@frozen
class Brief:
    """Everything that is the call's own.

    Attributes:
        settings: The container's, with what holds for this call.
        endpoint: Where its model is.
        tools: What it may do.
        session: What its session is asked for.
        welcome_message: Its greeting, filled; None if there is none.
        otherwise: The same with the container's model, for a call with one of its own
            that cannot be had; None for other calls.
    """

    settings: Settings = field(repr=False)
    endpoint: Endpoint
    tools: CallTools
    session: SessionConfig = field(repr=False)
    welcome_message: str | None = field(default=None, repr=False)
    otherwise: "Brief | None" = field(default=None, repr=False)

    @property
    def transcriber(self) -> str | None:
        """What writes down the caller's words."""
        return transcriber(self.settings)


def brief(
    settings: Settings,
    endpoint: Endpoint,
    registry: Registry,
    told: Resolved,
    *,
    has_control: bool = False,
) -> Brief:
    """Put together what a call is held with.

    Args:
        settings: The container's.
        endpoint: The container's, or the built-in model's, as this call dials it.
        registry: The service's tools.
        told: What was found out about the call.
        has_control: Whether it can be ended and transferred without avr-ami.
    """
    own = told.config.applied(settings)
    tools = CallTools(
        registry,
        off=frozenset(own.tools_off),
        only=None if told.config.tools is None else frozenset(told.config.tools),
        transfer_to=own.transfer_to,
        has_control=has_control,
    )
    session = plan.session_config(own, told.text, tools.offered())
    otherwise = None
    if own.model != settings.model:
        as_shared = evolve(told, config=evolve(told.config, model=None))
        otherwise = brief(
            settings, endpoint, registry, as_shared, has_control=has_control
        )
    return Brief(
        settings=own,
        endpoint=with_model(endpoint, own) if own.model != settings.model else endpoint,
        tools=tools,
        session=evolve(session, instead=_instead(settings, session)),
        welcome_message=told.welcome_message,
        otherwise=otherwise,
    )


def _instead(settings: Settings, session: SessionConfig) -> dict[str, Any]:
    """What the container has where the call's session has something of its own."""
    others = plan.session_config(settings, "", ())
    values = {name: getattr(others, name) for name in OWN}
    return {
        name: value for name, value in values.items() if value != getattr(session, name)
    }
