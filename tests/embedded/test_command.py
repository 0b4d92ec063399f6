"""``trio-sts model`` as its own process."""

import signal
import socket
import sys
from functools import partial

import trio
from click.testing import CliRunner

from trio_sts.embedded import Endpoint, Faults
from trio_sts.embedded.command import model

from .client import connection


async def test_it_says_where_it_is_and_stops_when_told() -> None:
    command = [sys.executable, "-m", "trio_sts", "model", "--port", "0"]
    async with trio.open_nursery() as nursery:
        start = partial(trio.run_process, command, stdout=-1)
        process: trio.Process = await nursery.start(start)
        assert process.stdout is not None
        with trio.fail_after(20):
            line = (await process.stdout.receive_some()).decode()
        port = int(line.rsplit(":", 1)[1].split("/")[0])
        endpoint = Endpoint(
            host="127.0.0.1", port=port, faults=Faults(), api_key=None, pace=1
        )
        async with connection(endpoint) as client:
            assert (await client.update())["type"] == "session.updated"
        process.send_signal(signal.SIGTERM)
        with trio.fail_after(10):
            assert await process.wait() == 0


def test_an_unknown_fault_lists_those_that_are_known() -> None:
    result = CliRunner().invoke(model, ["--faults", "nonsense"])
    assert result.exit_code == 2
    assert "drop_after, expired_after" in result.output


def test_a_port_that_is_taken_is_one_plain_line() -> None:
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = str(taken.getsockname()[1])
        result = CliRunner().invoke(model, ["--port", port])
    assert result.exit_code == 1
    assert result.output.startswith("Error: ")
    assert "in use" in result.output
