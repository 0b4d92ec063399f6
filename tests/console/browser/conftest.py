"""One service and one browser for all tests of the pages: `make console` runs them."""

import os
from collections.abc import Iterator
from pathlib import Path

import pytest

if "BROWSER_TESTS" not in os.environ:
    # They take a browser, and minutes: not a part of `make test`.
    collect_ignore_glob = ["test_*.py"]
else:
    from playwright.sync_api import Browser, Playwright, expect, sync_playwright

    from .browsing import CHROMIUM, chromium
    from .service import Service, serving
    from .speaking import caller_wav

    # The machine may be busy; what does not come at all is a fault all the same.
    expect.set_options(timeout=15_000)
    TOOLS = Path(__file__).parent / "tools"

    @pytest.fixture(scope="session")
    def playwright() -> Iterator[Playwright]:
        if not CHROMIUM.exists():
            pytest.skip(f"there is no {CHROMIUM}: the console's pages are not tried")
        with sync_playwright() as started:
            yield started

    @pytest.fixture(scope="session")
    def microphone(tmp_path_factory: pytest.TempPathFactory) -> Path:
        path = tmp_path_factory.mktemp("microphone") / "caller.wav"
        path.write_bytes(caller_wav())
        return path

    @pytest.fixture(scope="session")
    def browser(playwright: Playwright, microphone: Path) -> Iterator[Browser]:
        said = f"--use-file-for-fake-audio-capture={microphone}%noloop"
        with chromium(playwright, said) as started:
            yield started

    @pytest.fixture(scope="session")
    def service(
        tmp_path_factory: pytest.TempPathFactory, playwright: Playwright
    ) -> Iterator[Service]:
        folder = tmp_path_factory.mktemp("service")
        with serving(
            folder,
            "--embedded",
            OPENAI_WELCOME_MESSAGE="Hello.",
            STS_CALLS_DB=f"sqlite:///{folder}/calls.db",
            STS_RECORD_DIR=str(folder / "records"),
            STS_RECORD_AUDIO="on",
            # So much of the agent waits in the browser that a cut is heard.
            STS_PLAYOUT_LEAD_MS="2000",
            TOOLS_DIR=str(TOOLS),
        ) as started:
            yield started
