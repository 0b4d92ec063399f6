"""What is known of one setting beside its value: it travels in the field's metadata."""

from attrs import Attribute, frozen

from .kinds import Kind

_KEY = "setting"


@frozen
class Spec:
    """One setting as an operator sees it.

    Attributes:
        variable: The name in the environment.
        kind: How the text is read and shown, and what is allowed.
        meaning: What it does, in a sentence or two.
        unit: ``ms``, ``s``, ``KiB`` or empty.
        default: The default in words, where the field's own does not say it.
        example: A value that could stand in ``.env``.
        secret: Not a character of the value is ever shown.
        lenient: ``serve`` takes the nearest value or the default instead of refusing.
        alias: Another name of the variable, for where the first cannot be set.
        costs: What is lost, in words, where a value cannot be used, which then is None;
            empty where such a value is a fault.
        no_words: A word such as "undefined" is a fault, not a value that is missing.
    """

    variable: str
    kind: Kind
    meaning: str
    unit: str = ""
    default: str = ""
    example: str = ""
    secret: bool = False
    lenient: bool = False
    alias: str = ""
    costs: str = ""
    no_words: bool = False


def about(
    variable: str,
    kind: Kind,
    meaning: str,
    *,
    unit: str = "",
    default: str = "",
    example: str = "",
    secret: bool = False,
    lenient: bool = False,
    alias: str = "",
    costs: str = "",
    no_words: bool = False,
) -> dict[str, Spec]:
    """The metadata of a field; see `Spec` for the arguments."""
    return {
        _KEY: Spec(
            variable,
            kind,
            meaning,
            unit=unit,
            default=default,
            example=example,
            secret=secret,
            lenient=lenient,
            alias=alias,
            costs=costs,
            no_words=no_words,
        )
    }


def spec_of(attribute: "Attribute[object]") -> Spec:
    """What `about` wrote into a field's metadata."""
    spec: Spec = attribute.metadata[_KEY]
    return spec
