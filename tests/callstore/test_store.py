"""The store, in SQLite and in PostgreSQL: what goes in comes out, once."""

import os
import stat
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest

from tests.record.kit import BEGUN_AT, finished
from trio_sts.callstore.numbers import number_key
from trio_sts.callstore.store import CallStore, Wanted
from trio_sts.errors import StoreAway
from trio_sts.record.finished_call import Files, FinishedCall, Wait
from trio_sts.record.prices import Cost

from . import postgres


def found(store: CallStore, **wanted: Any) -> list[str]:
    return [call.uuid for call in store.find(Wanted(**wanted))]


def test_a_call_comes_back_as_it_was(store: CallStore) -> None:
    call = finished()
    assert store.add([call]) == []
    assert list(store.find(Wanted())) == [call]


def test_one_that_nothing_happened_in_comes_back_too(store: CallStore) -> None:
    call = FinishedCall(
        uuid="call-1",
        begun_at=BEGUN_AT,
        ended_at=BEGUN_AT,
        duration_s=0,
        outcome="caller hung up",
        close_code=1000,
        model="a-model",
    )
    store.add([call])
    assert store.with_uuid("call-1") == [call]


def test_a_call_that_is_added_again_is_there_once(store: CallStore) -> None:
    call, other = finished(), finished(uuid="call-2")
    store.add([call])
    store.add([other, call, call])
    assert sorted(found(store)) == ["call-1", "call-2"]


def test_a_uuid_that_comes_back_is_another_call(store: CallStore) -> None:
    first = finished()
    second = finished(begun_at=BEGUN_AT + timedelta(hours=1))
    store.add([first, second])
    assert store.with_uuid("call-1") == [second, first]
    assert store.with_uuid("call-9") == []


@pytest.mark.parametrize(
    ("wanted", "uuids"),
    [
        ({}, ["late", "dear", "early"]),
        ({"number": "+49 30 123456"}, ["dear", "early"]),
        ({"number": "49-30.123/456"}, ["dear", "early"]),
        ({"number": "3012"}, []),
        ({"number": "+"}, []),
        ({"number": "SIP:Ann"}, ["late"]),
        ({"number": "7000"}, ["late"]),
        ({"since": BEGUN_AT + timedelta(minutes=30)}, ["late", "dear"]),
        ({"outcome": "HUNG UP"}, ["dear", "early"]),
        ({"outcome": "%"}, []),
        ({"slower_than_s": 2.999}, ["dear", "early"]),
        ({"slower_than_s": 3}, ["dear"]),
        ({"dearer_than_usd": 1}, ["dear"]),
        ({"dearer_than_usd": 0}, ["dear", "early"]),
        ({"outcome": "hung up", "dearer_than_usd": 1}, ["dear"]),
    ],
)
def test_what_is_wanted_is_found_the_latest_first(
    store: CallStore, wanted: dict[str, Any], uuids: list[str]
) -> None:
    hour = timedelta(hours=1)
    store.add(
        [
            finished(uuid="early"),
            finished(
                uuid="dear",
                begun_at=BEGUN_AT + hour,
                cost=Cost(2.5),
                turn=Wait(1, 9000, 9000),
            ),
            finished(
                uuid="late",
                begun_at=BEGUN_AT + 2 * hour,
                caller="sip:ann",
                called="7000",
                outcome="transferred",
                cost=Cost(),
                turn=Wait(),
                tool=Wait(),
            ),
        ]
    )
    assert found(store, **wanted) == uuids


def test_no_more_are_found_than_asked_for(store: CallStore) -> None:
    store.add([finished(uuid=f"call-{number}") for number in range(450)])
    assert len(list(store.find(Wanted(), limit=3))) == 3
    assert len(list(store.find(Wanted()))) == 450


def test_the_calls_of_a_caller_are_not_those_to_the_number(store: CallStore) -> None:
    mine = finished(caller="100", called="200")
    to_me = finished(uuid="call-2", caller="200", called="100")
    store.add([mine, to_me])
    assert store.of_number("1 00") == [mine]
    assert {call.id for call in store.of_number("100", called=True)} == {
        mine.id,
        to_me.id,
    }


def test_what_is_removed_is_gone(store: CallStore) -> None:
    calls = [finished(uuid=f"call-{number}") for number in range(450)]
    store.add(calls)
    assert store.remove([call.id for call in calls[1:]]) == 449
    assert found(store) == ["call-0"]
    assert store.remove([calls[1].id]) == 0


@pytest.mark.parametrize("odd", ["\x00", "\ud800"])
def test_a_call_that_cannot_be_stored_does_not_hold_up_the_others(
    store: CallStore, odd: str
) -> None:
    poison = finished(uuid="poison", outcome=odd, turns=1 << 80)
    refused = store.add([finished(), poison, finished(uuid="call-2")])
    assert refused == [poison]
    assert sorted(found(store)) == ["call-1", "call-2"]


def test_in_sqlite_nothing_of_what_was_removed_stays_in_the_file(
    tmp_path: Path,
) -> None:
    store = CallStore.open(f"sqlite:///{tmp_path / 'calls.db'}")
    gone = finished(caller="+49 555 0199", files=Files(call="/records/secret.call"))
    store.add([finished(uuid=f"call-{n}") for n in range(300)])
    store.add([gone])
    everything = b"".join(path.read_bytes() for path in tmp_path.iterdir())
    assert b"555 0199" in everything
    store.remove([gone.id])
    left = b"".join(path.read_bytes() for path in tmp_path.iterdir())
    for told in (b"555 0199", b"495550199", b"secret.call", gone.id.encode()):
        assert told not in left
    store.close()


def test_the_file_is_its_owner_s_alone(tmp_path: Path) -> None:
    before = os.umask(0)
    try:
        store = CallStore.open(f"sqlite:///{tmp_path / 'calls.db'}")
        store.add([finished()])
        modes = {stat.S_IMODE(path.stat().st_mode) for path in tmp_path.iterdir()}
        store.close()
    finally:
        os.umask(before)
    assert modes == {0o600}


def test_a_folder_that_is_missing_is_a_store_that_is_away(tmp_path: Path) -> None:
    store = CallStore.open(f"sqlite:///{tmp_path / 'gone' / 'calls.db'}")
    with pytest.raises(StoreAway, match="No such file or directory"):
        store.add([finished()])
    (tmp_path / "gone").mkdir()
    store.add([finished()])
    assert found(store) == ["call-1"]
    store.close()


def test_what_is_no_database_is_a_store_that_is_away(tmp_path: Path) -> None:
    path = tmp_path / "calls.db"
    path.write_bytes(b"a letter to a friend\n" * 100)
    store = CallStore.open(f"sqlite:///{path}")
    with pytest.raises(StoreAway, match="not a database"):
        list(store.find(Wanted()))
    store.close()


@pytest.mark.parametrize(
    "change", [("127.0.0.1", "127.0.0.2"), (postgres.PASSWORD, "wrong"), ("sts", "xyz")]
)
def test_a_server_that_refuses_is_a_store_that_is_away_and_the_password_is_not_told(
    server: postgres.Server, change: tuple[str, str]
) -> None:
    store = CallStore.open(server.new_database().replace(*change))
    with pytest.raises(StoreAway) as caught:
        store.add([finished()])
    assert postgres.PASSWORD not in str(caught.value)
    assert "INSERT" not in str(caught.value)
    store.close()


@pytest.mark.parametrize(
    ("number", "key"),
    [
        ("+49 (30) 123-456", "4930123456"),
        ("49 30/123.456", "4930123456"),
        ("4930\u2011123456", "4930123456"),
        ("SIP:Ann@Example", "sip:ann@example"),
        ("*72#", "*72#"),
        (" + - ", None),
        ("", None),
        (None, None),
    ],
)
def test_numbers_are_compared_without_what_is_between_digits(
    number: str | None, key: str | None
) -> None:
    assert number_key(number) == key
