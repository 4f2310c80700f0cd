"""The day's quota as a phone meets it."""
import pytest

from bridge import texts
from bridge.bridged import BridgedServer, House
from bridge.recordings import spoken
from bridge.voice import indices, send_segment, user_texts, wait_stored
from contract import users
from person import fresh

TURNS = 3
OUT = {"message": texts.OUT_OF_TURNS, "code": "QUOTA_EXCEEDED"}


@pytest.fixture(scope="module")
def house(tmp_path_factory, engines):
    with BridgedServer(tmp_path_factory.mktemp("quota"), env={
        **engines.environment, "LIFEECHO_QUOTA_FREE_TURNS": str(TURNS)}
    ) as server:
        opened = House(server)
        yield opened
        opened.close()


@pytest.fixture
def spent(house, person):
    """A phone whose user has no turn left."""
    with house.open(person) as phone:
        for n in range(TURNS - 1):
            phone.say(f"第{n}件事。")
        phone.start = len(phone.frames)
        yield phone


def test_a_text_over_the_quota(person, spent):
    for _ in range(2):
        spent.send("text", text="还有一件。")
    spent.wait_error(texts.OUT_OF_TURNS, 2)
    assert [frame.data for frame in spent.of("error")] == [OUT] * 2
    assert spent.ping() < 5
    assert "还有一件。" not in user_texts(person, spent.conversation)


def test_what_needs_no_quota(person, spent):
    spent.send("transcribe_only", audio_base64=spoken("听写。"))
    assert spent.wait_type("transcript").data["text"] == "听写。"
    spent.send("text", text=" ")
    spent.send("recording_started", voice_session_id="s")
    spent.send("end_conversation")
    assert spent.wait_closed()[0] == 1000
    assert not spent.errors()


def test_an_audio_message_over_the_quota(person, spent):
    spent.send("audio_message", audio_base64=spoken("还有一件。"), duration=1)
    spent.wait_error(texts.OUT_OF_TURNS)
    spent.ping()
    assert not spent.of("transcript") and spent.of("error")[0].data == OUT
    assert "还有一件。" not in user_texts(person, spent.conversation)


def test_a_recording_is_refused_at_its_first_segment(person, spent):
    session = fresh("s")
    send_segment(spent, session, 0, "还有一件。", last=True)
    spent.wait_error(texts.OUT_OF_TURNS)
    assert spent.of("error")[0].data == OUT
    assert indices(person, spent.conversation, session) == []


def test_a_phone_is_told_which_recording_was_refused(house, person, spent):
    """In protocol 2; it need not send that one again."""
    session = fresh("s")
    with house.phone(person, spent.conversation, query={"v": 2}) as phone:
        phone.wait_type("connect")
        send_segment(phone, session, 0, "还有一件。", last=True)
        phone.wait_error(texts.OUT_OF_TURNS)
        assert phone.of("error")[0].data == {**OUT, "voice_session_id": session}
        phone.ping()
        assert len(phone.of("error")) == 1


def test_validation_comes_before_the_quota(spent):
    spent.send("audio_segment", voice_session_id="s", audio_base64="AAAA", segment_index=-1)
    spent.wait_error(texts.INDEX_NEGATIVE)
    assert spent.errors() == [texts.INDEX_NEGATIVE]


def test_an_admitted_recording_is_always_taken_to_its_end(house, person):
    with house.open(person) as phone:
        session = fresh("s")
        send_segment(phone, session, 0, "一")
        wait_stored(person, phone.conversation, session, [0])
        for n in range(TURNS - 2):
            phone.say(f"第{n}件事。")
        phone.send("text", text="太多了。")
        phone.wait_error(texts.OUT_OF_TURNS)
        send_segment(phone, session, 1, "二", last=True)
        assert phone.wait_type("transcript").data["text"] == "一二"
        assert len(phone.errors()) == 1


def test_a_higher_tier_is_seen_without_a_reconnect(person, spent):
    """§5.10: nothing is read once per socket."""
    spent.send("text", text="还有一件。")
    spent.wait_error(texts.OUT_OF_TURNS)
    person.provision(subscription_type=users.SUBSCRIPTION_TYPE_PREMIUM)
    assert spent.say("还有一件。") == ["回:还有一件。"]


def test_the_quota_does_not_race(house, person):
    """§5.11: two phones at once get exactly what is left."""
    conversation = house.begun(person)
    with house.phone(person, conversation) as one, house.phone(person, conversation) as two:
        for phone in (one, two):
            phone.wait_type("topic_suggestions")
        for n in range(6):
            for phone in (one, two):
                phone.send("text", text=f"第{n}件事。")
        for phone in (one, two):
            phone.wait_for(lambda log: log.errors(), "a refusal")
        one.wait_for(lambda _: len(one.errors()) + len(two.errors()) == 12 - (TURNS - 1), "ten refusals")
        assert {*one.errors(), *two.errors()} == {texts.OUT_OF_TURNS}
    assert len(user_texts(person, conversation)) == TURNS


def test_a_refusal_goes_to_the_sender_only(house, person, spent):
    with house.phone(person, spent.conversation) as other:
        other.wait_type("topic_suggestions")
        spent.send("text", text="还有一件。")
        spent.wait_error(texts.OUT_OF_TURNS)
        other.ping()
        assert not other.errors()
