"""Settings: what may be shown of a value."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from trio_sts.settings import mask_secrets, mask_url
from trio_sts.settings.masking import one_line


@pytest.mark.parametrize(
    ("url", "shown"),
    [
        ("https://host/path", "https://host/path"),
        (
            "https://user:word@host:1/p?a=b&c=d&e#f",
            "https://***@host:1/p?a=***&c=***&***#***",
        ),
        ("https://user@host", "https://***@host"),
        ("https://u:p@ss@host/", "https://***@host/"),
        ("https://u:p?ss@host/x", "https://***@host"),
        ("https://u:p#ss@host/x?y", "https://***@host"),
        ("https://u:p/ss@host/x", "https://***@host/x"),
        ("u:p@host/x?k=v", "***@host/x?k=***"),
        ("https://host/?mail=a@b", "https://host/?mail=***"),
        ("https://u?:p=@host", "https://u?***"),
        ("https://u/:p#@host/", "https://***@host"),
        ("https://[u:p@host", "https://***@host"),
        ("", ""),
    ],
)
def test_a_url_is_shown_without_user_and_query_values(url: str, shown: str) -> None:
    assert mask_url(url) == shown


@given(st.text(), st.text())
def test_a_password_is_never_shown(user: str, rest: str) -> None:
    assert "hush" not in mask_url(f"https://{user}:hush{rest}@host/")


@given(st.text(st.characters(codec=None)))
def test_one_line_is_printable_and_short(text: str) -> None:
    line = one_line(text)
    assert line.isprintable()
    assert len(line) <= 60


def test_known_secrets_and_whatever_looks_like_a_key_are_masked() -> None:
    text = "a 0123456789 b sk-proj-ABC_defghi c"
    assert mask_secrets(text, ["0123456789", "a"]) == "a *** b sk-*** c"
