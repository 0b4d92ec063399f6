"""TLS on the port of a service with workers: a worker ends it, the parent decides."""

import ssl
from pathlib import Path

import httpx
import pytest
import trustme
from websockets.exceptions import InvalidStatus

from tests.peers.asterisk import dialling
from tests.peers.core import calling
from tests.peers.model import scripted_model

from .kit import Held, fleet
from .test_onward import transferred


async def test_calls_and_probes_go_through_tls_and_limits_hold(tmp_path: Path) -> None:
    authority = trustme.CA()
    issued = authority.issue_cert("127.0.0.1")
    cert, key = tmp_path / "tls.crt", tmp_path / "tls.key"
    issued.private_key_pem.write_to_path(str(key))
    for blob in issued.cert_chain_pems:
        blob.write_to_path(str(cert), append=True)
    trust = ssl.create_default_context()
    # trustme also takes PyOpenSSL's contexts, which have no types here.
    authority.configure_trust(trust)  # pyright: ignore[reportUnknownMemberType]
    async with (
        scripted_model() as model,
        fleet(
            tmp_path,
            model,
            STS_TLS_CERT=str(cert),
            STS_TLS_KEY=str(key),
            STS_MAX_CALLS="2",
            STS_TOKEN="let-me-in",
        ) as service,
    ):
        url = service.url.replace("ws://", "wss://")
        async with (
            calling(f"{url}/?token=let-me-in", ssl=trust) as first,
            calling(f"{url}/?token=let-me-in", ssl=trust) as second,
        ):
            for name, core in (("first", first), ("second", second)):
                await core.init(name)
                session = await model.next_session()
                await service.logged("call begun", call_id=name)
                await session.expect("response.create")
                await Held(name, core, session).goes_on()
            assert len(service.calls_of()) == 2
            for query, status in (("?token=let-me-in", 503), ("", 401)):
                with pytest.raises(InvalidStatus) as refused:
                    await _call(f"{url}/{query}", trust)
                assert refused.value.response.status_code == status
            async with httpx.AsyncClient(verify=trust) as client:
                at = f"https://127.0.0.1:{service.port}"
                assert (await client.get(f"{at}/healthz")).status_code == 200
                assert "full" in (await client.get(f"{at}/readyz")).text
                metrics = await client.get(f"{at}/metrics?token=let-me-in")
                assert "trio_sts_calls_active 2" in metrics.text
        await service.logged("call ended", 2)
        async with calling(f"{url}/?token=let-me-in", ssl=trust) as third:
            await third.init("third")
            await service.logged("call begun", call_id="third")
            session = await model.next_session()
            await session.expect("response.create")
        # Asterisk can send the token as a password alone, and its CURL does so too.
        password = ("Authorization", "Basic YXN0ZXJpc2s6bGV0LW1lLWlu")
        async with dialling(
            f"{url}/media?uuid=fourth", ssl=trust, headers=[password]
        ) as asterisk:
            session = await model.next_session()
            await session.expect("response.create")
            await transferred(session, asterisk)
        async with httpx.AsyncClient(verify=trust) as client:
            path = f"{at}/calls/fourth/next"
            assert (await client.get(path)).status_code == 401
            for status, place in ((200, "default,1001,1"), (404, "")):
                answer = await client.get(path, auth=("asterisk", "let-me-in"))
                assert (answer.status_code, answer.text) == (status, place)


async def _call(url: str, trust: ssl.SSLContext) -> None:
    async with calling(url, ssl=trust):
        pass
