"""The settings as rows: for the README, ``.env.example`` and ``trio-sts check``."""

from attrs import fields, frozen

from .schema import Settings
from .spec import spec_of


@frozen
class Row:
    """One setting, as documentation shows it; ``default`` is in words or empty."""

    variable: str
    name: str
    default: str
    unit: str
    allowed: str
    meaning: str
    example: str
    secret: bool
    lenient: bool


@frozen
class EffectiveRow:
    """One setting's value as it holds now, secrets masked; empty if there is none."""

    variable: str
    value: str
    unit: str
    is_default: bool


def describe() -> tuple[Row, ...]:
    """Every setting, in the order of the file."""
    return tuple(
        Row(
            variable=spec.variable,
            name=attribute.name,
            default=spec.default or spec.kind.show(attribute.default),
            unit=spec.unit,
            allowed=spec.kind.allowed,
            meaning=spec.meaning,
            example=spec.example,
            secret=spec.secret,
            lenient=spec.lenient,
        )
        for attribute in fields(Settings)
        for spec in (spec_of(attribute),)
    )


def effective(settings: Settings) -> tuple[EffectiveRow, ...]:
    """Every setting's value, with secrets masked, in MCP servers and URLs too."""
    return tuple(
        EffectiveRow(
            variable=spec.variable,
            value=spec.kind.show(value) or spec.default,
            unit=spec.unit,
            is_default=value == attribute.default,
        )
        for attribute in fields(Settings)
        for spec in (spec_of(attribute),)
        for value in (getattr(settings, attribute.name),)
    )
