import structlog
import trio

from trio_sts.tools.call_control import call_control_tools
from trio_sts.tools.http_client import tool_http_client
from trio_sts.tools.registry import Registry
from trio_sts.tools.resources import Resources

ANSWER = (
    b"HTTP/1.1 200 OK\r\nset-cookie: session=of-this-caller; Path=/\r\n"
    b"content-length: 2\r\nconnection: close\r\n\r\n{}"
)


async def test_what_a_service_sets_for_one_call_is_not_sent_with_the_next() -> None:
    heard: list[bytes] = []

    async def answer(stream: trio.SocketStream) -> None:
        async with stream:
            heard.append(await stream.receive_some())
            await stream.send_all(ANSWER)

    async with trio.open_nursery() as nursery:
        listeners = await nursery.start(trio.serve_tcp, answer, 0)
        port = listeners[0].socket.getsockname()[1]
        async with tool_http_client() as http:
            registry = Registry(
                call_control_tools(f"http://127.0.0.1:{port}"),
                control=Resources(http=http),
            )
            for uuid in ("first", "second"):
                context = registry.context(uuid, {}, structlog.get_logger())
                assert (await registry.run("avr_hangup", "{}", context)).ok
        nursery.cancel_scope.cancel()

    assert len(heard) == 2
    assert heard[1].startswith(b"POST /hangup HTTP/1.1")
    assert b"cookie" not in heard[1].lower()
