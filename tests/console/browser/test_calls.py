"""Calls under way, and the same calls when they are over."""

from playwright.sync_api import Browser, expect

from .browsing import browsing, json_of
from .service import Service, calling


def test_a_call_is_seen_live_hung_up_and_heard_again(
    service: Service, browser: Browser
) -> None:
    with (
        browsing(browser) as page,
        # Once more, should the first not have been understood on a busy machine.
        calling(
            service,
            *("--say", "tell me a story", "--say", "tell me a story"),
            *("--meta", "from=+49 30 5550123"),
        ) as call,
    ):
        page.goto(f"{service.console}/#/now")
        row = page.get_by_role("button", name="+49 30 5550123")
        row.click()
        chosen = page.get_by_role("region", name="The chosen call")
        expect(chosen).to_contain_text("tell me a story", timeout=40_000)
        expect(chosen).to_contain_text("Agent speaks")
        expect(chosen).to_contain_text("Once there was a lighthouse keeper")
        expect(chosen.locator(".wait")).to_have_count(2)

        # The question comes first; Escape is no.
        chosen.get_by_role("button", name="Hang up").click()
        page.keyboard.press("Escape")
        expect(page.get_by_role("dialog")).to_have_count(0)
        expect(chosen).to_contain_text("Agent speaks")
        chosen.get_by_role("button", name="Hang up").click()
        page.get_by_role("dialog").get_by_role("button", name="Hang up").click()
        expect(chosen).to_contain_text("Over:")
        output, _ = call.communicate(timeout=20)
        assert "hung up by the operator" in output

        # From the search to the call by the keyboard alone.
        page.goto(f"{service.console}/#/calls")
        page.get_by_role("link", name="+49 30 5550123").wait_for()
        page.keyboard.press("/")
        page.keyboard.type("5550123")
        expect(page.locator("tbody tr").filter(has_text="5550123")).to_have_count(1)
        page.keyboard.press("ArrowDown")
        page.keyboard.press("Enter")
        expect(page.get_by_role("heading", name="+49 30 5550123")).to_be_visible()
        moments = page.get_by_role("list", name="What happened")
        expect(moments).to_contain_text("tell me a story")
        expect(page.get_by_role("log")).to_contain_text("Once there was")

        # The recording plays, and the cursor with it; a moment of the list is gone to.
        page.get_by_role("button", name="Play").click()
        cursor = page.get_by_role("slider", name="Moment of the call")
        expect(cursor).not_to_have_attribute("aria-valuenow", "0")
        page.get_by_role("button", name="Pause").click()
        moments.get_by_role("button").filter(has_text="begins to speak").first.click()
        there = float(page.evaluate("document.querySelector('audio').currentTime"))
        assert there > 1
        cursor.focus()
        page.keyboard.press("ArrowRight")
        now = float(page.evaluate("document.querySelector('audio').currentTime"))
        assert abs(now - there - 1) < 0.01
        assert _is_drawn(page.locator("canvas").evaluate(_COLOURS))


def test_a_call_that_is_not_there_says_so(service: Service, browser: Browser) -> None:
    with browsing(browser, allowed="404") as page:
        page.goto(f"{service.console}/#/call/..%2Fnobody")
        expect(page.get_by_text("This call cannot be shown")).to_be_visible()


def test_a_tool_is_tried_with_the_form_of_its_schema(
    service: Service, browser: Browser
) -> None:
    with browsing(browser) as page:
        page.goto(f"{service.console}/#/tools")
        page.get_by_role("button", name="price").click()
        page.get_by_label("title").fill("<i>Atlas</i>")
        page.get_by_label("copies").fill("3")
        page.get_by_label("shop").select_option('the "old" one')
        page.get_by_label("is_gift").check()
        page.get_by_role("button", name="Run it").click()
        expect(page.get_by_label("Result")).to_have_text(
            '3 of <b><i>Atlas</i></b> from the "old" one, wrapped: 36 euros'
        )
        # A name that no tool may have is told as it is written.
        main = page.get_by_role("main")
        expect(main).to_contain_text('get "quoted" <b>tool</b>')


def test_settings_are_found_and_secrets_are_not_among_them(
    service: Service, browser: Browser
) -> None:
    with browsing(browser) as page:
        page.goto(f"{service.console}/#/settings")
        page.get_by_label("Filter").fill("welcome")
        expect(page.locator(".setting")).to_have_count(1)
        told = json_of(page, "/api/settings")
        assert len(told["settings"]) > 40
        page.get_by_label("Filter").fill("no such setting")
        expect(page.get_by_text("No setting is like that")).to_be_visible()


_COLOURS = """canvas => {
  const { data } = canvas.getContext('2d').getImageData(0, 0, canvas.width, canvas.height);
  return [...new Set(new Uint32Array(data.buffer))].length;
}"""


def _is_drawn(colours: int) -> bool:
    return colours > 20
