"""SIGHUP in one process: settings, key file, certificates and tools for new calls."""

from collections.abc import Awaitable, Callable, Mapping
from typing import Final, NoReturn

import structlog
import trio
from attrs import define, evolve, field, frozen

from trio_sts.errors import SettingsError, StsError
from trio_sts.logs import also_mask
from trio_sts.observing.verdicts import Verdict
from trio_sts.server import Server
from trio_sts.services import Services
from trio_sts.settings import Settings, changed, secrets_of
from trio_sts.signals import Signals

Loaded = tuple[Settings, tuple[str, ...], Mapping[str, str]]
# The settings, the warnings about them, and what tools see of the environment, as they
# are now; raises SettingsError.
Read = Callable[[], Loaded]

# What is opened once in a process, whatever calls come.
_NEEDS_RESTART: Final = (
    *("port", "host", "embedded", "log_level", "log_format"),
    *("admin_port", "admin_host", "admin_token", "console_services"),
    *("record_dir", "record_audio", "record_text", "transcript_dir", "calls_db"),
    *("webhook_url", "webhook_secret", "webhook_secret_file", "workers"),
)

_log = structlog.get_logger()


@frozen(eq=False)
class Generation:
    """What the calls between two reloads share.

    Attributes:
        services: What that is.
        over: Lets it be closed.
    """

    services: Services
    over: trio.Event = field(factory=trio.Event)


Open = Callable[[Settings, Mapping[str, str]], Awaitable[Generation]]


@define(eq=False)
class Reloads:
    """Opens a generation for new calls at each SIGHUP, and closes the one before.

    Attributes:
        server: Holds the calls.
        generation: The one that new calls share.
        read: Reads everything anew.
        open: Opens a generation.
    """

    server: Server
    generation: Generation
    read: Read
    open: Open

    async def run(self, signals: Signals) -> NoReturn:
        """Reload at each SIGHUP, for ever."""
        async with trio.open_nursery() as nursery:
            while True:
                await signals.next_reload()
                old = self.generation
                self.server.notifier.reloading()
                try:
                    await self._reload()
                except SettingsError as exc:
                    for fault in exc.faults:
                        _log.error("setting", problem=fault)
                    _log.error("not reloaded", why="a setting is faulty")
                except (StsError, OSError) as exc:
                    _log.error("not reloaded", why=str(exc))
                # Whatever a tool's file does: the calls go on as they were.
                except Exception:  # noqa: BLE001
                    _log.exception("not reloaded")
                else:
                    nursery.start_soon(self._close_unused, old)
                self.server.notifier.ready()

    async def _reload(self) -> None:
        before = self.generation.services.settings
        settings, warnings, environ = self.read()
        also_mask(secrets_of(settings))
        for warning in warnings:
            _log.warning("setting", problem=warning)
        fixed = changed(before, settings, _NEEDS_RESTART)
        if fixed:
            _log.warning(
                "settings that need a restart", settings=sorted(fixed.values())
            )
        kept = {name: getattr(before, name) for name in fixed}
        settings = evolve(settings, **kept)
        differs = changed(before, settings)
        generation = await self.open(settings, environ)
        try:
            self.server.use(generation.services)
        except StsError:
            generation.over.set()
            raise
        self.generation = generation
        if "api_key" in differs:
            # Nothing is known of the new one.
            health, now = generation.services.health, trio.current_time()
            health.take(Verdict("key taken"), now)
        _log.info("reloaded", changed=sorted(differs.values()))

    async def _close_unused(self, generation: Generation) -> None:
        await self.server.unused(generation.services)
        generation.over.set()
