import json
from contextlib import suppress

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from trio_sts.errors import BadMessage
from trio_sts.wire.asterisk import (
    MAX_COMMAND_BYTES,
    AnswerChannel,
    AsteriskCommand,
    CommandError,
    ContinueMedia,
    DtmfEnd,
    Event,
    FlushMedia,
    Form,
    GetStatus,
    HangUpChannel,
    MarkMedia,
    MediaBufferingCompleted,
    MediaMarkProcessed,
    MediaStart,
    MediaXoff,
    MediaXon,
    PauseMedia,
    QueueDrained,
    ReportQueueDrained,
    SetMediaDirection,
    StartMediaBuffering,
    Status,
    StopMediaBuffering,
    UnknownCommand,
    UnknownEvent,
)
from trio_sts.wire.asterisk_codec import (
    decode_command,
    decode_event,
    encode_command,
    encode_event,
    form_of,
)
from trio_sts.wire.avr import DTMF_DIGITS

# As Asterisk 22.10 writes them.
EVENTS: list[tuple[str, Event]] = [
    (
        (
            '{"event":"MEDIA_START","connection_id":"e2","channel":"WebSocket/trio/0x7f",'
            '"channel_id":"pbx-1.9","format":"slin24","optimal_frame_size":960,"ptime":20,'
            '"channel_variables":{"SIPCALLID":"a@b","EMPTY":""}}'
        ),
        MediaStart(
            *("e2", "slin24", 960, "WebSocket/trio/0x7f", "pbx-1.9"),
            channel_variables={"SIPCALLID": "a@b", "EMPTY": ""},
        ),
    ),
    (
        (
            '{"event":"MEDIA_START","connection_id":"e2","format":"ulaw",'
            '"optimal_frame_size":160,"channel_variables":{"A":"b","N":7},"new":[1]}'
        ),
        MediaStart("e2", "ulaw", 160, channel_variables={"A": "b"}),
    ),
    (
        (
            "MEDIA_START connection_id:e2 channel:WebSocket/trio/0x7f channel_id:pbx-1.9 "
            "format:ulaw optimal_frame_size:160 ptime:20"
        ),
        MediaStart("e2", "ulaw", 160, "WebSocket/trio/0x7f", "pbx-1.9"),
    ),
    (
        (
            "MEDIA_START connection_id:trio channel:WebSocket/trio format:alaw "
            "optimal_frame_size:160"
        ),
        MediaStart("trio", "alaw", 160, "WebSocket/trio"),
    ),
    ('{"event":"DTMF_END","channel_id":"c","digit":"#"}', DtmfEnd("#", "c")),
    ("DTMF_END digit:a channel_id:c", DtmfEnd("A", "c")),
    ("DTMF_END digit:5", DtmfEnd("5")),
    ('{ "event":"MEDIA_XOFF", "channel_id":"c" }', MediaXoff("c")),
    ("MEDIA_XOFF", MediaXoff()),
    ('{"event":"MEDIA_XON","channel_id":"c"}', MediaXon("c")),
    ("MEDIA_XON", MediaXon()),
    (
        '{"event":"MEDIA_MARK_PROCESSED","channel_id":"c","correlation_id":"17"}',
        MediaMarkProcessed("17", "c"),
    ),
    (
        '{"event":"MEDIA_MARK_PROCESSED","channel_id":"c","correlation_id":""}',
        MediaMarkProcessed("", "c"),
    ),
    ("MEDIA_MARK_PROCESSED 17", MediaMarkProcessed("17")),
    ("MEDIA_MARK_PROCESSED", MediaMarkProcessed()),
    (
        "MEDIA_MARK_PROCESSED channel_id:c correlation_id:17",
        MediaMarkProcessed("17", "c"),
    ),
    (
        '{"event":"MEDIA_BUFFERING_COMPLETED","correlation_id":"f1"}',
        MediaBufferingCompleted("f1"),
    ),
    ("MEDIA_BUFFERING_COMPLETED f1", MediaBufferingCompleted("f1")),
    ('{"event":"QUEUE_DRAINED","channel_id":"c"}', QueueDrained("c")),
    ("QUEUE_DRAINED", QueueDrained()),
    (
        (
            '{"event":"STATUS","channel_id":"c","queue_length":43,"xon_level":800,'
            '"xoff_level":900,"queue_full":false,"bulk_media":true,"media_paused":false}'
        ),
        Status(43, bulk_media=True, channel_id="c"),
    ),
    (
        (
            "STATUS channel_id:c queue_length:43 xon_level:800 xoff_level:900 "
            "queue_full:true bulk_media:false media_paused:false"
        ),
        Status(43, queue_full=True, channel_id="c"),
    ),
    (
        '{"event":"ERROR","channel_id":"c","error_text":"Unable to parse JSON command"}',
        CommandError("Unable to parse JSON command", "c"),
    ),
    (
        "ERROR channel_id:c error_text:MARK_MEDIA not supported: it is a passthrough",
        CommandError("MARK_MEDIA not supported: it is a passthrough", "c"),
    ),
    ('{"event":"TOMORROW","x":1}', UnknownEvent("TOMORROW")),
    ("TOMORROW x:1", UnknownEvent("TOMORROW")),
    ('{"event":""}', UnknownEvent("")),
]
COMMANDS: list[tuple[AsteriskCommand, str, str]] = [
    (AnswerChannel(), '{"command":"ANSWER"}', "ANSWER"),
    (HangUpChannel(), '{"command":"HANGUP"}', "HANGUP"),
    (
        StartMediaBuffering(),
        '{"command":"START_MEDIA_BUFFERING"}',
        "START_MEDIA_BUFFERING",
    ),
    (
        StopMediaBuffering("f1"),
        '{"command":"STOP_MEDIA_BUFFERING","correlation_id":"f1"}',
        "STOP_MEDIA_BUFFERING f1",
    ),
    (
        StopMediaBuffering(),
        '{"command":"STOP_MEDIA_BUFFERING"}',
        "STOP_MEDIA_BUFFERING",
    ),
    (FlushMedia(), '{"command":"FLUSH_MEDIA"}', "FLUSH_MEDIA"),
    (PauseMedia(), '{"command":"PAUSE_MEDIA"}', "PAUSE_MEDIA"),
    (ContinueMedia(), '{"command":"CONTINUE_MEDIA"}', "CONTINUE_MEDIA"),
    (
        MarkMedia("17"),
        '{"command":"MARK_MEDIA","correlation_id":"17"}',
        "MARK_MEDIA 17",
    ),
    (GetStatus(), '{"command":"GET_STATUS"}', "GET_STATUS"),
    (
        ReportQueueDrained(),
        '{"command":"REPORT_QUEUE_DRAINED"}',
        "REPORT_QUEUE_DRAINED",
    ),
    (
        SetMediaDirection("in"),
        '{"command":"SET_MEDIA_DIRECTION","direction":"in"}',
        "SET_MEDIA_DIRECTION in",
    ),
    (UnknownCommand("DANCE"), '{"command":"DANCE"}', "DANCE"),
]

FORMS = st.sampled_from(["json", "plain"])
# What fits into the plain form as well: no white space, and no pair of its own.
WORDS = st.text(
    st.characters(categories=["L", "N"], include_characters="-_./@#"), max_size=12
)
# Behind a mark in the plain form, where a pair would be one.
IDS = WORDS
NUMBERS = st.integers(0, 10**17)
PLAIN_EVENTS: st.SearchStrategy[Event] = st.one_of(
    st.builds(MediaStart, WORDS, WORDS, NUMBERS, WORDS, WORDS, NUMBERS),
    st.builds(DtmfEnd, st.sampled_from(sorted(DTMF_DIGITS)), WORDS),
    st.builds(MediaMarkProcessed, IDS),
    st.builds(MediaBufferingCompleted, IDS),
    st.sampled_from([MediaXoff(), MediaXon(), QueueDrained(), UnknownEvent("NEW")]),
    st.builds(
        Status,
        *(NUMBERS, NUMBERS, NUMBERS),
        *(st.booleans(), st.booleans(), st.booleans()),
        WORDS,
    ),
    st.builds(CommandError, st.lists(WORDS.filter(bool)).map(" ".join), WORDS),
)
JSON_EVENTS: st.SearchStrategy[Event] = st.one_of(
    st.builds(
        MediaStart,
        *(st.text(), st.text(), st.integers(0, 1 << 40), st.text(), st.text()),
        st.integers(0, 1 << 40),
        st.dictionaries(st.text(max_size=5), st.text(max_size=5), max_size=4),
    ),
    st.builds(DtmfEnd, st.sampled_from(sorted(DTMF_DIGITS)), st.text()),
    st.builds(MediaMarkProcessed, st.text(), st.text()),
    st.builds(MediaBufferingCompleted, st.text(), st.text()),
    st.builds(MediaXoff, st.text()),
    st.builds(MediaXon, st.text()),
    st.builds(QueueDrained, st.text()),
    st.builds(CommandError, st.text(), st.text()),
)
ANY_COMMANDS: st.SearchStrategy[AsteriskCommand] = st.one_of(
    st.sampled_from([command for command, _, _ in COMMANDS]),
    st.builds(MarkMedia, IDS),
    st.builds(StopMediaBuffering, IDS),
)
JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=5),
    lambda inner: (
        st.lists(inner, max_size=3)
        | st.dictionaries(st.text(max_size=5), inner, max_size=3)
    ),
    max_leaves=8,
)
_KEYS = (
    *("connection_id", "format", "optimal_frame_size", "ptime", "channel", "digit"),
    *("channel_variables", "correlation_id", "queue_length", "queue_full"),
    *("error_text", "direction"),
)
_NAMES = st.sampled_from(
    [
        *("MEDIA_START", "DTMF_END", "MEDIA_MARK_PROCESSED", "STATUS", "ERROR"),
        *("MARK_MEDIA", "STOP_MEDIA_BUFFERING", "SET_MEDIA_DIRECTION", "X"),
    ]
)
MESSAGE_LIKE = st.fixed_dictionaries(
    {"event": _NAMES | JSON, "command": _NAMES | JSON},
    optional=dict.fromkeys(_KEYS, JSON),
).map(json.dumps)


def _line(name: str, pairs: list[tuple[str, str]]) -> str:
    return " ".join([name, *[f"{key}:{value}" for key, value in pairs]])


LINE_LIKE = st.builds(
    _line,
    _NAMES,
    st.lists(st.tuples(st.sampled_from(_KEYS), st.text(max_size=5)), max_size=5),
)


@pytest.mark.parametrize(("text", "event"), EVENTS)
def test_an_event_is_understood(text: str, event: Event) -> None:
    form = form_of(text)
    assert decode_event(text, form) == event
    assert decode_event(text.encode(), form_of(text.encode())) == event


@pytest.mark.parametrize(("command", "in_json", "plain"), COMMANDS)
def test_a_command_is_written_as_the_driver_reads_it(
    command: AsteriskCommand, in_json: str, plain: str
) -> None:
    assert encode_command(command, "json").decode() == in_json
    assert encode_command(command, "plain").decode() == plain
    assert len(in_json) <= MAX_COMMAND_BYTES


@pytest.mark.parametrize(
    ("text", "told"),
    [
        ('{"event":', "not JSON"),
        ('{"event":"DTMF_END","digit":NaN}', "not JSON"),
        ("{" * 100_000, "not JSON"),
        (b'{"\xff":1}', "not JSON"),
        ("{}", "no event that is a string"),
        ('{"event":["MEDIA_XON"]}', "no event that is a string"),
        ('{"command":"ANSWER"}', "no event that is a string"),
        ('{"event":"MEDIA_START"}', "required field missing @ MEDIA_START"),
        (
            (
                '{"event":"MEDIA_START","connection_id":"e","format":"ulaw",'
                '"optimal_frame_size":"160"}'
            ),
            "not a whole number @ MEDIA_START.optimal_frame_size",
        ),
        (
            (
                '{"event":"MEDIA_START","connection_id":"e","format":"ulaw",'
                '"optimal_frame_size":true}'
            ),
            "not a whole number @ MEDIA_START.optimal_frame_size",
        ),
        ('{"event":"DTMF_END"}', "required field missing @ DTMF_END.digit"),
        ('{"event":"DTMF_END","digit":"12"}', "not one of 0-9"),
        ('{"event":"DTMF_END","digit":5}', "not one of 0-9"),
        ('{"event":"MEDIA_MARK_PROCESSED","correlation_id":7}', "not a string"),
        ('{"event":"STATUS","queue_length":1,"queue_full":1}', "not true or false"),
        ("", "no name"),
        ("hello", "no name"),
        ("[]", "no name"),
        ("\0\1\2", "no name"),
        (b"\xff", "not UTF-8"),
        ("MEDIA_START", "required field missing @ MEDIA_START"),
        (
            "MEDIA_START connection_id:e format:ulaw optimal_frame_size:-1",
            "not a whole",
        ),
        (
            "MEDIA_START connection_id:e format:ulaw optimal_frame_size:\u0665",
            "not a wh",
        ),
        ("DTMF_END digit:", "not one of 0-9"),
        ("DTMF_END 5", "required field missing @ DTMF_END.digit"),
        ("STATUS queue_length:1 queue_full:yes", "not true or false"),
    ],
)
def test_a_fault_is_named_and_nothing_is_repeated(text: str | bytes, told: str) -> None:
    with pytest.raises(BadMessage, match=told) as caught:
        decode_event(text, form_of(text))
    assert len(str(caught.value)) < 200


@pytest.mark.parametrize(
    ("text", "form", "told"),
    [
        ("MEDIA_XON", "json", "not JSON"),
        ('{"event":"MEDIA_XON"}', "plain", "not in the plain form"),
        (' \n{"event":"MEDIA_XON"}', "plain", "not in the plain form"),
    ],
)
def test_the_other_form_is_a_fault(text: str, form: Form, told: str) -> None:
    with pytest.raises(BadMessage, match=told):
        decode_event(text, form)
    with pytest.raises(BadMessage, match=told):
        decode_command(text, form)


@pytest.mark.parametrize(
    "text", ['{"event":"DTMF_END","digit":"secret"}', "DTMF_END digit:secret"]
)
def test_a_pressed_digit_is_not_repeated_in_the_fault(text: str) -> None:
    with pytest.raises(BadMessage) as caught:
        decode_event(text, form_of(text))
    assert "secret" not in str(caught.value)


def test_channel_variables_that_are_none_do_not_cost_the_call() -> None:
    text = (
        '{"event":"MEDIA_START","connection_id":"e","format":"ulaw",'
        '"optimal_frame_size":160,"channel_variables":["A"]}'
    )
    assert decode_event(text, "json") == MediaStart("e", "ulaw", 160)


def test_the_name_of_an_unknown_one_is_kept_short() -> None:
    assert decode_event("X" * 10_000, "plain") == UnknownEvent("X" * 64)
    text = json.dumps({"command": "X" * 10_000})
    assert decode_command(text, "json") == UnknownCommand("X" * 64)


@given(JSON_EVENTS)
@settings(deadline=None)
def test_an_event_in_json_is_read_back(event: Event) -> None:
    text = encode_event(event, "json")
    assert form_of(text) == "json"
    assert decode_event(text, "json") == event


@given(PLAIN_EVENTS)
@settings(deadline=None)
def test_an_event_is_read_back_in_both_forms(event: Event) -> None:
    for form in ("json", "plain"):
        text = encode_event(event, form)
        assert form_of(text) == form
        assert decode_event(text, form) == event


@given(ANY_COMMANDS, FORMS)
@settings(deadline=None)
def test_a_command_is_read_back(command: AsteriskCommand, form: Form) -> None:
    text = encode_command(command, form)
    assert form_of(text) == form
    assert decode_command(text, form) == command


@given(st.text() | st.binary() | MESSAGE_LIKE | LINE_LIKE, FORMS)
@settings(deadline=None)
def test_any_input_gives_a_message_or_a_bad_message(
    text: str | bytes, form: Form
) -> None:
    for decode in (decode_event, decode_command):
        with suppress(BadMessage):
            decode(text, form)
