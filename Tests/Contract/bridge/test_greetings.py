"""What a phone gets without asking: connect, refusals, greetings, chips, and what it missed."""
import re
import time

import pytest

from bridge import texts
from bridge.bridged import BridgedServer, House
from bridge.conftest import PIECE_PAUSE_S
from bridge.engines import Script
from contract import pb
from database import Database
from person import Events, fresh
from waiting import wait_until


def acknowledged(person, conversation):
    """Waits until everything that the phones got is recorded as delivered."""
    def nothing_left():
        with person.connect(conversation, intent=pb.INTENT_OBSERVE, device_id="legacy",
                            resume=pb.Resume(from_acknowledged=True)) as seen:
            seen.wait_kind("replay_completed")
            return not seen.of("agent_message")
    wait_until(nothing_left, "the reply is acknowledged", 15)


def settle(phone):
    """Everything that was under way when this began has arrived: a message is answered after what came before it."""
    phone.say("好。")


def pieces(phone):
    """One id, indices from 0, a total that is true, in each message; the messages."""
    found = {}
    for frame in phone.of("agent_response"):
        found.setdefault(frame.data["assistant_message_id"], []).append(frame.data)
    for parts in found.values():
        assert [part["index"] for part in parts] == list(range(len(parts)))
        assert {part["total"] for part in parts} == {len(parts)}
    return list(found.values())


def test_an_opening_then_its_chips(house, person, engines):
    with house.phone(person, fresh("conversation")) as phone:
        phone.wait_type("topic_suggestions")
        assert phone.types() == ["connect", "agent_response", "agent_response", "topic_suggestions"]
        assert phone.frames[0].data == {"status": "connected"}
        assert [part["text"] for part in pieces(phone)[0]] == engines.greeting.split("[SPLIT]")
        assert phone.frames[-1].data["reason"] == "opening"


def test_a_newcomer_is_asked_for_the_profile_and_gets_no_chips(house, newcomer):
    with house.phone(newcomer, fresh("conversation")) as phone:
        phone.wait_reply(2)
        settle(phone)
        assert phone.types() == ["connect", "agent_response", "agent_response", "agent_response"]


def test_history_brings_chips_and_no_greeting(house, person):
    conversation = house.begun(person)
    with house.phone(person, conversation) as phone:
        phone.wait_type("topic_suggestions")
        settle(phone)
        assert phone.types() == ["connect", "topic_suggestions", "agent_response"]
        assert phone.of("topic_suggestions")[0].data["reason"] == "resume"


def test_no_chips_while_the_profile_is_incomplete(house, newcomer):
    conversation = house.begun(newcomer)
    with house.phone(newcomer, conversation) as phone:
        settle(phone)
        assert not phone.of("topic_suggestions")


def test_chips_do_not_follow_replies(house, person):
    """The service suggests topics after every reply; legacy phones know only those of a connect."""
    with house.open(person) as phone:
        for _ in range(3):
            phone.say("我爸爸是撑船的。")
        phone.ping()
        assert len(phone.of("topic_suggestions")) == 1


def test_an_unknown_id_is_created_in_silence(house, person):
    conversation = fresh("conversation")
    with house.phone(person, conversation) as phone:
        phone.wait_type("connect")
        assert not phone.errors()
    found = person.call("GetConversation", pb.GetConversationRequest(conversation_id=conversation))
    assert found.conversation.conversation_id == conversation


def refusal(house, person, conversation, text):
    with house.phone(person, conversation) as phone:
        assert phone.wait_closed() == (1008, text)
        assert phone.types() == ["connect", "error"]
        assert phone.frames[1].data == {"message": text}


def test_somebody_elses_conversation(house, person, stranger):
    refusal(house, stranger, house.begun(person), texts.FORBIDDEN)


def test_a_deleted_conversation(house, person):
    conversation = house.begun(person)
    person.call("DeleteConversation", pb.DeleteConversationRequest(conversation_id=conversation))
    refusal(house, person, conversation, texts.DELETED)


def test_ownership_is_tested_before_deletion(house, person, stranger):
    conversation = house.begun(person)
    person.call("DeleteConversation", pb.DeleteConversationRequest(conversation_id=conversation))
    refusal(house, stranger, conversation, texts.FORBIDDEN)


def test_pieces_are_half_a_second_apart_and_nothing_follows_the_last(house, person):
    with house.open(person) as phone:
        start = len(phone.frames)
        phone.send("text", text=Script.THREE)
        phone.send("end_conversation")
        phone.wait_type("end_conversation")
        *reply, end = phone.frames[start:]
        assert [frame.data["text"] for frame in reply] == ["第一句。", "第二句。", "第三句。"]
        for before, after in zip(reply, reply[1:]):
            assert PIECE_PAUSE_S - 0.05 <= after.at - before.at <= PIECE_PAUSE_S + 0.3
        assert end.at - reply[-1].at < PIECE_PAUSE_S - 0.1


def test_a_greeting_is_paced_too(house, person):
    with house.phone(person, fresh("conversation")) as phone:
        phone.wait_type("topic_suggestions")
        first, second = phone.of("agent_response")
        assert PIECE_PAUSE_S - 0.05 <= second.at - first.at <= PIECE_PAUSE_S + 0.3
        assert phone.of("topic_suggestions")[0].at - second.at < PIECE_PAUSE_S - 0.1


@pytest.fixture(scope="module")
def settings(tmp_path_factory, engines):
    """Starts servers of other settings, one per set."""
    running = {}

    def with_settings(**env):
        key = tuple(sorted(env.items()))
        if key not in running:
            server = BridgedServer(tmp_path_factory.mktemp("settings"), env={**engines.environment, **env}).start()
            running[key] = House(server)
        return running[key]
    yield with_settings
    for house in running.values():
        house.close()
        house.server.stop()


def test_a_long_silence_is_greeted_again(settings):
    house = settings(LIFEECHO_REGREETING_IDLE="1s")
    person = house.person()
    conversation = house.begun(person)
    time.sleep(1.1)  # the silence itself; a longer one is as good
    with house.phone(person, conversation) as phone:
        phone.wait_type("topic_suggestions")
        assert phone.types()[0] == "connect" and phone.types()[-1] == "topic_suggestions"
        assert phone.of("topic_suggestions")[0].data["reason"] == "re_greeting"
        greeting = pieces(phone)[-1]
        assert len(greeting) == 2
    log = person.wait_idle(conversation)
    assert [Events.kind(event) for event in log].count("turn_started") == 2


def test_no_second_greeting_while_the_profile_is_incomplete(settings):
    house = settings(LIFEECHO_REGREETING_IDLE="1s")
    newcomer = house.newcomer()
    conversation = house.begun(newcomer)
    time.sleep(1.1)  # the silence itself; a longer one is as good
    with house.phone(newcomer, conversation) as phone:
        settle(phone)
        assert not phone.of("topic_suggestions")
    assert [Events.kind(event) for event in newcomer.wait_idle(conversation)].count("turn_started") == 2


def test_chips_can_be_switched_off(settings):
    house = settings(LIFEECHO_CHIPS_ENABLED="false")
    person = house.person()
    with house.phone(person, fresh("conversation")) as phone:
        phone.wait_reply(2)
        settle(phone)
        assert phone.types() == ["connect"] + ["agent_response"] * 3


def test_a_greeting_whose_model_fails_is_made_without_it(tmp_path):
    env = {"LIFEECHO_CHAT_ENGINE": "openai", "LIFEECHO_CHAT_URL": "http://127.0.0.1:9/v1", "LIFEECHO_CHAT_RETRIES": "0"}
    with BridgedServer(tmp_path, env=env) as server:
        house = House(server)
        with house.phone(house.person(), fresh("conversation")) as phone:
            phone.wait_type("topic_suggestions", seconds=30)
            assert phone.of("agent_response") and not phone.errors()
            phone.ping()
        house.close()


# What was never acknowledged comes again.


def unheard(house, person, conversation, send):
    """A phone that answers no WebSocket ping gets what `send` brings about, and is gone."""
    with house.raw(person, conversation, pongs=False) as phone:
        phone.wait_type("topic_suggestions")
        acknowledged_before = len(phone.of("agent_response"))
        send(phone)
        phone.wait_for(lambda log: len(log.of("agent_response")) > acknowledged_before and
                       log.of("agent_response")[-1].data["index"] + 1 == log.of("agent_response")[-1].data["total"],
                       "a whole reply")
        return phone.of("agent_response")[acknowledged_before:]


def known(house, person):
    """A begun conversation of which the phone has heard everything."""
    conversation = house.begun(person)
    with house.phone(person, conversation) as phone:
        phone.wait_type("topic_suggestions")
        phone.say("好。")
        acknowledged(person, conversation)
    return conversation


def test_a_reply_that_was_not_acknowledged_comes_again(house, person):
    conversation = known(house, person)
    lost = unheard(house, person, conversation, lambda phone: phone.send("text", text=Script.THREE))
    with house.phone(person, conversation) as phone:
        phone.wait_type("topic_suggestions")
        assert phone.types() == ["connect", "agent_response", "agent_response", "agent_response", "topic_suggestions"]
        assert [frame.data for frame in phone.of("agent_response")] == [frame.data for frame in lost]
        acknowledged(person, conversation)
    with house.phone(person, conversation) as phone:
        phone.wait_type("topic_suggestions")
        assert phone.types() == ["connect", "topic_suggestions"], "delivered twice"


def test_a_reply_that_a_message_followed_does_not_come_again(house, person):
    conversation = known(house, person)
    unheard(house, person, conversation, lambda phone: phone.send("text", text=Script.THREE))
    person.send(conversation, "我从别处说。")
    person.wait_idle(conversation)
    with house.phone(person, conversation) as phone:
        phone.wait_type("topic_suggestions")
        assert phone.replies() == ["回:我从别处说。"]


def test_an_acknowledged_reply_does_not_come_again(house, person):
    conversation = known(house, person)
    with house.phone(person, conversation) as phone:
        phone.wait_type("topic_suggestions")
        assert phone.types() == ["connect", "topic_suggestions"]


def test_the_bridge_pings_after_the_last_piece(house, person):
    with house.raw(person, house.begun(person)) as phone:
        phone.wait_type("topic_suggestions")
        phone.send("ping")
        phone.wait_type("pong")
        before = len(phone.pings)
        phone.send("text", text=Script.THREE)
        phone.wait_for(lambda log: "第三句。" in log.replies(), "the last piece")
        wait_until(lambda: len(phone.pings) > before, "a WebSocket ping", 5)


def test_at_most_two_messages_of_the_last_day_come_again(tmp_path, engines):
    """Greetings in a row, since nothing else makes messages that no user message follows. Time passes in the tables."""
    with Database() as database, BridgedServer(
        tmp_path, "--database-url", database.url, ephemeral=False, env=engines.environment
    ) as server:
        house = House(server)
        person = house.person()
        conversation = house.begun(person)
        for _ in range(3):
            database.query("UPDATE lifeecho.conversations SET last_message_at = last_message_at - interval '7 hours'")
            database.query("UPDATE lifeecho.messages SET create_time = create_time - interval '7 hours'")
            with house.raw(person, conversation, pongs=False) as phone:
                phone.wait_type("topic_suggestions")
                assert phone.of("topic_suggestions")[0].data["reason"] == "re_greeting"
        greetings = [e.agent_message.message_id for e in person.replay(conversation)
                     if Events.kind(e) == "agent_message" and e.agent_message.total == 2 and e.agent_message.index == 0]
        assert len(greetings) == 3
        with house.raw(person, conversation, pongs=False) as phone:
            phone.wait_type("topic_suggestions")
            again = [parts[0]["assistant_message_id"] for parts in pieces(phone)]
            assert again == greetings[1:]
            assert phone.types()[-1] == "topic_suggestions"
        database.query("UPDATE lifeecho.events SET create_time = create_time - interval '25 hours'")
        with house.raw(person, conversation, pongs=False) as phone:
            phone.wait_type("topic_suggestions")
            assert not pieces(phone), "older than a day"
        house.close()


def test_texts_of_people_are_not_escaped(house, person):
    with house.open(person) as phone:
        phone.say('引号"反斜线\\斜线/表情👵🏻')
        text = phone.of("agent_response")[-1].text
        assert '引号\\"反斜线\\\\斜线/表情👵🏻' in text
        assert not re.search(r"\\u[0-9a-f]{4}", text)
