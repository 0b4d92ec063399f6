"""Telling a web service of finished calls, for an hour each."""

from datetime import UTC, datetime
from random import uniform
from typing import Final, Literal

import httpx
import structlog
import trio
from attrs import define, field

from .outbox import Entry, Outbox
from .signing import signed_headers
from .trouble import Trouble

# One attempt, from the name's look-up to the head of the answer.
_ATTEMPT_S = 15.0
_CONNECT_S = 5.0
_AT_ONCE = 8
# Between attempts, the last one again and again; each a quarter less or more.
_PAUSES_S: Final = (5.0, 15.0, 45.0, 120.0, 300.0)
# An attempt that fails later than this was the last one.
GIVE_UP_S = 3600.0
_GONE = 410
_SHOWN_CHARS = 200

_log = structlog.get_logger()

Answer = Literal["taken", "gone", "failed"]


@define(eq=False)
class WebhookSender:
    """Delivers the entries of an outbox to a URL.

    Each has attempts of its own: at once, after some 5 s, and so on for an hour. One that
    another process has left gets an hour anew.
    """

    url: str = field(repr=False)
    key: bytes = field(repr=False)
    outbox: Outbox
    http: httpx.AsyncClient
    _trouble: Trouble = field(factory=lambda: Trouble("webhook fails", "webhook"))
    _busy: int = 0
    _gone: bool = False
    _stopping: bool = False
    _over: trio.Event = field(factory=trio.Event)

    async def run(self) -> None:
        """Deliver until `finish` is called or the receiver wants nothing any more."""
        try:
            async with trio.open_nursery() as nursery:
                while not self._is_over():
                    self._start_due(nursery)
                    await self.outbox.changed.wait_until(self._next_at())
                # Those under way go on; what they cannot deliver waits in its file.
        finally:
            self._over.set()

    async def finish(self) -> None:
        """Let attempts end that are under way, and try once what no file keeps."""
        self._stopping = True
        for entry in self.outbox.unsafe:
            entry.due_at = 0
        self.outbox.changed.send()
        await self._over.wait()

    @property
    def gone(self) -> bool:
        """Whether the receiver has said that it wants nothing any more."""
        return self._gone

    def _is_over(self) -> bool:
        if self._gone:
            return True
        return self._stopping and not self._busy and not self._due()

    def _to_try(self) -> list[Entry]:
        """At a stop what was tried and is in a file can wait for the next process."""
        return [
            entry
            for entry in self.outbox.waiting.values()
            if not entry.busy
            and not (self._stopping and entry.path is not None and entry.tries)
        ]

    def _due(self) -> list[Entry]:
        now = trio.current_time()
        return [entry for entry in self._to_try() if entry.due_at <= now]

    def _start_due(self, nursery: trio.Nursery) -> None:
        for entry in self._due()[: _AT_ONCE - self._busy]:
            entry.busy = True
            self._busy += 1
            nursery.start_soon(self._try, entry)

    def _next_at(self) -> float:
        if self._busy >= _AT_ONCE:
            return float("inf")
        return min((entry.due_at for entry in self._to_try()), default=float("inf"))

    async def _try(self, entry: Entry) -> None:
        try:
            if await self.outbox.is_forgotten(entry):
                self.outbox.settle(entry, "forgotten")
                return
            entry.tries += 1
            answer = await self._attempt(entry)
            if answer == "taken":
                self._trouble.over()
                self.outbox.settle(entry, "delivered")
            elif answer == "gone":
                self._stop_for_good()
            else:
                self._put_off(entry)
        finally:
            entry.busy = False
            self._busy -= 1
            self.outbox.changed.send()

    async def _attempt(self, entry: Entry) -> Answer:
        headers = signed_headers(
            f"msg_{entry.id}", datetime.now(UTC), entry.body, self.key
        )
        status = 0
        with trio.move_on_after(_ATTEMPT_S):  # noqa: ASYNC912  # sending waits
            try:
                status = await self._post(entry.body, headers)
            except (httpx.HTTPError, httpx.InvalidURL, OSError, ValueError) as exc:
                self._trouble.tell(_reason(exc))
                return "failed"
        if status == _GONE:
            return "gone"
        if httpx.codes.is_success(status):
            return "taken"
        told = f"answered with {status}" if status else f"no answer in {_ATTEMPT_S:g} s"
        self._trouble.tell(told)
        return "failed"

    async def _post(self, body: bytes, headers: dict[str, str]) -> int:
        """The status of the answer; of its body nothing is read."""
        request = self.http.build_request(
            "POST",
            self.url,
            content=body,
            headers={"content-type": "application/json", **headers},
            timeout=httpx.Timeout(_ATTEMPT_S, connect=_CONNECT_S),
        )
        # Where a redirect leads to was not chosen by the operator.
        response = await self.http.send(request, stream=True, follow_redirects=False)
        try:
            return response.status_code
        finally:
            with trio.move_on_after(1, shield=True):
                await response.aclose()

    def _put_off(self, entry: Entry) -> None:
        if trio.current_time() - entry.since >= GIVE_UP_S:
            self.outbox.settle(entry, "given up")
            given_up = self.outbox.results["given up"]
            _log.error("webhook given up", record=entry.id, given_up=given_up)
            return
        pause_s = _PAUSES_S[min(entry.tries, len(_PAUSES_S)) - 1]
        entry.due_at = trio.current_time() + pause_s * uniform(0.75, 1.25)  # noqa: S311

    def _stop_for_good(self) -> None:
        if not self._gone:
            self._gone = True
            waiting = len(self.outbox.waiting)
            why = "it answered 410: it wants no more calls; a restart tries again"
            _log.warning("webhook is over", why=why, untold=waiting)
            for entry in self.outbox.unsafe:
                self.outbox.settle(entry, "given up")


def _reason(exc: BaseException) -> str:
    """What went wrong, without the URL, which may have a secret in it."""
    name, cause = type(exc).__name__, exc
    # A certificate that is not trusted is told by what is below the library's own error.
    while not str(cause) and (below := cause.__cause__ or cause.__context__):
        cause = below
    words = " ".join(str(cause).split())[:_SHOWN_CHARS]
    return f"{name}: {words}" if words and "://" not in words else name
