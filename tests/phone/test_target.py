import pytest

from trio_sts.phone.target import parse_target


@pytest.mark.parametrize(
    ("url", "host", "port", "tls", "resource"),
    [
        ("ws://avr-sts", "avr-sts", 80, False, "/"),
        ("ws://10.0.0.1:6030/", "10.0.0.1", 6030, False, "/"),
        ("wss://sts.test", "sts.test", 443, True, "/"),
        ("WSS://sts.test:8443/a/b?x=1", "sts.test", 8443, True, "/a/b?x=1"),
        ("ws://[::1]:6030?x=1", "::1", 6030, False, "/?x=1"),
        (
            "ws://h/a b\N{SNOWMAN}?c=%20d e",
            "h",
            80,
            False,
            "/a%20b%E2%98%83?c=%20d%20e",
        ),
    ],
)
def test_a_url_says_where_to_dial_and_what_to_ask_for(
    url: str, host: str, port: int, tls: bool, resource: str
) -> None:
    target = parse_target(url, {})
    assert (target.host, target.port, target.tls) == (host, port, tls)
    assert target.resource == resource


@pytest.mark.parametrize(
    ("url", "header"),
    [
        ("ws://h", "h"),
        ("wss://h:443", "h"),
        ("ws://h:443", "h:443"),
        ("wss://h:80", "h:80"),
        ("ws://[::1]:6030", "[::1]:6030"),
    ],
)
def test_the_host_header_names_the_port_unless_it_goes_without_saying(
    url: str, header: str
) -> None:
    assert parse_target(url, {}).host_header == header


def test_metadata_follows_the_query_of_the_url() -> None:
    target = parse_target("ws://h/?tenant=a", {"from": "2000", "x&y": "1=2 3#"})
    assert target.resource == "/?tenant=a&from=2000&x%26y=1%3D2%203%23"


@pytest.mark.parametrize(
    ("url", "told"),
    [
        ("http://h", "ws://"),
        ("h:6030", "ws://"),
        ("", "ws://"),
        ("ws://", "no host"),
        ("ws://:6030", "no host"),
        ("ws://user:pass@h", "user name"),
        (f"ws://{70 * 'a'}.example:6030", "no DNS"),
        ("ws://a..b", "no DNS"),
        ("ws://h:0x50", "[Pp]ort"),
        ("ws://h:99999", "[Pp]ort"),
        ("ws://[::1", "URL"),
    ],
)
def test_what_is_no_websocket_url_is_refused_with_the_reason(
    url: str, told: str
) -> None:
    with pytest.raises(ValueError, match=told):
        parse_target(url, {})


def test_a_token_is_sent_and_not_shown() -> None:
    target = parse_target("ws://h/?token=s1", {}, "s2")
    assert target.headers == [(b"Authorization", b"Bearer s2")]
    assert "s1" not in repr(target)
    assert "s2" not in repr(target)
    assert parse_target("ws://h", {}).headers == []


@pytest.mark.parametrize("token", ["a\r\nX: y", "a b", "é", ""])
def test_a_token_that_no_header_can_carry_is_refused(token: str) -> None:
    with pytest.raises(ValueError, match="token"):
        parse_target("ws://h", {}, token)
