"""What is asked of the folders and files that settings name."""

import os
from pathlib import Path

import pytest

from trio_sts.settings.files import check_transcript_dir
from trio_sts.settings.sounds import Sound


def test_a_folder_must_be_open_to_writing_and_to_entering(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    asked: list[tuple[Path, int]] = []

    # The superuser, who runs the tests in a container, may do everything.
    def no(path: Path, mode: int) -> bool:
        asked.append((path, mode))
        return False

    monkeypatch.setattr(os, "access", no)

    assert check_transcript_dir(tmp_path) == "must be a folder that can be written"
    assert asked == [(tmp_path, os.W_OK | os.X_OK)]


def test_the_samples_of_a_sound_are_in_no_log() -> None:
    assert repr(Sound(Path("a.wav"), b"\x01\x02")) == f"Sound(path={Path('a.wav')!r})"
