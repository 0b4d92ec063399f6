"""The caller interrupts the agent: silence here, and the truth in the model's record."""

from trio_sts.conversation.parts.playout import Cut
from trio_sts.conversation.state import State
from trio_sts.wire import avr
from trio_sts.wire.realtime import events
from trio_sts.wire.realtime.requests import DeleteItem, TruncateItem

from . import asking
from .transcripts import close_heard


def speech_started(state: State, _: events.SpeechStarted, now: float) -> None:
    """Speech is a barge-in, unless the operator wants the agent to finish.

    Speech during a transfer's wait is one always: the transfer does not go on otherwise.
    """
    transfer_waits = state.goodbye.waits and state.goodbye.kind == "transfer"
    if state.rules.barge_in or transfer_waits:
        interrupt(state, now, ours=False)


def interrupt(state: State, now: float, *, ours: bool) -> None:
    """Silence the agent, and tell the model what was heard of it.

    ``ours`` says that the model's VAD does not cancel the response by itself.
    """
    close_heard(state, now)
    active = state.sequencer.active
    cuts: list[Cut] = []
    if state.playout.audible(now):
        cuts = state.playout.interrupt(now)
        state.out.caller(avr.Interruption())
        state.counters.count("barge_ins")
        state.out.note("info", "barge-in", by="key" if ours else "speech")
    elif active is not None:
        # Part of a frame may wait for the rest, which is not to come any more.
        for track in state.playout.live_of(active):
            cut = state.playout.drop(track)
            state.history.cut(cut.item_id, cut.heard_ms, cut.received_ms)
    if active is not None:
        if ours and active not in state.quarantine:
            asking.cancel(state, active)
        state.quarantine.add(active)
    for cut in cuts:
        forget_unheard(state, cut)


def record_unheard(state: State, now: float) -> None:
    """The call is over: cut the history to what was heard; nobody else is told."""
    for cut in state.playout.interrupt(now):
        state.history.cut(cut.item_id, cut.heard_ms, cut.received_ms)


def forget_unheard(state: State, cut: Cut) -> None:
    """Make the model's record of an item what the caller heard of it."""
    state.history.cut(cut.item_id, cut.heard_ms, cut.received_ms)
    truncate(state, cut)


def truncate(state: State, cut: Cut) -> None:
    """Tell the model where an item ended; nothing if the caller heard all of it."""
    if cut.fully_heard or cut.past:
        return
    if cut.received_ms == 0:
        event_id = f"delete_{cut.item_id}"
        state.out.model(DeleteItem(cut.item_id, event_id=event_id))
        return
    state.out.model(
        TruncateItem(
            cut.item_id,
            int(min(cut.heard_ms, cut.received_ms)),
            cut.content_index,
            event_id=f"truncate_{cut.item_id}",
        )
    )
