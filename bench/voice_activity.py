"""What our voice activity detection hears and does not: ``python -m bench.voice_activity``.

The demanded classes first, then cases that are hard for it, as they are.
"""

import time
from collections.abc import Iterator

import click
import numpy as np
from attrs import define, field

from trio_sts.audio import portable_vad
from trio_sts.audio.engine import detect_speech
from trio_sts.audio.framing import FRAME_BYTES, FRAME_MS
from trio_sts.audio.voice_activity import (
    BATCH_MS,
    STATE_BYTES,
    VoiceActivityDetector,
    spectrum_table,
)

from .labelled import Piece, hard_cases, non_speech, utterances

# A detector may be this late and still have seen an utterance.
_LATE_MS = 200
_BATCH_BYTES = BATCH_MS // FRAME_MS * FRAME_BYTES


def heard_in(piece: Piece) -> list[float]:
    """When speech was heard, in milliseconds from the begin, by the end of each frame."""
    silence = bytes(-len(piece.pcm) % _BATCH_BYTES)
    frames = VoiceActivityDetector().feed(piece.pcm + silence)
    return [(n + 1) * FRAME_MS for n, speech in enumerate(frames) if speech]


def heard_within(piece: Piece) -> list[float]:
    """The same within the utterance and what may be late."""
    begin_ms, end_ms = piece.speech_ms or (0, piece.duration_s * 1000)
    return [ms for ms in heard_in(piece) if begin_ms < ms <= end_ms + _LATE_MS]


@define
class _Row:
    pieces: int = 0
    heard: int = 0
    seconds: float = 0
    delays_ms: list[float] = field(factory=list[float])
    shares: list[float] = field(factory=list[float])

    def add(self, piece: Piece) -> None:
        within = heard_within(piece)
        self.pieces += 1
        self.heard += bool(within)
        self.seconds += piece.duration_s
        if piece.speech_ms and within:
            begin_ms, end_ms = piece.speech_ms
            self.delays_ms.append(within[0] - begin_ms)
            self.shares.append(len(within) * FRAME_MS / (end_ms - begin_ms))


def _table(title: str, pieces: Iterator[Piece]) -> None:
    rows: dict[str, _Row] = {}
    for piece in pieces:
        rows.setdefault(piece.kind, _Row()).add(piece)
    click.echo(f"\n{title}")
    for kind, row in rows.items():
        line = f"  {kind:24} heard in {row.heard:4} of {row.pieces:4}, {row.seconds:6.0f} s"
        if row.delays_ms:
            median, late = np.percentile(row.delays_ms, [50, 95])
            share = np.median(row.shares)
            line += f"; delay median {median:3.0f} ms, 95 % {late:3.0f} ms; {share:.0%} of it"
        click.echo(line)


def _cost(pieces: list[Piece]) -> None:
    """CPU for a frame, in batches as the service has them."""
    pcm = b"".join(piece.pcm for piece in pieces)[: 300 * _BATCH_BYTES]
    batches = [pcm[n : n + _BATCH_BYTES] for n in range(0, len(pcm), _BATCH_BYTES)]
    table = spectrum_table()
    for name, detect in (
        ("used", detect_speech),
        ("numpy", portable_vad.detect_speech),
    ):
        best = float("inf")
        for _ in range(5):
            state = bytearray(STATE_BYTES)
            begin = time.process_time()
            for batch in batches:
                detect(batch, state, table)
            best = min(best, time.process_time() - begin)
        per_frame_us = best / (len(batches) * BATCH_MS / FRAME_MS) * 1e6
        click.echo(f"  {pieces[0].kind:24} {name:6} {per_frame_us:6.2f} us")


@click.command()
@click.option("--count", default=1_000, show_default=True, help="Utterances.")
@click.option("--seconds", default=1_800, show_default=True, help="What is no speech.")
@click.option("--seed", default=1, show_default=True)
def main(*, count: int, seconds: int, seed: int) -> None:
    """Tell what is heard in each class of the labelled set, and what it costs."""
    _table("Utterances of 400 ms and more", utterances(count, seed=seed))
    _table("No speech", non_speech(seconds, seed=seed))
    _table("Hard cases", hard_cases(seed=seed))
    click.echo("\nCPU for a frame of 20 ms")
    _cost([_only_speech(piece) for piece in utterances(100, seed=seed)])
    kinds: dict[str, list[Piece]] = {}
    for piece in non_speech(600, seed=seed):
        kinds.setdefault(piece.kind, []).append(piece)
    for pieces in kinds.values():
        _cost(pieces)


def _only_speech(piece: Piece) -> Piece:
    begin_ms, end_ms = piece.speech_ms or (0, 0)
    return Piece("speech", piece.pcm[int(begin_ms) * 16 : int(end_ms) * 16])


if __name__ == "__main__":
    main()
