"""A tool file is code: whoever may write it runs what they like."""

from pathlib import Path

import pytest

from tests.tools.folders import in_folder, opened

TOOL = 'url = "http://shop.example/"\n'


@pytest.mark.parametrize(
    ("mode", "told"), [(0o700, 0), (0o770, 0), (0o775, 0), (0o772, 1), (0o777, 1)]
)
async def test_a_folder_is_told_that_all_may_write_to_and_not_one_of_a_group(
    tmp_path: Path, mode: int, told: int
) -> None:
    folder = in_folder(tmp_path, {"tools/shop.toml": TOOL})
    (tmp_path / "tools").chmod(mode)

    async with opened(folder) as registry:
        assert len(registry.problems) == told


@pytest.mark.parametrize(("mode", "told"), [(0o660, 0), (0o662, 1), (0o666, 1)])
async def test_so_is_a_file(tmp_path: Path, mode: int, told: int) -> None:
    folder = in_folder(tmp_path, {"tools/shop.toml": TOOL})
    file = tmp_path / "tools" / "shop.toml"
    file.chmod(mode)

    async with opened(folder) as registry:
        assert "shop" in registry.tools
        problems = registry.problems

    assert len(problems) == told
    assert all(each.startswith(f"{file}: anybody may write") for each in problems)
