"""TLS in front of the load's endpoint, by HAProxy: the way everybody reaches a model.

It runs on the load's core, so that what it costs is none of the relay's; the figures of
latency have its part in them, some 0.1 ms each way.
"""

import shutil
import ssl
import subprocess
from collections.abc import AsyncGenerator
from contextlib import asynccontextmanager, suppress
from pathlib import Path

import trio
from attrs import frozen

from .machine import CannotMeasure, Place
from .relays import free_port

_CONFIG = """
global
  maxconn 8000
defaults
  mode tcp
  timeout connect 5s
  timeout client 1h
  timeout server 1h
listen endpoint
  bind 127.0.0.1:{port} ssl crt "{pem}"
  server load 127.0.0.1:{endpoint_port}
"""
_STARTS_S, _STOPS_S = 10.0, 5.0


@frozen
class Terminated:
    """Where TLS is spoken, and the certificate to trust."""

    port: int
    certificate: Path


@asynccontextmanager
async def terminating(
    endpoint_port: int, place: Place, folder: Path
) -> AsyncGenerator[Terminated]:
    """Speak TLS on a free port, and pass it on in the clear.

    Args:
        endpoint_port: Where to.
        place: Where it runs.
        folder: For its files; it is made.

    Raises:
        CannotMeasure: HAProxy or openssl is missing, or does not start.
    """
    haproxy = shutil.which("haproxy")
    if haproxy is None:
        raise CannotMeasure("TLS needs haproxy (Debian's package haproxy)")
    port = free_port()
    certificate, pem = await _certificate(folder)
    config = folder / "haproxy.cfg"
    text = _CONFIG.format(port=port, pem=pem, endpoint_port=endpoint_port)
    await trio.Path(config).write_text(text, "utf-8")
    process = await trio.lowlevel.open_process(
        place.command(haproxy, "-db", "-f", str(config)),
        stdin=subprocess.DEVNULL,
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
    )
    try:
        await _answers(port, certificate)
        yield Terminated(port, certificate)
    finally:
        with trio.move_on_after(_STOPS_S, shield=True):
            process.terminate()
            await process.wait()
        process.kill()


async def _certificate(folder: Path) -> tuple[Path, Path]:
    """Make a certificate for 127.0.0.1: the file to trust, and the one with its key."""
    there = trio.Path(folder)
    await there.mkdir(parents=True)
    certificate, key, both = (
        there / name for name in ("certificate.pem", "key.pem", "both.pem")
    )
    words = "req -x509 -newkey ec -pkeyopt ec_paramgen_curve:P-256 -nodes -days 2"
    names = "-subj /CN=127.0.0.1 -addext subjectAltName=IP:127.0.0.1"
    files = ["-keyout", str(key), "-out", str(certificate)]
    try:
        await trio.run_process(
            ["openssl", *words.split(), *names.split(), *files], capture_stderr=True
        )
    except OSError as exc:
        raise CannotMeasure("TLS needs openssl") from exc
    except subprocess.CalledProcessError as exc:
        raise CannotMeasure(exc.stderr.decode(errors="replace")) from exc
    await both.write_bytes(await certificate.read_bytes() + await key.read_bytes())
    return Path(certificate), Path(both)


async def _answers(port: int, certificate: Path) -> None:
    trusting = ssl.create_default_context(cafile=certificate)
    with trio.move_on_after(_STARTS_S):
        while True:
            with suppress(OSError, trio.BrokenResourceError):
                stream = await trio.open_ssl_over_tcp_stream(
                    "127.0.0.1", port, ssl_context=trusting
                )
                await trio.aclose_forcefully(stream)
                return
            await trio.sleep(0.05)
    raise CannotMeasure("haproxy does not answer")
