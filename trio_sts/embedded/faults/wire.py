"""Faults that change, add or leave out events of a response on their way out."""

from collections.abc import Callable, Iterable, Iterator, Mapping
from typing import Any, Final

from trio_sts.embedded.events import event

from .orders import Ordered

Event = dict[str, Any]
Post = Callable[[Event], None]
Filter = Callable[[Event], Iterable[Event]]

# None of them is needed to hold a call, and none has the shape that is declared.
_ODD: Final[tuple[tuple[str, Mapping[str, Any]], ...]] = (
    ("rate_limits.updated", {"rate_limits": None}),
    ("rate_limits.updated", {}),
    ("conversation.item.added", {"item": []}),
    ("conversation.item.done", {"item": "none"}),
    ("conversation.item.input_audio_transcription.delta", {"delta": 5}),
    ("conversation.item.input_audio_transcription.segment", {"item_id": None}),
    ("response.content_part.added", {"part": None, "content_index": "first"}),
    ("response.content_part.done", {"item_id": 7}),
    ("mcp_list_tools.in_progress", {"item_id": {}}),
    ("response.something_new", {"response_id": ["new"]}),
)


def _no_done(posted: Event) -> Iterator[Event]:
    if posted["type"] != "response.done":
        yield posted


def _no_done_after_cancel(posted: Event) -> Iterator[Event]:
    done = posted["type"] == "response.done"
    if not (done and posted["response"]["status"] == "cancelled"):
        yield posted


def _no_item_id(posted: Event) -> Iterator[Event]:
    if posted["type"] == "response.done" and posted["response"]["output"]:
        first, *rest = posted["response"]["output"]
        faulty = {name: value for name, value in first.items() if name != "id"}
        posted = {
            **posted,
            "response": {**posted["response"], "output": [faulty, *rest]},
        }
    yield posted


def _odd_events(posted: Event) -> Iterator[Event]:
    yield posted
    if posted["type"] == "response.created":
        yield from (event(kind, **fields) for kind, fields in _ODD)


_FILTERS: Final[Mapping[str, Filter]] = {
    "no_done": _no_done,
    "no_done_after_cancel": _no_done_after_cancel,
    "no_item_id": _no_item_id,
    "odd_events": _odd_events,
}


def filtered(post: Post, faults: Ordered) -> Post:
    """What posts a response's events with these faults."""
    for name, change in _FILTERS.items():
        if name in faults:
            post = _through(change, post)
    return post


def _through(change: Filter, post: Post) -> Post:
    def changed(posted: Event) -> None:
        for sent in change(posted):
            post(sent)

    return changed
