"""Logs: one renderer for everybody, the call on every line, no secrets."""

import io
import json
import logging
import os
import threading
from collections.abc import Iterator
from typing import Any, Literal

import pytest
import structlog
import trio
from typing_extensions import override

from trio_sts.log_writer import WAITING_BYTES, LogWriter
from trio_sts.logs import QUIET, configure, flush

KEY = "sk-test-0123456789abcdef"
TOKEN = 'to"ken/with=marks'


@pytest.fixture(autouse=True)
def logging_restored() -> Iterator[None]:
    root = logging.getLogger()
    handlers, level = root.handlers[:], root.level
    yield
    root.handlers[:] = handlers
    root.setLevel(level)
    for name in QUIET:
        logging.getLogger(name).setLevel(logging.NOTSET)
    structlog.contextvars.clear_contextvars()
    structlog.reset_defaults()


class Terminal(io.BytesIO):
    @override
    def isatty(self) -> bool:
        return True


def text_of(file: io.BytesIO) -> str:
    flush()
    return file.getvalue().decode()


def json_lines(file: io.BytesIO) -> list[dict[str, Any]]:
    return [json.loads(line) for line in text_of(file).splitlines()]


def test_a_line_is_an_object_with_level_time_and_fields() -> None:
    configure(file=(file := io.BytesIO()))
    structlog.get_logger().info("call ended", turns=3)
    (line,) = json_lines(file)
    assert line.pop("timestamp").endswith("Z")
    assert line == {"event": "call ended", "level": "info", "turns": 3}


def test_lines_below_the_level_are_not_written() -> None:
    configure("warning", file=(file := io.BytesIO()))
    structlog.get_logger().info("quiet")
    logging.getLogger("library").info("quiet")
    structlog.get_logger().warning("loud")
    logging.getLogger("library").warning("loud")
    assert [line["event"] for line in json_lines(file)] == ["loud", "loud"]


def test_a_terminal_gets_lines_for_people() -> None:
    configure(file=(file := Terminal()))
    structlog.get_logger().info("call ended", turns=3)
    text = text_of(file)
    assert "call ended" in text
    assert not text.startswith("{")
    assert "\x1b[" in text


def test_the_format_may_be_chosen() -> None:
    configure(log_format="json", file=(file := Terminal()))
    structlog.get_logger().info("a")
    assert json_lines(file)[0]["event"] == "a"
    configure(log_format="console", file=(pipe := io.BytesIO()))
    structlog.get_logger().info("caf\udce9", name=KEY)
    text = text_of(pipe)
    assert "caf\\udce9" in text
    assert KEY not in text
    assert "\x1b[" not in text


def test_libraries_take_the_same_way() -> None:
    configure(file=(file := io.BytesIO()))
    logging.getLogger("library.part").warning("took %d s", 3)
    logging.getLogger("library").log(35, "odd level")
    (first, second) = json_lines(file)
    assert (first["event"], first["logger"]) == ("took 3 s", "library.part")
    assert first["level"] == second["level"] == "warning"


def test_a_librarys_line_that_does_not_fit_its_format_is_still_written() -> None:
    configure("debug", file=(file := io.BytesIO()))
    logging.getLogger("library").warning("took %d s", "three")
    logging.getLogger("library").log(5, "trace")
    logging.getLogger("library").log(50, "critical")
    assert [(line["event"], line["level"]) for line in json_lines(file)] == [
        ("took %d s", "warning"),
        ("critical", "error"),
    ]


@pytest.mark.parametrize("name", QUIET)
def test_the_wires_libraries_are_quiet_even_at_debug(name: str) -> None:
    configure("debug", file=(file := io.BytesIO()))
    logging.getLogger(name).info("GET /?token=hush")
    logging.getLogger(f"{name}.part").debug("frame")
    logging.getLogger(name).warning("loud")
    assert [line["event"] for line in json_lines(file)] == ["loud"]


async def test_the_call_is_on_every_line_of_its_tasks() -> None:
    configure(file=(file := io.BytesIO()))

    async def call(call_id: str) -> None:
        with structlog.contextvars.bound_contextvars(call=call_id):
            async with trio.open_nursery() as nursery:
                nursery.start_soon(task)
                nursery.start_soon(task)

    async def task() -> None:
        await trio.lowlevel.checkpoint()
        structlog.get_logger().info("ours")
        logging.getLogger("library").warning("theirs")

    async with trio.open_nursery() as nursery:
        nursery.start_soon(call, "a")
        nursery.start_soon(call, "b")
    structlog.get_logger().info("nobody's")
    calls = [line.get("call") for line in json_lines(file)]
    assert sorted(calls[:8], key=str) == ["a"] * 4 + ["b"] * 4
    assert calls[8:] == [None]


def test_secrets_are_masked_wherever_they_are() -> None:
    file = io.BytesIO()
    configure(secrets=(KEY, TOKEN, None), file=file)
    log = structlog.get_logger()
    log.info(KEY, url="ws://h/?token=to%22ken%2Fwith%3Dmarks", raw=TOKEN)
    log.info("deep", value=[{"a": (TOKEN, {KEY: 1})}], odd={1: KEY.encode()})
    try:
        int(TOKEN)
    except ValueError:
        log.exception("failed")
        logging.getLogger("library").exception("failed %s", TOKEN)
    text = text_of(file)
    lines = json_lines(file)
    assert "0123456789abcdef" not in text
    assert "ken/with" not in text
    assert "ken%2Fwith" not in text
    assert lines[1]["value"] == [{"a": ["***", {"***": 1}]}]
    assert "base 10: '***'" in lines[2]["exception"]
    assert "base 10: '***'" in lines[3]["exception"]
    assert lines[3]["event"] == "failed ***"


def test_a_key_is_masked_even_if_nobody_named_it() -> None:
    configure(file=(file := io.BytesIO()))
    structlog.get_logger().info("Bearer sk-proj-abcdefghij")
    assert json_lines(file)[0]["event"] == "Bearer sk-***"


def test_whatever_is_logged_is_written() -> None:
    configure(file=(file := io.BytesIO()))
    loop: list[Any] = []
    loop.append(loop)
    structlog.get_logger().info(
        "odd",
        big=2**70,
        lone="\udce9",
        none=None,
        loop=loop,
        kind=int,
        nan=float("nan"),
    )
    (line,) = json_lines(file)
    assert line["big"] == 2**70
    assert line["lone"] == "\udce9"
    assert line["kind"] == "<class 'int'>"


def test_a_log_that_cannot_be_written_is_no_error() -> None:
    file = io.BytesIO()
    configure(file=file)
    log = structlog.get_logger()
    log.info("written")
    file.close()
    log.info("lost")


def test_standard_output_is_the_default(
    capfdbinary: pytest.CaptureFixture[bytes],
) -> None:
    configure()
    structlog.get_logger().info("hello")
    flush()
    assert b'"event":"hello"' in capfdbinary.readouterr().out


@pytest.mark.parametrize("log_format", ["json", "console"])
def test_a_log_that_nobody_reads_waits_for_nobody_and_counts_what_it_drops(
    log_format: Literal["json", "console"],
) -> None:
    reader, writer = os.pipe()
    with open(reader, "rb") as read, open(writer, "wb") as written:
        configure(file=written, log_format=log_format)
        log = structlog.get_logger()
        for number in range(8000):
            log.info("flood", number=number, text="x" * 1000)
        flush()  # gives up
        # Somebody reads again.
        lines: list[bytes] = []
        thread = threading.Thread(target=lambda: lines.extend(read))
        thread.start()
        flush()
        log.info("after")
        flush()
        configure(file=io.BytesIO())
        written.close()
        thread.join()

    assert len(lines) < 8000
    assert WAITING_BYTES / 1100 < len(lines)
    dropped, after = lines[-2:]
    assert b"log lines dropped" in dropped
    assert str(8000 - (len(lines) - 2)).encode() in dropped
    assert b"after" in after
    assert b"flood" in lines[0]


def test_a_fork_writes_its_own_lines() -> None:
    configure(file=(file := io.BytesIO()))
    writer = LogWriter(file, lambda count: b"dropped")
    writer.msg(b"one")
    writer.flush()
    vars(writer)[
        "_pid"
    ] = -1  # as it looks after a fork, which leaves the thread behind
    writer.msg(b"two")
    writer.flush()
    assert file.getvalue() == b"one\ntwo\n"
    writer.close()
