"""“I am listening”: once per voice session, while somebody speaks for long."""
import time

import pytest

from bridge import texts
from bridge.bridged import BridgedServer, House
from bridge.voice import send_segment
from person import fresh

DELAY_S = 1.0


@pytest.fixture(scope="module")
def house(tmp_path_factory, engines):
    with BridgedServer(tmp_path_factory.mktemp("feedback"), env={
        **engines.environment, "LIFEECHO_LISTENING_FEEDBACK_DELAY": f"{DELAY_S:.0f}s"}
    ) as server:
        opened = House(server)
        yield opened
        opened.close()


def test_it_comes_once_after_the_delay(house, person):
    session = fresh("s")
    with house.open(person) as phone:
        start = time.monotonic()
        for _ in range(3):
            phone.send("recording_started", voice_session_id=session)
        feedback = phone.wait_type("listening_feedback")
        assert DELAY_S - 0.1 < feedback.at - start < DELAY_S + 1.5
        assert feedback.data == {"text": texts.LISTENING, "voice_session_id": session}
        phone.send("recording_started", voice_session_id=session)
        send_segment(phone, session, 0, "好。")
        second = fresh("s")
        phone.send("recording_started", voice_session_id=second)
        phone.wait_type("listening_feedback", 2)
        assert [frame.data["voice_session_id"] for frame in phone.of("listening_feedback")] == [session, second]


def test_the_last_segment_cancels_it(house, person):
    cancelled, fence = fresh("s"), fresh("s")
    with house.open(person) as phone:
        phone.send("recording_started", voice_session_id=cancelled)
        send_segment(phone, cancelled, 0, "好。", last=True)
        phone.wait_type("transcript")
        phone.send("recording_started", voice_session_id=fence)
        phone.wait_type("listening_feedback")
        assert [frame.data["voice_session_id"] for frame in phone.of("listening_feedback")] == [fence]


def test_an_earlier_segment_does_not_cancel_it(house, person):
    session = fresh("s")
    with house.open(person) as phone:
        phone.send("recording_started", voice_session_id=session)
        send_segment(phone, session, 0, "好。")
        assert phone.wait_type("listening_feedback").data["voice_session_id"] == session


def test_segments_alone_arm_nothing(house, person):
    fence = fresh("s")
    with house.open(person) as phone:
        send_segment(phone, fresh("s"), 0, "好。")
        phone.send("recording_started", voice_session_id=fence)
        phone.wait_type("listening_feedback")
        assert len(phone.of("listening_feedback")) == 1


def test_every_socket_of_the_conversation_hears_it(house, person):
    conversation = house.begun(person)
    session = fresh("s")
    with house.phone(person, conversation) as one, house.phone(person, conversation) as two:
        for phone in (one, two):
            phone.wait_type("topic_suggestions")
        one.send("recording_started", voice_session_id=session)
        for phone in (one, two):
            assert phone.wait_type("listening_feedback").data["voice_session_id"] == session


def test_nothing_of_it_is_stored(house, person):
    session = fresh("s")
    conversation = house.begun(person)
    before = len(person.replay(conversation))
    with house.phone(person, conversation) as phone:
        phone.wait_type("topic_suggestions")
        phone.send("recording_started", voice_session_id=session)
        phone.wait_type("listening_feedback")
    assert len(person.replay(conversation)) == before
