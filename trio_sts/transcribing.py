"""A default transcription model that does not work: another one, then none."""

from typing import Any

from attrs import define

from trio_sts.brief import Brief
from trio_sts.legs.optional_fields import RefusedFields
from trio_sts.legs.own_fields import without_own
from trio_sts.settings.groups.hearing import DEFAULT_TRANSCRIBER
from trio_sts.wire.realtime.session import (
    Dialect,
    OptionalField,
    Refused,
    SessionConfig,
    beta_session,
    ga_session,
)

# Later ones are the caller's noise, or the model's bad day.
_FIRST_TURNS = 2


@define
class Transcribing:
    """What one call does about transcriptions that fail, a step a turn at most."""

    _stepped_in: int | None = None
    _is_plain: bool = False

    def after_failure(
        self, brief: Brief, fields: RefusedFields, turn: int
    ) -> dict[str, Any] | None:
        """Go on to the next model, which the process remembers for its other calls.

        If the call has a language or keywords of its own, the model is tried without
        them first.

        Args:
            brief: The call's own.
            fields: What the process knows of endpoints; it learns from this.
            turn: How many turns the caller has had.

        Returns:
            The part of a session to be asked for; None if nothing changes.
        """
        if turn > _FIRST_TURNS + self._is_plain or turn == self._stepped_in:
            return None
        endpoint = brief.endpoint
        known = fields.known(endpoint)
        own = () if OptionalField.TRANSCRIPTION in known else _of_words(brief.session)
        plain = without_own(brief.session, own)
        if own and not self._is_plain:
            self._is_plain = True
        else:
            is_default = brief.settings.transcription_model == DEFAULT_TRANSCRIBER
            step = _next(known, brief.session.transcription_fallback)
            if not is_default or step is None:
                return None
            fields.add(endpoint, step)
        self._stepped_in = turn
        refused = fields.known(endpoint)
        if endpoint.dialect is Dialect.BETA:
            session = beta_session(plain, refused)
            name = "input_audio_transcription"
            return {name: session.get(name)}
        given = ga_session(plain, refused)["audio"]["input"]
        words = {"transcription": given.get("transcription")}
        return {"type": "realtime", "audio": {"input": words}}


def transcriber_in_use(brief: Brief, fields: RefusedFields) -> str | None:
    """What writes down the caller's words by now, after all steps of `Transcribing`."""
    fallback = brief.session.transcription_fallback
    if fallback is not None and OptionalField.TRANSCRIBER in fields.known(
        brief.endpoint
    ):
        return fallback
    return brief.transcriber


def _of_words(session: SessionConfig) -> tuple[str, ...]:
    """What the call itself has said of its transcripts."""
    return tuple(
        name
        for name in ("language", "transcription_keywords")
        if name in session.instead
    )


def _next(refused: Refused, fallback: str | None) -> OptionalField | None:
    if fallback is not None and OptionalField.TRANSCRIBER not in refused:
        return OptionalField.TRANSCRIBER
    if OptionalField.TRANSCRIPTION not in refused:
        return OptionalField.TRANSCRIPTION
    return None
