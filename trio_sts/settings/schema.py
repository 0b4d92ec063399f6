"""The settings as one class."""

from attrs import frozen

from .groups.admin import Admin
from .groups.agent import Agent
from .groups.asterisk import Asterisk
from .groups.delivery import Delivery
from .groups.hearing import Hearing
from .groups.listener import Listener
from .groups.model import Model
from .groups.playout import Playout
from .groups.records import Records
from .groups.tools import Tools


# attrs takes the fields of the last base first: the order here is the reverse of theirs.
@frozen(kw_only=True, slots=False)
class Settings(
    Admin,
    Delivery,
    Records,
    Asterisk,
    Tools,
    Playout,
    Hearing,
    Agent,
    Model,
    Listener,
):
    """What an operator may choose, checked and typed; see `trio_sts.settings.load`.

    A field's name is the variable's without ``OPENAI_`` or ``STS_``. None means that
    the feature is off or that the variable's default is not a value of its own.
    """
