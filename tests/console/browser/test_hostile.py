"""What callers, models and peers say is text on every page, whatever it looks like."""

from pathlib import Path
from typing import Any, Final

from playwright.sync_api import Browser, Page, expect

from tests.peers.core import silence

from .backstage import a_caller, a_model, backstage, calls, hears, says
from .browsing import PHONE, browsing, json_of, overflow
from .service import serving

_MARKUP: Final = "<img src=x onerror=\"document.title='caught'\">"
# 128 characters, and none of them a letter of a name.
_ODD: Final = ("<b>\"'&%/\\;`${}#?=+ " * 8)[:128]
_LONG: Final = "w" * 400
_QUOTED: Final = "get \"quoted\" 'tool'"


def _is_text(page: Page) -> None:
    """Nothing has become an element, or wider than the window."""
    assert page.locator("img, main b, main script").count() == 0
    assert "caught" not in page.title()
    assert overflow(page) <= 0


def test_hostile_texts_are_texts_on_every_page(
    tmp_path: Path, browser: Browser
) -> None:
    with backstage() as stage:
        model = stage.start(a_model)
        with (
            serving(
                tmp_path,
                OPENAI_API_KEY="sk-browser-test",
                OPENAI_BASE_URL=model.base_url,
                STS_CALLS_DB=f"sqlite:///{tmp_path}/calls.db",
                STS_RECORD_DIR=str(tmp_path / "records"),
            ) as service,
            browsing(browser, size=PHONE) as page,
        ):
            caller: Any = stage.start(
                a_caller, f"{service.url}/?from=%3Cb%3E{_LONG}", _ODD
            )
            session: Any = stage.run(model.next_session)
            stage.run(session.expect, "response.create")
            stage.run(says, session, silence(300), f"{_MARKUP} {_LONG}")
            stage.run(caller.wait_for, "transcript")
            stage.run(hears, session, f"{_MARKUP} {_QUOTED}")
            stage.run(calls, session, _QUOTED)

            page.goto(f"{service.console}/#/now")
            page.locator(".live-row").click()
            chosen = page.get_by_role("region", name="The chosen call")
            expect(chosen).to_contain_text(f"{_MARKUP} {_QUOTED}")
            expect(chosen).to_contain_text(f"{_MARKUP} {_LONG}")
            expect(chosen.locator(".badge").filter(has_text=_QUOTED)).to_be_visible()
            _is_text(page)
            chosen.get_by_role("button", name="Hang up").click()
            _is_text(page)
            page.get_by_role("dialog").get_by_role("button", name="Hang up").click()
            expect(page.get_by_text("No call under way")).to_be_visible()

            page.goto(f"{service.console}/#/calls")
            page.locator("tbody a").wait_for()
            _is_text(page)
            call = json_of(page, "/api/calls")["calls"][0]
            page.locator("tbody a").click()
            expect(page.get_by_role("log")).to_contain_text(f"{_MARKUP} {_QUOTED}")
            assert call["uuid"] in page.locator(".lead").inner_text()
            _is_text(page)
