"""The listener's sockets: both families, and why there are none."""

import errno
import socket

import pytest
import trio

from trio_sts.port.listening import CannotListen, listen


def has_ipv6() -> bool:
    try:
        with socket.socket(socket.AF_INET6) as probe:
            probe.bind(("::1", 0))
    except OSError:
        return False
    return True


needs_ipv6 = pytest.mark.skipif(not has_ipv6(), reason="this machine has no IPv6")


async def reached(host: str, listener: trio.SocketListener) -> bool:
    port: int = listener.socket.getsockname()[1]
    try:
        with trio.fail_after(2):
            stream = await trio.open_tcp_stream(host, port)
    except OSError:
        return False
    async with stream, await listener.accept():
        return True


@needs_ipv6
async def test_every_address_is_of_both_families() -> None:
    (listener,) = await listen("::", 0)
    async with listener:
        assert await reached("127.0.0.1", listener)
        assert await reached("::1", listener)


@needs_ipv6
async def test_an_address_is_that_address_alone() -> None:
    (listener,) = await listen("::1", 0)
    async with listener:
        assert await reached("::1", listener)
        assert not await reached("127.0.0.1", listener)


@pytest.mark.parametrize("host", ["127.0.0.1", pytest.param("::", marks=needs_ipv6)])
async def test_a_taken_port_is_told_with_its_number(host: str) -> None:
    (first,) = await listen(host, 0)
    async with first:
        port: int = first.socket.getsockname()[1]
        with pytest.raises(CannotListen) as caught:
            await listen(host, port)
    assert str(caught.value) == (
        f"PORT={port} at HOST={host} cannot be listened on: another program listens "
        "there already"
    )


async def test_an_address_of_another_machine_is_told() -> None:
    with pytest.raises(CannotListen, match="HOST is no address of this machine"):
        await listen("192.0.2.1", 0)


async def test_a_name_of_nobody_is_told(monkeypatch: pytest.MonkeyPatch) -> None:
    async def nobody(*_: object, **__: object) -> list[trio.SocketListener]:
        await trio.lowlevel.checkpoint()
        raise socket.gaierror(socket.EAI_NONAME, "not known")

    monkeypatch.setattr(trio, "open_tcp_listeners", nobody)
    with pytest.raises(CannotListen, match="HOST is a name that leads to no address"):
        await listen("nobody.example", 0)


async def test_a_port_for_root_is_told(monkeypatch: pytest.MonkeyPatch) -> None:
    async def refused(*_: object, **__: object) -> list[trio.SocketListener]:
        await trio.lowlevel.checkpoint()
        raise PermissionError(errno.EACCES, "denied")

    monkeypatch.setattr(trio, "open_tcp_listeners", refused)
    with pytest.raises(CannotListen, match=r"PORT=80 .* ports below 1024 are for root"):
        await listen("127.0.0.1", 80)
