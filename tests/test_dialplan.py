"""Which extensions a call may be transferred to."""

import pytest

from trio_sts.dialplan import may_dial


@pytest.mark.parametrize(
    ("patterns", "allowed", "refused"),
    [
        ((), ("100", "anything"), ()),
        (("100",), ("100",), ("1000", "10", "")),
        (("2??",), ("200", "2#1"), ("20", "2000", "300")),
        (("+39*", "100"), ("+39", "+39055", "100"), ("39055", "0039")),
        (("[12].",), ("[12].",), ("1a", "1.")),
        (("*" * 80 + "x",), ("9x",), ("9" * 80,)),
    ],
)
def test_a_star_is_any_text_and_a_question_mark_any_character(
    patterns: tuple[str, ...], allowed: tuple[str, ...], refused: tuple[str, ...]
) -> None:
    assert all(may_dial(extension, patterns) for extension in allowed)
    assert not any(may_dial(extension, patterns) for extension in refused)
