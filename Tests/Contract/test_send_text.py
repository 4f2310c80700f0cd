"""SendText: what is taken, what an answer means, and that a request is carried out once."""
import concurrent.futures
import time
import uuid

import grpc
import pytest
from google.protobuf import timestamp_pb2

from contract import pb, resources
from person import Events, Person, fresh, gapless
from refusals import read, refused

INVALID = grpc.StatusCode.INVALID_ARGUMENT
TEXTS_MAX = 4000
# Unicode White_Space, which is trimmed before the length is looked at.
SPACE = "\t\n\x0b\x0c\r \x85\xa0\u1680\u2000\u200a\u2028\u2029\u202f\u205f\u3000"


@pytest.mark.parametrize("text", ["", " ", SPACE, "很" * (TEXTS_MAX + 1), "😀" * (TEXTS_MAX + 1)])
def test_texts_that_are_refused(person, conversation, text):
    with refused(INVALID, "FIELD_INVALID", field="text"):
        person.send(conversation, text)
    with refused(grpc.StatusCode.NOT_FOUND, "CONVERSATION_UNKNOWN"):
        person.call("GetConversation", pb.GetConversationRequest(conversation_id=conversation))


@pytest.mark.parametrize("text", [
    "好", SPACE + "好" + SPACE, "很" * TEXTS_MAX, SPACE + "😀" * TEXTS_MAX + SPACE, "e\u0301" * (TEXTS_MAX // 2),
    "👨‍👩‍👧‍👦一家人", "\u200b", "\ufeff字", "a\r\nb", "'; DROP TABLE users; --", "%s %d {} \\ \" <b>", "‮反", "\U0010ffff",
])
def test_texts_are_stored_as_sent(person, conversation, text):
    answer = person.send(conversation, text)
    stored = next(m for m in person.messages(conversation) if m.message_id == answer.message_id)
    assert stored.text == text and stored.sequence == answer.sequence


@pytest.mark.parametrize("fields, path", [
    (dict(conversation_id=""), "conversation_id"),
    (dict(conversation_id="x" * 257), "conversation_id"),
    (dict(conversation_id="a\0b"), "conversation_id"),
    (dict(text="a\0b"), "text"),
    (dict(request_id="not-a-uuid"), "request_id"),
    (dict(request_id="x" * 1000), "request_id"),
    (dict(chip_id="x" * 10_000), "chip_id"),
])
def test_fields_are_checked(person, fields, path):
    request = pb.SendTextRequest(**{"conversation_id": fresh("conversation"), "text": "您好", **fields})
    with refused(INVALID, "FIELD_INVALID", field=path):
        person.call("SendText", request)


def test_an_acknowledgement_means_stored(person, conversation):
    written = timestamp_pb2.Timestamp(seconds=int(time.time()) - 60)
    answer = person.send(conversation, "我小时候住在河边。", client_time=written)
    assert answer.message_id and answer.turn_id and answer.sequence == 1 and not answer.duplicate
    assert answer.turn_state in (
        resources.TURN_STATE_QUEUED, resources.TURN_STATE_RUNNING, resources.TURN_STATE_COMPLETED)
    assert not answer.replies
    assert (answer.quota.turns_limit, answer.quota.turns_used) == (30, 1)
    event = person.replay(conversation)[0]
    assert event.user_message.client_time == written


def test_wait_brings_the_reply(person, conversation):
    answer = person.send(conversation, "我小时候住在河边。", reply_mode=pb.REPLY_MODE_WAIT)
    assert answer.turn_state == resources.TURN_STATE_COMPLETED and not answer.HasField("turn_error")
    log = person.replay(conversation)
    pieces = [e.agent_message for e in log if Events.kind(e) == "agent_message" and e.turn_id == answer.turn_id]
    assert list(answer.replies) == pieces and pieces


def test_wait_with_a_short_deadline_is_no_error_and_can_be_repeated(person, conversation):
    """The first may or may not see the reply; the same request again waits for the same turn."""
    for n in range(8):
        person.send(conversation, f"第{n}件事，我记得很清楚。")
    request = person.request(conversation, "最后一件事。", reply_mode=pb.REPLY_MODE_WAIT)
    try:
        first = person.call("SendText", request, timeout=0.15)
        assert first.turn_state in (
            resources.TURN_STATE_QUEUED, resources.TURN_STATE_RUNNING, resources.TURN_STATE_COMPLETED)
    except grpc.RpcError as error:
        assert error.code() == grpc.StatusCode.DEADLINE_EXCEEDED
    again = person.call("SendText", request)
    assert again.turn_state == resources.TURN_STATE_COMPLETED and again.replies
    third = person.call("SendText", request)
    assert third.duplicate and list(third.replies) == list(again.replies)
    assert [m.text for m in person.messages(conversation)].count("最后一件事。") == 1


def test_turns_run_one_at_a_time_and_in_order(person, conversation):
    answers = [person.send(conversation, f"第{n}件事，我记得很清楚。") for n in range(10)]
    log = gapless(person.wait_idle(conversation))
    running, order = None, []
    for event in log:
        if Events.kind(event) == "turn_started":
            assert running is None, "two turns at once"
            running = event.turn_id
            order.append(event.turn_id)
        elif Events.kind(event) == "turn_completed":
            assert running == event.turn_id
            running = None
    assert order == [answer.turn_id for answer in answers]


# Exactly once


def test_fifty_concurrent_identical_requests_are_one_message(person, conversation):
    request = person.request(conversation, "这句话只说一遍。", reply_mode=pb.REPLY_MODE_WAIT)
    futures = [person.future("SendText", request) for _ in range(50)]
    answers = [future.result() for future in futures]
    assert len({(a.message_id, a.turn_id, a.sequence) for a in answers}) == 1
    assert [a.duplicate for a in answers].count(False) == 1
    assert all(a.turn_state == resources.TURN_STATE_COMPLETED for a in answers)
    assert len({tuple(p.text for p in a.replies) for a in answers}) == 1
    log = gapless(person.wait_idle(conversation))
    assert [Events.kind(e) for e in log].count("user_message") == 1
    assert [Events.kind(e) for e in log].count("turn_completed") == 1
    assert answers[0].quota.turns_used == 1


def test_a_repeated_request_gets_the_same_answer(person, conversation):
    request = person.request(conversation, "我小时候住在河边。")
    first = person.call("SendText", request)
    person.say(conversation, "我爸爸是撑船的。")
    again = person.call("SendText", request)
    assert again.duplicate and not first.duplicate
    assert (again.message_id, again.turn_id, again.sequence) == (first.message_id, first.turn_id, first.sequence)
    assert again.turn_state == resources.TURN_STATE_COMPLETED
    assert again.quota.turns_used == 2, "the duplicate counted"


def test_a_retry_may_wait_where_the_first_did_not(person, conversation):
    request = person.request(conversation, "我小时候住在河边。")
    first = person.call("SendText", request)
    request.reply_mode = pb.REPLY_MODE_WAIT
    again = person.call("SendText", request)
    assert again.duplicate and again.turn_id == first.turn_id and again.replies


@pytest.mark.parametrize("change", ["text", "conversation", "chip"])
def test_a_reused_request_id_with_another_payload(person, conversation, change):
    chips = suggestions(person, conversation)
    request = person.request(conversation, "我小时候住在河边。")
    person.call("SendText", request)
    other = pb.SendTextRequest()
    other.CopyFrom(request)
    if change == "text":
        other.text = "别的话。"
    elif change == "conversation":
        other.conversation_id = fresh("conversation")
    else:
        other.chip_id = chips[0].chip_id
    with refused(grpc.StatusCode.ALREADY_EXISTS, "REQUEST_ID_REUSED"):
        person.call("SendText", other)
    assert len([m for m in person.messages(conversation) if m.role == resources.ROLE_USER]) == 1


def test_concurrent_requests_with_one_id_and_two_payloads(person, conversation):
    shared = str(uuid.uuid4())
    futures = [
        person.future("SendText", person.request(conversation, f"说法{n % 2}。", request_id=shared)) for n in range(20)]
    outcomes = [future.exception() for future in futures]
    refusals = [read(error) for error in outcomes if error is not None]
    assert len(refusals) == 10
    assert all(r.code == grpc.StatusCode.ALREADY_EXISTS and r.reason == "REQUEST_ID_REUSED" for r in refusals)
    assert len([m for m in person.messages(conversation) if m.role == resources.ROLE_USER]) == 1


def test_a_request_id_belongs_to_its_user(person, stranger):
    shared = str(uuid.uuid4())
    for who in (person, stranger):
        assert not who.send(fresh("conversation"), "我小时候住在河边。", request_id=shared).duplicate


def test_a_request_id_in_any_case_is_the_same(person, conversation):
    request = person.request(conversation, "我小时候住在河边。", request_id=str(uuid.uuid4()).upper())
    first = person.call("SendText", request)
    request.request_id = request.request_id.lower()
    try:
        assert person.call("SendText", request).message_id == first.message_id
    except grpc.RpcError as error:
        assert error.code() == INVALID, "one of the two is no UUID to it"


def test_without_a_request_id_each_call_is_a_message(person, conversation):
    for _ in range(2):
        assert not person.send(conversation, "还是那句话。", request_id="").duplicate
    assert [m.text for m in person.messages(conversation)].count("还是那句话。") == 2


# Suggestions


def suggestions(person, conversation):
    with person.connect(conversation) as live:
        return live.wait_kind("topic_suggestions").topic_suggestions.suggestions


def source(person, conversation, answer):
    message = next(m for m in person.messages(conversation) if m.message_id == answer.message_id)
    return message.source, message.chip_id


def test_a_tap_sent_with_its_chip_id(person, conversation):
    chip = suggestions(person, conversation)[0]
    answer = person.send(conversation, chip.text, chip_id=chip.chip_id, reply_mode=pb.REPLY_MODE_WAIT)
    assert source(person, conversation, answer) == (resources.MESSAGE_SOURCE_CHIP, chip.chip_id)
    assert answer.replies


def test_a_tap_sent_as_text(person, conversation):
    chip = suggestions(person, conversation)[-1]
    answer = person.send(conversation, chip.text)
    assert source(person, conversation, answer) == (resources.MESSAGE_SOURCE_CHIP, chip.chip_id)


# Many


def test_two_hundred_concurrent_conversations(server, channel):
    """Each is gapless, with one reply for each message, whatever the others do."""
    people = [Person(channel, server.secret).provision(nickname=f"第{n}位", birth_year=1950, birth_place="绍兴",
                                                       grew_up_place="绍兴", occupation="老师") for n in range(40)]
    owned = [(person, fresh("conversation")) for person in people for _ in range(5)]
    futures = []
    for n in range(3):
        futures += [
            person.future("SendText", person.request(conversation, f"第{n}件事，我记得很清楚。"), timeout=60)
            for person, conversation in owned]
    for future in futures:
        future.result()
    with concurrent.futures.ThreadPoolExecutor(8) as pool:
        logs = list(pool.map(lambda pair: pair[0].wait_idle(pair[1], 60), owned))
    for log in logs:
        gapless(log)
        kinds = [Events.kind(e) for e in log]
        assert "turn_failed" not in kinds, log
        assert kinds.count("user_message") == 3 and kinds.count("turn_completed") == 3


def test_concurrent_messages_to_one_conversation(person, conversation):
    futures = [person.future("SendText", person.request(conversation, f"第{n}件事。")) for n in range(30)]
    sequences = [future.result().sequence for future in futures]
    assert len(set(sequences)) == 30
    log = gapless(person.wait_idle(conversation, 40))
    assert [Events.kind(e) for e in log].count("turn_completed") == 30


def test_white_space_is_bounded_too(person, conversation):
    assert person.send(conversation, " " * 20_000 + "您好").sequence == 1
    with pytest.raises(grpc.RpcError) as raised:
        person.send(conversation, " " * 40_000 + "您好")
    assert raised.value.code() == grpc.StatusCode.INVALID_ARGUMENT


def test_ids_that_look_alike_are_two_conversations(person, stranger):
    """Composed and decomposed: one text to Unicode, two ids to the store, and so to whoever listens."""
    name = fresh("caf")
    composed, decomposed = name + "\u00e9", name + "e\u0301"
    person.send(composed, "这是我的。")
    with person.connect(composed, intent=pb.INTENT_OBSERVE) as mine:
        mine.wait_kind("replay_completed")
        stranger.say(decomposed, "这是别人的。")
        person.say(composed, "我还在。")
        mine.wait_for(lambda events: any(e.user_message.text == "我还在。" for e in events.durable()), "my own message")
        assert not any(e.user_message.text == "这是别人的。" for e in mine.durable())
