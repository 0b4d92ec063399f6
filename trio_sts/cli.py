"""The commands. Each imports what it needs when it runs: ``serve`` starts fast."""

import os
import sys
from collections.abc import Mapping
from datetime import date
from functools import partial
from importlib import import_module
from pathlib import Path
from typing import TYPE_CHECKING, NoReturn

import click
from typing_extensions import override

from trio_sts import __version__
from trio_sts.environment import real_environment
from trio_sts.errors import SettingsError
from trio_sts.healthcheck import TIMEOUT_S, is_healthy
from trio_sts.startup import open_missing_streams, reap_as_first_process

if TYPE_CHECKING:
    from trio_sts.embedded import Faults
    from trio_sts.settings import Settings

_FAULTY_SETTINGS = 2
_CONSOLE_PORT = 6090
_DOTENV = Path(".env")
# Commands that live where their work is done: module, attribute.
_ELSEWHERE: Mapping[str, tuple[str, str]] = {
    "call": ("trio_sts.phone.command", "call"),
    "calls": ("trio_sts.calls.command", "calls"),
    "demo": ("trio_sts.demo", "demo"),
    "model": ("trio_sts.embedded.command", "model"),
    "replay": ("trio_sts.replaying.command", "replay"),
    "tools": ("trio_sts.tools.command", "tools"),
}


class _Commands(click.Group):
    """Imports a command's module when the command, or all help, is asked for."""

    @override
    def list_commands(self, ctx: click.Context) -> list[str]:
        return sorted({*super().list_commands(ctx), *_ELSEWHERE})

    @override
    def get_command(self, ctx: click.Context, cmd_name: str) -> click.Command | None:
        if cmd_name in _ELSEWHERE:
            module, attribute = _ELSEWHERE[cmd_name]
            command: click.Command = getattr(import_module(module), attribute)
            return command
        return super().get_command(ctx, cmd_name)


@click.group(cls=_Commands, context_settings={"help_option_names": ["-h", "--help"]})
@click.version_option(__version__, prog_name="trio-sts")
@click.pass_context
def main(ctx: click.Context) -> None:
    """Speech-to-speech for Agent Voice Response.

    Point AVR Core's STS_URL at the service that `trio-sts serve` runs. Settings come
    from the environment and from `.env` in the working directory.
    """
    open_missing_streams()
    # The test phone says words with the embedded model's voice, but knows nothing of it.
    ctx.obj = _speak


def _speak(text: str) -> bytes:
    from trio_sts.embedded.speech.voice import speak

    return speak(text)


@main.command()
@click.option(
    "--embedded", is_flag=True, help="Answer with the built-in model: no key needed."
)
@click.option(
    "--faults",
    multiple=True,
    metavar="NAME[=VALUE][:WHICH],...",
    help="The built-in model misbehaves as `trio-sts model --help` lists; "
    "only with --embedded.",
)
@click.option(
    "--console",
    is_flag=True,
    help="Open the console in a browser's reach: on this machine alone, on port "
    f"{_CONSOLE_PORT}, unless STS_ADMIN_PORT and STS_ADMIN_HOST say otherwise.",
)
def serve(*, embedded: bool, faults: tuple[str, ...], console: bool) -> None:
    """Run the service until SIGTERM or SIGINT.

    With STS_WORKERS it is several processes. The first signal lets running calls finish
    for STS_DRAIN_S seconds, a second one ends them at once. SIGHUP reads settings, files
    and tools anew, for new calls. Exit code 0 after a stop, 2 for faulty settings, 1
    otherwise.
    """
    reap_as_first_process()
    from trio_sts.logs import configure
    from trio_sts.service import run_service
    from trio_sts.settings import secrets_of

    read = partial(_read, embedded=embedded, console=console)
    try:
        settings, warnings, seen = read()
    except SettingsError as exc:
        _refuse(exc)
    configure(
        settings.log_level,
        settings.log_format,
        secrets=secrets_of(settings),
    )
    ordered = _faults(faults, settings) if faults else None
    say = click.echo if console else None
    if settings.workers != 1:
        from trio_sts.fleet.cpus import worker_count

        if sys.platform != "linux":
            warnings += ("STS_WORKERS needs Linux: one process holds the calls",)
        elif worker_count(settings.workers) > 1:
            from trio_sts.fleet.parent import run_parent

            code = run_parent(settings, warnings, seen, read, faults=ordered, say=say)
            sys.exit(code)
    sys.exit(run_service(settings, warnings, seen, read=read, faults=ordered, say=say))


def _read(
    *, embedded: bool, console: bool
) -> "tuple[Settings, tuple[str, ...], Mapping[str, str]]":
    """The settings, what was found out about them, and what tools see.

    Raises:
        SettingsError: One is faulty.
    """
    from trio_sts.settings import load, surprises, tool_environment

    environ = real_environment()
    if embedded:
        environ["STS_EMBEDDED"] = "on"
    settings, warnings = load(environ, _DOTENV, strict=False)
    if console and settings.admin_port is None:
        # Read once more: what a console needs is looked at as well.
        environ["STS_ADMIN_PORT"] = str(_CONSOLE_PORT)
        settings, warnings = load(environ, _DOTENV, strict=False)
    warnings += surprises(settings, _today())
    return settings, warnings, tool_environment(environ, _DOTENV)


def _faults(orders: tuple[str, ...], settings: "Settings") -> "Faults":
    from trio_sts.embedded import Faults, WrongFault

    if not settings.embedded:
        raise click.UsageError("--faults needs --embedded: another model has its own.")
    try:
        return Faults.parse(*orders)
    except WrongFault as exc:
        raise click.UsageError(str(exc)) from exc


@main.command()
@click.option(
    "--json", "is_json", is_flag=True, help="One JSON object instead of text."
)
@click.option("--offline", is_flag=True, help="Ask nobody over the network.")
@click.option(
    "--call-uuid", metavar="UUID", help="Ask for the prompt as this call would."
)
def check(*, is_json: bool, offline: bool, call_uuid: str | None) -> None:
    """Tell what will work and what will not, before the first call.

    Shows the settings as they are understood, asks the model's endpoint once whether it
    takes the key, and loads the tools: JavaScript files in Node.js, no handler is called;
    Python files are only read. Secrets are masked. The last line begins with "ready" or
    "not ready"; with --json it is on standard error, and the object's `verdict` too.
    Exit code 0 if ready, 1 if the service starts but something will not work as
    expected, 2 if a setting is faulty: it will not start, or only with another value.
    """
    import trio

    from trio_sts import checkup
    from trio_sts.logs import configure
    from trio_sts.settings import load, secrets_of, tool_environment

    environ = real_environment()
    try:
        settings, warnings = load(environ, _DOTENV, strict=True)
    except SettingsError as exc:
        report = checkup.refusal(exc.faults, starts=_starts(environ))
    else:
        secrets = secrets_of(settings)
        # What tools write while they are loaded is none of the report.
        configure("error", secrets=secrets, file=sys.stderr.buffer)
        report = trio.run(
            partial(
                checkup.examine,
                settings,
                warnings,
                tool_environment(environ, _DOTENV),
                _today(),
                offline=offline,
                call_uuid=call_uuid,
            )
        )
    click.echo(checkup.as_json(report) if is_json else checkup.as_text(report))
    if is_json:
        click.echo(report.verdict, err=True)
    sys.exit(report.exit_code)


@main.command()
@click.option(
    "--timeout", "timeout_s", default=TIMEOUT_S, show_default=True, metavar="S"
)
def healthcheck(timeout_s: float) -> None:
    """Ask the service on this machine whether it is alive.

    Exit code 0 if it answers on PORT, 1 otherwise: made for a container's HEALTHCHECK.
    """
    alive = is_healthy(os.environ, str(_DOTENV), timeout_s)
    sys.exit(0 if alive else 1)


def _starts(environ: dict[str, str]) -> bool:
    """Whether `serve` takes other values where `check` finds faults."""
    from trio_sts.settings import load

    try:
        load(environ, _DOTENV, strict=False)
    except SettingsError:
        return False
    return True


def _today() -> date:
    return date.today()  # noqa: DTZ011  # the operator's day


def _refuse(exc: SettingsError) -> NoReturn:
    for fault in exc.faults:
        click.echo(fault, err=True)
    sys.exit(_FAULTY_SETTINGS)
