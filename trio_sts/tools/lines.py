"""Lines out of a stream of bytes, with a bound on their length."""


class LineSplitter:
    """Collects bytes and gives out whole lines, for any split of the bytes.

    A line longer than ``limit_bytes`` is cut there and its rest is dropped.
    """

    def __init__(self, limit_bytes: int) -> None:
        self._limit_bytes = limit_bytes
        self._begun = bytearray()

    def feed(self, data: bytes | bytearray) -> list[bytes]:
        """Return the lines that ``data`` ends, without their line ends."""
        *ends, begun = data.split(b"\n")
        lines: list[bytes] = []
        for end in ends:
            self._extend(end)
            lines.append(bytes(self._begun))
            self._begun.clear()
        self._extend(begun)
        return lines

    def _extend(self, data: bytes | bytearray) -> None:
        self._begun += data[: self._limit_bytes - len(self._begun)]
