"""Reading a docstring: what a function is for, and its arguments."""

from collections.abc import Mapping

import docstring_parser
from attrs import frozen


@frozen
class Docstring:
    """The words before the first section, and one text per argument."""

    description: str
    arguments: Mapping[str, str]


def read_docstring(text: str | None) -> Docstring:
    """Take a docstring apart, in the style of Google, numpydoc or Sphinx.

    Lines are joined; paragraphs of the description stay. What cannot be taken apart is
    all description.
    """
    try:
        parsed = docstring_parser.parse(text or "")
    except docstring_parser.ParseError:
        return Docstring(_joined(text), {})
    arguments = {
        each.arg_name.lstrip("*"): " ".join((each.description or "").split())
        for each in parsed.params
    }
    return Docstring(_joined(parsed.description), arguments)


def _joined(text: str | None) -> str:
    paragraphs = (text or "").strip().split("\n\n")
    return "\n\n".join(" ".join(paragraph.split()) for paragraph in paragraphs)
