"""The demo's call, as the service keeps it: the recording sounds like it, and its timeline
can be followed.

What the timeline is judged by is the caller's side: what the demo told as it happened,
and the recording that it made there.
"""

import json
import re
import subprocess
from itertools import pairwise
from pathlib import Path
from typing import Any

import pytest
from attrs import field, frozen

from .test_process import COMMAND, environment
from .voices import Samples, agreeing, lag, read, utterances

_TOLD = re.compile(r"^ *(\d+\.\d\d) s  +(.*)$")
_WORDS = (
    ("agent", "Hello, this is the Riverside bookshop. What can I do for you?"),
    ("caller", "how much does it cost"),
    ("agent", "Most of our paperbacks cost twelve pounds."),
    ("caller", "what is the weather like today"),
    ("agent", "Let me have a look."),
    ("agent", "The tool says: "),
    ("caller", "tell me about your company"),
    ("agent", "The Riverside bookshop was founded"),
    ("caller", "what is your address"),
    ("agent", "We are at twelve Mill Lane, right beside the old bridge."),
    ("caller", "thank you goodbye"),
    ("agent", "Goodbye, and thank you for calling the Riverside bookshop."),
)
# Recognising speech and a busy machine take their time; a turn takes three seconds.
_NEAR_S = 0.6


@frozen
class Told:
    """One line of a timeline, or of what the demo printed."""

    at: float
    who: str
    what: str


@frozen
class Kept:
    """What is left of the demo: its own files, and the service's."""

    printed: list[Told]
    there: tuple[Samples, Samples] = field(repr=False)
    here: tuple[Samples, Samples] = field(repr=False)
    timeline: list[Told]
    replayed: dict[str, Any] = field(repr=False)
    silent: list[Told]
    text: str = field(repr=False)

    @property
    def lag(self) -> int:
        return lag(self.here[0], self.there[0])


def _run(folder: Path, *arguments: str, **given: str) -> str:
    done = subprocess.run(
        [*COMMAND, *arguments],
        capture_output=True,
        text=True,
        timeout=240,
        cwd=folder,
        env=environment(**given),
        check=False,
    )
    assert done.returncode == 0, done.stdout + done.stderr
    return done.stdout


def _timeline(replayed: dict[str, Any]) -> list[Told]:
    return [
        Told(entry["at"], entry["who"], entry["what"]) for entry in replayed["timeline"]
    ]


@pytest.fixture(name="kept", scope="module")
def _kept(tmp_path_factory: pytest.TempPathFactory) -> Kept:
    folder = tmp_path_factory.mktemp("demo")
    output = _run(folder, "demo", STS_RECORD_DIR="calls", STS_RECORD_AUDIO="on")
    lines = [found for line in output.splitlines() if (found := _TOLD.match(line))]
    printed = [
        Told(float(at), *reversed_words(words))
        for at, words in (line.groups() for line in lines)
    ]
    calls = sorted((folder / "calls").glob("*.call"))
    replays = [
        json.loads(_run(folder, "replay", str(path), "--json")) for path in calls
    ]
    uuid = printed[0].what.rpartition(" ")[2]
    (mine,) = (n for n, each in enumerate(replays) if each["call"] == uuid)
    return Kept(
        printed,
        read(folder / "demo.wav"),
        read(calls[mine].with_suffix(".wav")),
        _timeline(replays[mine]),
        replays[mine],
        _timeline(replays[1 - mine]),
        _run(folder, "replay", str(calls[mine])),
    )


def reversed_words(words: str) -> tuple[str, str]:
    """Who it is about, and what."""
    who, colon, said = words.partition(": ")
    return (who, said) if colon else ("", words)


def find(told: list[Told], words: str, *, who: str = "") -> Told:
    """The first line with these words."""
    for each in told:
        if words in each.what and who in each.who:
            return each
    raise AssertionError((words, who, told))


def test_the_recording_sounds_like_the_call(kept: Kept) -> None:
    # Both sides by one clock: where the caller is tells where the agent is, too.
    assert abs(lag(kept.here[1], kept.there[1]) - kept.lag) <= 160
    for here, there in zip(kept.here, kept.there, strict=True):
        same, silent = agreeing(here, there, kept.lag)
        assert same > 0.99
        assert silent > 0.99
    # Both end with the call, to some frames.
    assert abs(len(kept.here[0]) - kept.lag - len(kept.there[0])) <= 800


def test_it_is_the_same_call_when_it_is_held_again(kept: Kept) -> None:
    assert kept.replayed["same"]
    assert kept.replayed["whole"]


def test_lines_are_in_the_order_of_time(kept: Kept) -> None:
    times = [each.at for each in kept.timeline]
    assert times == sorted(times)
    assert times[0] >= 0
    shown = [float(line.split()[0]) for line in kept.text.splitlines()[1:-2]]
    assert shown == [pytest.approx(at, abs=0.001) for at in times]


@pytest.mark.parametrize(("who", "words"), _WORDS)
def test_every_sentence_is_told_when_it_was_said(
    kept: Kept, who: str, words: str
) -> None:
    there = find(kept.printed, words, who=who)
    here = find(kept.timeline, words, who=who)
    assert abs(here.at - there.at) < _NEAR_S


def test_sentences_are_told_in_their_order(kept: Kept) -> None:
    said = [
        (each.who, each.what)
        for each in kept.timeline
        if each.who in {"agent", "caller"}
    ]
    position = 0
    # Who speaks first is told first, and an answer after its question; of what one
    # says while the other's words are still being recognised, either may be first.
    for who, words in (each for each in _WORDS if each[0] == "agent"):
        position = next(
            n
            for n, (by, what) in enumerate(said)
            if n >= position and by == who and words in what
        )


def test_every_utterance_of_the_agent_is_told_when_it_is_heard(kept: Kept) -> None:
    begun = [
        each.at
        for each in kept.timeline
        if each.who == "agent" and "begins to be heard" in each.what
    ]
    heard = utterances(kept.here[1])
    assert len(heard) >= 6
    for begins, _ in heard:
        # A voice begins with a breath, which is sent, and not audible.
        assert any(-0.1 < begins - at < _NEAR_S for at in begun), (begins, begun)
    assert len(begun) == len(heard)


def test_every_turn_of_the_caller_is_told(kept: Kept) -> None:
    spoken = utterances(kept.here[0])
    begun = [e.at for e in kept.timeline if e.what == "begins to speak"]
    stopped = [e.at for e in kept.timeline if e.what.startswith("has stopped speaking")]
    assert len(spoken) == len(begun) == len(stopped) == 5
    for (begins, ends), from_, to in zip(spoken, begun, stopped, strict=True):
        assert abs(from_ - begins) < _NEAR_S
        # The detector waits for half a second of silence.
        assert abs(to - ends) < 0.5 + _NEAR_S


def test_every_silence_of_more_than_a_second_is_told_with_a_reason(kept: Kept) -> None:
    heard = utterances(kept.here[1], pause_s=0.0)
    gaps = [
        (quiet_from, quiet_to)
        for (_, quiet_from), (quiet_to, _) in pairwise(heard)
        if quiet_to - quiet_from > 1.4
    ]
    told = [each for each in kept.timeline if each.who == "silence"]
    assert len(gaps) >= 4
    for quiet_from, quiet_to in gaps:
        near = [each for each in told if abs(each.at - quiet_from) < _NEAR_S]
        assert len(near) == 1, (quiet_from, told)
        found = re.match(r"of (\d+\.\d) s: (.+)", near[0].what)
        assert found
        assert abs(float(found[1]) - (quiet_to - quiet_from)) < _NEAR_S
        assert len(found[2]) > 10


def test_the_barge_in_is_told_with_what_was_heard(kept: Kept) -> None:
    there = find(kept.printed, "of speech thrown away")
    interrupts = [each for each in kept.timeline if "interrupts the agent" in each.what]
    assert len(interrupts) == 1
    assert abs(interrupts[0].at - there.at) < 0.3
    cut = find(kept.timeline, "was heard to ")
    found = re.search(r"was heard to (\d+) ms", cut.what)
    assert found
    begins, ends = next(
        each for each in utterances(kept.here[1]) if each[0] < cut.at <= each[1] + 0.5
    )
    # The recording has what AVR Core played, 60 ms more, and no breath before it.
    assert abs(int(found[1]) / 1000 - (ends - begins)) < 0.4


def test_every_tool_is_told_with_its_answer(kept: Kept) -> None:
    said = find(kept.printed, "The tool says: ").what.removeprefix("The tool says: ")
    runs = find(kept.timeline, "weather runs", who="tool")
    answered = find(kept.timeline, "weather has answered", who="tool")
    assert said in answered.what
    assert runs.at <= answered.at <= runs.at + 1
    hung_up = find(kept.timeline, "avr_hangup runs", who="tool")
    goodbye = find(kept.timeline, "Goodbye, and thank you", who="agent")
    assert hung_up.at >= goodbye.at


def test_how_it_ended_is_told_last(kept: Kept) -> None:
    last = kept.timeline[-1]
    assert last.who == "call"
    assert "hung up by the agent" in last.what
    assert abs(last.at - len(kept.here[0]) / 8000) < 0.5


def test_the_silent_caller_is_asked(kept: Kept) -> None:
    silence = find(kept.silent, "it is the caller's turn", who="silence")
    asked = find(kept.silent, "Are you still there?", who="agent")
    assert silence.at < asked.at
    assert "caller hung up" in kept.silent[-1].what


def test_nobody_needs_to_know_the_code(kept: Kept) -> None:
    # Names of attributes, objects as Python shows them, and paths are no words.
    for each in kept.timeline:
        assert not re.search(r"object at|\b\w+\.\w+\(|<class|=\w+\(", each.what), each
        assert each.who in kept.text
