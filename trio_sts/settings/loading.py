"""From the environment and ``.env`` to `Settings`, with every fault in one line each."""

import re
from collections.abc import Iterator, Mapping
from difflib import get_close_matches
from os import PathLike
from typing import Any

from attrs import Attribute, define, evolve, field, fields, frozen
from cattrs import ClassValidationError, Converter
from cattrs.gen import make_dict_structure_fn, override

from trio_sts.errors import SettingsError

from .databases import database_fault, password_of
from .files import (
    check_record_dir,
    check_transcript_dir,
    read_key,
    usable_tools_dir,
)
from .kinds import Unfit, is_loopback
from .lifetimes import current_model
from .masking import MASK, mask_secrets, mask_url, mask_value, one_line
from .schema import Settings
from .sources import gather
from .spec import Spec, spec_of
from .tls import Unusable, server_context

_SPECS: dict[str, Spec] = {
    attribute.name: spec_of(attribute) for attribute in fields(Settings)
}
_BY_VARIABLE = {spec.variable: spec for spec in _SPECS.values()}

# AVR Core's own variable: a compose file's shared .env contains it.
_NOT_OURS = frozenset({"STS_URL"})
# What Kubernetes and Docker's links set in every container beside a service named "sts".
_OF_A_CLUSTER = re.compile(
    r"(_SERVICE_HOST|_SERVICE_PORT(_\w+)?|_PORT_\d+_(TCP|UDP|SCTP)(_\w+)?"
    r"|^STS_NAME|^STS_ENV_\w+)$"
)
_LINKED = ("tcp://", "udp://", "sctp://")

# Which settings of others need one.
_NEEDED_BY = {
    "webhook_secret": ("webhook_url",),
    "ari_url": ("ari_user", "ari_password"),
    "ari_user": ("ari_url", "ari_password"),
    "ari_password": ("ari_url", "ari_user"),
}


@define
class _Findings:
    """What is wrong, in the operator's words."""

    secrets: list[str]
    faults: list[str] = field(factory=list[str])
    warnings: list[str] = field(factory=list[str])
    # Variables whose values are not allowed.
    misfits: set[str] = field(factory=set[str])

    def masked(self, lines: list[str]) -> tuple[str, ...]:
        return tuple(mask_secrets(line, self.secrets) for line in lines)


@frozen
class _Misfit:
    """One variable whose value is not allowed."""

    name: str
    spec: Spec
    value: str = field(repr=False)
    unfit: Unfit


def load(
    environ: Mapping[str, str],
    dotenv_path: str | PathLike[str] | None,
    *,
    strict: bool,
) -> tuple[Settings, tuple[str, ...]]:
    """Read the settings; folders for records are created if they are missing.

    Args:
        environ: The real environment; it wins over the file.
        dotenv_path: The ``.env`` file, which may be missing; None reads no file.
        strict: Whether the lenient variables' faults are faults, as ``check`` wants,
            and not warnings, as ``serve`` wants.

    Returns:
        The settings, and one line for each warning.

    Raises:
        SettingsError: With every fault at once, secrets masked.
    """
    sources = gather(environ, dotenv_path, _SPECS.values())
    given = sources.values
    secrets = _secrets_in(given)
    found = _Findings(secrets, [*sources.faults], [*sources.warnings])
    found.warnings += _strangers(given)
    settings, misfits = _structure(given)
    for misfit in misfits:
        _judge(misfit, found, strict=strict)
    settings = _with_key(settings, given, found)
    for name in ("webhook_secret", "ari_password"):
        settings = _with_secret(settings, name, found)
    found.faults += _missing(settings, found)
    settings = _completed(settings, found)
    if found.faults:
        raise SettingsError(found.masked(found.faults))
    return settings, found.masked(found.warnings)


def _secrets_in(given: Mapping[str, str]) -> list[str]:
    secrets = [
        given[s.variable] for s in _SPECS.values() if s.secret and s.variable in given
    ]
    password = password_of(given.get(_SPECS["calls_db"].variable))
    return [*secrets, password] if password else secrets


def _strangers(given: Mapping[str, str]) -> Iterator[str]:
    """Name what looks like ours but is not, with the nearest name that is."""
    for name in sorted(given):
        known = name in _BY_VARIABLE or name in _NOT_OURS
        if name.startswith("STS_") and not known and not _is_link(name, given[name]):
            shown = one_line(name)
            bare = name.removeprefix("STS_")
            near = get_close_matches(shown, _BY_VARIABLE, n=1, cutoff=0)
            meant = bare if bare in _BY_VARIABLE else near[0]
            yield f"{shown} is unknown; did you mean {meant}?"


def _is_link(name: str, value: str) -> bool:
    is_port = name.endswith("_PORT") and value.startswith(_LINKED)
    return is_port or bool(_OF_A_CLUSTER.search(name))


def _structure(given: Mapping[str, str]) -> tuple[Settings, list[_Misfit]]:
    """Structure what fits; what does not takes its nearest value, or its default."""
    try:
        return _converter.structure(given, Settings), []
    except ClassValidationError as group:
        misfits = [
            _misfit(exc, note.name, given) for exc, note in group.group_exceptions()[0]
        ]
    mended = dict(given)
    lost: dict[str, Any] = {}
    for misfit in misfits:
        del mended[misfit.spec.variable]
        if misfit.spec.costs:
            lost[misfit.name] = None
        elif misfit.unfit.nearest is not None:
            mended[misfit.spec.variable] = misfit.unfit.nearest
    return evolve(_converter.structure(mended, Settings), **lost), misfits


def _misfit(exc: Exception, name: str, given: Mapping[str, str]) -> _Misfit:
    if not isinstance(exc, Unfit):
        raise exc
    spec = _SPECS[name]
    return _Misfit(name, spec, given[spec.variable], exc)


def _judge(misfit: _Misfit, found: _Findings, *, strict: bool) -> None:
    spec, unfit = misfit.spec, misfit.unfit
    found.misfits.add(spec.variable)
    line = f"{_named(spec, misfit.value, found)} must be {spec.kind.allowed}"
    if unfit.why:
        line += f": {unfit.why}"
    if spec.costs:
        found.warnings.append(f"{line}; {spec.costs}")
    elif strict or not spec.lenient:
        found.faults.append(line)
    else:
        instead = "the default" if unfit.nearest is None else unfit.nearest
        found.warnings.append(f"{line}; {instead} is used")


def _named(spec: Spec, value: object, found: _Findings) -> str:
    """A variable with its value, as far as that may be shown."""
    if spec.secret:
        return f"{spec.variable}={MASK}"
    masked = mask_value(str(value), found.secrets)
    if spec.kind.is_url:
        masked = mask_url(masked)
    return f"{spec.variable}='{one_line(masked)}'"


def _with_key(
    settings: Settings, given: Mapping[str, str], found: _Findings
) -> Settings:
    """Take the key from its file if it is not in the environment, and insist on one."""
    by_file = _SPECS["api_key_file"]
    direct, from_file = _SPECS["api_key"].variable, by_file.variable
    if direct in given:
        if settings.api_key_file is not None:
            found.warnings.append(f"{from_file} is not read: {direct} is set too")
        return settings
    if settings.api_key_file is not None:
        key, fault = read_key(settings.api_key_file)
        if fault:
            found.faults.append(
                f"{_named(by_file, settings.api_key_file, found)} {fault}"
            )
        if key is not None:
            found.secrets.append(key)
        return evolve(settings, api_key=key)
    if from_file not in given and not settings.embedded:
        found.faults.append(
            f"{direct} is not set; set it or {from_file}, or STS_EMBEDDED=on for the "
            "built-in model"
        )
    return settings


def _with_secret(settings: Settings, name: str, found: _Findings) -> Settings:
    """Take a secret from the file of the same name, if it is not in the environment.

    Args:
        settings: As they are so far.
        name: Of the secret's field; with ``_file`` it is that of the file's.
        found: Is told what is wrong.
    """
    direct, by_file = _SPECS[name], _SPECS[f"{name}_file"]
    file: Any = getattr(settings, f"{name}_file")
    if file is None:
        return settings
    if getattr(settings, name) is not None or direct.variable in found.misfits:
        told = f"{by_file.variable} is not read: {direct.variable} is set too"
        found.warnings.append(told)
        return settings
    secret, fault = read_key(file, direct.kind)
    if fault:
        found.misfits.add(direct.variable)
        found.faults.append(f"{_named(by_file, file, found)} {fault}")
    if secret is not None:
        found.secrets.append(secret)
    read: dict[str, Any] = {name: secret}
    return evolve(settings, **read)


def _missing(settings: Settings, found: _Findings) -> Iterator[str]:
    """Settings without which others are of no use."""

    def is_given(name: str) -> bool:
        is_misfit = _SPECS[name].variable in found.misfits
        return is_misfit or getattr(settings, name) is not None

    for name, others in _NEEDED_BY.items():
        needing = next(filter(is_given, others), None)
        if needing is not None and not is_given(name):
            by_file = _SPECS.get(f"{name}_file")
            instead = "" if by_file is None else f", or {by_file.variable}"
            needs = f"{_SPECS[needing].variable} needs it{instead}"
            yield f"{_SPECS[name].variable} is not set: {needs}"


def _completed(settings: Settings, found: _Findings) -> Settings:
    """Apply what depends on more than one variable, or on the disk."""
    model = current_model(settings)
    if model != settings.model:
        named = _named(_SPECS["model"], settings.model, found)
        found.warnings.append(f"{named} is retired; {model} is used")
    tools_dir = usable_tools_dir(settings.tools_dir)
    if tools_dir != settings.tools_dir:
        named = _named(_SPECS["tools_dir"], settings.tools_dir, found)
        found.warnings.append(f"{named} is no folder; {tools_dir} is used")
    folders = {"transcript_dir": check_transcript_dir, "record_dir": check_record_dir}
    for name, check in folders.items():
        folder = getattr(settings, name)
        fault = "" if folder is None else check(folder)
        if fault:
            found.faults.append(f"{_named(_SPECS[name], folder, found)} {fault}")
    if settings.calls_db is not None and (fault := database_fault(settings.calls_db)):
        named = _named(_SPECS["calls_db"], settings.calls_db, found)
        found.faults.append(f"{named} {fault}")
    found.faults += _tls_faults(settings)
    if settings.record_audio and settings.record_dir is None:
        found.faults.append("STS_RECORD_AUDIO=on needs a folder: set STS_RECORD_DIR")
    if settings.admin_port is not None and settings.admin_token is None:
        found.faults += _open_to_others(settings, found)
    return evolve(settings, model=model, tools_dir=tools_dir)


def _tls_faults(settings: Settings) -> Iterator[str]:
    """The certificate and its key, which go together."""
    cert, key = settings.tls_cert, settings.tls_key
    if cert is None or key is None:
        if cert is not key:
            missing, given = "STS_TLS_KEY", "STS_TLS_CERT"
            if cert is None:
                missing, given = given, missing
            yield f"{missing} is not set: {given} needs it"
        return
    try:
        server_context(cert, key)
    except Unusable as exc:
        yield str(exc)


def _open_to_others(settings: Settings, found: _Findings) -> Iterator[str]:
    """A console that others can reach, and for which they need nothing."""
    if not is_loopback(settings.admin_host):
        named = _named(_SPECS["admin_host"], settings.admin_host, found)
        yield f"{named} is for others to reach: set STS_ADMIN_TOKEN for the console"


def _reader(attribute: "Attribute[object]") -> Any:
    """How cattrs reads one field: under its variable's name, by its kind."""
    kind = spec_of(attribute).kind

    def structure(value: str, _: object) -> object:
        if any("\ud800" <= char <= "\udfff" for char in value):
            # What Python makes of bytes in the environment that are not UTF-8.
            why = "not UTF-8"
            raise Unfit(why)
        return kind.parse(value)

    return override(rename=spec_of(attribute).variable, struct_hook=structure)


def _make_converter() -> Converter:
    converter = Converter(detailed_validation=True)
    readers = {attribute.name: _reader(attribute) for attribute in fields(Settings)}
    converter.register_structure_hook(
        Settings, make_dict_structure_fn(Settings, converter, **readers)
    )
    return converter


_converter = _make_converter()
