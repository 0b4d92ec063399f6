"""A conversation with the agent by the page's own microphone and loudspeaker."""

from itertools import groupby
from typing import Final

from playwright.sync_api import Browser, Page, expect

from .browsing import browsing
from .service import Service

# Silent readings in a row, one each 50 ms, that are no pause between two words.
_NO_PAUSE: Final = 10

# What the page is told, and whether the agent is heard at its output, in their order.
_WATCH: Final = """
const seen = (window.seen = []);
window.WebSocket = class extends WebSocket {
  constructor(...given) {
    super(...given);
    this.addEventListener('message', ({ data }) => {
      const { type, role = '' } = JSON.parse(data);
      if (!['audio', 'console.live'].includes(type)) seen.push(`${type} ${role}`.trim());
    });
  }
};
setInterval(() => {
  const meter = document.querySelector('[role=meter].agent');
  if (meter) seen.push(Number(meter.getAttribute('aria-valuenow')) ? 'heard' : 'silent');
}, 50);
"""


def _seen(page: Page) -> list[str]:
    seen: list[str] = page.evaluate("window.seen")
    return seen


def _longest_silence(seen: list[str]) -> int:
    readings = [each for each in seen if each in {"heard", "silent"}]
    runs = [len(list(run)) for what, run in groupby(readings) if what == "silent"]
    return max(runs, default=0)


def test_a_conversation_with_the_agent(service: Service, browser: Browser) -> None:
    with browsing(browser) as page:
        page.add_init_script(_WATCH)
        page.goto(f"{service.console}/#/talk")
        page.get_by_role("button", name="Call the agent").click()
        said = page.get_by_role("log", name="Transcript of this call")
        expect(said).to_contain_text("Hello.")
        assert "heard" in _seen(page)

        # The microphone's question, and the agent's answer, with what it took.
        expect(said).to_contain_text("what are your opening hours")
        expect(said).to_contain_text("We are open from nine to six")
        asked = _seen(page).index("transcript user")
        page.wait_for_function("window.seen.lastIndexOf('heard') > " + str(asked))
        expect(page.locator(".wait")).to_have_count(2)

        # The caller talks over a story of half a minute, of which seconds wait here: until
        # the caller's words are understood nothing of them is heard.
        expect(said).to_contain_text("tell me a story")
        expect(said).to_contain_text("what is your address", timeout=20_000)
        seen = _seen(page)
        cut = seen.index("interruption")
        assert "heard" in seen[cut - 5 : cut]
        understood = seen.index("transcript user", cut)
        assert _longest_silence(seen[cut:understood]) >= _NO_PAUSE

        # A key: the agent reads it back.
        expect(said).to_contain_text("We are at", timeout=10_000)
        page.keyboard.press("7")
        expect(said).to_contain_text("1 key pressed")
        expect(said).to_contain_text("You pressed seven.")

        page.get_by_role("button", name="Mute").click()
        expect(page.get_by_role("button", name="Unmute")).to_be_visible()
        page.get_by_role("button", name="Hang up").click()
        expect(page.get_by_text("The call is over")).to_be_visible()
        expect(page.get_by_role("button", name="Call the agent")).to_be_enabled()


def test_a_service_that_may_not_be_called_is_named_so(
    service: Service, browser: Browser
) -> None:
    with browsing(browser) as page:
        page.goto(f"{service.console}/#/talk")
        page.get_by_text("Another service").click()
        page.get_by_label("Its address").fill("ws://192.0.2.1:6030")
        page.get_by_role("button", name="Call the agent").click()
        expect(page.get_by_role("alert")).not_to_be_empty()
        expect(page.get_by_text("The call broke off")).to_be_visible()
        expect(page.get_by_role("button", name="Call the agent")).to_be_enabled()
