"""What is let through to the console, and what is not: one rule, one test."""

from collections.abc import AsyncGenerator
from typing import Self

import httpx
import pytest
import trio

from trio_sts.console.access import WRONG_OF_ONE
from trio_sts.console.answers import MOST_BODY_BYTES

from .kit import AT_PAGE, KEY, OWN, TOKEN, asking, csrf_of, sign_in

EVIL = "http://evil.example"
POSTS = ("/api/now/x/hangup", "/api/tools/avr_hangup/run", "/logout")
GETS = (
    *("/api/about", "/api/calls", "/api/calls/stats", "/api/calls/x"),
    *("/api/calls/x/recording.wav", "/api/calls/x/peaks"),
    *("/api/tools", "/api/settings", "/api/now/events", "/api/talk", "/api/nothing"),
)


async def statuses(
    http: httpx.AsyncClient, method: str, paths: tuple[str, ...], **headers: str
) -> set[int]:
    return {
        (await http.request(method, path, headers=headers)).status_code
        for path in paths
    }


async def test_every_answer_carries_the_headers() -> None:
    async with asking() as http:
        for path in ("/api/about", "/api/nothing", "/static/nothing", "/login"):
            answer = await http.get(path)
            policy = answer.headers["content-security-policy"]
            assert "default-src 'none'" in policy
            assert "frame-ancestors 'none'" in policy
            assert "unsafe" not in policy
            assert answer.headers["x-content-type-options"] == "nosniff"
            assert answer.headers["referrer-policy"] == "same-origin"
            assert answer.headers["cross-origin-resource-policy"] == "same-origin"
        answer = await http.get("/api/about", headers={"Host": "evil.example"})
        assert "default-src 'none'" in answer.headers["content-security-policy"]


async def test_api_answers_are_kept_by_nobody() -> None:
    async with asking() as http:
        for path in ("/api/about", "/api/settings", "/api/nothing"):
            assert (await http.get(path)).headers["cache-control"] == "no-store"


@pytest.mark.parametrize("token", ["", TOKEN])
async def test_a_foreign_host_is_refused_even_on_the_loopback(token: str) -> None:
    async with asking(STS_ADMIN_TOKEN=token) as http:
        paths = (*GETS, "/", "/login", "/static/x")
        assert await statuses(http, "GET", paths, Host="evil.example:6090") == {421}
        assert await statuses(http, "POST", POSTS, Host="evil.example:6090") == {421}


async def test_two_hosts_are_none() -> None:
    async with asking() as http:
        hosts = [("Host", "localhost"), ("Host", "evil.example")]
        assert (await http.get("/api/about", headers=hosts)).status_code == 421


async def test_another_site_may_not_ask_for_data() -> None:
    async with asking() as http:
        for site in ("cross-site", "same-site"):
            headers = {"Sec-Fetch-Site": site}
            assert await statuses(http, "GET", GETS, **headers) == {403}
            # A link to the page itself is fine: the page then asks for the data.
            assert (await http.get("/", headers=headers)).status_code in {200, 404}


async def test_what_changes_something_comes_from_a_page_of_ours() -> None:
    async with asking() as http:
        ours = await csrf_of(http)
        wanted = await statuses(http, "POST", POSTS, **ours)
        assert wanted <= {204, 400, 404}
        for origin in (EVIL, "null", "http://localhost:1", OWN.upper() + "x"):
            given = {**ours, "Origin": origin}
            assert await statuses(http, "POST", POSTS, **given) == {403}
        nobodys = {key: text for key, text in ours.items() if key != "Origin"}
        assert await statuses(http, "POST", POSTS, **nobodys) == {403}


async def test_what_changes_something_knows_the_pages_secret() -> None:
    async with asking() as http:
        ours = await csrf_of(http)
        for secret in ("", "made-up", ours["X-CSRF-Token"] + "x"):
            given = {**ours, "X-CSRF-Token": secret}
            assert await statuses(http, "POST", POSTS, **given) == {403}
        assert await statuses(http, "POST", POSTS, **AT_PAGE) == {403}
        assert await statuses(http, "DELETE", POSTS, **AT_PAGE) == {403}


@pytest.fixture
async def guarded() -> AsyncGenerator[httpx.AsyncClient]:
    async with asking(STS_ADMIN_TOKEN=TOKEN) as http:
        yield http


async def test_without_the_token_there_is_the_login_page_alone(
    guarded: httpx.AsyncClient,
) -> None:
    assert await statuses(guarded, "GET", GETS) == {401}
    assert await statuses(guarded, "POST", POSTS, **AT_PAGE) == {401}
    answer = await guarded.get("/")
    assert (answer.status_code, answer.headers["location"]) == (303, "/login")
    # The page, if the package has it here, and what it is made of.
    assert (await guarded.get("/login")).status_code in {200, 404}
    assert (await guarded.get("/static/app.css")).status_code in {200, 404}


async def test_the_token_opens_as_a_bearer(guarded: httpx.AsyncClient) -> None:
    right = {"Authorization": f"Bearer {TOKEN}"}
    assert (await guarded.get("/api/about", headers=right)).status_code == 200
    # A program needs neither an origin nor a secret: no foreign page can send the token.
    answer = await guarded.post("/api/now/x/hangup", headers=right)
    assert answer.status_code == 404
    # Nor does the token help a page of somebody else's.
    given = {**right, "Origin": EVIL}
    assert (await guarded.post("/api/now/x/hangup", headers=given)).status_code == 403
    for wrong in ("Bearer", "Bearer wrong", f"Basic {TOKEN}", TOKEN):
        given = {"Authorization": wrong}
        assert (await guarded.get("/api/about", headers=given)).status_code == 401


async def test_the_login_page_opens_a_session(guarded: httpx.AsyncClient) -> None:
    answer = await sign_in(guarded)
    assert (answer.status_code, answer.headers["location"]) == (303, "/")
    cookie = answer.headers["set-cookie"].lower()
    assert "httponly" in cookie
    assert "samesite=strict" in cookie
    assert "secure" not in cookie
    assert TOKEN not in cookie
    about = (await guarded.get("/api/about")).json()
    assert about["signed_in"] is True
    ours = await csrf_of(guarded)
    assert (await guarded.post("/logout", headers=AT_PAGE)).status_code == 403
    assert (await guarded.post("/logout", headers=ours)).status_code == 204
    assert (await guarded.get("/api/about")).status_code == 401


async def test_the_cookie_is_secure_where_the_page_is() -> None:
    async with asking(STS_ADMIN_TOKEN=TOKEN) as http:
        page = OWN.replace("http:", "https:")
        answer = await http.post(
            f"{page}/login", data={"token": TOKEN}, headers={"Origin": page}
        )
        assert "secure" in answer.headers["set-cookie"].lower()


async def test_a_session_that_was_signed_out_is_over_for_who_kept_its_cookie(
    guarded: httpx.AsyncClient,
) -> None:
    await sign_in(guarded)
    kept = dict(guarded.cookies)
    await guarded.post("/logout", headers=await csrf_of(guarded))
    ((name, value),) = kept.items()
    given = {"Cookie": f"{name}={value}"}
    assert (await guarded.get("/api/about", headers=given)).status_code == 401


async def test_consoles_on_one_host_have_cookies_of_their_own(
    guarded: httpx.AsyncClient,
) -> None:
    await sign_in(guarded)
    other = "http://localhost:6091"
    form, headers = {"token": TOKEN}, {"Origin": other}
    await guarded.post(f"{other}/login", data=form, headers=headers)
    assert {each.name for each in guarded.cookies.jar} == {
        "trio_sts_console_6090",
        "trio_sts_console_6091",
    }
    assert (await guarded.get("/api/about")).status_code == 200


async def test_a_foreign_page_cannot_sign_anybody_in(
    guarded: httpx.AsyncClient,
) -> None:
    for headers in ({"Origin": EVIL}, {}):
        form = {"token": TOKEN}
        answer = await guarded.post("/login", data=form, headers=headers)
        assert answer.status_code == 403
        assert "set-cookie" not in answer.headers


async def test_wrong_tokens_lead_back_and_then_have_to_wait(
    guarded: httpx.AsyncClient,
) -> None:
    for _ in range(WRONG_OF_ONE):
        answer = await sign_in(guarded, "wrong")
        assert answer.headers["location"] == "/login?wrong=1"
        assert "set-cookie" not in answer.headers
    assert (await sign_in(guarded, "wrong")).status_code == 429
    # The right one is not even looked at, or guessing would go on.
    assert (await sign_in(guarded)).status_code == 429
    right = {"Authorization": f"Bearer {TOKEN}"}
    assert (await guarded.get("/api/about", headers=right)).status_code == 429


async def test_who_is_signed_in_is_not_held_up_by_wrong_tokens(
    guarded: httpx.AsyncClient,
) -> None:
    await sign_in(guarded)
    for _ in range(WRONG_OF_ONE + 1):
        await sign_in(guarded, "wrong")
    assert (await guarded.get("/api/about")).status_code == 200


@pytest.mark.parametrize(
    "form", [b"", b"token", b"\xff\xfe=%zz", b"token=" * 500, b"&" * 4000]
)
async def test_forms_that_are_none_are_wrong_tokens(
    guarded: httpx.AsyncClient, form: bytes
) -> None:
    answer = await guarded.post("/login", content=form, headers=AT_PAGE)
    assert answer.headers["location"] == "/login?wrong=1"


# httpx leaves the rest of its own body where it is.
_LEFT = pytest.mark.filterwarnings("ignore::pytest.PytestUnraisableExceptionWarning")


@_LEFT
async def test_a_huge_form_is_refused(guarded: httpx.AsyncClient) -> None:
    answer = await guarded.post("/login", content=bytes(10_000), headers=AT_PAGE)
    assert answer.status_code == 413


@_LEFT
async def test_a_huge_body_is_refused() -> None:
    async with asking() as http:
        ours = await csrf_of(http)
        body = bytes(MOST_BODY_BYTES + 1)
        path = "/api/tools/avr_hangup/run"
        assert (await http.post(path, content=body, headers=ours)).status_code == 413


class Slow:
    """A body whose end takes a minute."""

    def __init__(self) -> None:
        self._pieces = iter([b"{", b"}"])

    def __aiter__(self) -> Self:
        return self

    async def __anext__(self) -> bytes:
        piece = next(self._pieces, None)
        if piece is None:
            raise StopAsyncIteration
        await trio.sleep(0 if piece == b"{" else 60)
        return piece


async def test_a_slow_body_is_refused(autojump_clock: object) -> None:
    async with asking() as http:
        ours = await csrf_of(http)
        path = "/api/tools/avr_hangup/run"
        began_at = trio.current_time()
        answer = await http.post(path, content=Slow(), headers=ours)
        assert answer.status_code == 408
        assert trio.current_time() - began_at == 10


async def test_other_methods_are_refused() -> None:
    async with asking() as http:
        ours = await csrf_of(http)
        for method in ("PUT", "PATCH", "DELETE", "TRACE", "OPTIONS"):
            answer = await http.request(method, "/api/about", headers=ours)
            assert answer.status_code == 405
            assert set(answer.json()) == {"error"}


@pytest.mark.parametrize("wanted", [TOKEN, ""])
async def test_no_secret_is_in_any_answer(wanted: str) -> None:
    prompt = "You are a spy, and nobody may know."
    environ = {
        "STS_ADMIN_TOKEN": wanted,
        "STS_TOKEN": "caller-leg-Token-4711",
        "OPENAI_INSTRUCTIONS": prompt,
        "STS_WEBHOOK_URL": "https://me:webhook-Pass-9@crm.example/x?key=Query-Secret-1",
        "STS_WEBHOOK_SECRET": "whsec_" + "QUJD" * 8,
        "STS_CALLS_DB": "postgresql://u:database-Pass-8@127.0.0.1:1/c",
        "OPENAI_MCP_SERVERS": '[{"type":"mcp","server_label":"a","server_url":'
        '"https://x.example/?k=mcp-Secret-2","authorization":"mcp-Auth-3"}]',
    }
    hidden = (
        *(KEY, TOKEN, "caller-leg-Token-4711", prompt, "webhook-Pass-9"),
        *("Query-Secret-1", "QUJD" * 8, "database-Pass-8", "mcp-Secret-2"),
        "mcp-Auth-3",
    )
    async with asking(**environ) as http:
        if wanted:
            await sign_in(http)
        for path in ("/api/settings", "/api/about", "/api/tools"):
            answer = await http.get(path)
            assert answer.status_code == 200
            for secret in hidden:
                assert secret not in answer.text
        shown = {
            row["name"]: row
            for row in (await http.get("/api/settings")).json()["settings"]
        }
        assert (
            shown["OPENAI_INSTRUCTIONS"]["value"] == f"*** ({len(prompt)} characters)"
        )
        assert shown["OPENAI_MODEL"]["default"] is True


async def test_metrics_are_for_who_may_look() -> None:
    async with asking(STS_ADMIN_TOKEN=TOKEN) as http:
        assert (await http.get("/metrics")).status_code == 401
        right = {"Authorization": f"Bearer {TOKEN}"}
        answer = await http.get("/metrics", headers=right)
        assert answer.headers["content-type"].startswith("text/plain")
        assert "trio_sts_calls_active" in answer.text
        from_another = {**right, "Sec-Fetch-Site": "cross-site"}
        assert (await http.get("/metrics", headers=from_another)).status_code == 403
