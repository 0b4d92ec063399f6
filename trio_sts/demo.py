"""``trio-sts demo``: a whole phone call in one process, with no key and no network.

The embedded model, the relay and a stand-in for avr-ami run on loopback; two callers with
a voice of their own call the relay at the same time, as AVR Core would. One is shown and
recorded; the other falls silent, and goes on when asked. What is checked at the end is
what the callers heard and what the model remembers, not that the programs ran.
"""

import os
import sys
from collections.abc import Iterator, Mapping, Sequence
from contextlib import nullcontext
from pathlib import Path

import click
import structlog
import trio
from attrs import evolve, frozen
from rich.console import Console

from trio_sts.embedded import Endpoint, SpeechMissing, serve_model
from trio_sts.embedded.items import Item
from trio_sts.embedded.speech.voice import speak
from trio_sts.errors import SettingsError
from trio_sts.logs import configure
from trio_sts.phone.ami import AmiStandIn
from trio_sts.phone.core import place_call
from trio_sts.phone.events import View
from trio_sts.phone.exchange import Exchange
from trio_sts.phone.live import LiveView, show_lines
from trio_sts.phone.report import CallReport, Outcome
from trio_sts.phone.script import (
    HangUp,
    Pause,
    Say,
    Script,
    WaitForAgent,
    WaitForSilence,
    WaitToBeAsked,
)
from trio_sts.server import Server
from trio_sts.service import open_services
from trio_sts.settings import load

_QUESTION = "how much does it cost"
_WEATHER = "what is the weather like today"
_STORY = "tell me about your company"
_SECOND_THOUGHT = "what is your address"
_GOODBYE = "thank you goodbye"
_TALK_OVER_AFTER_S = 2.5
# Somebody who wants to know: the agent's pauses between two sentences are shorter.
_QUIET_MS = 700
# A lively agent, 160 words a minute.
_SPEED = 1.15
# Far longer than the pause of a caller who goes on unasked, far shorter than the default.
_SILENCE_PROMPT_S = 4.0
_LONGEST_S = 55.0
_TOOLS_DIR = Path(__file__).with_name("demo_tools")

_log = structlog.get_logger()


@frozen
class _Scene:
    """What the calls left behind: the callers' sides, the model's, avr-ami's."""

    report: CallReport
    silent: CallReport
    model: Endpoint
    ami: AmiStandIn


@click.command()
@click.option(
    "--record",
    type=click.Path(path_type=Path, dir_okay=False),
    default=Path("demo.wav"),
    show_default=True,
    help="Where the call is recorded: the caller is left, the agent is right.",
)
def demo(*, record: Path) -> None:
    """Hold a phone call with the embedded model, and show it.

    The caller asks, once for what only a tool knows, talks over a long answer with
    another question, and says goodbye. Meanwhile a second caller falls silent.
    The exit code is 0 only if the conversation really took place.
    With STS_RECORD_DIR the service keeps both calls as it would keep any.
    """
    configure("warning", "console")
    console = Console()
    shown = LiveView(console) if console.is_terminal else nullcontext(show_lines)
    scene: _Scene | None = None
    try:
        with shown as view:
            scene = trio.run(_play, record, view)
    except* (SpeechMissing, SettingsError) as group:
        raise click.ClickException(str(group.exceptions[0])) from group
    assert scene is not None  # noqa: S101 - nothing but those two gets by above
    failures = 0
    console.print()
    for holds, what in _verdicts(scene):
        failures += not holds
        console.print(f"{'ok    ' if holds else 'FAILED'}  {what}", highlight=False)
    console.print(f"\nThe recording is in {record}.", highlight=False)
    sys.exit(1 if failures else 0)


async def _play(record: Path, view: View) -> _Scene:
    exchange = Exchange()
    ami = AmiStandIn(exchange)
    send, signals = trio.open_memory_channel[int](1)
    async with send, trio.open_nursery() as nursery:
        model: Endpoint = await nursery.start(serve_model)
        ami_url: str = await nursery.start(ami.serve)
        environ = {
            "OPENAI_API_KEY": "any",
            "OPENAI_BASE_URL": model.url,
            "AMI_URL": ami_url,
            "TOOLS_DIR": str(_TOOLS_DIR),
            "OPENAI_SPEED": str(_SPEED),
            "STS_SILENCE_PROMPT_S": str(_SILENCE_PROMPT_S),
            **_kept(os.environ),
        }
        settings, _ = load(environ, None, strict=True)
        settings = evolve(settings, host="127.0.0.1", port=0)
        async with (
            open_services(settings, environ) as services,
            trio.open_nursery() as serving,
        ):
            port: int = await serving.start(Server(services).serve, signals)
            url = f"ws://127.0.0.1:{port}/"
            script, silent_script = await trio.to_thread.run_sync(_scripts)
            silent: list[CallReport] = []

            async def call_silently() -> None:
                silent.append(
                    await place_call(url, silent_script, max_call_s=_LONGEST_S)
                )

            async with trio.open_nursery() as callers:
                callers.start_soon(call_silently)
                report = await place_call(
                    url,
                    script,
                    metadata={"from": "2000", "to": "5001"},
                    record_path=record,
                    view=view,
                    max_call_s=_LONGEST_S,
                    exchange=exchange,
                )
            nursery.cancel_scope.cancel(reason="the demo is over")
    return _Scene(report, silent[0], model, ami)


def _kept(environ: Mapping[str, str]) -> dict[str, str]:
    """What the operator wants to be kept of the calls; nothing else is taken."""
    return {name: environ[name] for name in environ if name.startswith("STS_RECORD_")}


def _scripts() -> tuple[Script, Script]:
    """What the two callers do."""
    quiet = WaitForSilence(_QUIET_MS)
    second_thought = Say(speak(_SECOND_THOUGHT))
    talkative = (
        WaitForAgent(),
        quiet,
        Say(speak(_QUESTION)),
        WaitForAgent(),
        quiet,
        Say(speak(_WEATHER)),
        # “Let me have a look”, and after a moment what the tool says.
        WaitForAgent(),
        WaitForSilence(),
        Say(speak(_STORY)),
        WaitForAgent(),
        Pause(_TALK_OVER_AFTER_S),
        second_thought,
        WaitForAgent(),
        quiet,
        Say(speak(_GOODBYE)),
        # From here on the agent ends the call.
        WaitForAgent(),
        Pause(_LONGEST_S),
    )
    silent = (
        WaitForAgent(),
        quiet,
        WaitToBeAsked(),
        quiet,
        second_thought,
        WaitForAgent(),
        quiet,
        HangUp(),
    )
    return talkative, silent


def _verdicts(scene: _Scene) -> Iterator[tuple[bool, str]]:
    report = scene.report
    caller = [said.text.lower() for said in report.transcripts if said.role == "user"]
    agent = [said.text for said in report.transcripts if said.role == "agent"]
    items = _items_of(scene.model, _STORY)
    remembered = [item.said for item in items if item.role == "assistant"]
    looked_up = next(
        (
            item.output
            for item in items
            if item.type == "function_call_output" and item.output
        ),
        None,
    )
    asked = (_QUESTION, _WEATHER, _STORY, _SECOND_THOUGHT, _GOODBYE)
    yield report.greeting_ms is not None, "the agent greeted the caller"
    yield (
        all(any(words in said for said in caller) for words in asked),
        "the model understood every word of the caller's",
    )
    yield (
        _any(agent, "twelve pounds") and _any(agent, "Mill Lane"),
        "the agent answered both questions",
    )
    yield (
        looked_up is not None and _any(agent, looked_up),
        f"a tool told it the weather: “{looked_up}”",
    )
    story = next((said for said in agent if said.startswith("The Riverside")), "")
    yield (
        bool(report.interruptions) and bool(story) and not story.endswith("listen."),
        f"talked over, the agent stopped, at “… {story[-30:]}”",
    )
    yield (
        not _any(remembered, "everybody is welcome"),
        "the model remembers no more of that answer than was heard",
    )
    yield (
        report.outcome is Outcome.AMI_HUNG_UP and _any(agent, "Goodbye"),
        "the agent hung up through avr-ami",
    )
    yield (
        report.unplayed_s == 0,
        "and only after the caller had heard the whole goodbye",
    )
    yield _went_on(scene.silent), "a silent caller was asked, and went on"


def _items_of(model: Endpoint, asked: str) -> Sequence[Item]:
    """The model's conversation with the caller who asked this."""
    for session in model.sessions:
        items = session.conversation.items
        if any(item.role == "user" and asked in item.said for item in items):
            return items
    return ()


def _went_on(report: CallReport) -> bool:
    """Whether the agent asked, the caller spoke after that, and was answered."""
    awaited = [
        ("agent", "still there"),
        ("user", _SECOND_THOUGHT),
        ("agent", "Mill Lane"),
    ]
    for said in report.transcripts:
        if awaited and said.role == awaited[0][0] and awaited[0][1] in said.text:
            del awaited[0]
    return not awaited and len(report.turns) == 1


def _any(texts: list[str], words: str) -> bool:
    return any(words in text for text in texts)
