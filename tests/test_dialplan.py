"""Which extensions a call may be transferred to."""

import pytest

from trio_sts.dialplan import may_dial, may_transfer


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


@pytest.mark.parametrize(
    ("arguments", "allowed"),
    [
        ('{"transfer_extension": "100"}', True),
        ('{"transfer_extension": " 100 "}', True),
        ('{"transfer_extension": 100}', True),
        ('{"transfer_extension": "300"}', False),
        # An operator's own tool may take what the built-in one refuses.
        ('{"transfer_extension": 300}', False),
        ('{"transfer_extension": ["300"]}', False),
        ('{"transfer_extension": true}', False),
        # The tool would be run with a bare line end, so it is judged with one.
        ('{"transfer_extension": "300", "why": "a\nb"}', False),
        ('{"transfer_extension": "100", "transfer_extension": "300"}', False),
        # What is no transfer's argument is judged where it is run.
        ('{"to": "300"}', True),
        ("{", True),
        ("[]", True),
        ("[" * 100_000, True),
    ],
)
def test_the_raw_arguments_tell_whether_a_transfer_is_allowed(
    arguments: str, allowed: bool
) -> None:
    assert may_transfer(arguments, ("100",)) is allowed
    assert may_transfer(arguments, ())
