"""``trio-sts tools``: what the model would be offered, and trying one out."""

import json
import sys
from collections.abc import Awaitable, Callable, Mapping
from functools import partial
from pathlib import Path
from typing import NoReturn, TypeVar
from uuid import uuid4

import click
import structlog
import trio
from attrs import field, frozen

from trio_sts.environment import real_environment
from trio_sts.errors import SettingsError
from trio_sts.logs import configure
from trio_sts.settings import Settings, load, secrets_of, tool_environment
from trio_sts.wire.metadata import clean_metadata

from .listing import list_tools
from .opening import open_registry
from .registry import Registry, ToolOutcome

_FAILED, _USAGE = 1, 2
_DOTENV = Path(".env")

T = TypeVar("T")
Use = Callable[[Registry], Awaitable[T]]


@frozen
class _Setup:
    """The settings, and the environment as the tools see it."""

    settings: Settings
    environ: Mapping[str, str] = field(repr=False)

    @classmethod
    def load(cls) -> "_Setup":
        """Read the settings as ``check`` does, but ask for no key: no model is dialled."""
        environ = real_environment()
        try:
            settings, warnings = load(
                {**environ, "STS_EMBEDDED": "on"}, _DOTENV, strict=True
            )
        except SettingsError as exc:
            _refuse(*exc.faults)
        _warn(warnings)
        return cls(settings, tool_environment(environ, _DOTENV))

    def using(self, use: Use[T]) -> T:
        """Open the tools as the service does, and do something with them.

        The log goes to standard error, so that it does not mix with an answer.
        """
        secrets = secrets_of(self.settings)
        configure(
            self.settings.log_level,
            self.settings.log_format or "console",
            secrets=secrets,
            file=sys.stderr.buffer,
        )
        why = ""
        try:
            return trio.run(self._using, use)
        except* KeyboardInterrupt:
            why = "stopped"
        except* OSError as group:
            why = f"the tools cannot be opened: {group.exceptions}"
        click.echo(why, err=True)
        sys.exit(_FAILED)

    async def _using(self, use: Use[T]) -> T:
        async with open_registry(
            ami_url=self.settings.ami_url,
            tools_dir=self.settings.tools_dir,
            tool_timeout_s=self.settings.tool_timeout_s,
            tool_result_kib=self.settings.tool_result_kib,
            environ=self.environ,
            call_control=self.settings.call_control_tools,
        ) as registry:
            return await use(registry)


@click.group(invoke_without_command=True)
@click.pass_context
def tools(ctx: click.Context) -> None:
    """Show the tools that the model is offered, and try one.

    They are two built-in ones and those of the files in TOOLS_DIR and in `avr_tools`
    beside it. Without a command they are listed. No API key is needed.
    """
    if ctx.invoked_subcommand is None:
        ctx.invoke(list_)


@tools.command("list")
def list_() -> None:
    """List the tools and where they come from.

    JavaScript files are loaded in Node.js, and no handler is called. Python files are
    read and not run, so a name that its file computes is not known. What is wrong with a
    file goes to standard error.
    """
    setup = _Setup.load()
    _quiet_log(setup.settings)
    settings = setup.settings
    listing = trio.run(
        list_tools, settings.tools_dir, setup.environ, settings.call_control_tools
    )
    rows = [
        (each.name or "(computed)", each.kind.value, each.source, each.description)
        for each in listing.tools
    ]
    widths = [max(len(row[column]) for row in rows) for column in range(2)]
    for name, kind, source, description in rows:
        click.echo(f"{name:{widths[0]}}  {kind:{widths[1]}}  {source}")
        if description:
            click.echo(f"    {' '.join(description.split())}")
    _warn(listing.problems)


@tools.command()
@click.argument("name")
def show(name: str) -> None:
    """Show all that the model is told about a tool.

    The tool files are loaded for it, as at the start of the service.
    """

    async def told(registry: Registry) -> str | None:
        await trio.lowlevel.checkpoint()
        tool = registry.tools.get(name)
        if tool is None:
            return _unknown(registry, name)
        schema = json.dumps(dict(tool.input_schema), indent=2, ensure_ascii=False)
        click.echo(f"{tool.name} ({tool.kind}, {tool.source})")
        click.echo(f"\n{tool.description or '(no description)'}\n\n{schema}")
        return None

    fault = _Setup.load().using(told)
    if fault is not None:
        _refuse(fault)


@tools.command()
@click.argument("name")
@click.argument("arguments", default="{}", metavar="[JSON]")
@click.option("--uuid", help="The call's id; a random one unless given.")
@click.option(
    "--meta",
    multiple=True,
    metavar="NAME=VALUE",
    help="A piece of the call's metadata; may be given several times.",
)
def run(name: str, arguments: str, uuid: str | None, meta: tuple[str, ...]) -> None:
    """Run a tool with arguments as the model sends them, and print its answer.

    For example: trio-sts tools run get_weather '{"town": "Bath"}' --meta from=2000

    The answer goes to standard output, the log to standard error. avr_hangup and
    avr_transfer act on the call that --uuid names. Exit code 0 if the tool did its
    work, 1 if it failed, 2 if what was asked for or a setting is faulty.
    """
    _check_arguments(arguments)
    try_out = partial(_try_out, name, arguments, uuid or str(uuid4()), _metadata(meta))
    outcome = _Setup.load().using(try_out)
    if isinstance(outcome, str):
        _refuse(outcome)
    click.echo(outcome.output)
    sys.exit(0 if outcome.ok else _FAILED)


async def _try_out(
    name: str,
    arguments: str,
    uuid: str,
    metadata: Mapping[str, str],
    registry: Registry,
) -> ToolOutcome | str:
    if name not in registry.tools:
        await trio.lowlevel.checkpoint()
        return _unknown(registry, name)
    context = registry.context(uuid, metadata, structlog.get_logger())
    return await registry.run(name, arguments, context)


def _check_arguments(arguments: str) -> None:
    try:
        sound = isinstance(json.loads(arguments), dict)
    except (ValueError, RecursionError):
        sound = False
    if not sound:
        raise click.BadParameter(
            """must be a JSON object such as '{"town": "Bath"}'""", param_hint="JSON"
        )


def _metadata(pairs: tuple[str, ...]) -> Mapping[str, str]:
    if not all("=" in pair for pair in pairs):
        raise click.BadParameter("write it as name=value", param_hint="--meta")
    split = (pair.partition("=") for pair in pairs)
    return clean_metadata({name: value for name, _, value in split})


def _unknown(registry: Registry, name: str) -> str:
    return f"There is no tool named {name!r}, but {', '.join(sorted(registry.tools))}."


def _quiet_log(settings: Settings) -> None:
    """What files write while they are loaded is none of a list."""
    secrets = secrets_of(settings)
    configure("error", "console", secrets=secrets, file=sys.stderr.buffer)


def _warn(problems: tuple[str, ...]) -> None:
    for problem in problems:
        click.echo(f"warning: {problem}", err=True)


def _refuse(*faults: str) -> NoReturn:
    for fault in faults:
        click.echo(fault, err=True)
    sys.exit(_USAGE)
