"""Chromium, and what must hold on every page whatever a test is about."""

from collections.abc import Generator
from contextlib import contextmanager
from pathlib import Path
from typing import Any, Final, Literal

from playwright.sync_api import (
    Browser,
    ConsoleMessage,
    Error,
    Page,
    Playwright,
)

CHROMIUM: Final = Path("/usr/bin/chromium")
WIDE: Final = (1280, 720)
PHONE: Final = (390, 844)
# No connection but to the service; a microphone that needs no permission.
_OPTIONS: Final = (
    "--no-sandbox",
    "--disable-gpu",
    "--disable-quic",
    "--no-first-run",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
    "--use-fake-device-for-media-stream",
    "--use-fake-ui-for-media-stream",
)


@contextmanager
def chromium(playwright: Playwright, *options: str) -> Generator[Browser]:
    """A browser with these options beside the usual ones."""
    browser = playwright.chromium.launch(
        executable_path=CHROMIUM, args=[*_OPTIONS, *options]
    )
    try:
        yield browser
    finally:
        browser.close()


@contextmanager
def browsing(
    browser: Browser,
    *,
    size: tuple[int, int] = WIDE,
    colours: Literal["light", "dark"] = "light",
    allowed: str = "",
) -> Generator[Page]:
    """A page of its own; an error in it, or of its policy, fails the test at the end.

    Args:
        browser: Where it is opened.
        size: Of its window, in CSS pixels.
        colours: What the system prefers.
        allowed: A part of the text of errors that the test is about.
    """
    wide, tall = size
    context = browser.new_context(
        viewport={"width": wide, "height": tall}, color_scheme=colours
    )
    page = context.new_page()
    page.set_default_timeout(15_000)
    faults: list[str] = []

    def logged(message: ConsoleMessage) -> None:
        if message.type in {"error", "warning"}:
            faults.append(message.text)

    def crashed(error: Error) -> None:
        faults.append(str(error))

    page.on("console", logged)
    page.on("pageerror", crashed)
    try:
        yield page
        kept = [fault for fault in faults if not allowed or allowed not in fault]
        assert not kept, kept
    finally:
        context.close()


def overflow(page: Page) -> int:
    """How many pixels the page is wider than its window."""
    width: int = page.evaluate(
        "document.documentElement.scrollWidth - document.documentElement.clientWidth"
    )
    return width


def json_of(page: Page, path: str) -> Any:
    """What the console's API answers to this page."""
    return page.evaluate("path => fetch(path).then(answer => answer.json())", path)
