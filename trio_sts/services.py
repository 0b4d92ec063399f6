"""What all calls of a process share."""

import httpx
from attrs import Factory, field, frozen

from trio_sts.delivery.archive import Archive
from trio_sts.legs.endpoint import Endpoint
from trio_sts.legs.optional_fields import RefusedFields
from trio_sts.loop.alarms import Alarms
from trio_sts.metrics.registry import Metrics
from trio_sts.observing.model_health import ModelHealth
from trio_sts.observing.observer import Observers
from trio_sts.record.records import Records
from trio_sts.settings import Settings
from trio_sts.tools.control_leg import Keep
from trio_sts.tools.registry import Registry
from trio_sts.tools.targets import Targets


@frozen
class Services:
    """All that calls share: settings, tools, alarms, records, what endpoints refuse.

    ``observers`` look on at each of them; ``metrics`` and ``health`` are what some of
    those have found, for who asks at the port. ``targets`` are for who asks there too:
    where calls go on; ``keep`` is how such a place gets there.
    """

    settings: Settings
    endpoint: Endpoint
    refused_fields: RefusedFields
    registry: Registry
    http: httpx.AsyncClient
    alarms: Alarms
    records: Records
    archive: Archive = field(factory=Archive)
    observers: Observers = ()
    metrics: Metrics = field(factory=Metrics)
    health: ModelHealth = field(factory=ModelHealth)
    targets: Targets = field(factory=Targets)
    keep: Keep = field(default=Factory(lambda self: self.targets.keep, takes_self=True))
