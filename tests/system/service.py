"""The whole service in the test's own process, on real sockets."""

from collections.abc import AsyncGenerator
from contextlib import asynccontextmanager
from pathlib import Path
from tempfile import TemporaryDirectory

import trio
from attrs import define, evolve

from tests.paths import FAST_PATH
from trio_sts.record.records import Records
from trio_sts.replaying.verify import verify
from trio_sts.server import Server
from trio_sts.service import open_services
from trio_sts.settings import load

KEY = "sk-test-4Ever"
_WRITTEN_S = 10.0


@define(eq=False)
class Service:
    """A service that is listening.

    Attributes:
        url: What ``STS_URL`` would be.
        port: Where it listens, on the loopback.
        server: The object itself.
    """

    url: str
    port: int
    server: Server
    _signals: trio.MemorySendChannel[int]
    stopped: trio.Event

    def signal(self) -> None:
        """What SIGTERM is to a process."""
        self._signals.send_nowait(15)


@asynccontextmanager
async def serving(base_url: str, **environ: str) -> AsyncGenerator[Service]:
    """Run a service whose model is at ``base_url``, in this environment.

    Every call that it has held is recorded, and must be the same when it is replayed.
    """
    with TemporaryDirectory() as folder:
        records = environ.get("STS_RECORD_DIR") or folder
        async with _serving(
            base_url, {"STS_RECORD_DIR": records, **environ}
        ) as service:
            yield service
        must_replay(Path(records), service.server.services.records)


def must_replay(folder: Path, records: Records) -> None:
    """Replay every call of a folder; none may differ.

    A clock that jumps leaves the thread that writes no time at the stop: it is waited for.
    """
    thread = records.writer._thread  # pyright: ignore[reportPrivateUsage]
    if thread is not None:
        thread.join(_WRITTEN_S)
    for path in folder.glob("*.call"):
        verdict = verify(path)
        assert verdict.same, (path, verdict.difference)
        assert verdict.is_whole, path


@asynccontextmanager
async def _serving(base_url: str, environ: dict[str, str]) -> AsyncGenerator[Service]:
    settings, _ = load(
        {
            "OPENAI_API_KEY": KEY,
            "OPENAI_BASE_URL": base_url,
            "STS_FAST_PATH": FAST_PATH,
            # What is said to a caller who has lost the model has tests of its own.
            "STS_APOLOGY": "off",
            **environ,
        },
        None,
        strict=True,
    )
    port = int(environ.get("PORT", "0"))
    settings = evolve(settings, host="127.0.0.1", port=port)
    send, receive = trio.open_memory_channel[int](2)
    async with (
        open_services(settings, environ) as services,
        trio.open_nursery() as nursery,
    ):
        server = Server(services)
        stopped = trio.Event()

        # The server itself says when it is started.
        async def serve(*, task_status: trio.TaskStatus[int]) -> None:  # noqa: ASYNC128
            await server.serve(receive, task_status=task_status)
            stopped.set()

        listens_at: int = await nursery.start(serve)
        url = f"ws://127.0.0.1:{listens_at}"
        yield Service(url, listens_at, server, send, stopped)
        nursery.cancel_scope.cancel(reason="the test is over")
