"""A key file as editors and secret stores write it."""

from pathlib import Path

import pytest

from trio_sts.errors import SettingsError
from trio_sts.settings import Settings, load

KEY = "sk-test-0123456789abcdefghij"


def read(file: Path) -> Settings:
    return load({"OPENAI_API_KEY_FILE": str(file)}, None, strict=True)[0]


@pytest.mark.parametrize(
    "content",
    [
        KEY.encode(),
        f"{KEY}\n".encode(),
        f"\r\n {KEY}\r\n\t".encode(),
        # The byte order mark of an editor on Windows.
        b"\xef\xbb\xbf" + KEY.encode(),
        b"\xef\xbb\xbf" + f"{KEY}\r\n".encode(),
    ],
)
def test_the_key_is_read_without_what_is_around_it(
    tmp_path: Path, content: bytes
) -> None:
    file = tmp_path / "key"
    file.write_bytes(content)

    assert read(file).api_key == KEY


@pytest.mark.parametrize(
    "content",
    [
        KEY.encode("utf-16"),
        b"\xef\xbb\xbf",
        f"{KEY}\n{KEY}\n".encode(),
        b"\xff" + KEY.encode(),
        b"a" * 64 * 1024 + b" a",
    ],
)
def test_what_is_no_one_key_is_a_fault_that_does_not_show_it(
    tmp_path: Path, content: bytes
) -> None:
    file = tmp_path / "key"
    file.write_bytes(content)
    if len(content) > 64 * 1024:
        # No more than so much is read, which leaves a key.
        assert len(read(file).api_key or "") == 64 * 1024
        return

    with pytest.raises(SettingsError) as caught:
        read(file)

    assert KEY[:10] not in str(caught.value)
