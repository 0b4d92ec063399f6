"""Settings: ``.env`` in the forms that existing files have."""

from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from trio_sts.dotenv import parse
from trio_sts.errors import SettingsError
from trio_sts.settings import Settings, load

KEY = "sk-test-0123456789abcdefghij"


@pytest.mark.parametrize(
    ("text", "values"),
    [
        ("A=1\nB = 2 \n", {"A": "1", "B": "2"}),
        ("A: 1\nB:\t2\nC:\n", {"A": "1", "B": "2", "C": ""}),
        ("A:1\n", {}),
        ("export A=1\n  export\tB='2'\n", {"A": "1", "B": "2"}),
        ("exportA=1", {"exportA": "1"}),
        ("# A=1\n\n   # B=2\nC=3 # four\n", {"C": "3"}),
        ("A=x#y\nB='x#y' # z\nC=`#`\n", {"A": "x", "B": "x#y", "C": "#"}),
        (
            "A=\"x\\ny\\r\" \nB='x\\ny'\nC=x\\ny\n",
            {"A": "x\ny\r", "B": "x\\ny", "C": "x\\ny"},
        ),
        ('A=`it\'s "so"`', {"A": 'it\'s "so"'}),
        ('A="one\n# two\nB=3"\nB=4', {"A": "one\n# two\nB=3", "B": "4"}),
        ('A=\n"one"\nB=\nC=3', {"A": "one", "B": "", "C": "3"}),
        ('A="C:\\tools\\"\nB="x"', {"A": "C:\\tools\\", "B": "x"}),
        ('A="say \\"hi\\""', {"A": 'say \\"hi\\"'}),
        ('A="open\nB=2', {"A": '"open', "B": "2"}),
        ("A='a' 'b'", {"A": "a' 'b"}),
        ("A=$B${C}$(d)", {"A": "$B${C}$(d)"}),
        ("A=1\r\nB=2\rC=3", {"A": "1", "B": "2", "C": "3"}),
        ("\ufeffA=1\nA=2", {"A": "2"}),
        ("a.b-c_1=d=e", {"a.b-c_1": "d=e"}),
        ("", {}),
    ],
)
def test_an_entry_is_read_as_node_s_dotenv_reads_it(
    text: str, values: dict[str, str]
) -> None:
    assert parse(text).values == values


def test_what_is_no_entry_is_told_by_its_line() -> None:
    found = parse('A="x\ny"\nhello\n\n# c\nB=2\n=3\nMY KEY=4\nC=5#6\n')
    assert found.values == {"A": "x\ny", "B": "2", "C": "5"}
    assert found.unread == (3, 7, 8)
    assert found.cut == (9,)


@given(st.text(st.sampled_from(list("A=: \n'\"`\\#x\r")), max_size=60))
def test_any_text_is_read(text: str) -> None:
    found = parse(text)
    lines = text.replace("\r\n", "\n").replace("\r", "\n").count("\n") + 1
    assert all(1 <= line <= lines for line in found.unread + found.cut)


def from_file(tmp_path: Path, content: bytes) -> tuple[Settings, tuple[str, ...]]:
    file = tmp_path / ".env"
    file.write_bytes(content)
    return load({"OPENAI_API_KEY": KEY}, file, strict=True)


def test_lines_that_are_not_read_are_named_without_their_content(
    tmp_path: Path,
) -> None:
    lines = ["PORT=7001", "my secret", *["?"] * 9]
    settings, (warning,) = from_file(tmp_path, "\n".join(lines).encode())
    assert settings.port == 7001
    assert "line 2, 3, 4, 5, 6 and 5 more is not read" in warning
    assert "secret" not in warning


def test_a_value_that_a_sign_cuts_is_told(tmp_path: Path) -> None:
    settings, (warning,) = from_file(tmp_path, b"STS_TOKEN=ab#cd\n")
    assert settings.token == "ab"
    assert "line 1 has a # in its value" in warning
    assert "cd" not in warning


@pytest.mark.parametrize(
    "content",
    [
        "PORT=7001\n".encode("utf-16"),
        "PORT=7001\n".encode("utf-16-le"),
        "OPENAI_WELCOME_MESSAGE=Grüezi\n".encode("latin-1"),
    ],
)
def test_a_file_in_another_encoding_is_a_fault(tmp_path: Path, content: bytes) -> None:
    with pytest.raises(SettingsError, match="not UTF-8 text; save it as UTF-8"):
        from_file(tmp_path, content)


def test_a_mounted_folder_is_told_and_costs_nothing(tmp_path: Path) -> None:
    (tmp_path / ".env").mkdir()
    environ = {"OPENAI_API_KEY": KEY}
    _, (warning,) = load(environ, tmp_path / ".env", strict=True)
    assert "is a folder" in warning


def test_a_prompt_of_60_kb_is_read(tmp_path: Path) -> None:
    prompt = "Be kind. " * 7000
    settings, warnings = from_file(
        tmp_path, f"OPENAI_INSTRUCTIONS=`{prompt}\n'\"`".encode()
    )
    assert settings.instructions == f"{prompt}\n'\"".strip()
    assert warnings == ()
