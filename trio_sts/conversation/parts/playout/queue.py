"""Agent audio on its way to the caller's ear: queued here, then at the peer, then heard.

AVR Core sends no playback marks. It plays what it was sent in real time, so what the
caller has heard follows from what was sent and when; ``delay_ms`` covers the way from
AVR Core to the ear.

Asterisk reports marks, one each 500 ms, and a report puts the clock right. Between
two reports the clock goes on, but never past the next mark.
"""

from collections import deque

from attrs import define, field, frozen

from trio_sts.audio.formats import AudioFormat, decoder, ms_per_byte
from trio_sts.audio.framing import FRAME_MS, SAMPLE_RATE_HZ, Framer, ms_per_pcm_byte
from trio_sts.conversation.moments import AT_ONCE, NEVER

from .marks import Marks
from .track import AsItIs, Cut, Key, Track, key_of

# Several frames go out in one write; more than this would make an interruption late.
BATCH_FRAMES = 100 // FRAME_MS
FRAME_S = FRAME_MS / 1000
_EPSILON_S = 1e-6
_EPSILON_MS = 1e-3
# A stream that comes in real time may leave the peer without audio for moments.
_PAUSE_S = 0.2
# So many items are remembered after their end, so that late events are recognised.
_REMEMBERED_TRACKS = 64


# After the id of a response that another one uses again.
_OLDER = "~"


@frozen
class Batch:
    """What is sent in one go: whole frames, and the mark behind them; 0 is none."""

    pcm: bytes = field(repr=False)
    mark: int = 0


@define
class _Stretch:
    """Frames of one item that the peer plays without a gap from ``starts_at`` on."""

    track: Track
    starts_at: float
    duration_ms: float


@define
class Playout:
    """The queue and the clock of one call's agent audio.

    Times are seconds of the conversation's clock.

    Written by: responses (arrivals), hearing (feeding, marks, a full queue), answering
    (holds it), transcripts (what was heard), barge_in (cuts), restoring (a session that
    is gone).
    """

    audio_format: AudioFormat
    lead_ms: int
    delay_ms: int
    max_ms: float
    rate_hz: int = SAMPLE_RATE_HZ
    marks: Marks = field(factory=Marks)
    # What was sent last has no mark behind it, although there are marks.
    _is_unmarked: bool = False
    # The peer takes nothing until then.
    _held_until: float = AT_ONCE
    _queue: deque[tuple[Track, bytes]] = field(factory=deque[tuple[Track, bytes]])
    _stretches: deque[_Stretch] = field(factory=deque[_Stretch])
    # By item and audio part.
    _tracks: dict[Key, Track] = field(factory=dict[Key, Track])
    # Those of them that are neither cut nor heard to their end.
    _live: dict[Key, Track] = field(factory=dict[Key, Track])
    _latest: Track | None = None
    _ends_at: float = AT_ONCE
    # An item got complete, and may have been heard to its end already.
    _unsettled: bool = False
    # Other sound is playing at the peer until then.
    _other_until: float = AT_ONCE
    # The response of the frame that was sent last.
    sent_response_id: str = ""

    @property
    def queued_ms(self) -> float:
        """What waits here, in milliseconds."""
        return len(self._queue) * FRAME_MS

    def expect(self, item_id: str, response_id: str, content_index: int = 0) -> Track:
        """Track an item from now on; no event is required to come first."""
        key = item_id, content_index
        track = self._tracks.get(key)
        if track is None:
            track = Track(
                item_id,
                response_id,
                content_index,
                ms_per_byte(self.audio_format),
                decoder(self.audio_format, self.rate_hz),
                Framer(self.rate_hz),
            )
            self._tracks[key] = self._live[key] = track
            self._forget_old_tracks()
        return track

    def announce(self, pcm: bytes) -> None:
        """Queue audio of ours (PCM16LE, the line's rate) after what waits: no item's."""
        for each in [*self._live.values()]:
            self._finish(each)
        per_byte, framer = ms_per_pcm_byte(self.rate_hz), Framer(self.rate_hz)
        track = Track("", "", 0, per_byte, AsItIs(), framer, past=True)
        self._latest = None
        self._live["", 0] = track
        frames = [*track.take(pcm), *track.finish()]
        self._queue.extend((track, frame) for frame in frames)

    def other_sound(self, until: float) -> None:
        """The peer plays something else until then: ours follows it."""
        self._other_until = until

    def add(
        self, item_id: str, response_id: str, audio: bytes, content_index: int = 0
    ) -> bool:
        """Queue audio of an item, in the model's format.

        Returns:
            False if it was dropped because the item was cut.
        """
        track = self.expect(item_id, response_id, content_index)
        if track.closed:
            return False
        if self._latest is not None and self._latest is not track:
            self._finish(self._latest)
        self._latest = track
        self._live[item_id, content_index] = track
        self._queue.extend((track, frame) for frame in track.take(audio))
        return True

    def finish(self, item_id: str) -> None:
        """No more audio comes for this item: its last partial frame is padded."""
        for (owner, _), track in [*self._live.items()]:
            if owner == item_id:
                self._finish(track)

    def is_live(self, item_id: str) -> bool:
        """Whether an audio part of this item is neither cut nor heard to its end."""
        return any(owner == item_id for owner, _ in self._live)

    def heard_of(self, item_id: str) -> tuple[float, float]:
        """Milliseconds heard and received of an item, all its parts together."""
        parts = [t for (owner, _), t in self._tracks.items() if owner == item_id]
        return sum(t.heard_ms for t in parts), sum(t.received_ms for t in parts)

    def heard_at(self, item_id: str, now: float) -> float:
        """Milliseconds heard of an item by now; asking changes nothing."""
        heard_ms = self.heard_of(item_id)[0]
        for stretch in self._stretches:
            if stretch.track.item_id == item_id:
                heard_ms += self._begun_ms(stretch, now)
        return heard_ms

    def came_of(self, item_id: str) -> float:
        """Milliseconds received of an item; infinity if its audio is whole."""
        parts = [t for (owner, _), t in self._tracks.items() if owner == item_id]
        if parts and all(t.complete for t in parts):
            return float("inf")
        return sum(t.received_ms for t in parts)

    def received_of(self, response_id: str) -> float:
        """Milliseconds received of a response's audio, as far as is remembered."""
        tracks = self._tracks.values()
        return sum(t.received_ms for t in tracks if t.response_id == response_id)

    def knows(self, response_id: str) -> bool:
        """Whether an item of this response is remembered."""
        return any(t.response_id == response_id for t in self._tracks.values())

    def response_begins(self, response_id: str) -> None:
        """The id of an older response is used again: what is left of that is marked."""
        for track in self._tracks.values():
            if track.response_id == response_id:
                track.response_id += _OLDER

    def finish_response(self, response_id: str) -> None:
        """No more audio comes for any item of this response."""
        for track in self.live_of(response_id):
            self._finish(track)

    def live_of(self, response_id: str) -> list[Track]:
        """The items of a response that are neither cut nor heard to their end."""
        return [t for t in self._live.values() if t.response_id == response_id]

    def was_shortened(self, response_id: str) -> bool:
        """Whether a response was longer than what may wait."""
        tracks = self._tracks.values()
        return any(t.shortened for t in tracks if t.response_id == response_id)

    def leave_session(self, mark: str) -> None:
        """The session is gone: ids of its items are marked, what came is played on."""
        for track in [*self._live.values()]:
            self._finish(track)
        for track in self._tracks.values():
            track.item_id += mark
            track.response_id += mark
            track.past = True
        self._tracks = {key_of(each): each for each in self._tracks.values()}
        self._live = {key_of(each): each for each in self._live.values()}

    def end_of(self, track: Track) -> Cut:
        """Where a part has ended that was heard as far as it was sent."""
        return self._at(track, track.heard_ms)

    def drop(self, track: Track) -> Cut:
        """Nothing more of this item is taken, and none of it waits to be played."""
        return self._cut(track, track.heard_ms)

    def feed(self, now: float) -> list[Batch]:
        """The batches that are due: at most 100 ms each, never above the lead.

        Where marks are reported and nothing has played for a while, the first one is a
        single frame: its mark tells soon when the playing has begun.
        """
        batches: list[Batch] = []
        batch: list[bytes] = []
        limit = self.marks.clock(now) + self.lead_ms / 1000 + _EPSILON_S
        if now + _EPSILON_S < self._held_until:
            return batches
        begins = self.marks.used and self._ends_at <= now - _PAUSE_S
        most = 1 if begins else BATCH_FRAMES
        if self._queue:
            self._ends_at = max(self._ends_at, now, self._other_until)
        while self._queue and self._ends_at + FRAME_S <= limit:
            track, frame = self._queue.popleft()
            track.sent()
            self.sent_response_id = track.response_id
            self._play(track)
            batch.append(frame)
            if len(batch) == most:
                batches.append(self._batch(batch))
                batch, most = [], BATCH_FRAMES
        if batch or (self._is_unmarked and self._is_end):
            batches.append(self._batch(batch))
        return batches

    def hold(self, until: float) -> None:
        """The peer is to get nothing until `release`, or until then."""
        self._held_until = until

    def release(self) -> None:
        """The peer takes audio again."""
        self._held_until = AT_ONCE

    def played(self, mark: int, now: float) -> None:
        """The peer has just played what was sent before this mark: the clock is set.

        A mark that is not awaited, since what it stood behind was thrown away, is none.
        """
        ended_at = self.marks.reported(mark, now)
        if ended_at is None:
            return
        late_s = now - ended_at
        while self._stretches and self._stretches[0].starts_at < ended_at - _EPSILON_S:
            stretch = self._stretches[0]
            played_ms = (ended_at - stretch.starts_at) * 1000
            if stretch.duration_ms > played_ms + _EPSILON_S * 1000:
                stretch.track.played(played_ms)
                stretch.duration_ms -= played_ms
                stretch.starts_at = ended_at
                break
            self._stretches.popleft()
            stretch.track.played(stretch.duration_ms)
            self._unsettled = True
        for stretch in self._stretches:
            stretch.starts_at += late_s
        self._ends_at += late_s

    def settle(self, now: float) -> list[Track]:
        """Move what has been heard by now from playing to heard.

        Returns:
            The items that have been heard to their end by this.
        """
        clock = self.marks.clock(now)
        while self._stretches:
            stretch = self._stretches[0]
            if self._heard_at(stretch) > clock + _EPSILON_S:
                break
            self._stretches.popleft()
            stretch.track.played(stretch.duration_ms)
        self._unsettled = False
        over = [track for track in self._live.values() if track.over]
        for track in over:
            del self._live[key_of(track)]
        return over

    def audible(self, now: float) -> bool:
        """Whether something is, or may still be, on its way to the caller's ear."""
        return bool(self._queue) or now + _EPSILON_S < self.drained_at

    @property
    def drained_at(self) -> float:
        """When the caller will have heard all that was sent to the peer."""
        return self.marks.drained_at(self._ends_at) + self.delay_ms / 1000

    @property
    def deadline(self) -> float:
        """When `feed` or `settle` has something to do."""
        if self._unsettled:
            return AT_ONCE
        if self._is_unmarked and self._is_end:
            return self._held_until
        at = NEVER
        if self._queue:
            # Wait until a whole batch has room, so that batches stay batches, but never
            # until more than half of a small lead is gone.
            most = max(min(BATCH_FRAMES, self.lead_ms // (2 * FRAME_MS)), 1)
            batch_ms = min(len(self._queue), most) * FRAME_MS
            ends_at = max(self._ends_at, self._other_until)
            at = self.marks.passes_at(ends_at - (self.lead_ms - batch_ms) / 1000)
            at = max(at, self._held_until)
        if self._stretches:
            at = min(at, self.marks.passes_at(self._heard_at(self._stretches[0])))
        return at

    def interrupt(self, now: float) -> list[Cut]:
        """Drop what the caller has not heard, here and (by its clock) at the peer.

        Returns:
            The items that were not heard to their end, in the order of playing; an item
            with ``received_ms`` 0 was announced and has no audio yet.
        """
        self.settle(now)
        for stretch in self._stretches:
            stretch.track.played(self._begun_ms(stretch, now))
        self.marks.forget()
        self._queue.clear()
        self._stretches.clear()
        self._latest = None
        self._is_unmarked = False
        # A queue that was full is empty now, and the peer need not say so.
        self.release()
        self._ends_at = now - self.delay_ms / 1000
        return [self._cut(track, track.heard_ms) for track in [*self._live.values()]]

    def overflow(self, arriving_response_id: str) -> list[str]:
        """Make room if the queue is over its bound: the oldest responses are cut.

        What was sent of one is still played. If it is the one that is arriving, it ends
        where the queue is full, so that the caller hears no gap in the middle. Either
        is shortened: where its items ended is known when that has been heard.

        Returns:
            The responses that were cut.
        """
        cut: list[str] = []
        while self.queued_ms >= self.max_ms:
            oldest = self._queue[0][0].response_id
            cut.append(oldest)
            for track in self.live_of(oldest):
                track.closed = track.complete = track.shortened = True
            self._unsettled = True
            if oldest == arriving_response_id:
                self._cut_to_bound(oldest)
                break
            self._throw_away(oldest)
        return cut

    def _cut_to_bound(self, response_id: str) -> None:
        """One arrival may be of any length."""
        queue = self._queue
        while self.queued_ms > self.max_ms and queue[-1][0].response_id == response_id:
            queue.pop()[0].unwait(1)

    def _throw_away(self, response_id: str) -> None:
        kept: deque[tuple[Track, bytes]] = deque()
        for track, frame in self._queue:
            if track.response_id == response_id:
                track.unwait(1)
            else:
                kept.append((track, frame))
        self._queue = kept

    def _finish(self, track: Track) -> None:
        if self._latest is track:
            self._latest = None
        if not track.complete and not track.closed:
            self._unsettled = True
            self._queue.extend((track, frame) for frame in track.finish())

    def _batch(self, frames: list[bytes]) -> Batch:
        mark = self.marks.next(self._ends_at, is_end=self._is_end)
        self._is_unmarked = self.marks.used and not mark
        return Batch(b"".join(frames), mark)

    @property
    def _is_end(self) -> bool:
        """Whether all that there is was sent, and nothing more of it comes."""
        return not self._queue and self._latest is None

    def _play(self, track: Track) -> None:
        last = self._stretches[-1] if self._stretches else None
        starts_at = self._ends_at
        self._ends_at += FRAME_S
        if last is not None and last.track is track:
            gap_s = starts_at - (last.starts_at + last.duration_ms / 1000)
            if gap_s < _EPSILON_S:
                last.duration_ms += FRAME_MS
                return
        self._stretches.append(_Stretch(track, starts_at, FRAME_MS))

    def _begun_ms(self, stretch: _Stretch, now: float) -> float:
        """How much of a stretch is heard if nothing follows.

        A peer that reports marks plays frames: one that has begun is heard to its end,
        and a mark is reported when the frame behind it begins.
        """
        clock = self.marks.clock(now)
        since_ms = (clock - stretch.starts_at) * 1000 - self.delay_ms
        if self.marks.used and since_ms >= -_EPSILON_MS:
            since_ms = ((since_ms + _EPSILON_MS) // FRAME_MS + 1) * FRAME_MS
            stands_ms = (self.marks.stands_at - stretch.starts_at) * 1000
            since_ms = min(since_ms, stands_ms) if clock < now else since_ms
        return min(max(since_ms, 0.0), stretch.duration_ms)

    def _heard_at(self, stretch: _Stretch) -> float:
        return stretch.starts_at + (stretch.duration_ms + self.delay_ms) / 1000

    def _cut(self, track: Track, at_ms: float) -> Cut:
        track.closed = True
        self._live.pop(key_of(track), None)
        return self._at(track, at_ms)

    @staticmethod
    def _at(track: Track, at_ms: float) -> Cut:
        """Where a part ended."""
        return Cut(
            track.item_id,
            track.content_index,
            at_ms,
            track.received_ms,
            track.complete,
            track.past,
            track.shortened,
        )

    def _forget_old_tracks(self) -> None:
        if len(self._tracks) <= _REMEMBERED_TRACKS:
            return
        for key in self._tracks:
            if key not in self._live:
                del self._tracks[key]
                return
