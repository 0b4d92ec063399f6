"""JavaScript tools on a machine without Node.js: warnings, and calls that work."""

from datetime import date
from pathlib import Path

import httpx
import pytest
from structlog.testing import capture_logs

from tests.peers.core import calling
from tests.peers.model import scripted_model
from trio_sts.checkup import as_text, examine
from trio_sts.settings import load

from .service import serving
from .test_call import tone

MODULE = "module.exports = { name: 'greet', handler: async () => 'Hello' };"


@pytest.fixture(name="environ")
def _environ(tmp_path: Path) -> dict[str, str]:
    (tmp_path / "tools").mkdir()
    (tmp_path / "tools" / "greet.js").write_text(MODULE)
    return {"TOOLS_DIR": str(tmp_path / "tools"), "PATH": str(tmp_path)}


async def test_the_start_and_readyz_warn_and_calls_work(
    environ: dict[str, str], tmp_path: Path
) -> None:
    with capture_logs() as lines:
        async with (
            scripted_model() as model,
            serving(model.base_url, **environ) as service,
            httpx.AsyncClient() as http,
            calling(service.url) as core,
        ):
            answer = await http.get(f"http://127.0.0.1:{service.port}/readyz")
            await core.init()
            session = await model.next_session()
            offered = [tool["name"] for tool in session.session["tools"]]
            async with session.response() as response:
                await response.say(tone(100, rate_hz=24000), "Hello.")
            await core.wait_audio(100)
    assert answer.status_code == 200
    assert answer.text.startswith("ready\nwarning: a .js file is not used")
    assert "Node.js" in answer.text
    assert str(tmp_path) not in answer.text
    assert offered == ["avr_transfer", "avr_hangup"]
    (warned,) = (line for line in lines if line["event"] == "tool problem")
    assert warned["problem"].startswith(f"{tmp_path}/tools/greet.js: not used")


async def test_check_warns(environ: dict[str, str]) -> None:
    environ |= {"OPENAI_API_KEY": "sk-none"}
    settings, warnings = load(environ, None, strict=True)
    today = date(2026, 11, 25)
    report = await examine(settings, warnings, environ, today, offline=True)
    assert (
        as_text(report).count("greet.js: not used: JavaScript tools need Node.js") == 1
    )
    assert report.exit_code == 1
