"""What the documentation says of the settings is what the settings are."""

import importlib.util
from pathlib import Path
from types import ModuleType

import pytest

from trio_sts.dotenv import parse
from trio_sts.settings import describe

ROOT = Path(__file__).resolve().parent.parent


@pytest.fixture(name="docs")
def _docs() -> ModuleType:
    path = ROOT / "scripts" / "settings_docs.py"
    spec = importlib.util.spec_from_file_location("settings_docs", path)
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


def test_the_readme_s_table_is_up_to_date(docs: ModuleType) -> None:
    readme = (ROOT / "README.md").read_text("utf-8")
    assert docs.with_table(readme) == readme
    assert docs.BEGIN in readme


def test_the_example_file_is_up_to_date(docs: ModuleType) -> None:
    assert (ROOT / ".env.example").read_text("utf-8") == docs.dotenv()


def test_every_setting_of_the_example_file_can_be_switched_on() -> None:
    example = (ROOT / ".env.example").read_text("utf-8")
    on = [
        line[1:] if line.startswith("#") and line[1:2] not in {" ", ""} else line
        for line in example.splitlines()
    ]
    found = parse("\n".join(on))
    assert set(found.values) == {row.variable for row in describe()}
    assert (found.unread, found.cut) == ((), ())
