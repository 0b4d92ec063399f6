"""Pictures of each page, light and dark, wide and narrow, of a service that has held calls.

::

    make screenshots SCREENSHOTS=folder
"""

import subprocess
from collections.abc import Generator, Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Final, Literal

import click
from playwright.sync_api import Browser, Page, expect, sync_playwright

from .browsing import CHROMIUM, PHONE, WIDE, browsing, chromium, json_of
from .service import Service, calling, serving
from .speaking import caller_wav

_TOOLS: Final = Path(__file__).parents[3] / "trio_sts" / "demo_tools"
_LONG_ENOUGH_MS: Final = 9000
_SETTLED_MS: Final = 600
# The last is the one with a page of its own: a tool, and a story that is talked over.
_CALLS: Final = (
    ("+44 20 7946 0101", ["--say", "what are your opening hours"]),
    ("+44 20 7946 0144", ["--say", "how much does it cost", "--dtmf", "42#"]),
    ("+44 20 7946 0190", ["--say", "what is your address", "--say", "who are you"]),
    (
        "+44 20 7946 0958",
        [
            *("--talk-over", "4", "--say", "what is the weather like today"),
            *("--say", "tell me a story", "--say", "what are your opening hours"),
        ],
    ),
)


@contextmanager
def _calls(service: Service) -> Generator[list[subprocess.Popen[str]]]:
    """All of them at once; what is not over when the block ends is hung up."""
    with ExitStack() as open_calls:
        metadata = [
            ("--meta", f"from={caller}", "--meta", "to=5001") for caller, _ in _CALLS
        ]
        yield [
            open_calls.enter_context(calling(service, *said, *about))
            for (_, said), about in zip(_CALLS, metadata, strict=True)
        ]


def _hold_calls(service: Service) -> None:
    with _calls(service) as held:
        for call in held:
            call.communicate(timeout=120)


def _take(page: Page, folder: Path, name: str) -> None:
    page.wait_for_timeout(_SETTLED_MS)
    page.screenshot(path=folder / f"{name}.png")


def _finished(page: Page, folder: Path, look: str, console: str) -> None:
    """The pages that hold still."""
    page.goto(f"{console}/login")
    _take(page, folder, f"login-{look}")
    page.goto(f"{console}/#/calls")
    page.locator("tbody a").first.wait_for()
    _take(page, folder, f"calls-{look}")
    wanted = _CALLS[-1][0]
    rows = json_of(page, "/api/calls")["calls"]
    call = next(row["id"] for row in rows if row["caller"] == wanted)
    page.goto(f"{console}/#/call/{call}")
    expect(page.get_by_role("slider", name="Moment")).to_be_visible()
    page.locator(".moments button").nth(24).click()
    page.mouse.move(0, 0)
    page.evaluate("scrollTo(0, 0)")
    _take(page, folder, f"call-{look}")
    page.goto(f"{console}/#/tools")
    page.locator(".tool-list button").last.click()
    page.get_by_role("button", name="Run it").click()
    expect(page.get_by_label("Result")).to_be_visible()
    _take(page, folder, f"tools-{look}")
    page.goto(f"{console}/#/settings")
    page.locator(".setting").first.wait_for()
    _take(page, folder, f"settings-{look}")


def _living(page: Page, folder: Path, look: str, console: str, caller: str) -> None:
    """The pages of calls under way."""
    page.goto(f"{console}/#/now")
    page.get_by_role("button", name=caller).wait_for()
    _take(page, folder, f"now-{look}")
    page.get_by_role("button", name=caller).click()
    _take(page, folder, f"now-one-{look}")


def _talking(page: Page, folder: Path, look: str, console: str) -> None:
    page.goto(f"{console}/#/talk")
    _take(page, folder, f"talk-ready-{look}")
    page.get_by_role("button", name="Call the agent").click()
    page.wait_for_timeout(_LONG_ENOUGH_MS)
    _take(page, folder, f"talk-{look}")


def _empty(page: Page, folder: Path, look: str, console: str) -> None:
    for name in ("now", "calls"):
        page.goto(f"{console}/#/{name}")
        expect(page.locator(".empty").first).to_be_visible()
        _take(page, folder, f"{name}-empty-{look}")


def _looks(browser: Browser) -> Iterator[tuple[str, Page]]:
    colours: tuple[Literal["light", "dark"], ...] = ("light", "dark")
    for colour in colours:
        for name, size in (("wide", WIDE), ("phone", PHONE)):
            with browsing(browser, size=size, colours=colour) as page:
                yield f"{colour}-{name}", page


def _all(browser: Browser, folder: Path, scratch: Path) -> None:
    with serving(scratch, "--embedded") as bare:
        for look, page in _looks(browser):
            _empty(page, folder, look, bare.console)
    with serving(
        scratch,
        "--embedded",
        STS_CALLS_DB=f"sqlite:///{scratch}/calls.db",
        STS_RECORD_DIR=str(scratch / "records"),
        STS_RECORD_AUDIO="on",
        TOOLS_DIR=str(_TOOLS),
    ) as service:
        _hold_calls(service)
        for look, page in _looks(browser):
            _finished(page, folder, look, service.console)
        for look, page in _looks(browser):
            _talking(page, folder, look, service.console)
        with _calls(service):
            for look, page in _looks(browser):
                page.wait_for_timeout(_SETTLED_MS)
                _living(page, folder, look, service.console, _CALLS[-1][0])


@click.command()
@click.argument("folder", type=click.Path(path_type=Path))
@click.option("--readme", type=click.Path(path_type=Path), help="The README's picture.")
def main(folder: Path, readme: Path | None) -> None:
    """Write the pictures into FOLDER."""
    if not CHROMIUM.exists():
        missing = f"there is no {CHROMIUM}: no pictures"
        raise click.ClickException(missing)
    folder.mkdir(parents=True, exist_ok=True)
    with sync_playwright() as playwright, TemporaryDirectory() as name:
        scratch = Path(name)
        microphone = scratch / "caller.wav"
        microphone.write_bytes(caller_wav())
        said = f"--use-file-for-fake-audio-capture={microphone}%noloop"
        with chromium(playwright, said) as browser:
            _all(browser, folder, scratch)
    if readme is not None:
        readme.write_bytes((folder / "call-light-wide.png").read_bytes())


if __name__ == "__main__":
    main()
