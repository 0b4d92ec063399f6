"""Who said what, in the order of the conversation and as it was heard."""

from trio_sts.conversation.commands import Record
from trio_sts.conversation.parts.history import KEPT_BYTES, KEPT_ENTRIES, first_words
from trio_sts.wire.realtime.events import (
    ItemAdded,
    TranscriptDelta,
    TranscriptDone,
    TranscriptionCompleted,
    TranscriptionFailed,
)
from trio_sts.wire.realtime.items import ContentPart, Item

from .stage import Stage, spoken


def says(stage: Stage, text: str, n: int = 1, ms: float = 1000) -> None:
    stage.created(f"r{n}")
    stage.words(text, f"i{n}", f"r{n}")
    stage.delta(ms, f"i{n}", f"r{n}")
    stage.done(f"r{n}", "completed", spoken(f"i{n}", text))


def test_the_agents_words_are_told_when_they_were_heard() -> None:
    stage = Stage.ready()
    says(stage, "Hello there.")
    stage.advance(1)
    assert stage.said == []
    stage.advance(0.2)
    assert stage.said == [("agent", "Hello there.")]


def test_the_order_is_that_of_the_conversation_not_of_arrival() -> None:
    stage = Stage.ready()
    stage.committed("u1")
    says(stage, "An answer.")
    stage.advance(2)
    assert stage.said == []
    stage.caller_said("u1", "A question.")
    assert stage.said == [("user", "A question."), ("agent", "An answer.")]


def test_a_transcription_is_waited_for_10_s() -> None:
    stage = Stage.ready()
    stage.committed("u1")
    says(stage, "An answer.")
    stage.advance(9.9)
    assert stage.said == []
    stage.advance(0.2)
    assert stage.said == [("agent", "An answer.")]
    stage.caller_said("u1", "Too late, and still told.")
    assert stage.said[1:] == [("user", "Too late, and still told.")]


def test_the_patience_counts_from_the_end_of_the_callers_turn() -> None:
    stage = Stage.ready()
    stage.model(ItemAdded(Item("u1", "message", "user")))
    stage.advance(9)
    stage.committed("u1")
    says(stage, "An answer.")
    stage.advance(9)
    assert stage.said == []


def test_a_failed_transcription_waits_no_longer() -> None:
    stage = Stage.ready()
    stage.committed("u1")
    says(stage, "An answer.")
    stage.advance(2)
    stage.model(TranscriptionFailed("u1"))
    assert stage.said == [("agent", "An answer.")]


def test_without_transcription_nothing_is_waited_for() -> None:
    stage = Stage.ready(caller_transcripts=False)
    stage.committed("u1")
    says(stage, "An answer.")
    stage.advance(2)
    assert stage.said == [("agent", "An answer.")]


def test_cumulative_transcriptions_are_told_once() -> None:
    stage = Stage.ready()
    stage.model(ItemAdded(Item("u1", "message", "user")))
    for text, status in (("A", "in_progress"), ("A b", "in_progress")):
        stage.model(TranscriptionCompleted("u1", text, status))
    stage.model(TranscriptionCompleted("u1", "A b c", "completed"))
    stage.model(TranscriptionCompleted("u1", "A b c", "completed"))
    assert stage.said == [("user", "A b c")]


def test_a_transcription_may_be_all_that_is_seen_of_a_turn() -> None:
    stage = Stage.ready()
    stage.caller_said("u1", "Hello.")
    assert stage.said == [("user", "Hello.")]


def test_a_message_of_ours_is_no_turn_of_the_callers() -> None:
    stage = Stage.ready()
    ours = (ContentPart("input_text", "keys"),)
    stage.model(ItemAdded(Item("k1", "message", "user", content=ours)))
    says(stage, "An answer.")
    stage.advance(2)
    assert stage.said == [("agent", "An answer.")]


def test_the_agents_words_are_cut_to_what_was_heard() -> None:
    stage = Stage.ready()
    says(stage, "one two three four five six seven eight", ms=4000)
    stage.advance(2.06)
    stage.speech_started()
    assert stage.said == [("agent", "one two three four")]
    [record] = stage.all(Record)
    assert record.fields["role"] == "agent"
    assert 1980 <= record.fields["heard_ms"] <= 2000


def test_words_that_come_after_the_barge_in_are_not_told() -> None:
    stage = Stage.ready()
    stage.created()
    stage.model(TranscriptDelta("r1", "i1", "one two "))
    stage.model(TranscriptDelta("r1", "i1", "three four"))
    stage.delta(1000)
    stage.advance(0.56)
    stage.speech_started()
    stage.words("one two three four five six")
    stage.model(TranscriptDelta("r1", "i1", "seven"))
    stage.done("r1", "cancelled", spoken("i1", "one two three four five six"))
    stage.advance(1)
    assert stage.said == [("agent", "one two")]


def test_nothing_of_a_queued_item_is_told() -> None:
    stage = Stage.ready()
    says(stage, "The first.", 1)
    says(stage, "The second.", 2)
    stage.advance(0.5)
    stage.speech_started()
    stage.advance(1)
    assert [text for _, text in stage.said] == ["The"]


def test_words_that_were_never_spoken_are_not_told_and_hold_nothing_back() -> None:
    stage = Stage.ready()
    stage.created()
    stage.words("Written only.")
    stage.done("r1", "completed", spoken("i1", "Written only."))
    stage.caller_said("u1", "Hello?")
    assert stage.said == [("user", "Hello?")]


def test_audio_that_ends_after_it_was_heard_is_told_at_its_end() -> None:
    stage = Stage.ready(audio_format="pcmu")
    stage.words("Slowly.")
    stage.delta(200)
    stage.advance(1)
    stage.audio_done()
    assert stage.said == [("agent", "Slowly.")]


def test_what_is_left_is_told_when_the_call_ends() -> None:
    stage = Stage.ready()
    stage.committed("u1")
    says(stage, "one two three four", ms=4000)
    stage.words("never begun", "i2", "r2")
    stage.advance(2.06)
    stage.finish()
    assert stage.said == [("agent", "one two")]
    stage.mark()
    stage.finish()
    assert stage.all(object) == []


def test_the_end_of_the_call_comes_after_the_last_words() -> None:
    stage = Stage.ready(reconnect=False)
    says(stage, "one two three four", ms=4000)
    stage.advance(2.06)
    stage.mark()
    stage.model_lost()
    assert stage.kinds() == ["Transcript", "EndCall"]
    assert stage.end is not None
    assert stage.end.code == 1011


def test_tool_calls_and_their_outputs_are_part_of_the_history() -> None:
    stage = Stage.ready()
    stage.committed("u1")
    stage.caller_said("u1", "What is the weather?")
    stage.call_tool()
    stage.tool_finished()
    kinds = [entry.kind for entry in stage.conversation.history]
    assert kinds == ["user", "call", "output"]


def test_the_history_is_bounded_in_entries_and_bytes() -> None:
    stage = Stage.ready()
    for n in range(KEPT_ENTRIES + 10):
        stage.caller_said(f"u{n}", f"{n}")
    history = stage.conversation.history
    assert [entry.text for entry in history][::199] == ["10", "209"]
    for n in range(20):
        stage.caller_said(f"long{n}", "ä" * 4000)
    total = sum(len(e.text.encode()) for e in stage.conversation.history)
    assert KEPT_BYTES - 8000 < total <= KEPT_BYTES


def test_what_is_held_back_is_bounded_too() -> None:
    stage = Stage.ready()
    stage.words("a response that never ends")
    for n in range(KEPT_ENTRIES + 10):
        stage.caller_said(f"u{n}", f"{n}")
    assert stage.said[0] == ("user", "0")


def test_the_first_words_are_whole() -> None:
    assert first_words("one two three", 1) == "one two three"
    assert first_words("one two three", 0.5) == "one"
    assert first_words("one two three", 0.55) == "one two"
    assert first_words("one", 0.5) == ""
    assert first_words("one two", 0) == ""


def test_the_words_of_all_audio_parts_are_told() -> None:
    stage = Stage.ready()
    stage.created()
    for part, words in enumerate(("We are open.", "Come and see.")):
        stage.delta(400, part=part)
        stage.model(TranscriptDelta("r1", "i1", words[:5], part))
        stage.model(TranscriptDelta("r1", "i1", words[5:], part))
        stage.model(TranscriptDone("r1", "i1", words, part))
    stage.done()
    stage.advance(2)
    assert stage.said == [("agent", "We are open. Come and see.")]


def test_a_second_part_is_cut_within_its_words() -> None:
    stage = Stage.ready()
    stage.created()
    stage.delta(1000)
    stage.model(TranscriptDone("r1", "i1", "We are open.", 0))
    stage.delta(1000, part=1)
    stage.model(TranscriptDelta("r1", "i1", "Come and", 1))
    stage.advance(1.9)
    stage.speech_started()
    assert stage.said == [("agent", "We are open. Come")]
