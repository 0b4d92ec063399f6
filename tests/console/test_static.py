"""The console's files: no markup of a text, nothing inline, nothing from elsewhere."""

import re
from html.parser import HTMLParser
from pathlib import Path

import pytest
from typing_extensions import override

STATIC = Path(__file__).parents[2] / "trio_sts" / "console" / "static"
PAGES = sorted(STATIC.glob("*.html"))


def _modules() -> list[Path]:
    return sorted((STATIC / "js").rglob("*.js"))


def _served(address: str) -> Path:
    return STATIC / address.removeprefix("/static/").split("#")[0]


class _Inline(HTMLParser):
    """What a strict policy forbids in a page, and the files that it names."""

    def __init__(self) -> None:
        super().__init__()
        self.faults: list[str] = []
        self.named: list[str] = []

    @override
    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        names = dict(attrs)
        if tag == "style" or (tag == "script" and "src" not in names):
            self.faults.append(tag)
        self.faults += [
            name for name in names if name == "style" or name.startswith("on")
        ]
        self.named += [
            address
            for name in ("src", "href")
            if (address := names.get(name) or "").startswith("/static/")
        ]


@pytest.mark.parametrize("page", PAGES, ids=lambda page: page.name)
def test_a_page_has_no_script_and_no_style_of_its_own(page: Path) -> None:
    reader = _Inline()
    reader.feed(page.read_text())
    assert not reader.faults
    assert reader.named
    assert not [name for name in reader.named if not _served(name).is_file()]


def test_no_module_makes_markup_of_a_text() -> None:
    ways = re.compile(
        r"\b(innerHTML|outerHTML|insertAdjacentHTML|createContextualFragment|srcdoc"
        r"|setHTMLUnsafe|DOMParser|document\.write|eval|new Function)\b"
    )
    found = [(file.name, ways.findall(file.read_text())) for file in _modules()]
    assert found
    assert not [each for each in found if each[1]]


def test_every_module_that_is_imported_is_there() -> None:
    for file in _modules():
        for name in re.findall(r'from "(\..*?)"', file.read_text()):
            assert (file.parent / name).is_file(), f"{file.name}: {name}"


def test_every_icon_that_is_named_is_drawn() -> None:
    drawn = set(re.findall(r'<symbol id="(.*?)"', (STATIC / "icons.svg").read_text()))
    for file in [*_modules(), *PAGES]:
        text = file.read_text()
        named = re.findall(r'\bicon\("(.*?)"\)|icons\.svg#([\w-]+)', text)
        assert {name or other for name, other in named} <= drawn, file.name


def test_nothing_comes_from_elsewhere() -> None:
    for file in STATIC.rglob("*.*"):
        if file.suffix in {".html", ".css", ".js"}:
            found = re.findall(r'https?://[^"\s]+', file.read_text())
            assert not [url for url in found if "www.w3.org" not in url], file


def test_fonts_have_their_licence_beside_them() -> None:
    fonts = STATIC / "fonts"
    assert list(fonts.glob("*.woff2"))
    assert "SIL Open Font License" in (fonts / "inter-LICENSE.txt").read_text()
