"""What may be shown of a setting that is no secret, whatever was put into it."""

import pytest

from trio_sts.settings.masking import mask_value


@pytest.mark.parametrize(
    ("value", "shown"),
    [
        # A URL's query may hold a key; of a text that is none, the words stay.
        (
            "https://user:hush@host/x?k=hush&l=hush#hush",
            "https://***@host/x?k=***&l=***#***",
        ),
        ("What? Say a=b & c=d #1", "What? Say a=b & c=d #1"),
        ("https://host/path", "https://host/path"),
        ("plain words", "plain words"),
    ],
)
def test_a_url_is_masked_as_one_and_other_text_is_not(value: str, shown: str) -> None:
    assert mask_value(value, []) == shown
