"""Numbers as people say them on the telephone: words to digits and back."""

from typing import Final

DIGITS: Final = [
    "zero",
    "one",
    "two",
    "three",
    "four",
    "five",
    "six",
    "seven",
    "eight",
    "nine",
]
_TEENS: Final = [
    "ten",
    "eleven",
    "twelve",
    "thirteen",
    "fourteen",
    "fifteen",
    "sixteen",
    "seventeen",
    "eighteen",
    "nineteen",
]
_TENS: Final = [
    "twenty",
    "thirty",
    "forty",
    "fifty",
    "sixty",
    "seventy",
    "eighty",
    "ninety",
]
_VALUES: Final = (
    {word: value for value, word in enumerate(DIGITS)}
    | {"oh": 0}
    | {word: 10 + index for index, word in enumerate(_TEENS)}
    | {word: 20 + 10 * index for index, word in enumerate(_TENS)}
)
_FACTORS: Final = {"hundred": 100, "thousand": 1000}
_KEYS: Final = {"*": "star", "#": "hash"}

GRAMMAR: Final = f"""\
<digit> = oh | {" | ".join(DIGITS)};
<teen> = {" | ".join(_TEENS)};
<tens> = {" | ".join(_TENS)};
<below> = <teen> | <tens> [<digit>];
<number> = <digit>+ | <below> | <digit> hundred [[and] (<digit> | <below>)]
         | <digit> thousand;
"""


def to_digits(words: str) -> str:
    """The digits of a spoken number, with everything else left out.

    ``two hundred`` is 200, ``one oh one`` 101, ``forty two`` 42, ``five five`` 55;
    digits written as such stay.
    """
    groups: list[str] = []
    open_tens = 0
    for word in words.lower().replace("-", " ").split():
        value = _VALUES.get(word)
        if word.isdecimal():
            groups.append(word)
        elif word in _FACTORS and groups:
            groups[-1] = str(int(groups[-1]) * _FACTORS[word])
            open_tens = _FACTORS[word]
            continue
        elif word == "and" and open_tens:
            continue
        elif value is not None and groups and value and value < open_tens:
            groups[-1] = str(int(groups[-1]) + value)
        elif value is not None:
            groups.append(str(value))
        open_tens = 10 if word in _TENS else 0
    return "".join(groups)


def spell(keys: str) -> str:
    """Read digits and keys one by one, in words."""
    named = (
        DIGITS[int(key)] if key.isdecimal() and key.isascii() else _KEYS.get(key, key)
        for key in keys
        if not key.isspace()
    )
    return " ".join(named)
