"""Speech of a phone: the order in which a segment is judged, how its members are read, and what comes of it."""
import base64
import json

import pytest

from bridge import texts
from bridge.engines import Script
from bridge.recordings import encoded, recording, spoken
from bridge.voice import indices, is_recording, send_segment, stored, user_texts, wait_stored
from contract import resources
from person import Events, fresh

GOOD = spoken("好。")
WHITE = ["", " ", "\t\n", "\u3000", "\u00a0 \u2003"]


@pytest.fixture
def phone(house, person):
    with house.open(person) as opened:
        opened.start = len(opened.frames)
        yield opened


def answers(phone, fence="到此为止"):
    phone.send("text", text=fence)
    phone.wait_for(lambda log: log.replies()[-1:] == ["回:" + fence], "the reply to the last message")
    found = phone.frames[phone.start:-1]
    phone.start = len(phone.frames)
    return [frame.error or frame.type for frame in found]




def send(phone, members, kind="audio_segment"):
    """`members` is JSON text, so that a table can hold what Python's encoder does not write."""
    phone.send_text('{"type":"' + kind + '","data":{' + members + "}}")


# Order of validation: each row lacks what the next one has.
ORDER = [
    ('"duration":"abc"', texts.FAILED),
    ('"audio_base64":5', texts.FAILED),
    ('"audio_base64":5,"voice_session_id":"s","segment_index":-1', texts.FAILED),
    ('"audio_base64":["AAAA"],"voice_session_id":"s","segment_index":0', texts.FAILED),
    ('"audio_base64":{"a":1},"voice_session_id":"s","segment_index":0', texts.FAILED),
    ('"audio_base64":true,"voice_session_id":"s","segment_index":0', texts.FAILED),
    ('', texts.NO_SESSION_OR_SEGMENT),
    ('"segment_index":"x"', texts.NO_SESSION_OR_SEGMENT),
    ('"voice_session_id":" ","client_segment_id":"good-1","segment_index":"x"', texts.NO_SESSION_OR_SEGMENT),
    ('"voice_session_id":"s"', texts.NO_AUDIO),
    ('"voice_session_id":"s","segment_index":"x"', texts.NO_AUDIO),
    ('"voice_session_id":"s","segment_index":-1,"audio_base64":""', texts.NO_AUDIO),
    ('"voice_session_id":"s","segment_index":0,"audio_base64":null', texts.NO_AUDIO),
    ('"voice_session_id":"s","segment_index":0,"audio_base64":0', texts.NO_AUDIO),
    ('"voice_session_id":"s","segment_index":0,"audio_base64":false', texts.NO_AUDIO),
    ('"voice_session_id":"s","segment_index":0,"audio_base64":[]', texts.NO_AUDIO),
    ('"voice_session_id":"s","segment_index":0,"audio_base64":{}', texts.NO_AUDIO),
    ('"voice_session_id":"s","audio_base64":"AAAA"', texts.NO_INDEX),
    ('"voice_session_id":"s","audio_base64":"AAAA","segment_index":null', texts.NO_INDEX),
    ('"voice_session_id":"s","audio_base64":"!","segment_index":"x"', texts.INDEX_NO_INTEGER),
    ('"voice_session_id":"s","audio_base64":"!","segment_index":-1', texts.INDEX_NEGATIVE),
    ('"voice_session_id":"s","audio_base64":"!","segment_index":"-1"', texts.INDEX_NEGATIVE),
    ('"voice_session_id":"s","audio_base64":"A","segment_index":0', texts.VOICE_FAILED),
]


@pytest.mark.parametrize("data, expected", ORDER)
def test_the_order_in_which_a_segment_is_judged(phone, data, expected):
    send(phone, data)
    phone.wait_error(expected)
    assert answers(phone) == [expected]


@pytest.mark.parametrize("written, index", [
    ("3", 3), ('"3"', 3), ('" 3 "', 3), ('"+3"', 3), ('"0_3"', 3), ('"３"', 3), ("3.9", 3), ("true", 1), ("false", 0),
    ("-0.5", 0), ('"-0"', 0), ("0", 0), ("4095", 4095), ('"003"', 3), ('"\\u00a03\\n"', 3), ("3e0", 3), ("1e3", 1000),
    ("-0", 0), ('"٣"', 3), ('"1_0"', 10), ("4095.9", 4095),
])
def test_segment_indices_that_are_integers(person, phone, written, index):
    session = fresh("s")
    send(phone, f'"voice_session_id":"{session}","segment_index":{written},"audio_base64":"{GOOD}"')
    wait_stored(person, phone.conversation, session, [index])
    assert answers(phone) == []


@pytest.mark.parametrize("written", [
    '""', '" "', '"abc"', '"1.5"', '"1e3"', '"0x1"', "[]", "{}", "[1]", "NaN", '"NaN"', '"1__0"', '"_1"', '"1_"', '"--1"',
    '"+"', '"1 2"', "4096", '"4096"', "99999999999999999999", "1e300", '"9999999999999999999999"', '"三"', '"Infinity"',
])
def test_segment_indices_that_are_none(phone, written):
    send(phone, f'"voice_session_id":"s","segment_index":{written},"audio_base64":"{GOOD}"')
    phone.wait_error(texts.INDEX_NO_INTEGER)
    assert answers(phone) == [texts.INDEX_NO_INTEGER]


@pytest.mark.parametrize("written, expected", [
    ("-1.5", texts.INDEX_NEGATIVE), ("-1", texts.INDEX_NEGATIVE), ('" -7 "', texts.INDEX_NEGATIVE),
    ("-99999999999999999999", texts.INDEX_NEGATIVE), ("Infinity", texts.FAILED), ("-Infinity", texts.FAILED),
    ("1e999", texts.FAILED),
])
def test_segment_indices_out_of_range(phone, written, expected):
    send(phone, f'"voice_session_id":"s","segment_index":{written},"audio_base64":"{GOOD}"')
    phone.wait_error(expected)
    assert answers(phone) == [expected]


@pytest.mark.parametrize("written, last", [
    ("true", True), ('"false"', True), ('"0"', True), ("1", True), ("-1", True), ("[0]", True), ('{"a":0}', True),
    ("0.1", True), ("NaN", True), ('" "', True),
    ("false", False), ("0", False), ("0.0", False), ("-0.0", False), ('""', False), ("[]", False), ("{}", False),
    ("null", False), (None, False),
])
def test_is_last_is_truthiness(person, phone, written, last):
    session = fresh("s")
    member = f',"is_last":{written}' if written is not None else ""
    send(phone, f'"voice_session_id":"{session}","segment_index":0,"audio_base64":"{GOOD}"{member}')
    if last:
        assert phone.wait_type("transcript").data["text"] == "好。"
    else:
        wait_stored(person, phone.conversation, session, [0])
        assert answers(phone) == []
        assert is_recording(person, phone.conversation, session)


@pytest.mark.parametrize("written, seconds", [
    ("3", {3}), ('"3"', {3}), ('" 4 "', {4}), ("3.9", {3, 3.9}), ("true", {1}), ("null", {0}), ('""', {0}), ("0", {0}),
    ("false", {0}), ("[]", {0}), ("{}", {0}), (None, {0}), ("-5", {0}), ('"-5"', {0}), ('"0_3"', {3}), ('"３"', {3}),
])
def test_durations_that_are_numbers(person, phone, written, seconds):
    session = fresh("s")
    member = f',"duration":{written}' if written is not None else ""
    send(phone, f'"voice_session_id":"{session}","segment_index":0,"audio_base64":"{GOOD}"{member}')
    wait_stored(person, phone.conversation, session, [0])
    found = stored(person, phone.conversation, session).duration.ToMilliseconds() / 1000
    assert found in seconds
    assert answers(phone) == []


@pytest.mark.parametrize("written", ['"abc"', '"3.5"', "[1]", '{"a":1}', "NaN", "Infinity", "-Infinity", "1e999", '" "', '"1e3"'])
def test_durations_that_are_none(phone, written):
    send(phone, f'"duration":{written},"voice_session_id":"s","segment_index":0,"audio_base64":"{GOOD}"')
    phone.wait_error(texts.FAILED)
    assert answers(phone) == [texts.FAILED]


@pytest.mark.parametrize("ids, session", [
    ('"voice_session_id":"%s"', "%s"),
    ('"voice_session_id":" \\u3000%s\\n"', "%s"),
    ('"voice_session_id":"%s","client_segment_id":"another-1"', "%s"),
    ('"client_segment_id":"%s-3"', "%s"),
    ('"client_segment_id":"%s_3"', "%s"),
    ('"client_segment_id":"%s:abc"', "%s"),
    ('"client_segment_id":"a-%s_x:3"', "a-%s_x"),
    ('"client_segment_id":"%s-"', "%s"),
    ('"voice_session_id":"","client_segment_id":"%s-0"', "%s"),
    ('"voice_session_id":null,"client_segment_id":"%s-0"', "%s"),
    ('"voice_session_id":0,"client_segment_id":"%s-0"', "%s"),
    ('"voice_session_id":false,"client_segment_id":"%s-0"', "%s"),
    ('"voice_session_id":[],"client_segment_id":"%s-0"', "%s"),
    ('"voice_session_id":{},"client_segment_id":"%s-0"', "%s"),
])
def test_which_session_a_segment_belongs_to(person, phone, ids, session):
    unique = fresh("s").replace("-", "")
    send(phone, f'{ids % unique},"segment_index":0,"audio_base64":"{GOOD}"')
    wait_stored(person, phone.conversation, session % unique, [0])
    assert answers(phone) == []


@pytest.mark.parametrize("written, session", [("7", "7"), ("7.0", "7.0"), ("true", "True"), ("-1", "-1"), ("1.5", "1.5")])
def test_ids_that_are_no_strings(person, phone, written, session):
    send(phone, f'"voice_session_id":{written},"segment_index":0,"audio_base64":"{GOOD}"')
    wait_stored(person, phone.conversation, session, [0])
    assert answers(phone) == []


@pytest.mark.parametrize("ids", [
    '"voice_session_id":" "', '"voice_session_id":"\\u3000"', '"voice_session_id":"\\t","client_segment_id":"good-1"',
    '"voice_session_id":[1]', '"voice_session_id":{"a":1}', '"voice_session_id":[1],"client_segment_id":"good-1"',
    '"client_segment_id":5', '"client_segment_id":true', '"client_segment_id":["good-1"]', '"client_segment_id":""',
    '"client_segment_id":"noseparator"', '"client_segment_id":"-1"', '"client_segment_id":":x"', '"client_segment_id":null',
    '"client_segment_id":" -1"',
])
def test_segments_of_no_session(phone, ids):
    send(phone, f'{ids},"segment_index":0,"audio_base64":"{GOOD}"')
    phone.wait_error(texts.NO_SESSION_OR_SEGMENT)
    assert answers(phone) == [texts.NO_SESSION_OR_SEGMENT]


@pytest.mark.parametrize("data", [
    {}, {"voice_session_id": ""}, {"voice_session_id": None}, {"voice_session_id": 0}, {"voice_session_id": " "},
    {"voice_session_id": "\u3000"}, {"voice_session_id": []}, {"voice_session_id": [1]}, {"voice_session_id": {"a": 1}},
    {"voice_session_id": False}, {"client_segment_id": "good-1"},
])
def test_recording_started_needs_a_session(phone, data):
    phone.send_value({"type": "recording_started", "data": data})
    phone.wait_error(texts.NO_SESSION)
    assert answers(phone) == [texts.NO_SESSION]


@pytest.mark.parametrize("value", ["s", 7, True, " s "])
def test_recording_started_is_silent(phone, value):
    phone.send("recording_started", voice_session_id=value)
    phone.send("recording_started", voice_session_id=value)
    assert answers(phone) == []


# base64, in all three types that carry it.

CONTENT = recording("我听见了。")
TEXT = base64.b64encode(CONTENT).decode()
assert len(CONTENT) % 3 and TEXT.endswith("="), "the table needs padding"

READABLE = {
    "as it is": TEXT,
    "lines": "\r\n".join(TEXT[i:i + 76] for i in range(0, len(TEXT), 76)),
    "white space around": f" \n{TEXT}\t ",
    "foreign characters": "!-_" + TEXT[:1000] + "!?#.,-_" + TEXT[1000:],
    "a character at a time": "*".join(TEXT[:400]) + TEXT[400:],
    "something after the padding": TEXT + "AAAA",
    "rubbish after the padding": TEXT + "!!A",
    "escaped slashes": TEXT,
}
UNREADABLE = {
    "missing padding": TEXT.rstrip("="),
    "a lone character": "A",
    "a lone character after groups": "AAAAA",
    "two characters": "AA",
    "non-ASCII": TEXT[:100] + "é" + TEXT[100:],
    "Chinese": "好",
    "full-width": "ＡＡＡＡ",
}


@pytest.mark.parametrize("case", READABLE)
def test_base64_as_python_reads_it(phone, case):
    session = fresh("s")
    audio = escape(READABLE[case], case == "escaped slashes")
    send(phone, f'"voice_session_id":"{session}","segment_index":0,"is_last":1,"audio_base64":{audio}')
    assert phone.wait_type("transcript").data["text"] == "我听见了。"
    send(phone, f'"audio_base64":{audio}', "transcribe_only")
    assert phone.wait_type("transcript", 2).data["text"] == "我听见了。"
    assert not phone.errors()


def escape(text, slashes):
    written = json.dumps(text)
    return written.replace("/", "\\/") if slashes else written


@pytest.mark.parametrize("kind, expected", [
    ("audio_segment", texts.VOICE_FAILED), ("audio_message", texts.VOICE_FAILED), ("transcribe_only", texts.TRANSCRIBE_FAILED)])
@pytest.mark.parametrize("case", UNREADABLE)
def test_base64_that_python_refuses(person, phone, kind, expected, case):
    session = fresh("s")
    phone.send(kind, voice_session_id=session, segment_index=0, audio_base64=UNREADABLE[case])
    phone.wait_error(expected)
    assert answers(phone) == [expected]
    if kind == "audio_segment":
        # The index is still free.
        send_segment(phone, session, 0, "我听见了。", last=True)
        assert phone.wait_type("transcript").data["text"] == "我听见了。"


def test_audio_that_is_only_foreign_characters(phone):
    """Python decodes it to nothing; nothing is no recording."""
    phone.send("audio_segment", voice_session_id=fresh("s"), segment_index=0, audio_base64="!!!!")
    phone.wait_error(texts.VOICE_FAILED)


# What comes of it.


def test_a_recording_becomes_a_transcript_and_a_reply(person, phone):
    session = fresh("s")
    for index, text in enumerate(["我小时候", "住在河边", "的老屋里。"]):
        send_segment(phone, session, index, text, last=index == 2)
    phone.wait_reply()
    assert phone.types()[phone.start:] == ["transcript", "agent_response"]
    transcript = phone.of("transcript")[0].data
    assert set(transcript) == {"text", "audio_duration", "voice_session_id"}
    assert (transcript["text"], transcript["voice_session_id"]) == ("我小时候住在河边的老屋里。", session)
    assert transcript["audio_duration"] == 3
    assert user_texts(person, phone.conversation)[-1] == transcript["text"]


@pytest.mark.parametrize("order", [[2, 0, 1], [2, 1, 0], [0, 2, 2, 1], [1, 1, 0, 0, 2, 2], [0, 1, 2, 0, 1, 2]])
def test_segments_are_joined_by_index_whatever_their_order(person, phone, order):
    session, words = fresh("s"), ["一", "二", "三"]
    for index in order:
        send_segment(phone, session, index, words[index], last=index == 2)
    phone.wait_reply()
    assert [frame.data["text"] for frame in phone.of("transcript")] == ["一二三"]
    assert answers(phone)[:2] == ["transcript", "agent_response"]
    assert user_texts(person, phone.conversation).count("一二三") == 1


def test_nothing_is_said_before_all_is_there(person, phone):
    session = fresh("s")
    send_segment(phone, session, 2, "三", last=True)
    send_segment(phone, session, 0, "一")
    wait_stored(person, phone.conversation, session, [0, 2])
    assert answers(phone) == []
    send_segment(phone, session, 1, "二")
    assert phone.wait_type("transcript").data["text"] == "一二三"


def test_a_duplicate_is_dropped_whatever_its_bytes(person, phone):
    session = fresh("s")
    send_segment(phone, session, 0, "一")
    wait_stored(person, phone.conversation, session, [0])
    send_segment(phone, session, 0, "别的")
    send_segment(phone, session, 0, "一", seed=7)
    send_segment(phone, session, 1, "二", last=True)
    phone.wait_reply()
    assert phone.of("transcript")[0].data["text"] == "一二"
    assert not phone.errors()


def test_sessions_do_not_mix(person, phone):
    first, second = fresh("s"), fresh("s")
    send_segment(phone, first, 0, "一")
    send_segment(phone, second, 0, "甲", last=True)
    phone.wait_type("transcript")
    send_segment(phone, first, 1, "二", last=True)
    phone.wait_type("transcript", 2)
    found = {frame.data["voice_session_id"]: frame.data["text"] for frame in phone.of("transcript")}
    assert found == {first: "一二", second: "甲"}


def test_silence_is_a_transcript_without_words_and_an_error(person, phone):
    session = fresh("s")
    send_segment(phone, session, 0, "", last=True)
    phone.wait_error(texts.NOT_RECOGNISED)
    assert phone.of("transcript")[0].data["text"] == ""
    assert answers(phone)[:2] == ["transcript", texts.NOT_RECOGNISED]
    assert user_texts(person, phone.conversation) == ["我小时候住在河边。", "到此为止"]


def test_an_audio_message(person, phone):
    phone.send("audio_message", audio_base64=spoken("我从前是纺织工人。"), duration=2.5)
    phone.wait_reply()
    transcript = phone.of("transcript")[0].data
    assert transcript == {"text": "我从前是纺织工人。", "audio_duration": 2.5}
    assert answers(phone)[:2] == ["transcript", "agent_response"]
    assert user_texts(person, phone.conversation)[1] == "我从前是纺织工人。"


@pytest.mark.parametrize("written, echoed", [
    ("3", 3), ("2.5", 2.5), ('"3"', "3"), ("null", None), ("true", True), ("[1,2]", [1, 2]), ('{"a":1}', {"a": 1}),
    ('"abc"', "abc"), ("-1", -1), ("NaN", None), ("Infinity", None), ("1e999", None), (None, 0), ('"十秒"', "十秒"),
    ("[NaN]", [None]),
])
def test_the_duration_of_an_audio_message_is_echoed_as_sent(phone, written, echoed):
    member = f',"duration":{written}' if written is not None else ""
    send(phone, f'"audio_base64":"{GOOD}"{member}', "audio_message")
    assert phone.wait_type("transcript").data["audio_duration"] == echoed
    assert not phone.errors()


@pytest.mark.parametrize("written", ['""', "null", "0", "false", "[]", "{}", None])
def test_an_audio_message_without_audio_is_ignored(phone, written):
    member = f'"audio_base64":{written}' if written is not None else '"duration":1'
    send(phone, member, "audio_message")
    assert answers(phone) == []


@pytest.mark.parametrize("written", ["5", "true", '["AAAA"]', '{"a":1}'])
def test_an_audio_message_whose_audio_is_no_string(phone, written):
    send(phone, f'"audio_base64":{written}', "audio_message")
    assert answers(phone) == [texts.VOICE_FAILED]


def test_an_audio_message_of_silence(person, phone):
    phone.send("audio_message", audio_base64=spoken(""), duration=1)
    phone.wait_error(texts.NOT_RECOGNISED)
    assert answers(phone)[:2] == ["transcript", texts.NOT_RECOGNISED]
    assert phone.of("transcript")[0].data["text"] == ""
    assert user_texts(person, phone.conversation) == ["我小时候住在河边。", "到此为止"]


def test_transcribe_only_stores_nothing(person, phone):
    phone.send("transcribe_only", audio_base64=spoken("只是听写。"))
    assert phone.wait_type("transcript").data == {"text": "只是听写。"}
    assert answers(phone) == ["transcript"]
    assert user_texts(person, phone.conversation) == ["我小时候住在河边。", "到此为止"]


def test_transcribe_only_of_silence_is_an_empty_transcript(phone):
    phone.send("transcribe_only", audio_base64=spoken(""))
    assert phone.wait_type("transcript").data == {"text": ""}


@pytest.mark.parametrize("audio", [encoded(b"no recording at all" * 20), spoken(Script.UNREADABLE)])
def test_transcribe_only_that_fails(phone, audio):
    phone.send("transcribe_only", audio_base64=audio)
    phone.wait_error(texts.TRANSCRIBE_FAILED)
    assert answers(phone) == [texts.TRANSCRIBE_FAILED]


@pytest.mark.timeout(120)
def test_ten_mebibytes_in_one_message(phone):
    """Five and a half minutes of speech as a phone's WAV, within the 16 MiB that a message may have."""
    audio = spoken("我讲了很久很久。", seconds=(10 << 20) / 32000)
    assert 13 << 20 < len(audio) < 16 << 20
    phone.send("audio_message", audio_base64=audio, duration=327)
    assert phone.wait_type("transcript", seconds=60).data["text"] == "我讲了很久很久。"


def test_a_voice_session_is_kept_by_the_service(person, phone):
    session = fresh("s")
    send_segment(phone, session, 0)
    send_segment(phone, session, 3)
    wait_stored(person, phone.conversation, session, [0, 3])
    found = stored(person, phone.conversation, session)
    assert found.state == resources.VOICE_SESSION_STATE_RECORDING and list(found.missing) == [1, 2]
    assert indices(person, phone.conversation, session) == [0, 3]


def test_history_shows_where_the_words_came_from(person, phone):
    session = fresh("s")
    send_segment(phone, session, 0, "我说的。", last=True)
    phone.wait_reply()
    event = [e for e in person.replay(phone.conversation) if Events.kind(e) == "user_message"][-1]
    assert event.user_message.voice_session_id == session
    assert event.user_message.source == resources.MESSAGE_SOURCE_VOICE
