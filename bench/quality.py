"""Measure what G.711 towards the model costs in quality and saves in bandwidth.

The callers are the embedded model's voices, and so are the ears that listen to them.
Nothing is drawn at random: two runs of one version give the same figures. Lines at 16 and
24 kHz are measured as well, and what the service's own ear makes of them.
"""

import sys
from collections.abc import Callable, Iterable, Sequence
from importlib.metadata import version
from pathlib import Path
from typing import Final

import click
import numpy as np
from attrs import frozen
from rich.console import Console
from rich.table import Table

from trio_sts.audio.formats import AudioFormat
from trio_sts.embedded.speech.extras import SpeechMissing
from trio_sts.embedded.speech.rates import from_pcm, to_pcm

from .bandwidth import DELTA_MS, down_kbit_s, up_kbit_s
from .distortion import (
    Samples,
    at_level,
    segmental_snr_db,
    snr_db,
    telephone_band,
    telephone_line,
    through,
    with_noise,
)
from .listening import judged_otherwise, spoken, understood, utterances, word_errors
from .report import markdown_table, with_figures
from .wideband import RATES_HZ, added_db, ear_differs

BEGIN: Final = "<!-- figures: written by `make bench-quality` -->"
FORMATS: Final[tuple[AudioFormat, ...]] = ("pcm", "pcmu", "pcma")
_EACH: Final = " / ".join(FORMATS)
_LINE_DBOV: Final = -30.0
_WIDTH: Final = 140
_CANNOT_MEASURE: Final = 2

_console = Console(width=None if sys.stdout.isatty() else _WIDTH)


@frozen
class Condition:
    """How loud somebody speaks, and how far the noise around them is below that."""

    dbov: float
    snr_db: float | None = None

    def clips(self, speech: Iterable[Samples]) -> list[bytes]:
        """Each piece of speech as Asterisk has it: PCM16LE, 8 kHz."""
        louder = [at_level(telephone_line(piece), self.dbov) for piece in speech]
        if self.snr_db is not None:
            louder = [with_noise(piece, self.snr_db) for piece in louder]
        return [to_pcm(piece) for piece in louder]

    @property
    def name(self) -> str:
        """Both, in words."""
        noise = "" if self.snr_db is None else f", noise {self.snr_db:.0f} dB below"
        return f"{self.dbov:.0f} dBov{noise}"


# In noise 10 dB below speech the recogniser understands next to nothing, whatever the
# format, which would compare nothing.
CONDITIONS: Final = (
    Condition(-20),
    Condition(-30),
    Condition(-40),
    Condition(-30, 20),
    Condition(-30, 15),
)


@frozen
class Heard:
    """What one format made of all clips of one condition."""

    snr_db: float
    segmental_db: float
    wrong_words: int
    judged_otherwise: float


@frozen
class Figures:
    """One table, for any place."""

    title: str
    heads: tuple[str, ...]
    rows: list[tuple[str, ...]]

    def markdown(self) -> str:
        """With the title above it."""
        return f"{self.title}\n\n{markdown_table(self.heads, self.rows)}"

    def terminal(self) -> Table:
        """With the title above it."""
        table = Table(*self.heads, title=self.title, title_justify="left")
        for row in self.rows:
            table.add_row(*row)
        return table


def heard(
    texts: Sequence[str], condition: Condition, clips: Sequence[bytes], via: AudioFormat
) -> Heard:
    """Let machines listen to a call of all clips behind one format.

    The recogniser gets every call at the level that suits it best: how loud a call was
    shall matter to it by what a format does to loud and quiet ones only.
    """
    call = b"".join(clips)
    received = through(via, call)
    snr, segmental = _in_band(call, received)
    ends = np.cumsum([len(clip) // 2 for clip in clips])[:-1]
    gain = 10 ** ((_LINE_DBOV - condition.dbov) / 20)
    parts = np.split(received * gain, ends)
    understandings = [understood(to_pcm(part)) for part in parts]
    return Heard(
        snr,
        segmental,
        sum(map(word_errors, texts, understandings)),
        judged_otherwise(call, to_pcm(received)),
    )


def speech_figures(texts: Sequence[str], speech: Sequence[Samples]) -> Figures:
    """Every condition in every format."""
    words = sum(len(text.split()) for text in texts)
    rows: list[tuple[str, ...]] = []
    totals = dict.fromkeys(FORMATS, 0)
    for condition in CONDITIONS:
        clips = condition.clips(speech)
        found = {via: heard(texts, condition, clips, via) for via in FORMATS}
        for via in FORMATS:
            totals[via] += found[via].wrong_words
        cells = found.values()
        rows.append(
            (
                condition.name,
                _slashed(f"{each.segmental_db:.0f}" for each in cells),
                _slashed(f"{each.snr_db:.0f}" for each in cells),
                _slashed(f"{each.wrong_words / words:.0%}" for each in cells),
                _slashed(f"{each.judged_otherwise:.1%}" for each in cells),
            )
        )
    everything = words * len(CONDITIONS)
    share = _slashed(f"{totals[via] / everything:.0%}" for via in FORMATS)
    rows.append(("all together", "", "", share, ""))
    return Figures(
        f"What reaches the model, {_EACH} ({len(texts)} sentences, {words} words; one "
        f"word is {1 / words:.1%}):",
        ("speech", "segmental SNR, dB", "SNR, dB", "words wrong", "VAD differs"),
        rows,
    )


def line_figures(speech: Sequence[Samples]) -> Figures:
    """What each format adds on lines of different kinds."""
    wide = to_pcm(at_level(np.concatenate(speech), _LINE_DBOV))
    narrow = b"".join(Condition(_LINE_DBOV).clips(speech))
    lines = {
        "linear, from a wideband call": wide,
        "linear, the telephone's band": narrow,
        "mu-law before Asterisk": to_pcm(through("pcmu", narrow)),
        "A-law before Asterisk": to_pcm(through("pcma", narrow)),
    }
    return Figures(
        f"What a format adds to that, segmental SNR at {_LINE_DBOV:.0f} dBov:",
        ("line", *FORMATS),
        [
            (name, *(_added(call, via) for via in FORMATS))
            for name, call in lines.items()
        ],
    )


def rate_figures(texts: Sequence[str]) -> Figures:
    """What each format leaves of a call at each rate, and what our own ear hears of it."""
    rows: list[tuple[str, ...]] = []
    for rate_hz in RATES_HZ:
        call = np.concatenate([*spoken(texts, rate_hz)])
        pcm = to_pcm(at_level(call, _LINE_DBOV, rate_hz))
        found = (added_db(via, pcm, rate_hz) for via in FORMATS)
        cells = (_slashed(f"{db:.0f}" for db in each) or "the same" for each in found)
        ear = f"{ear_differs(pcm, rate_hz):.1%}"
        rows.append((f"{rate_hz // 1_000} kHz", *cells, ear))
    return Figures(
        f"Calls at other rates at {_LINE_DBOV:.0f} dBov, there and back: segmental SNR "
        "from 300 to 3400 Hz / from 50 to 7000 Hz, dB:",
        ("the caller's line", *FORMATS, "the ear differs"),
        rows,
    )


def wire_figures() -> Figures:
    """What a call takes on the wire."""
    return Figures(
        "kbit/s of a call, with base64, JSON and WebSocket framing, without TLS and "
        f"TCP/IP; the model sends deltas of {DELTA_MS} ms:",
        ("direction", *FORMATS),
        [
            _wire("to the model, all the time", up_kbit_s),
            _wire("from the model, while it speaks", down_kbit_s),
        ],
    )


def changed_samples(pcm8k: bytes, via: AudioFormat) -> int:
    """How many samples are not behind a format what they were before it."""
    return int(np.count_nonzero(from_pcm(pcm8k) != np.rint(through(via, pcm8k))))


@click.command(help=__doc__)
@click.option("--docs", type=click.Path(path_type=Path), help="A page for the tables.")
def main(*, docs: Path | None) -> None:
    """The command line."""
    try:
        texts = utterances()
        speech = list(spoken(texts))
        tables = [
            speech_figures(texts, speech),
            line_figures(speech),
            rate_figures(texts),
            wire_figures(),
        ]
    except SpeechMissing as exc:
        _console.print(exc, style="red")
        sys.exit(_CANNOT_MEASURE)
    _console.print(*(table.terminal() for table in tables), sep="\n")
    if docs:
        made = f"trio-sts {version('trio-sts')}. To repeat: `make bench-quality`."
        figures = "\n\n".join([*(table.markdown() for table in tables), made])
        docs.write_text(with_figures(docs.read_text("utf-8"), figures, BEGIN), "utf-8")


def _added(call: bytes, via: AudioFormat) -> str:
    if not changed_samples(call, via):
        return f"0 of {len(call) // 2:,} samples changed"
    return f"{_in_band(call, through(via, call))[1]:.0f} dB"


def _in_band(came: bytes, went: Samples) -> tuple[float, float]:
    """SNR and segmental SNR in the telephone's band."""
    reference, received = telephone_band(from_pcm(came)), telephone_band(went)
    return snr_db(reference, received), segmental_snr_db(reference, received)


def _wire(name: str, kbit_s: Callable[[AudioFormat], float]) -> tuple[str, ...]:
    return (name, *(f"{kbit_s(via):.0f}" for via in FORMATS))


def _slashed(cells: Iterable[str]) -> str:
    return " / ".join(cells)


if __name__ == "__main__":
    main()
