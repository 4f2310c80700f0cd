"""One socket's order, and what never waits: ping and tts_cancel."""
import json
import time

import pytest

from bridge import texts
from bridge.engines import Script
from bridge.rawphone import BINARY, CONTINUATION, TEXT, encode
from bridge.recordings import spoken
from bridge.voice import send_segment, user_texts
from person import fresh
from waiting import wait_until

# Far below any pause or reply of these tests, far above what a loaded machine adds.
AT_ONCE_S = 0.25


def test_frames_come_in_the_order_of_what_caused_them(house, person):
    """All sent in one breath; each one's frames are complete before the next one's."""
    with house.open(person) as phone:
        start = len(phone.frames)
        phone.send("text", text=Script.THREE + "甲")
        phone.send("audio_message", audio_base64=spoken("乙"), duration=1)
        phone.send("text", text="")
        phone.send("transcribe_only", audio_base64=spoken("丙"))
        phone.send("text", text="丁")
        phone.send("transcribe_only")
        phone.send("text", text=1)
        phone.send("text", text="戊")
        phone.send("end_conversation")
        assert phone.wait_closed(30)[0] == 1000
        shown = [frame.error or frame.data.get("text") or frame.type for frame in phone.frames[start:]]
        assert shown == ["第一句。", "第二句。", "第三句。", "乙", "回:乙", "丙", "回:丁", texts.NO_AUDIO, texts.FAILED,
                         "回:戊", "end_conversation"]
    assert user_texts(person, phone.conversation) == ["我小时候住在河边。", Script.THREE + "甲", "乙", "丁", "戊"]


def test_a_pipeline_is_answered_whole_and_in_order(house, person):
    count = 24
    with house.open(person) as phone:
        for n in range(count):
            phone.send("text", text=f"第{n}件事。")
        phone.wait_reply(count, seconds=40)
        assert phone.replies() == [f"回:第{n}件事。" for n in range(count)]


@pytest.mark.timeout(60)
def test_a_pipeline_without_limit(house, person):
    """More than any buffer: TCP makes the sender wait, nothing is lost."""
    count = 3000
    with house.open(person) as phone:
        for n in range(count):
            phone.send("transcribe_only")
        phone.ping(seconds=40)
        phone.wait_error(texts.NO_AUDIO, count, seconds=40)
        assert phone.errors() == [texts.NO_AUDIO] * count


def test_the_end_waits_for_a_reply_to_what_was_said_before(house, person, engines):
    with house.open(person) as phone, engines.hold("慢慢想") as gate:
        phone.send("text", text="慢慢想")
        phone.send("end_conversation")
        wait_until(lambda: engines.waiting["慢慢想"], "the reply is in progress")
        phone.ping()
        assert not phone.of("end_conversation")
        gate.set()
        phone.wait_closed()
        assert phone.types()[-2:] == ["agent_response", "end_conversation"]


def test_the_end_does_not_wait_for_ever(house, person, engines):
    """Thirty seconds; the reply is made all the same and found at the next connect."""
    word = "想得很久"
    with house.open(person) as phone, engines.hold(word):
        start = time.monotonic()
        phone.send("text", text=word)
        phone.send("end_conversation")
        phone.wait_type("end_conversation", seconds=45)
        assert 20 < time.monotonic() - start < 40
        assert phone.wait_closed()[0] == 1000


def test_the_end_does_not_wait_for_a_recording(house, person, engines):
    with house.open(person) as phone, engines.hold("录音很长"):
        send_segment(phone, fresh("s"), 0, "录音很长", last=True)
        wait_until(lambda: engines.waiting["录音很长"], "the recognition is in progress")
        start = time.monotonic()
        phone.send("end_conversation")
        assert phone.wait_type("end_conversation").at - start < 5


# What never waits.


def test_ping_during_a_reply(house, person, engines):
    with house.open(person) as phone, engines.hold("让我想想") as gate:
        phone.send("text", text="让我想想")
        wait_until(lambda: engines.waiting["让我想想"], "the reply is in progress")
        for _ in range(5):
            assert phone.ping() < AT_ONCE_S
        assert not phone.of("agent_response")
        gate.set()
        phone.wait_reply()


def test_ping_during_a_greeting(house, person, engines):
    with engines.hold("greeting") as gate:
        with house.phone(person, fresh("conversation")) as phone:
            phone.wait_type("connect")
            wait_until(lambda: engines.waiting["greeting"], "the greeting is in progress")
            assert phone.ping() < AT_ONCE_S
            assert phone.types() == ["connect", "pong"]
            gate.set()
            phone.wait_type("topic_suggestions")


def test_ping_between_the_pieces(house, person):
    """During the pauses of a greeting and of a reply."""
    with house.phone(person, fresh("conversation")) as phone:
        phone.wait_reply(1)
        assert phone.ping() < AT_ONCE_S
        assert phone.types() == ["connect", "agent_response", "pong"]
        phone.wait_type("topic_suggestions")
        start = len(phone.frames)
        phone.send("text", text=Script.THREE)
        phone.wait_reply(3)
        assert phone.ping() < AT_ONCE_S
        phone.wait_reply(5)
        assert phone.types()[start:] == ["agent_response", "pong", "agent_response", "agent_response"]


def test_ping_right_after_the_handshake(house, person, engines):
    with engines.hold("greeting"):
        with house.raw(person, fresh("conversation")) as phone:
            phone.send("ping")
            phone.wait_type("pong")
            assert phone.types() == ["connect", "pong"]


def test_ping_during_the_recognition_of_a_message(house, person, engines):
    with house.open(person) as phone, engines.hold("听写中") as gate:
        phone.send("audio_message", audio_base64=spoken("听写中"), duration=1)
        wait_until(lambda: engines.waiting["听写中"], "the recognition is in progress")
        assert phone.ping() < AT_ONCE_S
        gate.set()
        phone.wait_reply()
        assert phone.types()[-3:] == ["pong", "transcript", "agent_response"]


def test_tts_cancel_during_a_reply_delays_nothing(house, person, engines):
    with house.open(person) as phone, engines.hold("正在想") as gate:
        phone.send("text", text="正在想")
        wait_until(lambda: engines.waiting["正在想"], "the reply is in progress")
        for _ in range(20):
            phone.send("tts_cancel")
        assert phone.ping() < AT_ONCE_S
        gate.set()
        assert phone.wait_type("agent_response").data["text"] == "回:正在想"
        assert not phone.errors()


def test_validation_errors_overtake_a_reply(house, person, engines):
    with house.open(person) as phone, engines.hold("还在想") as gate:
        phone.send("text", text="还在想")
        wait_until(lambda: engines.waiting["还在想"], "the reply is in progress")
        phone.send("audio_segment")
        phone.send("recording_started")
        phone.wait_error(texts.NO_SESSION_OR_SEGMENT)
        phone.wait_error(texts.NO_SESSION)
        assert not phone.of("agent_response")
        gate.set()
        phone.wait_reply()


def audio_frame(session, size, text="很大的一段。"):
    """An audio_segment of about `size` bytes of audio: a whole recording."""
    audio = spoken(text, seconds=size / 32000)
    return json.dumps({"type": "audio_segment", "data": {
        "voice_session_id": session, "segment_index": 0, "is_last": True, "audio_base64": audio, "duration": 1}}).encode()


def test_ping_between_the_fragments_of_a_large_frame(house, person):
    """A WebSocket ping is answered within a message; another socket's frames never wait for it."""
    conversation = house.begun(person)
    content = audio_frame(fresh("s"), 1 << 20)
    with house.raw(person, conversation) as phone, house.phone(person, conversation) as other:
        other.wait_type("topic_suggestions")
        phone.wait_type("topic_suggestions")
        phone.transmit(encode(TEXT, content[: len(content) // 2], final=False))
        phone.transmit(encode(9, b"mid"))
        wait_until(lambda: phone.pong_payloads == [b"mid"], "a pong within the message", 5)
        assert other.ping() < AT_ONCE_S
        phone.transmit(encode(CONTINUATION, content[len(content) // 2:]))
        phone.send("ping")
        phone.wait_type("pong")
        assert not phone.errors()


def test_ping_behind_large_frames_does_not_wait_for_their_work(house, person, engines):
    """The pong comes while the frames' audio is still being recognised. How soon is measured by the benchmarks."""
    with house.open(person) as phone, engines.hold("大段大段") as gate:
        for _ in range(3):
            phone.send_text(audio_frame(fresh("s"), 1 << 20, "大段大段").decode())
        phone.send("ping")
        phone.wait_type("pong", seconds=40)
        assert phone.types()[-1] == "pong"
        gate.set()
        phone.wait_type("transcript", 3)
        assert not phone.errors()


def test_a_slow_conversation_does_not_slow_another(house, person, stranger, engines):
    with house.open(person) as slow, house.open(stranger) as quick, engines.hold("不急") as gate:
        slow.send("text", text="不急")
        wait_until(lambda: engines.waiting["不急"], "the reply is in progress")
        assert quick.say("我急。") == ["回:我急。"]
        gate.set()
        slow.wait_reply()


def test_binary_frames_and_pings_keep_their_order(house, person):
    with house.raw(person, house.begun(person)) as phone:
        phone.wait_type("topic_suggestions")
        start = len(phone.frames)
        for _ in range(20):
            phone.transmit(encode(BINARY, b"x") + encode(TEXT, b'{"type":"ping"}'))
        phone.wait_type("pong", 20)
        phone.wait_error(texts.FAILED, 20)
        assert len(phone.frames) - start == 40
