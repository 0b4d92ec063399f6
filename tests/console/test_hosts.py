"""By which names a console is asked for, and whose pages ask."""

import pytest

from trio_sts.console.hosts import OwnHosts, is_own_origin

ON_LOOPBACK = OwnHosts("127.0.0.1")


@pytest.mark.parametrize(
    "host",
    [
        "localhost",
        "LocalHost:6090",
        "localhost.",
        "127.0.0.1",
        "127.0.0.1:80",
        "127.1.2.3:6090",
        "[::1]:6090",
    ],
)
def test_this_machine_is_ours(host: str) -> None:
    assert ON_LOOPBACK.has(host)


@pytest.mark.parametrize(
    "host",
    [
        "",
        "evil.example",
        "evil.example:6090",
        "localhost.evil.example",
        "127.0.0.1.evil.example",
        "evil.localhost",
        "192.168.1.5",
        "0.0.0.0:6090",
        "[::]",
        "::1",
        "user@localhost",
        "localhost:6090:1",
        "localhost, evil.example",
        "localhost evil.example",
        "localhost/",
        "a" * 400,
        "löcalhost",
    ],
)
def test_other_names_are_not(host: str) -> None:
    assert not ON_LOOPBACK.has(host)


def test_the_operators_own_name_is() -> None:
    hosts = OwnHosts("Console.example.org")
    assert hosts.has("console.example.org:6090")
    assert hosts.has("localhost")
    assert not hosts.has("192.168.1.5")
    assert not hosts.has("example.org")


@pytest.mark.parametrize("everywhere", ["0.0.0.0", "::"])
def test_where_it_listens_everywhere_addresses_are_and_names_are_not(
    everywhere: str,
) -> None:
    hosts = OwnHosts(everywhere)
    assert hosts.has("192.168.1.5:6090")
    assert hosts.has("[fe80::1]:6090")
    assert not hosts.has("rebinding.example:6090")


def test_an_origin_is_scheme_host_and_port() -> None:
    assert is_own_origin("http://localhost:6090", "localhost:6090", "http")
    for origin in (
        "http://localhost",
        "http://localhost:6091",
        "https://localhost:6090",
        "http://127.0.0.1:6090",
        "null",
        "",
        "http://localhost:6090/",
    ):
        assert not is_own_origin(origin, "localhost:6090", "http")
