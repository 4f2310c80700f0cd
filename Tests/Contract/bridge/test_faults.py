"""The faults of the original, one test each: every one of them fails against it."""
import time

import pytest

import tokens
from bridge import texts
from bridge.bridged import BridgedServer, House
from bridge.engines import Script
from bridge.phone import Phone, url
from bridge.recordings import spoken
from bridge.voice import is_recording, send_segment, user_texts, wait_stored
from contract import pb
from person import Events, fresh
from waiting import wait_until


@pytest.fixture
def pair(house, person):
    """Two phones in one conversation."""
    conversation = house.begun(person)
    with house.phone(person, conversation) as one, house.phone(person, conversation) as two:
        for phone in (one, two):
            phone.wait_type("topic_suggestions")
        yield one, two


# 1: several sockets of one conversation.


def test_a_second_socket_does_not_silence_the_first(pair):
    one, two = pair
    one.send("text", text="从一号说。")
    for phone in pair:
        phone.wait_for(lambda log: "回:从一号说。" in log.replies(), "the reply")
    two.send("text", text="从二号说。")
    for phone in pair:
        phone.wait_for(lambda log: "回:从二号说。" in log.replies(), "the reply")
        assert phone.replies()[-2:] == ["回:从一号说。", "回:从二号说。"]


def test_closing_one_socket_does_not_deafen_the_other(house, person):
    conversation = house.begun(person)
    with house.phone(person, conversation) as stays:
        stays.wait_type("topic_suggestions")
        for leave in ("close", "vanish", "end_conversation"):
            with house.phone(person, conversation) as leaves:
                leaves.wait_type("topic_suggestions")
                if leave == "end_conversation":
                    leaves.send("end_conversation")
                    assert leaves.wait_closed()[0] == 1000
                else:
                    getattr(leaves, leave)()
            assert stays.say(f"它走了:{leave}") == [f"回:它走了:{leave}"]


def test_a_reconnect_right_after_a_close_is_not_deaf(house, person):
    conversation = house.begun(person)
    phone = house.phone(person, conversation)
    for n in range(12):
        phone.wait_type("topic_suggestions")
        phone.vanish() if n % 2 else phone.close()
        phone = house.phone(person, conversation)
        phone.send("text", text=f"第{n}次回来。")
        phone.wait_for(lambda log, n=n: f"回:第{n}次回来。" in log.replies(), "the reply")
    phone.close()
    phone.conform()


def test_every_socket_gets_transcripts(pair):
    one, two = pair
    one.send("audio_message", audio_base64=spoken("整段的。"), duration="3")
    for phone in pair:
        phone.wait_for(lambda log: "回:整段的。" in log.replies(), "the reply")
        assert phone.types()[-2:] == ["transcript", "agent_response"]
        assert phone.of("transcript")[0].data["text"] == "整段的。"
    assert one.of("transcript")[0].data["audio_duration"] == "3", "echoed as sent"
    assert two.of("transcript")[0].data["audio_duration"] == 3, "the number in seconds"
    session = fresh("s")
    send_segment(two, session, 0, "分段的。", last=True)
    for phone in pair:
        assert phone.wait_type("transcript", 2).data["voice_session_id"] == session


def test_every_socket_hears_of_a_failed_reply(pair):
    one, two = pair
    one.send("text", text=Script.FAIL)
    for phone in pair:
        phone.wait_error(texts.FAILED)
        phone.ping()
        assert phone.errors() == [texts.FAILED]


def test_every_socket_hears_of_the_end_and_only_the_sender_is_closed(pair):
    one, two = pair
    one.send("end_conversation")
    assert one.wait_closed()[0] == 1000
    two.wait_type("end_conversation")
    assert two.say("我还在。") == ["回:我还在。"]


def test_what_concerns_one_socket_goes_to_one(house, pair):
    one, two = pair
    one.send_text("{")
    one.send("audio_segment")
    one.send("transcribe_only", audio_base64=spoken("听写。"))
    one.wait_type("transcript")
    one.ping()
    before = len(two.frames)
    two.ping()
    assert two.types()[before - 1:] == ["topic_suggestions", "pong"], two.types()


def test_chips_of_a_connect_go_to_who_connected(house, person, pair):
    one, _ = pair
    with house.phone(person, one.conversation) as third:
        third.wait_type("topic_suggestions")
        one.ping()
        assert len(one.of("topic_suggestions")) == 1


def test_a_conversation_deleted_while_open(person, pair):
    one, two = pair
    person.call("DeleteConversation", pb.DeleteConversationRequest(conversation_id=one.conversation))
    for phone in pair:
        assert phone.wait_closed() == (1008, texts.DELETED)
        assert phone.errors() == [texts.DELETED]


# 2: strangers.


def test_a_stranger_hears_disturbs_and_destroys_nothing(house, person, stranger, engines):
    conversation, session = house.begun(person), fresh("s")
    with house.phone(person, conversation) as owner:
        owner.wait_type("topic_suggestions")
        send_segment(owner, session, 0, "我说到一半。")
        wait_stored(person, conversation, session, [0])
        with engines.hold("主人的话"):
            owner.send("text", text="主人的话")
            wait_until(lambda: engines.waiting["主人的话"], "the owner's reply is in progress")
            for _ in range(5):
                with house.phone(stranger, conversation) as intruder:
                    assert intruder.wait_closed() == (1008, texts.FORBIDDEN)
                    assert intruder.types() == ["connect", "error"]
        owner.wait_for(lambda log: "回:主人的话" in log.replies(), "the owner's reply")
        assert is_recording(person, conversation, session)
        send_segment(owner, session, 1, "现在说完。", last=True)
        owner.wait_for(lambda log: "回:我说到一半。现在说完。" in log.replies(), "the reply")
        assert not owner.errors()


# 3 and 4: recordings across connections.


def test_a_recording_survives_a_disconnect(house, person):
    conversation, session = house.begun(person), fresh("s")
    with house.phone(person, conversation) as phone:
        phone.wait_type("topic_suggestions")
        phone.send("recording_started", voice_session_id=session)
        send_segment(phone, session, 0, "前一半,")
        send_segment(phone, session, 1, "中间,")
        wait_stored(person, conversation, session, [0, 1])
        phone.vanish()
    with house.phone(person, conversation) as phone:
        send_segment(phone, session, 2, "后一半。", last=True)
        phone.wait_for(lambda log: log.of("transcript"), "the transcript")
        assert phone.of("transcript")[0].data["text"] == "前一半,中间,后一半。"
        phone.wait_for(lambda log: "回:前一半,中间,后一半。" in log.replies(), "the reply")


def test_segments_sent_again_after_a_reconnect_are_not_heard_twice(house, person):
    conversation, session = house.begun(person), fresh("s")
    with house.phone(person, conversation) as phone:
        phone.wait_type("topic_suggestions")
        send_segment(phone, session, 0, "一")
        send_segment(phone, session, 1, "二")
        wait_stored(person, conversation, session, [0, 1])
        phone.vanish()
    with house.phone(person, conversation) as phone:
        phone.wait_type("topic_suggestions")
        for index, text in enumerate("一二三"):
            send_segment(phone, session, index, text, last=index == 2)
        phone.wait_for(lambda log: log.of("transcript"), "the transcript")
        for index, text in enumerate("一二三"):
            send_segment(phone, session, index, text, last=index == 2)
        phone.wait_for(lambda log: "回:一二三" in log.replies(), "the reply")
        phone.say("到此为止")
        assert [frame.data["text"] for frame in phone.of("transcript")] == ["一二三"]
    assert user_texts(person, conversation).count("一二三") == 1


def test_an_id_used_again_after_a_reconnect_is_a_second_recording(house, person):
    """A phone that counts its recordings from one in every connection."""
    conversation, session = house.begun(person), "recording1"
    for text in ("第一次说的。", "第二次说的。"):
        with house.phone(person, conversation) as phone:
            phone.send("recording_started", voice_session_id=session)
            send_segment(phone, session, 0, text, last=True)
            phone.wait_for(lambda log: [f.data["text"] for f in log.of("transcript")] == [text], "its transcript")
            phone.wait_for(lambda log, text=text: "回:" + text in log.replies(), "the reply")
    assert user_texts(person, conversation)[1:] == ["第一次说的。", "第二次说的。"]


def test_an_unfinished_recording_gives_way_to_a_new_one_of_a_later_socket(house, person):
    conversation, session = house.begun(person), "recording1"
    with house.phone(person, conversation) as phone:
        phone.wait_type("topic_suggestions")
        send_segment(phone, session, 0, "没说完的。")
        wait_stored(person, conversation, session, [0])
        phone.vanish()
    with house.phone(person, conversation) as phone:
        phone.wait_type("topic_suggestions")
        send_segment(phone, session, 0, "重新说的。", last=True)
        phone.wait_for(lambda log: "回:重新说的。" in log.replies(), "the reply")
    # What was durable goes to the memoir as a message of its own, without a reply.
    wait_until(lambda: "没说完的。" in user_texts(person, conversation), "the abandoned words are kept", 30)
    replies = [e.agent_message.text for e in person.replay(conversation) if Events.kind(e) == "agent_message"]
    assert "回:没说完的。" not in replies


# 5: a slow reply blocks ping: test_order.py. 6: greetings.


def test_a_greeting_interrupted_by_a_disconnect_is_delivered(house, person, engines):
    conversation = fresh("conversation")
    with engines.hold("greeting"):
        with house.phone(person, conversation) as phone:
            wait_until(lambda: engines.waiting["greeting"], "the greeting is in progress")
            phone.vanish()
    person.wait_idle(conversation)
    with house.phone(person, conversation) as phone:
        phone.wait_type("topic_suggestions")
        assert phone.replies() == engines.greeting.split("[SPLIT]")
        assert phone.types() == ["connect", "agent_response", "agent_response", "topic_suggestions"]


def test_a_greeting_cut_between_its_pieces_is_delivered_whole(house, person, engines):
    conversation = fresh("conversation")
    with house.raw(person, conversation, pongs=False) as phone:
        phone.wait_reply(1)
        phone.vanish()
    with house.phone(person, conversation) as phone:
        phone.wait_type("topic_suggestions")
        assert phone.replies() == engines.greeting.split("[SPLIT]")


# 7


@pytest.mark.parametrize("phones", [2, 8])
def test_simultaneous_connects_get_one_greeting(house, person, engines, phones):
    conversation = fresh("conversation")
    opened = [house.phone(person, conversation) for _ in range(phones)]
    try:
        for phone in opened:
            phone.wait_type("topic_suggestions")
            phone.wait_reply(2)
        for phone in opened:
            phone.ping()
            assert phone.replies() == engines.greeting.split("[SPLIT]")
            assert len(phone.of("topic_suggestions")) == 1
    finally:
        for phone in opened:
            phone.close()
            phone.conform()
    assert [Events.kind(e) for e in person.wait_idle(conversation)].count("turn_started") == 1


# 8


@pytest.mark.parametrize("kind", ["audio_message", "audio_segment"])
@pytest.mark.parametrize("said", ["", "转写失败:引擎没有回答", Script.UNREADABLE])
def test_a_failed_transcription_is_no_message(house, person, kind, said):
    with house.open(person) as phone:
        phone.send(kind, voice_session_id=fresh("s"), segment_index=0, is_last=True, audio_base64=spoken(said), duration=1)
        phone.wait_for(lambda log: log.errors(), "an error", 20)
        assert phone.errors()[0] in (texts.NOT_RECOGNISED, texts.VOICE_FAILED)
        assert phone.say("好。") == ["回:好。"]
        conversation = phone.conversation
    assert user_texts(person, conversation) == ["我小时候住在河边。", "好。"]


# 9


@pytest.mark.timeout(90)
def test_many_idle_sockets_of_many_people(house):
    """The original's sixteenth had to wait for a database connection."""
    people = [house.person() for _ in range(40)]
    phones = [house.phone(person, house.begun(person)) for person in people for _ in range(2)]
    try:
        for phone in phones:
            phone.wait_type("topic_suggestions")
        for phone in phones:
            assert phone.ping() < 2
        for phone in phones[::8]:
            assert phone.say("还在吗?") == ["回:还在吗?"]
    finally:
        for phone in phones:
            phone.close()


# 10


def test_what_changes_about_the_user_is_noticed(house, person, engines):
    with house.open(person) as phone:
        phone.say("好。")
        assert "李奶奶" not in str(engines.prompts[-1])
        person.provision(nickname="李奶奶")
        phone.say("您知道我的名字吗?")
        assert "李奶奶" in str(engines.prompts[-1])


def test_a_deleted_user_cannot_connect(house):
    from contract import users, users_grpc
    from person import CALL_S, bearer
    import websockets.exceptions
    person = house.person()
    conversation = house.begun(person)
    users_grpc.UserServiceStub(house.channel).DeleteUser(
        users.DeleteUserRequest(user_id=person.user), metadata=bearer(tokens.service(house.server.secret, "users")),
        timeout=CALL_S)
    with pytest.raises(websockets.exceptions.InvalidStatus) as refused:
        house.phone(person, conversation)
    assert refused.value.response.status_code == 403


# 11: test_quota.py. 12: an echoed Infinity: test_audio.py. 13: expiry.


@pytest.fixture(scope="module")
def strict(tmp_path_factory, engines):
    """Tokens end when they say; legacy sessions after four seconds."""
    with BridgedServer(tmp_path_factory.mktemp("strict"), env={
        **engines.environment, "LIFEECHO_JWT_LEEWAY": "0s", "LIFEECHO_BRIDGE_LEGACY_SESSION_MAX": "6s"}
    ) as server:
        opened = House(server)
        yield opened
        opened.close()


def short(house, person, conversation, seconds=3, **query):
    return Phone(url(house.server.bridge, conversation, house.token(person, ttl_s=seconds), **query),
                 conversation=conversation, legacy="v" not in query)


def test_an_expired_token_does_not_end_a_legacy_session_but_its_age_does(strict):
    person = strict.person()
    start = time.monotonic()
    with short(strict, person, strict.begun(person), 2) as phone:
        wait_until(lambda: time.monotonic() - start > 3.5, "the token is over", 10)
        assert phone.say("我还在说。") == ["回:我还在说。"]
        code, _ = phone.wait_closed(20)
        assert code == 1001
        assert 4 < time.monotonic() - start < 16


def test_an_expired_token_ends_a_session_of_protocol_2(strict):
    person = strict.person()
    start = time.monotonic()
    with short(strict, person, strict.begun(person), 3, v=2) as phone:
        assert phone.wait_closed(20)[0] == 4401
        assert 1 < time.monotonic() - start < 8


def test_a_reply_is_finished_before_an_expired_token_ends_it(strict, engines):
    person = strict.person()
    conversation = strict.begun(person)
    with short(strict, person, conversation, 3, v=2) as phone, engines.hold("说到过期") as gate:
        start = time.monotonic()
        phone.send("text", text="说到过期", client_msg_id="m1")
        wait_until(lambda: time.monotonic() - start > 4.5, "the token is over", 10)
        assert not phone.over.is_set()
        gate.set()
        assert phone.wait_closed(20)[0] == 4401
        assert phone.replies()[-1:] == ["回:说到过期"]


def test_a_recording_is_finished_before_an_expired_token_ends_it(strict, engines):
    person = strict.person()
    conversation, session = strict.begun(person), fresh("s")
    with short(strict, person, conversation, 3, v=2) as phone:
        start = time.monotonic()
        phone.send("recording_started", voice_session_id=session)
        send_segment(phone, session, 0, "一")
        wait_until(lambda: time.monotonic() - start > 4.5, "the token is over", 10)
        assert not phone.over.is_set()
        # Everything is stored, and the words take longer than the socket looks away.
        with engines.hold("二"):
            send_segment(phone, session, 1, "二", last=True)
            wait_until(lambda: engines.waiting["二"], "the recogniser is at work", 10)
            start = time.monotonic()
            wait_until(lambda: time.monotonic() - start > 2.5 or phone.over.is_set(), "two looks", 10)
            assert not phone.over.is_set()
        assert phone.wait_closed(20)[0] == 4401
        assert [frame.data["text"] for frame in phone.of("transcript")] == ["一二"]
