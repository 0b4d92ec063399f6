"""A call that is over: what it is made of, and that JSON gives it back."""

from datetime import UTC, datetime

import orjson
import pytest

from trio_sts.conversation.parts.counters import Counters
from trio_sts.conversation.parts.latencies import Latencies, Waits
from trio_sts.record.finished_call import (
    FinishedCall,
    Tokens,
    Wait,
    as_json,
    figures,
    from_json,
)

from .kit import finished


def test_json_gives_it_back_as_it_was() -> None:
    call = finished()
    assert from_json(orjson.loads(orjson.dumps(as_json(call)))) == call


def test_one_that_nothing_happened_in_is_given_back_too() -> None:
    now = datetime(2026, 1, 2, 3, 4, 5, 678_000, tzinfo=UTC)
    call = FinishedCall(
        uuid="call-1",
        begun_at=now,
        ended_at=now,
        duration_s=0,
        outcome="caller hung up",
        close_code=1000,
        model="a-model",
    )
    assert from_json(orjson.loads(orjson.dumps(as_json(call)))) == call


def test_fields_of_another_version_are_no_fault() -> None:
    fields = as_json(finished())
    del fields["renewals"]
    fields["a_field_to_come"] = {"of": "another version"}
    assert from_json(fields) == finished(id=fields["id"], renewals=0)


@pytest.mark.parametrize(
    "fields",
    [{}, {"uuid": "call-1"}, {**as_json(finished()), "begun_at": "yesterday"}],
)
def test_what_is_no_call_is_refused(fields: dict[str, object]) -> None:
    with pytest.raises(ValueError, match="no record of a call"):
        from_json(fields)


def test_each_record_has_an_id_of_its_own() -> None:
    assert finished().id != finished().id


def test_a_number_is_not_in_the_repr() -> None:
    assert "123-456" not in repr(finished())
    assert "123-456" not in str(as_json(finished().without_caller()))


def test_the_figures_are_those_that_the_core_counted() -> None:
    counters = Counters(
        turns=1,
        barge_ins=2,
        tools=3,
        keys=4,
        caller_audio_ms=1_234_060,
        agent_audio_ms=2_345_060,
        dropped_audio_ms=345.6,
        cached_audio_tokens=9,
        input_audio_tokens=8,
        transcription_s=1.26,
    )
    latencies = Latencies(turn=Waits([3, 1, 2.0004], 3, 3))
    fields = figures(counters, latencies)
    assert fields["turn"] == Wait(3, 2000, 3000)
    assert fields["greeting"] == Wait()
    assert fields["tokens"] == Tokens(input_audio=8, cached_audio=8)
    assert fields["dropped_audio_ms"] == 346
    assert (fields["caller_audio_s"], fields["agent_audio_s"]) == (1234.1, 2345.1)
    assert fields["tool_calls"] == 3
    assert fields["transcription_s"] == 1.3


def test_the_worst_wait_is_that_of_any_kind() -> None:
    assert finished().worst_ms == 3000
    assert finished(tool=Wait()).worst_ms == 2400
    assert finished(tool=Wait(), turn=Wait(), greeting=Wait()).worst_ms == 0
