from hypothesis import given
from hypothesis import strategies as st

from trio_sts.tools.lines import LineSplitter


@given(st.lists(st.binary(max_size=40)), st.integers(1, 50))
def test_lines_do_not_depend_on_how_their_bytes_arrive(
    lines: list[bytes], size: int
) -> None:
    lines = [line.replace(b"\n", b"") for line in lines]
    stream = b"".join(line + b"\n" for line in lines)
    splitter = LineSplitter(16)
    got: list[bytes] = []
    for start in range(0, len(stream), size):
        got += splitter.feed(stream[start : start + size])

    assert got == [line[:16] for line in lines]
