"""Who has no session signs in, and a service that was away is back by itself."""

from pathlib import Path

from playwright.sync_api import Browser, expect

from .browsing import browsing
from .service import serving

_TOKEN = "a-token-for-tests-and-no-other"


def test_sign_in_and_out_and_a_new_start(tmp_path: Path, browser: Browser) -> None:
    # What is about a service that is away, or a session that is over, is an error there.
    with browsing(browser, allowed="Failed to load resource") as page:
        with serving(tmp_path, "--embedded", STS_ADMIN_TOKEN=_TOKEN) as service:
            page.goto(f"{service.console}/#/now")
            page.get_by_label("Token").fill("wrong")
            page.get_by_role("button", name="Sign in").click()
            expect(page.get_by_role("alert")).to_have_text("That is not the token.")
            page.get_by_label("Token").fill(_TOKEN)
            page.keyboard.press("Enter")
            expect(page.get_by_text("No call under way")).to_be_visible()
            # What is to be set so that calls are kept.
            page.get_by_role("link", name="Calls").click()
            expect(page.get_by_text("No call is kept yet")).to_be_visible()
            expect(page.locator("main")).to_contain_text("STS_CALLS_DB")
            page.get_by_role("link", name="Now").click()
            expect(page.get_by_text("No call under way")).to_be_visible()
        expect(page.get_by_text("The service does not answer")).to_be_visible()
        with serving(
            tmp_path,
            "--embedded",
            STS_ADMIN_TOKEN=_TOKEN,
            STS_ADMIN_PORT=service.console.rsplit(":", 1)[1],
        ):
            # Another process, which knows no session of the first.
            expect(page.get_by_label("Token")).to_be_visible()
            page.get_by_label("Token").fill(_TOKEN)
            page.keyboard.press("Enter")
            expect(page.get_by_text("No call under way")).to_be_visible()
            page.get_by_role("button", name="Sign out").click()
            expect(page.get_by_label("Token")).to_be_visible()
            page.goto(f"{service.console}/#/calls")
            expect(page.get_by_label("Token")).to_be_visible()
