"""Other people's SDKs call ``trio-sts model``: each holds a conversation by voice.

The programs are in ``sdks``, with packages of their own: they set an SDK up as its users
do, and speak what standard input names. What they are to say and what must come of it is
here, and the same for all of them.
"""

import os
import shutil
import subprocess
import sys
from collections.abc import AsyncGenerator
from contextlib import asynccontextmanager
from functools import partial
from pathlib import Path
from tempfile import TemporaryDirectory

import click
import trio
from attrs import define, field, frozen

from trio_sts.embedded.speech.voice import speak

from .conversation import QUESTIONS, converse, verdicts
from .tap import tapped

_SDKS = Path(__file__).parents[2] / "sdks"
_KEY = "the right key"
_GOODBYE_S = 10


@frozen
class Program:
    """A program that calls through an SDK, and what tells that it can run."""

    name: str
    file: str
    needs: str


_PROGRAMS = (
    Program("openai", "openai_client.py", "openai"),
    Program("livekit-plugins-openai", "livekit_agent.py", "livekit.plugins.openai"),
    Program("pipecat-ai", "pipecat_bot.py", "pipecat.services.openai.realtime.llm"),
    Program("@openai/agents-realtime", "agents.mjs", "node_modules/@openai"),
)


@define
class _Run:
    """The programs of one run; what failed is told at once."""

    model_url: str
    speech: Path
    python: Path
    failed: list[str] = field(factory=list[str])
    passed: int = 0
    skipped: int = 0

    async def call(self, program: Program, command: list[str] | None) -> None:
        if command is None:
            self.skipped += 1
            click.echo(f"{program.name}: LEFT OUT, it is not installed here")
            return
        lines = await self._lines(command)
        good = bool(lines) and all(holds for holds, _ in lines)
        self.passed += good
        if not good:
            self.failed.append(program.name)
        click.echo(f"{program.name}: {'ok' if good else 'FAILED'}")
        for holds, what in lines:
            if not (good and holds):
                click.echo(f"  {'ok    ' if holds else 'FAILED'}  {what}")

    async def _lines(self, command: list[str]) -> list[tuple[bool, str]]:
        async with tapped(self.model_url) as tap:
            async with self._running([*command, tap.url]) as process:
                stdin = process.stdin
                assert stdin is not None

                async def say(words: str) -> None:
                    await stdin.send_all(f"{self.speech / words}\n".encode())

                failure: list[tuple[bool, str]] = []
                try:
                    await converse(tap, say)
                except (TimeoutError, trio.BrokenResourceError) as exc:
                    failure.append((False, f"the conversation went on: {exc}"))
                await stdin.aclose()
                with trio.move_on_after(_GOODBYE_S) as goodbye:
                    await process.wait()
            if goodbye.cancelled_caught:
                failure.append((False, "the program ended with the call"))
            return [*failure, *verdicts(tap)]

    @asynccontextmanager
    async def _running(self, command: list[str]) -> AsyncGenerator[trio.Process]:
        environ = {
            **os.environ,
            "OPENAI_API_KEY": _KEY,
            "OPENAI_AGENTS_DISABLE_TRACING": "1",
            "PYTHONWARNINGS": "ignore",
        }
        process = await trio.lowlevel.open_process(
            command,
            stdin=subprocess.PIPE,
            stdout=subprocess.DEVNULL,
            stderr=None if os.environ.get("SDKS_VERBOSE") else subprocess.DEVNULL,
            cwd=_SDKS,
            env=environ,
        )
        try:
            yield process
        finally:
            process.kill()
            with trio.move_on_after(2, shield=True):
                await process.wait()


def _command(program: Program, python: Path) -> list[str] | None:
    """How to start a program; None if what it needs is not installed."""
    if program.file.endswith(".mjs"):
        node = shutil.which("node")
        ready = node is not None and (_SDKS / program.needs).is_dir()
        return [str(node), program.file] if ready else None
    if not python.exists():
        return None
    tried = subprocess.run(
        [python, "-c", f"import {program.needs}"], capture_output=True, check=False
    )
    return [str(python), program.file] if tried.returncode == 0 else None


async def _model(
    *, task_status: "trio.TaskStatus[str]" = trio.TASK_STATUS_IGNORED
) -> None:
    command = [sys.executable, "-m", "trio_sts", "model", "--port", "0"]
    async with trio.open_nursery() as nursery:
        start = partial(
            trio.run_process,
            [*command, "--api-key", _KEY],
            stdout=subprocess.PIPE,
        )
        process: trio.Process = await nursery.start(start)
        assert process.stdout is not None
        line = (await process.stdout.receive_some()).decode()
        task_status.started(line.split()[-1])


async def _call_all(python: Path, names: tuple[str, ...]) -> _Run:
    with TemporaryDirectory() as folder:
        for words in QUESTIONS:
            pcm = await trio.to_thread.run_sync(partial(speak, words, rate_hz=24_000))
            await trio.Path(folder, words).write_bytes(pcm)
        async with trio.open_nursery() as nursery:
            with trio.fail_after(30):
                url: str = await nursery.start(_model)
            run = _Run(url, Path(folder), python)
            async with trio.open_nursery() as calls:
                for program in _PROGRAMS:
                    if not names or program.name in names:
                        command = await trio.to_thread.run_sync(
                            _command, program, python
                        )
                        calls.start_soon(run.call, program, command)
            nursery.cancel_scope.cancel(reason="all have called")
    return run


@click.command()
@click.option(
    "--python", type=click.Path(path_type=Path), default=".venv-sdks/bin/python"
)
@click.argument("names", nargs=-1)
def main(python: Path, names: tuple[str, ...]) -> None:
    """Let the SDKs call; the exit code is 1 if one's conversation failed."""
    run = trio.run(_call_all, python.absolute(), names)
    click.echo(f"{run.passed} passed, {len(run.failed)} failed, {run.skipped} skipped")
    sys.exit(1 if run.failed else 0)


if __name__ == "__main__":
    main()
