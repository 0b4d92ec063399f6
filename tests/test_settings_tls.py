"""The listener's certificate and key: each fault in one line."""

from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
import trustme

from trio_sts.errors import SettingsError
from trio_sts.settings import Settings, load
from trio_sts.settings.tls import Unusable, read_certificate, server_context


def settings(**environ: str) -> Settings:
    return load({"OPENAI_API_KEY": "sk-none", **environ}, None, strict=True)[0]


def pair(
    folder: Path, name: str = "one", not_after: datetime | None = None
) -> tuple[Path, Path]:
    issued = trustme.CA().issue_cert("sts.example.org", not_after=not_after)
    cert, key = folder / f"{name}.crt", folder / f"{name}.key"
    cert.write_bytes(b"".join(blob.bytes() for blob in issued.cert_chain_pems))
    key.write_bytes(issued.private_key_pem.bytes())
    return cert, key


def fault(cert: Path | str, key: Path | str) -> str:
    with pytest.raises(SettingsError) as caught:
        settings(STS_TLS_CERT=str(cert), STS_TLS_KEY=str(key))
    (told,) = caught.value.faults
    return told


def test_a_pair_is_good_and_tells_for_how_long(tmp_path: Path) -> None:
    now = datetime.now(tz=UTC)
    cert, key = pair(tmp_path, not_after=now + timedelta(days=20, hours=1))
    assert settings(STS_TLS_CERT=str(cert), STS_TLS_KEY=str(key)).tls_cert == cert
    found = read_certificate(server_context(cert, key), cert)
    assert found.days_left(now.timestamp()) == 20


def test_one_that_is_over_is_taken_by_no_client(tmp_path: Path) -> None:
    now = datetime.now(tz=UTC)
    cert, key = pair(tmp_path, not_after=now - timedelta(days=1))
    with pytest.raises(Unusable, match=r"taken by no client: certificate has expired"):
        read_certificate(server_context(cert, key), cert)


def test_each_fault_is_told_in_a_line(tmp_path: Path) -> None:
    cert, key = pair(tmp_path)
    _, other = pair(tmp_path, "other")
    nothing = tmp_path / "nothing"
    nothing.write_text("nothing")
    locked = tmp_path / "locked"
    locked.write_text(
        "-----BEGIN ENCRYPTED PRIVATE KEY-----\nMIIB\n"
        "-----END ENCRYPTED PRIVATE KEY-----\n"
    )
    missing = tmp_path / "missing"
    assert fault(missing, key) == (
        f"STS_TLS_CERT='{missing}' cannot be read: No such file or directory"
    )
    assert "STS_TLS_KEY" in fault(cert, tmp_path)
    assert fault(cert, other) == (
        f"STS_TLS_KEY='{other}' is not the key of STS_TLS_CERT='{cert}'"
    )
    assert fault(nothing, key) == (
        f"STS_TLS_CERT='{nothing}' holds no certificate in PEM form"
    )
    assert "STS_TLS_KEY" in fault(cert, nothing)
    assert "STS_TLS_KEY" in fault(cert, locked)
    assert fault(cert, "") == "STS_TLS_KEY is not set: STS_TLS_CERT needs it"
    assert fault("", key) == "STS_TLS_CERT is not set: STS_TLS_KEY needs it"


@pytest.mark.parametrize(
    "text", ["10.0.0.0/8, fd00::/8", "192.0.2.1", "none", "10.1.2.3/8"]
)
def test_networks_are_read(text: str) -> None:
    assert len(settings(STS_TRUSTED_PROXIES=text).trusted_proxies) == (
        0 if text == "none" else text.count(",") + 1
    )


@pytest.mark.parametrize(
    "text", ["10.0.0.0/33", "proxy.example.org", "10.0.0.0/8 fd00::"]
)
def test_what_is_no_network_is_a_fault(text: str) -> None:
    with pytest.raises(SettingsError, match="STS_TRUSTED_PROXIES"):
        settings(STS_TRUSTED_PROXIES=text)
