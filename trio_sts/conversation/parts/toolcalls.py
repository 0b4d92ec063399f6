"""The answer protocol of function calls.

A call is announced three times and acted on once. Its output goes out after the parent's
``response.done``, because an earlier one makes the model repeat the call. When all calls
of one response have answered, one response is wanted.
"""

from typing import TypeVar

from attrs import define, field

from trio_sts.conversation.moments import AT_ONCE
from trio_sts.wire.realtime.events import ArgumentsDone
from trio_sts.wire.realtime.items import Item, Response
from trio_sts.wire.realtime.requests import CreateFunctionOutput

_T = TypeVar("_T")
# Far above what any call holds; beyond it the oldest ids are forgotten.
_REMEMBERED_CALLS = 4096
# Responses of the past that a late announcement may still name, and responses that are
# still to end: an endpoint has one at a time, and each is looked at in every pass.
_REMEMBERED_PARENTS = 64


@define(eq=False)
class ToolCall:
    """One function call of the model."""

    call_id: str
    name: str
    arguments: str = field(repr=False)
    response_id: str
    output: str | None = field(default=None, repr=False)
    owes_answer: bool = True
    sent: bool = False
    dropped: bool = False

    @property
    def settled(self) -> bool:
        """Whether nothing is to be sent for it any more."""
        return self.sent or self.dropped


@define
class _Parent:
    calls: list[ToolCall] = field(factory=list[ToolCall])
    done: bool = False

    @property
    def has_due(self) -> bool:
        """Whether an output may be sent, or nothing is waited for any more."""
        settled = [call.settled for call in self.calls]
        return all(settled) or any(
            call.output is not None and not call.settled for call in self.calls
        )


def _remember(seen: dict[str, _T], key: str, value: _T, *, most: int) -> None:
    seen[key] = value
    if len(seen) > most:
        del seen[next(iter(seen))]


@define
class ToolCalls:
    """All function calls of a conversation, by the response that made them.

    Written by: tools (announcements), outputs (results), restoring.

    Attributes:
        answered_at: When a call last got its result.
    """

    answered_at: float = AT_ONCE

    _seen: dict[str, ToolCall] = field(factory=dict[str, ToolCall])
    _parents: dict[str, _Parent] = field(factory=dict[str, _Parent])
    _names: dict[str, str] = field(factory=dict[str, str])
    # Whether a response of the past was cancelled.
    _ended: dict[str, bool] = field(factory=dict[str, bool])

    @property
    def pending(self) -> bool:
        """Whether a call has not got its result yet."""
        return bool(self._parents) and any(
            call.output is None and not call.dropped
            for parent in self._parents.values()
            for call in parent.calls
        )

    @property
    def outputs_due(self) -> bool:
        """Whether `take_due` has something to do."""
        return bool(self._parents) and any(
            parent.done and parent.has_due for parent in self._parents.values()
        )

    def find(self, call_id: str) -> ToolCall | None:
        """The call with this id, as far as is remembered."""
        return self._seen.get(call_id)

    def parent_done(self, call_id: str) -> bool:
        """Whether the response that made a call has ended."""
        call = self._seen.get(call_id)
        parent = self._parents.get(call.response_id) if call is not None else None
        return parent is None or parent.done

    def named(self, item: Item) -> None:
        """Remember a call's name: not every endpoint repeats it with the arguments."""
        if item.type == "function_call" and item.name:
            _remember(self._names, item.id, item.name, most=_REMEMBERED_CALLS)

    def announced(self, event: ArgumentsDone) -> ToolCall | None:
        """A call is complete.

        Returns:
            The call if it is to be acted on: it is new, its name is known and its
            response was not cancelled.
        """
        name = event.name or self._names.get(event.item_id)
        if event.call_id in self._seen or not event.call_id or name is None:
            return None
        if self._ended.get(event.response_id):
            return None
        self._names.pop(event.item_id, None)
        call = ToolCall(event.call_id, name, event.arguments, event.response_id)
        _remember(self._seen, call.call_id, call, most=_REMEMBERED_CALLS)
        over = _Parent(done=call.response_id in self._ended)
        self._parents.setdefault(call.response_id, over).calls.append(call)
        if len(self._parents) > _REMEMBERED_PARENTS:
            self._forget_oldest_parent()
        return call

    def _forget_oldest_parent(self) -> None:
        for call in self._parents.pop(next(iter(self._parents))).calls:
            call.dropped = True

    def finished(
        self, call_id: str, output: str, now: float, *, owes_answer: bool = True
    ) -> ToolCall | None:
        """A call has its result; ``owes_answer`` says whether the model is to speak.

        Returns:
            The call, unless it had one already or none is awaited.
        """
        call = self._seen.get(call_id)
        if call is None or call.output is not None or call.dropped:
            return None
        call.output = output
        call.owes_answer = owes_answer
        self.answered_at = now
        return call

    def leave_session(self, mark: str) -> None:
        """The session is gone: ids of its responses are marked, and they are over."""
        parents = {f"{key}{mark}": each for key, each in self._parents.items()}
        for parent in parents.values():
            parent.done = True
            for call in parent.calls:
                call.response_id += mark
        self._parents = parents
        self._names.clear()
        self._ended.clear()

    def is_retold(self, call_id: str) -> bool:
        """Whether a new session is told of this call: it has an output, or will."""
        call = self._seen.get(call_id)
        return call is not None and not call.dropped

    def mark_retold(self) -> bool:
        """A new session was told every output there is.

        Returns:
            Whether it owes an answer to them.
        """
        return self.take_due()[1]

    def response_done(self, response: Response) -> list[ToolCall]:
        """A parent has ended.

        Returns:
            The calls that are dropped by this: the response was cancelled, and they are
            not completed items of it.
        """
        cancelled = response.status == "cancelled"
        _remember(self._ended, response.id, cancelled, most=_REMEMBERED_PARENTS)
        parent = self._parents.get(response.id)
        if parent is None:
            return []
        parent.done = True
        if not cancelled:
            return []
        completed = {
            item.call_id
            for item in response.output
            if item.type == "function_call" and item.status in {"completed", None}
        }
        dropped = [c for c in parent.calls if c.call_id not in completed]
        for call in dropped:
            call.dropped = True
        return dropped

    def take_due(self) -> tuple[list[CreateFunctionOutput], bool]:
        """The outputs that may be sent now, and whether they want a response."""
        outputs: list[CreateFunctionOutput] = []
        wanted = False
        for response_id, parent in list(self._parents.items()):
            if not parent.done:
                continue
            for call in parent.calls:
                if call.output is not None and not call.settled:
                    call.sent = True
                    outputs.append(CreateFunctionOutput(call.call_id, call.output))
                    # Some are of 32 KiB, and the call is remembered to the end.
                    call.output = ""
            if all(call.settled for call in parent.calls):
                del self._parents[response_id]
                wanted |= any(c.sent and c.owes_answer for c in parent.calls)
        return outputs, wanted
