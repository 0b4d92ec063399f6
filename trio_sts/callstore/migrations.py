"""How the schema came to be, step by step: each step takes a database one version further.

A step is never changed once it was in use; what comes next is one more step, which only
adds: a program of an older version goes on writing to a newer schema while hosts are
updated one by one. Several of them may start at once: one migrates, the others wait.
"""

from collections.abc import Callable

from sqlalchemy import Connection, Engine, text

from .numbers import number_key

# "STS" and a number of ours: no other program locks it.
_ADVISORY_LOCK = 0x5354_5300_0001
_BATCH_ROWS = 500


def migrate(engine: Engine) -> int:
    """Bring a database to the version of this program.

    Returns:
        The version that it had.
    """
    with engine.begin() as connection:
        if connection.dialect.name == "postgresql":
            # SQLite's transactions are exclusive as `engine` begins them.
            connection.execute(
                text("SELECT pg_advisory_xact_lock(:lock)"), {"lock": _ADVISORY_LOCK}
            )
        before = _version(connection)
        for number, step in enumerate(STEPS[before:], before + 1):
            step(connection)
            connection.execute(
                text("UPDATE trio_sts_schema SET version = :version"),
                {"version": number},
            )
    return before


def _version(connection: Connection) -> int:
    connection.execute(
        text("CREATE TABLE IF NOT EXISTS trio_sts_schema (version INTEGER NOT NULL)")
    )
    version = connection.execute(text("SELECT version FROM trio_sts_schema")).scalar()
    if version is None:
        connection.execute(text("INSERT INTO trio_sts_schema (version) VALUES (0)"))
    return int(version or 0)


def _calls(connection: Connection) -> None:
    """Version 1: the table."""
    postgresql = connection.dialect.name == "postgresql"
    time = "TIMESTAMP WITH TIME ZONE" if postgresql else "DATETIME"
    double = "DOUBLE PRECISION" if postgresql else "DOUBLE"
    counts = ", ".join(
        f"{name} INTEGER NOT NULL"
        for name in (
            *("turns", "barge_ins", "keys", "tool_calls", "turn_latencies"),
            *("tool_latencies", "unfinished_responses", "nudges", "retries"),
            *("reconnects", "renewals"),
        )
    )
    tokens = ", ".join(
        f"{name}_tokens BIGINT NOT NULL"
        for name in (
            *("input_audio", "input_text", "cached_audio", "cached_text"),
            *("output_audio", "output_text"),
            *("transcription_input", "transcription_output"),
        )
    )
    latencies = ", ".join(
        f"{name}_ms BIGINT"
        for name in (
            "greeting_latency",
            *("turn_latency_median", "turn_latency_worst"),
            *("tool_latency_median", "tool_latency_worst"),
        )
    )
    connection.execute(
        text(
            "CREATE TABLE calls (id VARCHAR(32) NOT NULL PRIMARY KEY, uuid VARCHAR(128) NOT NULL, "
            f"begun_at {time} NOT NULL, ended_at {time} NOT NULL, "
            f"duration_s {double} NOT NULL, outcome TEXT NOT NULL, "
            "close_code INTEGER NOT NULL, caller TEXT, called TEXT, model TEXT NOT NULL, "
            f"tools JSON NOT NULL, {counts}, {latencies}, "
            f"worst_latency_ms BIGINT NOT NULL, {tokens}, "
            f"transcription_s {double} NOT NULL, cost_usd {double}, "
            f"no_price_for JSON NOT NULL, caller_audio_s {double} NOT NULL, "
            f"agent_audio_s {double} NOT NULL, dropped_audio_ms BIGINT NOT NULL, "
            "call_file TEXT, recording_file TEXT, transcript_file TEXT, "
            "host TEXT NOT NULL, version TEXT NOT NULL)"
        )
    )
    for column in ("uuid", "begun_at"):
        connection.execute(text(f"CREATE INDEX ix_calls_{column} ON calls ({column})"))


def _number_keys(connection: Connection) -> None:
    """Version 2: numbers as they are compared, so that a search need not read all."""
    for column in ("caller_key", "called_key"):
        connection.execute(text(f"ALTER TABLE calls ADD COLUMN {column} TEXT"))
    rows = connection.execute(text("SELECT id, caller, called FROM calls")).all()
    for start in range(0, len(rows), _BATCH_ROWS):
        connection.execute(
            text("UPDATE calls SET caller_key = :er, called_key = :ed WHERE id = :id"),
            [
                {
                    "id": row.id,
                    "er": number_key(row.caller),
                    "ed": number_key(row.called),
                }
                for row in rows[start : start + _BATCH_ROWS]
            ],
        )
    for column in ("caller_key", "called_key"):
        connection.execute(text(f"CREATE INDEX ix_calls_{column} ON calls ({column})"))


STEPS: tuple[Callable[[Connection], None], ...] = (_calls, _number_keys)
