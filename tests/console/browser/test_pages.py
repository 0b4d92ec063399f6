"""What holds on every page: it is accessible, and no wider than the window."""

from importlib.resources import files
from typing import Any, Final, Literal

import pytest
from playwright.sync_api import Browser, Page, expect

from .browsing import PHONE, WIDE, browsing, json_of, overflow
from .service import Service, calling

_AXE: Final = files("axe_playwright_python").joinpath("axe.min.js").read_text()


@pytest.fixture(scope="session")
def kept(service: Service) -> None:
    """A call that is over, for the pages that show some."""
    with calling(service, "--dtmf", "7") as call:
        call.wait(40)


def _addresses(page: Page) -> dict[str, str]:
    """Every page, and what is seen of it when it has been read."""
    call = json_of(page, "/api/calls")["calls"][0]["id"]
    return {
        "now": "No call under way",
        "calls": "caller hung up",
        f"call/{call}": "Transcript",
        "talk": "Ready",
        "tools": "avr_hangup",
        "settings": "OPENAI_WELCOME_MESSAGE",
    }


def _faults(page: Page) -> list[str]:
    if page.evaluate("!window.axe"):
        page.evaluate(_AXE)
    told: dict[str, Any] = page.evaluate(
        "axe.run(document, {resultTypes: ['violations']})"
    )
    return [
        f"{each['id']}: {node['html'][:200]}"
        for each in told["violations"]
        if each["impact"] in {"serious", "critical"}
        for node in each["nodes"]
    ]


@pytest.mark.usefixtures("kept")
@pytest.mark.parametrize("colours", ["light", "dark"])
def test_every_page_is_accessible(
    service: Service, browser: Browser, colours: Literal["light", "dark"]
) -> None:
    with browsing(browser, colours=colours) as page:
        page.goto(f"{service.console}/login")
        faults = _faults(page)
        page.goto(service.console)
        for address, there in _addresses(page).items():
            page.goto(f"{service.console}/#/{address}")
            expect(page.locator("main").get_by_text(there).first).to_be_visible()
            faults += [f"{address} {fault}" for fault in _faults(page)]
        assert not faults, "\n".join(faults)


@pytest.mark.usefixtures("kept")
@pytest.mark.parametrize("size", [WIDE, PHONE], ids=["wide", "phone"])
def test_no_page_is_wider_than_the_window(
    service: Service, browser: Browser, size: tuple[int, int]
) -> None:
    with browsing(browser, size=size) as page:
        page.goto(f"{service.console}/login")
        assert overflow(page) <= 0
        page.goto(service.console)
        for address, there in _addresses(page).items():
            page.goto(f"{service.console}/#/{address}")
            expect(page.locator("main").get_by_text(there).first).to_be_visible()
            assert overflow(page) <= 0, address
