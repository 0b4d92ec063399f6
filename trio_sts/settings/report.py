"""The settings as rows: for the README, ``.env.example`` and ``trio-sts check``."""

from collections.abc import Iterable

from attrs import fields, frozen

from .masking import mask_secrets, mask_value, one_line
from .schema import Settings
from .secrets import secrets_of
from .spec import Spec, spec_of


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
    """Every setting's value on one line, with secrets masked, wherever they stand."""
    secrets = secrets_of(settings)
    return tuple(
        EffectiveRow(
            variable=spec.variable,
            value=_shown(spec, value, secrets, attribute.default),
            unit=spec.unit,
            is_default=value == attribute.default,
        )
        for attribute in fields(Settings)
        for spec in (spec_of(attribute),)
        for value in (getattr(settings, attribute.name),)
    )


def _shown(spec: Spec, value: object, secrets: Iterable[str], default: object) -> str:
    if value is None and default is not None and spec.costs:
        return "unusable"
    text = spec.kind.show(value) or spec.default
    if spec.secret or spec.kind.is_url:
        return mask_secrets(text, secrets)
    return one_line(mask_value(text, secrets))


def changed(
    before: Settings, after: Settings, names: Iterable[str] | None = None
) -> dict[str, str]:
    """The variables whose values differ, by the names of their fields.

    Args:
        before: Some settings.
        after: Others.
        names: The fields that are looked at; None for all.
    """
    looked_at = None if names is None else set(names)
    return {
        attribute.name: spec_of(attribute).variable
        for attribute in fields(Settings)
        if (looked_at is None or attribute.name in looked_at)
        and getattr(before, attribute.name) != getattr(after, attribute.name)
    }
