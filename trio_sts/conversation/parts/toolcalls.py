"""The answer protocol of function calls.

A call is announced three times and acted on once for each response that makes it: some
endpoints use one id for ever. Its output goes out after the parent's ``response.done``,
because an earlier one makes the model repeat the call. When all calls of one response
have answered, one response is wanted.
"""

from typing import Final, TypeVar

from attrs import define, field

from trio_sts.conversation.moments import AT_ONCE
from trio_sts.wire.json_object import is_object
from trio_sts.wire.realtime.events import ArgumentsDone
from trio_sts.wire.realtime.items import Item, Response
from trio_sts.wire.realtime.requests import CreateFunctionOutput

_T = TypeVar("_T")
# Far above what any call holds; beyond it the oldest ids are forgotten.
_REMEMBERED_CALLS: Final = 4096
# Responses of the past that a late announcement may still name, and responses that are
# still to end: an endpoint has one at a time, and each is looked at in every pass.
_REMEMBERED_PARENTS: Final = 64
# Rounds of tools in a row without agent audio.
MOST_SILENT_ROUNDS: Final = 8
_NAMES_TOLD: Final = 8
# Where the endpoint called all of them itself.
_REMOTE: Final = "mcp"


@define(eq=False)
class ToolCall:
    """One function call of the model.

    ``key`` is unique in the conversation, ``call_id`` in one response alone.
    """

    key: str
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

    Written by: tools (announcements), outputs (results), hearing (what is audible),
    restoring.

    Attributes:
        answered_at: When a call last got its result.
    """

    answered_at: float = AT_ONCE
    # By key, and by what one response calls them.
    _seen: dict[str, ToolCall] = field(factory=dict[str, ToolCall])
    _announced: dict[str, str] = field(factory=dict[str, str])
    _parents: dict[str, _Parent] = field(factory=dict[str, _Parent])
    _names: dict[str, str] = field(factory=dict[str, str])
    # Whether a response of the past was cancelled.
    _ended: dict[str, bool] = field(factory=dict[str, bool])
    _silent_rounds: int = 0
    _round_names: set[str] = field(factory=set[str])

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

    def find(self, key: str) -> ToolCall | None:
        """The call with this key, as far as is remembered."""
        return self._seen.get(key)

    def parent_done(self, key: str) -> bool:
        """Whether the response that made a call has ended."""
        parent = self._parent_of(key)
        return parent is None or parent.done

    def others_answered(self, key: str) -> bool:
        """Whether the other calls of the same response have got their results."""
        parent = self._parent_of(key)
        return parent is None or all(
            call.key == key or call.dropped or call.output is not None
            for call in parent.calls
        )

    def made_calls(self, response_id: str) -> bool:
        """Whether a response has made calls that are acted on."""
        return response_id in self._parents

    def named(self, item: Item) -> None:
        """Remember a call's name: not every endpoint repeats it with the arguments."""
        if item.type == "function_call" and item.name:
            _remember(self._names, item.id, item.name, most=_REMEMBERED_CALLS)

    def announced(self, event: ArgumentsDone, *, final: bool) -> ToolCall | None:
        """A call is complete, or its arguments seem to be.

        Args:
            event: The announcement.
            final: The item is complete; before that only a whole JSON object is.

        Returns:
            The call if it is to be acted on: it is new, its name is known, it is whole
            and its response was not cancelled.
        """
        name = event.name or self._names.get(event.item_id)
        once = f"{event.response_id} {event.call_id}"
        if once in self._announced or not event.call_id or name is None:
            return None
        if self._ended.get(event.response_id):
            return None
        if not final and not is_object(event.arguments):
            return None
        self._names.pop(event.item_id, None)
        key = self._new_key(event.call_id)
        call = ToolCall(key, event.call_id, name, event.arguments, event.response_id)
        _remember(self._announced, once, key, most=_REMEMBERED_CALLS)
        _remember(self._seen, key, call, most=_REMEMBERED_CALLS)
        over = _Parent(done=call.response_id in self._ended)
        self._parents.setdefault(call.response_id, over).calls.append(call)
        if len(self._parents) > _REMEMBERED_PARENTS:
            self._forget_oldest_parent()
        return call

    def finished(
        self, key: str, output: str, now: float, *, owes_answer: bool = True
    ) -> ToolCall | None:
        """A call has its result; ``owes_answer`` says whether the model is to speak.

        Returns:
            The call, unless it had one already or none is awaited.
        """
        call = self._seen.get(key)
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
        self._announced.clear()

    def is_retold(self, key: str) -> bool:
        """Whether a new session is given this call: it has an output, or will."""
        call = self._seen.get(key)
        return call is not None and not call.dropped

    def unanswered(self) -> list[ToolCall]:
        """The calls whose outputs are still to be sent."""
        parents = self._parents.values()
        return [c for parent in parents for c in parent.calls if not c.settled]

    def mark_retold(self) -> bool:
        """A new session was given every output there is, by keys instead of ids.

        Returns:
            Whether it owes an answer to them.
        """
        for parent in self._parents.values():
            for call in parent.calls:
                call.call_id = call.key
        return self.take_due()[1]

    def response_begins(self, response_id: str) -> None:
        """The id of a response that has ended is used again, and its call ids may be."""
        self._ended.pop(response_id, None)
        prefix = f"{response_id} "
        for once in [each for each in self._announced if each.startswith(prefix)]:
            del self._announced[once]
        older = self._parents.pop(response_id, None)
        if older is not None:
            # Its outputs are still awaited.
            name = self._new_parent(response_id)
            self._parents[name] = older
            for call in older.calls:
                call.response_id = name

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
                self._round_names.update(
                    [c.name for c in parent.calls][
                        : _NAMES_TOLD - len(self._round_names)
                    ]
                )
        return outputs, wanted

    def one_more_silent_round(self) -> list[str]:
        """All calls of a response have answered, and the caller has heard nothing yet.

        Returns:
            The tools' names if it is one round too many; empty otherwise.
        """
        self._silent_rounds += 1
        if self._silent_rounds < MOST_SILENT_ROUNDS:
            return []
        return sorted(self._round_names) or [_REMOTE]

    @property
    def silent_rounds(self) -> int:
        """How many rounds of tools there were since the caller heard something."""
        return self._silent_rounds

    def audible(self) -> None:
        """The caller hears something: the rounds of tools are counted anew."""
        self._silent_rounds = 0
        self._round_names.clear()

    def _parent_of(self, key: str) -> _Parent | None:
        call = self._seen.get(key)
        return self._parents.get(call.response_id) if call is not None else None

    def _new_key(self, call_id: str) -> str:
        if call_id not in self._seen:
            return call_id
        number = 2
        while f"{call_id}_{number}" in self._seen:
            number += 1
        return f"{call_id}_{number}"

    def _new_parent(self, response_id: str) -> str:
        name = response_id
        while name in self._parents or name == response_id:
            name += "~"
        return name

    def _forget_oldest_parent(self) -> None:
        for call in self._parents.pop(next(iter(self._parents))).calls:
            call.dropped = True
