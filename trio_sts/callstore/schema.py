"""The table of calls as it is now; `migrations` says how it came to be."""

from datetime import UTC, datetime
from typing import Any

from sqlalchemy import (
    JSON,
    BigInteger,
    Column,
    DateTime,
    Dialect,
    Double,
    Index,
    Integer,
    MetaData,
    String,
    Table,
    Text,
    TypeDecorator,
)
from typing_extensions import override

# As `rules.opening` bounds it.
UUID_CHARS = 128


class UtcTime(TypeDecorator[datetime]):
    """A time in UTC: SQLite keeps no zone, and gives back what it was given."""

    impl = DateTime(timezone=True)
    cache_ok = True

    @override
    def process_bind_param(
        self, value: datetime | None, dialect: Dialect
    ) -> datetime | None:
        return None if value is None else value.astimezone(UTC)

    @override
    def process_result_value(self, value: Any, dialect: Dialect) -> datetime | None:
        if value is None:
            return None
        zoned: datetime = value if value.tzinfo else value.replace(tzinfo=UTC)
        return zoned.astimezone(UTC)


metadata = MetaData()

calls = Table(
    "calls",
    metadata,
    Column("id", String(32), primary_key=True),
    Column("uuid", String(UUID_CHARS), nullable=False, index=True),
    Column("begun_at", UtcTime, nullable=False, index=True),
    Column("ended_at", UtcTime, nullable=False),
    Column("duration_s", Double, nullable=False),
    Column("outcome", Text, nullable=False),
    Column("close_code", Integer, nullable=False),
    Column("caller", Text),
    Column("called", Text),
    Column("model", Text, nullable=False),
    Column("turns", Integer, nullable=False),
    Column("barge_ins", Integer, nullable=False),
    Column("keys", Integer, nullable=False),
    Column("tool_calls", Integer, nullable=False),
    # A list of objects: name, duration_ms, outcome.
    Column("tools", JSON, nullable=False),
    Column("greeting_latency_ms", BigInteger),
    Column("turn_latencies", Integer, nullable=False),
    Column("turn_latency_median_ms", BigInteger),
    Column("turn_latency_worst_ms", BigInteger),
    Column("tool_latencies", Integer, nullable=False),
    Column("tool_latency_median_ms", BigInteger),
    Column("tool_latency_worst_ms", BigInteger),
    # Of whatever kind; 0 without any.
    Column("worst_latency_ms", BigInteger, nullable=False),
    Column("input_audio_tokens", BigInteger, nullable=False),
    Column("input_text_tokens", BigInteger, nullable=False),
    Column("cached_audio_tokens", BigInteger, nullable=False),
    Column("cached_text_tokens", BigInteger, nullable=False),
    Column("output_audio_tokens", BigInteger, nullable=False),
    Column("output_text_tokens", BigInteger, nullable=False),
    Column("transcription_input_tokens", BigInteger, nullable=False),
    Column("transcription_output_tokens", BigInteger, nullable=False),
    Column("transcription_s", Double, nullable=False),
    Column("cost_usd", Double),
    # Names of models whose price is not known.
    Column("no_price_for", JSON, nullable=False),
    Column("caller_audio_s", Double, nullable=False),
    Column("agent_audio_s", Double, nullable=False),
    Column("dropped_audio_ms", BigInteger, nullable=False),
    Column("unfinished_responses", Integer, nullable=False),
    Column("nudges", Integer, nullable=False),
    Column("retries", Integer, nullable=False),
    Column("reconnects", Integer, nullable=False),
    Column("renewals", Integer, nullable=False),
    Column("call_file", Text),
    Column("recording_file", Text),
    Column("transcript_file", Text),
    Column("host", Text, nullable=False),
    Column("version", Text, nullable=False),
    # The numbers as they are compared.
    Column("caller_key", Text),
    Column("called_key", Text),
    Index("ix_calls_caller_key", "caller_key"),
    Index("ix_calls_called_key", "called_key"),
)
