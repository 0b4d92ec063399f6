"""The doctor: what is asked, what is told, and the exit code."""

import json
import shutil
from datetime import date
from pathlib import Path
from typing import Any

import pytest
import trio

from tests.peers.ari import PASSWORD, USER, FakeAri, asterisk_with
from tests.system.kit import web, with_status
from tests.system.test_process import COMMAND, environment, run
from trio_sts.checkup import Report, as_json, as_text, examine
from trio_sts.settings import load

TODAY = date(2026, 11, 25)
KEY = "sk-check-0123456789"
GOOD = with_status(200, b'{"data": []}')


async def checked(
    given: dict[str, str] | None = None,
    *,
    offline: bool = True,
    call_uuid: str | None = None,
    today: date = TODAY,
) -> Report:
    environ = {"OPENAI_API_KEY": KEY, **(given or {})}
    settings, warnings = load(environ, None, strict=True)
    return await examine(
        settings, warnings, environ, today, offline=offline, call_uuid=call_uuid
    )


def told(report: Report, subject: str) -> list[tuple[str, str]]:
    return [
        (each.level, each.text) for each in report.findings if each.subject == subject
    ]


async def test_a_sound_environment_is_ready() -> None:
    async with web(GOOD) as server:
        report = await checked({"OPENAI_BASE_URL": server.url}, offline=False)
    assert (report.exit_code, report.verdict) == (0, "ready")
    assert told(report, "endpoint") == [("ok", "the endpoint takes the key")]
    assert {tool.name for tool in report.tools} == {"avr_hangup", "avr_transfer"}


@pytest.mark.parametrize(
    ("faults", "level", "what"),
    [
        ({}, "ok", "ARI of Asterisk 22.10.1 takes the user"),
        ({"read_only": True}, "warning", "the user of ARI is read_only"),
    ],
)
async def test_ari_is_asked_and_not_changed(
    faults: dict[str, Any], level: str, what: str
) -> None:
    async with asterisk_with(FakeAri(**faults)) as ari:
        report = await checked(_ari(ari.url) | {"STS_EMBEDDED": "on"}, offline=False)
    ((found, words),) = told(report, "ari")
    assert found == level
    assert words.startswith(what)
    assert (report.exit_code == 0) is (level == "ok")
    assert ari.channels == {}
    assert PASSWORD not in as_text(report) + as_json(report)


async def test_a_wrong_password_costs_ari_alone() -> None:
    async with asterisk_with(FakeAri()) as ari:
        environ = _ari(ari.url) | {"STS_ARI_PASSWORD": "another", "STS_EMBEDDED": "on"}
        report = await checked(environ, offline=False)
    ((level, words),) = told(report, "ari")
    assert (level, words) == (
        "warning",
        "ARI refuses the user (status 401): hangups and transfers go by the dialplan alone",
    )
    assert report.exit_code == 1
    assert {tool.name for tool in report.tools} == {"avr_hangup", "avr_transfer"}


async def test_an_address_where_ari_is_not_is_told() -> None:
    async with asterisk_with(FakeAri()) as ari:
        pass
    environ = _ari(ari.url) | {"STS_EMBEDDED": "on"}
    ((level, words),) = told(await checked(environ, offline=False), "ari")
    assert (level, words.partition(":")[0]) == ("warning", "ARI cannot be reached")
    async with web(with_status(200, b"<html>")) as server:
        environ = _ari(server.url) | {"STS_EMBEDDED": "on"}
        ((level, words),) = told(await checked(environ, offline=False), "ari")
    assert level == "warning"
    assert words.startswith("STS_ARI_URL is not that of ARI (status 200)")


async def test_offline_ari_is_not_asked() -> None:
    async with asterisk_with(FakeAri()) as ari:
        report = await checked(_ari(ari.url))
    assert (told(report, "ari"), ari.asked) == ([], [])


def _ari(url: str) -> dict[str, str]:
    return {
        "STS_ARI_URL": url,
        "STS_ARI_USER": USER,
        "STS_ARI_PASSWORD": PASSWORD,
    }


async def test_prices_and_transcription_are_told_with_their_age() -> None:
    report = await checked(today=date(2026, 12, 5))
    (level, prices) = told(report, "prices")[0]
    assert level == "ok"
    assert "audio 32 in, 64 out" in prices
    assert "gpt-transcribe 0.0045 USD a minute" in prices
    assert "as of 2026-11-25, 10 days ago" in prices
    assert "whisper-1 if it does not work" in told(report, "transcription")[0][1]


async def test_a_date_of_retirement_alone_is_ready() -> None:
    report = await checked({"OPENAI_MODEL": "gpt-realtime"})
    assert any(level == "note" for level, _ in told(report, "model"))
    assert report.exit_code == 0


@pytest.mark.parametrize(
    "environ",
    [
        {"OPENAI_MODEL": "gpt-3.5-turbo"},
        {"OPENAI_MAX_TOKENS": "100"},
        {"AMI_URL": "undefined"},
        {"AMI_URL": "avr-ami"},
        {"OPENAI_FILE_INSTRUCTIONS": "/nowhere/prompt.txt"},
        {"STS_MAX_CALSS": "4"},
        {"STS_TOOLS_OFF": "no_such_tool"},
    ],
)
async def test_what_will_surprise_is_not_ready(environ: dict[str, str]) -> None:
    report = await checked(environ)
    assert report.exit_code == 1
    assert report.verdict.startswith("not ready: it starts, but 1 thing will not")


async def test_an_endpoint_is_asked_once_and_offline_never() -> None:
    async with web(with_status(401)) as server:
        report = await checked({"OPENAI_BASE_URL": server.url}, offline=False)
        assert len(server.requests) == 1
        assert report.exit_code == 1
        report = await checked({"OPENAI_BASE_URL": server.url})
        assert len(server.requests) == 1
        assert report.exit_code == 0


async def test_the_built_in_model_is_asked_by_nobody() -> None:
    report = await checked({"STS_EMBEDDED": "on"}, offline=False)
    assert told(report, "endpoint")[0][0] == "ok"


async def test_the_prompt_s_service_is_asked_as_a_call_would() -> None:
    body = b'{"system": "Be kind, {{from}}.", "voice": "sage", "language": "xx"}'
    async with web(with_status(200, body)) as server, web(GOOD) as model:
        environ = {"OPENAI_URL_INSTRUCTIONS": server.url, "OPENAI_BASE_URL": model.url}
        report = await checked(environ, offline=False)
        assert server.requests == []
        assert told(report, "prompt")[0][0] == "note"
        report = await checked(environ, offline=False, call_uuid="call-9")
        assert b"x-avr-uuid: call-9" in server.requests[0].lower()
    (fault, source) = told(report, "prompt")
    assert fault[0] == "warning"
    assert fault[1].startswith("service: language must be")
    assert source == ("ok", "18 characters from the service, with voice")
    assert "Be kind" not in as_text(report)
    assert report.exit_code == 1


async def test_a_service_that_fails_is_not_ready() -> None:
    async with web(with_status(500)) as server:
        report = await checked(
            {"OPENAI_URL_INSTRUCTIONS": server.url, "STS_EMBEDDED": "on"},
            offline=False,
            call_uuid="call-9",
        )
    assert told(report, "prompt")[0][0] == "warning"
    assert report.exit_code == 1


@pytest.mark.skipif(shutil.which("node") is None, reason="needs Node.js")
async def test_javascript_files_are_loaded_and_no_handler_is_called(
    tmp_path: Path,
) -> None:
    called = tmp_path / "called"
    tools = tmp_path / "tools"
    tools.mkdir()
    good = (
        "module.exports = {name: 'good', description: 'x', input_schema: {}, handler: "
    )
    write = f"async () => require('fs').writeFileSync({str(called)!r}, '')"
    (tools / "good.js").write_text(f"{good}{write}}}")
    (tools / "broken.js").write_text("module.exports = {name: 'broken', ")
    (tools / "missing.js").write_text("require('not-installed-anywhere')")
    report = await checked({"TOOLS_DIR": str(tools), "PATH": str(Path(_node()).parent)})
    problems = [text for _, text in told(report, "tools")]
    assert any("broken.js" in text for text in problems)
    assert any("missing.js" in text for text in problems)
    assert not any("good.js" in text for text in problems)
    assert not called.exists()
    assert report.exit_code == 1


def _node() -> str:
    found = shutil.which("node")
    assert found is not None
    return found


async def test_call_control_that_no_call_has_is_not_listed() -> None:
    report = await checked({"AMI_URL": "avr-ami", "STS_ASTERISK": "off"})
    assert report.tools == ()
    report = await checked({"AMI_URL": "avr-ami"})
    assert {tool.name for tool in report.tools} == {"avr_hangup", "avr_transfer"}
    report = await checked({"STS_TOOLS_OFF": "avr_transfer"})
    assert [tool.name for tool in report.tools] == ["avr_hangup"]


async def test_values_are_shown_as_they_are_and_no_markup(tmp_path: Path) -> None:
    report = await checked(
        {"HOST": "::1", "OPENAI_WELCOME_MESSAGE": "[/] [bold]hi[/bold]"}
    )
    text = as_text(report)
    assert "::1" in text
    assert "[/] [bold]hi[/bold]" in text
    content = json.loads(as_json(report))
    assert (content["ready"], content["exit_code"]) == (True, 0)
    assert {row["variable"] for row in content["settings"]} >= {"HOST", "PORT"}
    assert KEY not in text + as_json(report)


async def command(tmp_path: Path, *arguments: str, **environ: str) -> tuple[int, str]:
    return await run(
        tmp_path, "check", *arguments, **{"OPENAI_API_KEY": KEY, **environ}
    )


async def test_the_last_line_says_whether_it_is_ready(tmp_path: Path) -> None:
    code, shown = await command(tmp_path, "--offline")
    assert (code, shown.splitlines()[-1]) == (0, "ready")
    code, shown = await command(tmp_path, "--offline", OPENAI_MODEL="gpt-live-1")
    assert code == 1
    assert shown.splitlines()[-1].startswith("not ready")
    code, shown = await command(tmp_path, PORT="x", STS_GREETING="maybe")
    assert code == 2
    *faults, last = shown.splitlines()
    assert len(faults) == 2
    assert last == "not ready: it will not start"
    # What `serve` takes another value for.
    code, shown = await command(tmp_path, OPENAI_LANGUAGE="en-US")
    assert code == 2
    last = shown.splitlines()[-1]
    assert last == "not ready: it starts, but with other values than these"


async def test_machines_get_one_object_and_the_last_line_apart(
    tmp_path: Path,
) -> None:
    # Both streams in one, as they were written.
    code, shown = await command(tmp_path, "--json", PORT="x")
    shown, last = shown.rstrip().rsplit("\n", 1)
    content: dict[str, Any] = json.loads(shown)
    assert (code, content["ready"], content["exit_code"]) == (2, False, 2)
    assert content["findings"][0]["text"].startswith("PORT='x'")
    assert last == content["verdict"] == "not ready: it will not start"

    done = await trio.run_process(
        [*COMMAND, "check", "--json", "--offline"],
        capture_stdout=True,
        capture_stderr=True,
        env=environment(OPENAI_API_KEY=KEY),
        cwd=tmp_path,
    )
    assert json.loads(done.stdout)["verdict"] == "ready"
    assert done.stderr == b"ready\n"
