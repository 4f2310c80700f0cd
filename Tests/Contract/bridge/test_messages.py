"""What a phone sends, read as Python read it: JSON, types, data, coercions of text; and what is answered or ignored."""
import json

import pytest

from bridge import texts
from contract import pb
from person import Events, fresh


@pytest.fixture
def phone(house, person):
    with house.open(person) as opened:
        opened.start = len(opened.frames)
        yield opened


def answers(phone, fence="到此为止"):
    """The frames since the start of the test, before the reply to a last message."""
    phone.send("text", text=fence)
    phone.wait_for(lambda log: log.replies()[-1:] == ["回:" + fence], "the reply to the last message")
    found = phone.frames[phone.start:-1]
    phone.start = len(phone.frames)
    return found


def errors(phone):
    return [frame.error or frame.type for frame in answers(phone)]


def said(person, conversation):
    return [e.user_message.text for e in person.wait_idle(conversation) if Events.kind(e) == "user_message"]


PONG = '{"type":"ping"}'
NESTED = "[" * 900 + "]" * 900
TOO_DEEP = "[" * 1200 + "]" * 1200

ACCEPTED = {
    "plain": PONG,
    "spaces": ' \t\r\n{ "type" :\n"ping" } ',
    "escaped": '{"typ\\u0065":"\\u0070ing"}',
    "NaN": '{"type":"ping","x":NaN}',
    "Infinity": '{"type":"ping","x":[Infinity,-Infinity]}',
    "huge number": '{"type":"ping","x":1e999}',
    "many digits": '{"type":"ping","x":' + "9" * 4300 + "}",
    "many digits of a fraction": '{"type":"ping","x":0.' + "9" * 9000 + "}",
    "the last of duplicate keys": '{"type":"text","data":null,"type":"ping"}',
    "lone surrogate": '{"type":"ping","x":"\\ud800"}',
    "deep": '{"type":"ping","x":' + NESTED + "}",
    "data is null": '{"type":"ping","data":null}',
    "data is a list": '{"type":"ping","data":[1]}',
    "data is a string": '{"type":"ping","data":"x"}',
    "other members": '{"type":"ping","conversation_id":"another","timestamp":7,"data":{"a":{"b":[]}}}',
    "empty key": '{"":1,"type":"ping"}',
    "NUL": '{"type":"ping","x":"\\u0000"}',
    "negative zero": '{"type":"ping","x":[-0,-0.0,1E+5,1e-7]}',
    "delete character": '{"type":"ping","x":"\x7f"}',
}


@pytest.mark.parametrize("case", ACCEPTED)
def test_json_as_python_reads_it(phone, case):
    phone.send_text(ACCEPTED[case])
    assert phone.wait_type("pong").data == {}
    assert errors(phone) == ["pong"]


REFUSED = {
    "empty": "",
    "blank": "  ",
    "word": "ping",
    "byte order mark": "\ufeff" + PONG,
    "trailing garbage": PONG + "x",
    "two values": PONG + PONG,
    "trailing comma": '{"type":"ping",}',
    "comment": '{"type":"ping"/* */}',
    "single quotes": "{'type':'ping'}",
    "bare key": "{type:\"ping\"}",
    "unfinished": '{"type":"ping"',
    "unfinished string": '{"type":"pi',
    "newline in a string": '{"type":"ping","x":"a\nb"}',
    "tab in a string": '{"type":"ping","x":"a\tb"}',
    "bad escape": '{"type":"ping","x":"\\x41"}',
    "short escape": '{"type":"ping","x":"\\u12"}',
    "leading zero": '{"type":"ping","x":01}',
    "leading plus": '{"type":"ping","x":+1}',
    "bare fraction": '{"type":"ping","x":.5}',
    "unfinished fraction": '{"type":"ping","x":1.}',
    "hexadecimal": '{"type":"ping","x":0x10}',
    "nan in lower case": '{"type":"ping","x":nan}',
    "True": '{"type":"ping","x":True}',
    "too deep": '{"type":"ping","x":' + TOO_DEEP + "}",
    "too many digits": '{"type":"ping","x":' + "9" * 4301 + "}",
    "no-break space": "\u00a0" + PONG,
    "form feed": "\f" + PONG,
    "list": '[{"type":"ping"}]',
    "string": '"ping"',
    "number": "1",
    "null": "null",
    "true": "true",
    "NaN alone": "NaN",
}


@pytest.mark.parametrize("case", REFUSED)
def test_what_is_no_json_object_is_an_error_and_the_socket_lives_on(phone, case):
    phone.send_text(REFUSED[case])
    phone.wait_error(texts.FAILED)
    assert errors(phone) == [texts.FAILED]


def test_a_binary_frame_is_an_error(phone):
    phone.send_bytes(PONG.encode())
    assert errors(phone) == [texts.FAILED]


def test_errors_carry_no_conversation_id_and_no_code(phone):
    phone.send_text("{")
    phone.wait_type("error")
    assert set(phone.of("error")[0].value) == {"type", "data", "timestamp"}
    assert phone.of("error")[0].data == {"message": texts.FAILED}


@pytest.mark.parametrize("kind", [
    "PING", "Ping", " ping", "ping ", "ping\n", "pong", "connect", "error", "agent_response", "transcript", "tts",
    "audio_ack", "retry", "", "ping\u0000", None, 1, 1.5, True, [], ["ping"], {}, {"type": "ping"},
])
def test_other_types_are_ignored_in_silence(phone, kind):
    phone.send_value({"type": kind, "data": {"text": "好", "audio_base64": "AAAA"}})
    assert errors(phone) == []


@pytest.mark.parametrize("message", ["{}", '{"data":{"text":"好"}}', '{"Type":"ping"}'])
def test_a_message_without_type_is_ignored(phone, message):
    phone.send_text(message)
    assert errors(phone) == []


@pytest.mark.parametrize("kind", ["text", "recording_started", "audio_segment", "audio_message", "transcribe_only"])
@pytest.mark.parametrize("data", [None, [], "x", "", 1, 0, True, False, 1.5, [{"text": "好"}]])
def test_data_that_is_no_object_is_an_error_where_it_is_read(phone, kind, data):
    phone.send_value({"type": kind, "data": data})
    assert errors(phone) == [texts.FAILED]


@pytest.mark.parametrize("kind, answer", [
    ("text", []), ("recording_started", [texts.NO_SESSION]), ("audio_segment", [texts.NO_SESSION_OR_SEGMENT]),
    ("audio_message", []), ("transcribe_only", [texts.NO_AUDIO]), ("tts_cancel", []),
])
@pytest.mark.parametrize("message", [{}, {"data": {}}])
def test_absent_data_is_an_empty_object(phone, kind, answer, message):
    phone.send_value({"type": kind, **message})
    assert errors(phone) == answer


@pytest.mark.parametrize("data", [None, [], "x", 1, {"turn_id": 5, "heard": "no"}, {"anything": True}])
def test_data_of_tts_cancel_is_not_read(phone, data):
    phone.send_value({"type": "tts_cancel", "data": data})
    assert errors(phone) == []


@pytest.mark.parametrize("data", [None, [], "x", {"status": "no"}])
def test_data_of_end_conversation_is_not_read(house, person, data):
    with house.open(person) as phone:
        phone.send_value({"type": "end_conversation", "data": data})
        assert phone.wait_type("end_conversation").data == {"status": "ended"}
        assert phone.wait_closed()[0] == 1000
        assert not phone.errors()


# text


@pytest.mark.parametrize("value", [None, "", 0, 0.0, -0.0, False, [], {}, " ", "\t\r\n", "\u3000", "\u00a0\u2003 \u2028"])
def test_a_text_without_words_is_ignored(house, person, phone, value):
    phone.send("text", text=value)
    assert errors(phone) == []
    assert said(person, phone.conversation) == ["我小时候住在河边。", "到此为止"]


@pytest.mark.parametrize("data", [
    '{"text":1}', '{"text":-1}', '{"text":1.5}', '{"text":NaN}', '{"text":1e999}', '{"text":true}', '{"text":[""]}',
    '{"text":["好"]}', '{"text":{"text":"好"}}', '{"text":"\\ud800"}', '{"text":"好\\udc00"}', '{"text":"\\udc00\\ud800"}',
    '{"text":"a\\u0000b"}', '{"text":"\\u0000"}', json.dumps({"text": "好" * 4001}), json.dumps({"text": "👵" * 4001}),
])
def test_a_text_that_cannot_be_stored_is_an_error(person, phone, data):
    phone.send_text('{"type":"text","data":' + data + "}")
    assert errors(phone) == [texts.FAILED]
    assert said(person, phone.conversation) == ["我小时候住在河边。", "到此为止"]


@pytest.mark.parametrize("text", [
    "好", " 前后有空白 ", "👵🏻👨‍👩‍👧", "e\u0301 é", "a\nb\tc", '"\\/', "\u202eabc", "好" * 4000, "👵" * 4000, "<b>&amp;</b>",
    "\ufeff好", "𠮷野家",
])
def test_a_text_is_stored_as_it_was_sent(person, phone, text):
    phone.send("text", text=text)
    assert [frame.type for frame in answers(phone)] == ["agent_response"]
    assert said(person, phone.conversation)[1] == text


def test_a_surrogate_pair_is_a_character(person, phone):
    phone.send_text('{"type":"text","data":{"text":"\\ud83d\\udc75"}}')
    answers(phone)
    assert said(person, phone.conversation)[1] == "👵"


def test_the_last_of_duplicate_members_counts(person, phone):
    phone.send_text('{"type":"text","data":{"text":"先"},"data":{"text":"一","text":"后"}}')
    answers(phone)
    assert said(person, phone.conversation)[1] == "后"


def test_only_the_id_of_the_url_counts(house, person, phone):
    other = house.begun(person)
    phone.send_value({"type": "text", "conversation_id": other, "data": {"text": "好", "conversation_id": other}})
    answers(phone)
    assert said(person, phone.conversation)[1] == "好"
    assert said(person, other) == ["我小时候住在河边。"]


def test_members_of_protocol_2_mean_nothing_without_it(person, phone):
    """Neither an acknowledgement nor exactly once."""
    for _ in range(2):
        phone.send("text", text="好", client_msg_id="same", chip_id="none")
    assert [frame.type for frame in answers(phone)] == ["agent_response"] * 2
    assert said(person, phone.conversation)[1:3] == ["好", "好"]


def test_a_tapped_chip_is_a_chip(house, person):
    """A phone sends the chip's text as a message: it must not pollute the memoir."""
    from contract import resources
    with house.phone(person, fresh("conversation")) as phone:
        chip = phone.wait_type("topic_suggestions").data["suggestions"][0]
        phone.say(chip["text"])
        conversation = phone.conversation
    message, = [m for m in person.messages(conversation) if m.role == resources.ROLE_USER]
    assert message.source == resources.MESSAGE_SOURCE_CHIP and message.chip_id == chip["id"]


def test_a_failed_reply_is_an_error_and_the_message_stays(person, phone):
    from bridge.engines import Script
    phone.send("text", text=Script.FAIL)
    phone.wait_error(texts.FAILED)
    assert errors(phone) == [texts.FAILED]
    assert said(person, phone.conversation)[1] == Script.FAIL


def test_end_conversation(house, person):
    conversation = house.begun(person)
    with house.phone(person, conversation) as phone:
        phone.wait_type("topic_suggestions")
        phone.send("end_conversation")
        assert phone.wait_closed() == (1000, "")
        assert phone.types()[-1] == "end_conversation"
    found = person.call("GetConversation", pb.GetConversationRequest(conversation_id=conversation)).conversation
    from contract import resources
    assert found.status == resources.CONVERSATION_STATUS_ENDED


def test_an_ended_conversation_is_taken_up_again(house, person):
    from contract import resources
    conversation = house.begun(person)

    def status():
        return person.call("GetConversation", pb.GetConversationRequest(conversation_id=conversation)).conversation.status
    for _ in range(2):
        with house.phone(person, conversation) as phone:
            phone.wait_type("topic_suggestions")
            phone.send("end_conversation")
            phone.wait_closed()
        with house.phone(person, conversation) as phone:
            phone.wait_type("topic_suggestions")
            phone.ping()
            assert status() == resources.CONVERSATION_STATUS_ENDED, "a connect does not reopen"
            assert phone.say("还有一件事。") == ["回:还有一件事。"]
            assert status() == resources.CONVERSATION_STATUS_ACTIVE


def test_messages_after_the_end_are_not_read(house, person):
    conversation = house.begun(person)
    with house.phone(person, conversation) as phone:
        phone.wait_type("topic_suggestions")
        phone.send("end_conversation")
        try:
            phone.send("text", text="太晚了")
        except Exception:
            pass
        assert phone.wait_closed()[0] == 1000
        assert phone.types()[-1] == "end_conversation"
    assert "太晚了" not in said(person, conversation)
