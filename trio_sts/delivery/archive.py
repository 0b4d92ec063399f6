"""The sinks of a process, opened and closed with it."""

from collections.abc import AsyncGenerator, Sequence
from contextlib import AsyncExitStack, asynccontextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Any

import orjson
import structlog
import trio
from attrs import define

from trio_sts.record.finished_call import FinishedCall, as_json
from trio_sts.settings import Settings, sqlite_path
from trio_sts.settings.webhooks import webhook_key
from trio_sts.tools.http_client import tool_http_client

from .message import message
from .outbox import Outbox
from .spool import Spool
from .webhook import WebhookSender

if TYPE_CHECKING:
    from .to_store import StoreSender

STORE, WEBHOOK = "calls", "webhook"
SPOOL = "spool"
# At the end of the process: what is not in a file yet gets into one.
_CLOSE_S = 0.2

_log = structlog.get_logger()


@define(eq=False)
class Archive:
    """Takes finished calls; without a store and a webhook it keeps nothing.

    Attributes:
        text: Whether words, prompts and what tools were asked and answered are kept.
    """

    text: bool = True
    store: "StoreSender | None" = None
    webhook: WebhookSender | None = None

    @property
    def wants_transcripts(self) -> bool:
        """Whether a call's transcript is of use."""
        return self.text and self.webhook is not None

    def keep(
        self,
        call: FinishedCall,
        transcript: Sequence[dict[str, Any]] = (),
        *,
        whole: bool = True,
    ) -> None:
        """A call is over: hand it on; never waits.

        Args:
            call: The call.
            transcript: Its entries, where the webhook is told them.
            whole: Whether none of them is missing.
        """
        if self.store is not None:
            self.store.outbox.put(call.id, orjson.dumps(as_json(call)))
        if self.webhook is not None and not self.webhook.gone:
            told = transcript if self.text else None
            self.webhook.outbox.put(call.id, message(call, told, whole=whole))

    async def finish(self) -> None:
        """Deliver what is under way; returns when the rest has to wait, or is none.

        The caller bounds it.
        """
        async with trio.open_nursery() as nursery:
            if self.store is not None:
                nursery.start_soon(self.store.finish)
            if self.webhook is not None:
                nursery.start_soon(self.webhook.finish)


@asynccontextmanager
async def open_archive(settings: Settings) -> AsyncGenerator[Archive]:
    """Open what the settings ask for; what it could not deliver goes to files."""
    archive = Archive(settings.record_text)
    outboxes: list[Outbox] = []
    async with AsyncExitStack() as stack:
        if settings.calls_db is not None:
            # Imported here: SQLAlchemy takes a third of a second.
            from trio_sts.callstore.store import CallStore

            from .to_store import StoreSender

            outboxes.append(Outbox("store", store_spool(settings)))
            store = CallStore.open(settings.calls_db)
            archive.store = StoreSender(store, outboxes[-1])
        if settings.webhook_url is not None and settings.webhook_secret is not None:
            http = await stack.enter_async_context(tool_http_client())
            outboxes.append(Outbox("webhook", webhook_spool(settings)))
            key = webhook_key(settings.webhook_secret)
            archive.webhook = WebhookSender(
                settings.webhook_url, key, outboxes[-1], http
            )
        nursery = await stack.enter_async_context(trio.open_nursery())
        for outbox in outboxes:
            nursery.start_soon(outbox.keep)
        if archive.store is not None:
            nursery.start_soon(archive.store.run)
        if archive.webhook is not None:
            nursery.start_soon(archive.webhook.run)
        try:
            yield archive
        finally:
            nursery.cancel_scope.cancel(reason="the service stops")
            with trio.move_on_after(_CLOSE_S, shield=True):
                await _close(archive, outboxes)
            for outbox in outboxes:
                outbox.count_lost()


async def _close(archive: Archive, outboxes: Sequence[Outbox]) -> None:
    async with trio.open_nursery() as nursery:
        for outbox in outboxes:
            nursery.start_soon(outbox.close)
        if archive.store is not None:
            nursery.start_soon(archive.store.close)


def store_spool(settings: Settings) -> Spool | None:
    """Where calls wait for the store: in STS_RECORD_DIR, else beside an SQLite file."""
    if settings.record_dir is not None:
        return Spool(settings.record_dir / SPOOL / STORE)
    path = None if settings.calls_db is None else sqlite_path(settings.calls_db)
    return None if path is None else Spool(beside(path) / STORE)


def webhook_spool(settings: Settings) -> Spool | None:
    """Where calls wait for the webhook: in STS_RECORD_DIR, or nowhere."""
    if settings.record_dir is None:
        return None
    return Spool(settings.record_dir / SPOOL / WEBHOOK)


def beside(database: Path) -> Path:
    """The folder beside an SQLite file in which calls wait for it."""
    return database.with_name(f"{database.name}.spool")
