"""Get, List, End, Delete, ListMessages, RetryTurn: what is there, whose it is, and page by page."""
import uuid

import grpc
import pytest

from contract import pb, resources
from person import Events, fresh, gapless
from refusals import read, refused

INVALID = grpc.StatusCode.INVALID_ARGUMENT
DENIED = grpc.StatusCode.PERMISSION_DENIED
NOT_FOUND = grpc.StatusCode.NOT_FOUND
PRECONDITION = grpc.StatusCode.FAILED_PRECONDITION

# Calls that name a conversation and do not create it.
NAMING = {
    "GetConversation": lambda c: pb.GetConversationRequest(conversation_id=c),
    "EndConversation": lambda c: pb.EndConversationRequest(conversation_id=c),
    "DeleteConversation": lambda c: pb.DeleteConversationRequest(conversation_id=c),
    "ListMessages": lambda c: pb.ListMessagesRequest(conversation_id=c),
    "AcknowledgeEvents": lambda c: pb.AcknowledgeEventsRequest(conversation_id=c, device_id="phone", sequence=1),
    "RetryTurn": lambda c: pb.RetryTurnRequest(conversation_id=c, turn_id=str(uuid.uuid4())),
}


@pytest.mark.parametrize("method", NAMING)
def test_an_unknown_conversation(person, conversation, method):
    with refused(NOT_FOUND, "CONVERSATION_UNKNOWN"):
        person.call(method, NAMING[method](conversation))


@pytest.mark.parametrize("method", NAMING)
def test_somebody_elses_conversation(person, stranger, conversation, method):
    person.send(conversation, "这是我的故事。")
    with refused(DENIED, "CONVERSATION_FORBIDDEN"):
        stranger.call(method, NAMING[method](conversation))


def test_nobody_writes_into_somebody_elses_conversation(person, stranger, conversation):
    person.send(conversation, "这是我的故事。")
    with refused(DENIED, "CONVERSATION_FORBIDDEN"):
        stranger.send(conversation, "也是我的？")
    assert len([m for m in person.messages(conversation) if m.role == resources.ROLE_USER]) == 1


@pytest.mark.parametrize("method", NAMING)
@pytest.mark.parametrize("name", ["", "x" * 257])
def test_ids_are_checked(person, method, name):
    with refused(INVALID, "FIELD_INVALID", field="conversation_id"):
        person.call(method, NAMING[method](name))


# Ending


def end(person, conversation, **fields):
    return person.call("EndConversation", pb.EndConversationRequest(conversation_id=conversation, **fields))


def status(person, conversation):
    return person.call("GetConversation", pb.GetConversationRequest(conversation_id=conversation)).conversation


def test_ending_is_idempotent_and_a_message_reopens(person, conversation):
    person.say(conversation, "我小时候住在河边。")
    with person.connect(conversation, intent=pb.INTENT_OBSERVE) as live:
        live.wait_kind("replay_completed")
        first = end(person, conversation, request_id=str(uuid.uuid4()))
        event = live.wait_kind("conversation_ended")
        assert event.sequence == first.sequence and not first.duplicate
    again = end(person, conversation)
    assert again.duplicate and again.sequence == first.sequence
    ended = status(person, conversation)
    assert ended.status == resources.CONVERSATION_STATUS_ENDED and ended.HasField("end_time")
    with person.connect(conversation) as live:
        live.wait_kind("replay_completed")
    assert status(person, conversation).status == resources.CONVERSATION_STATUS_ENDED, "a connect reopened it"
    person.say(conversation, "我又想起一件事。")
    assert status(person, conversation).status == resources.CONVERSATION_STATUS_ACTIVE
    third = end(person, conversation)
    assert not third.duplicate and third.sequence > first.sequence
    gapless(person.replay(conversation))


def test_an_end_request_id_is_carried_out_once(person, conversation):
    person.say(conversation, "我小时候住在河边。")
    request_id = str(uuid.uuid4())
    first = end(person, conversation, request_id=request_id)
    person.say(conversation, "我又想起一件事。")
    again = end(person, conversation, request_id=request_id)
    assert again.duplicate and again.sequence == first.sequence
    assert status(person, conversation).status == resources.CONVERSATION_STATUS_ACTIVE, "ended a second time"
    other = fresh("conversation")
    person.say(other, "另一个。")
    with refused(grpc.StatusCode.ALREADY_EXISTS, "REQUEST_ID_REUSED"):
        end(person, other, request_id=request_id)


# Deleting


def delete(person, conversation):
    return person.call("DeleteConversation", pb.DeleteConversationRequest(conversation_id=conversation))


def test_deleting_ends_live_connects_and_hides_everything(person, stranger, conversation):
    person.say(conversation, "我小时候住在河边。")
    streams = [person.connect(conversation, intent=pb.INTENT_OBSERVE) for _ in range(2)]
    for stream in streams:
        stream.wait_kind("replay_completed")
    delete(person, conversation)
    for stream in streams:
        ended = read(stream.wait_end())
        assert (ended.code, ended.reason) == (PRECONDITION, "CONVERSATION_DELETED")
        assert ended.text == "对话已删除"
    delete(person, conversation)  # Idempotent.
    listed = person.call("ListConversations", pb.ListConversationsRequest()).conversations
    assert conversation not in [c.conversation_id for c in listed]
    for method in ("GetConversation", "EndConversation", "ListMessages", "AcknowledgeEvents"):
        with refused(PRECONDITION, "CONVERSATION_DELETED"):
            person.call(method, NAMING[method](conversation))
    with refused(PRECONDITION, "CONVERSATION_DELETED"):
        person.send(conversation, "还在吗？")
    for intent in (pb.INTENT_INTERACTIVE, pb.INTENT_OBSERVE):
        with person.connect(conversation, intent=intent) as stream:
            ended = read(stream.wait_end())
            assert (ended.code, ended.reason) == (PRECONDITION, "CONVERSATION_DELETED")
            assert not stream.all, "something was sent before the refusal"
    # Whose it was comes before that it was.
    with refused(DENIED, "CONVERSATION_FORBIDDEN"):
        stranger.send(conversation, "您好")


# Retrying


def test_retrying_a_turn_that_has_not_failed_leaves_it_alone(person, conversation):
    answer = person.send(conversation, "我小时候住在河边。", reply_mode=pb.REPLY_MODE_WAIT)
    before = person.replay(conversation)
    retried = person.call("RetryTurn", pb.RetryTurnRequest(conversation_id=conversation, turn_id=answer.turn_id))
    assert (retried.turn_state, retried.attempt) == (resources.TURN_STATE_COMPLETED, 1)
    assert person.replay(conversation) == before


def test_retrying_an_unknown_turn(person, conversation):
    person.send(conversation, "我小时候住在河边。")
    with refused(NOT_FOUND, "TURN_UNKNOWN"):
        person.call("RetryTurn", pb.RetryTurnRequest(conversation_id=conversation, turn_id=str(uuid.uuid4())))


# Pages


def pages(person, method, field, request_type, page_size, **fields):
    token, found = "", []
    while True:
        page = person.call(method, request_type(page_size=page_size, page_token=token, **fields))
        items = getattr(page, field)
        assert len(items) <= page_size
        found.append(list(items))
        token = page.next_page_token
        if not token:
            return found


@pytest.mark.parametrize("page_size", [1, 3, 7, 200])
def test_messages_page_by_page(person, conversation, page_size):
    for n in range(3):
        person.say(conversation, f"第{n}件事，我记得很清楚。")
    whole = person.messages(conversation)
    assert [m.role for m in whole] == [resources.ROLE_USER, resources.ROLE_AGENT] * 3
    found = pages(person, "ListMessages", "messages", pb.ListMessagesRequest, page_size, conversation_id=conversation)
    assert [m for page in found for m in page] == whole
    assert all(len(page) == page_size for page in found[:-1])


def test_messages_tell_what_they_are(person, conversation):
    with person.connect(conversation) as live:
        live.wait_kind("topic_suggestions")
    answer = person.send(conversation, "我小时候住在河边。", reply_mode=pb.REPLY_MODE_WAIT)
    greeting, said, reply = person.messages(conversation)
    assert (greeting.role, greeting.source) == (resources.ROLE_AGENT, resources.MESSAGE_SOURCE_GREETING)
    assert (said.role, said.source, said.message_id) == (
        resources.ROLE_USER, resources.MESSAGE_SOURCE_TEXT, answer.message_id)
    assert (reply.role, reply.source) == (resources.ROLE_AGENT, resources.MESSAGE_SOURCE_REPLY)
    assert reply.text == "\n".join(piece.text for piece in answer.replies)
    assert said.turn_id == reply.turn_id == answer.turn_id
    assert greeting.create_time.ToMicroseconds() <= said.create_time.ToMicroseconds()


def test_conversations_page_by_page_latest_message_first(server, channel):
    from person import COMPLETE_PROFILE, Person
    person = Person(channel, server.secret).provision(**COMPLETE_PROFILE)
    made = [fresh(f"conversation-{n}") for n in range(7)]
    for conversation in made:
        person.say(conversation, "我小时候住在河边。")
    person.say(made[2], "再说一句。")
    expected = [made[2]] + [c for c in reversed(made) if c != made[2]]
    for page_size in (1, 2, 5, 100):
        found = pages(person, "ListConversations", "conversations", pb.ListConversationsRequest, page_size)
        assert [c.conversation_id for page in found for c in page] == expected
    first = found[0][0]
    assert first.message_count == 4 and first.head_sequence > 0 and first.HasField("last_message_time")


def test_conversations_of_somebody_new(newcomer):
    answer = newcomer.call("ListConversations", pb.ListConversationsRequest())
    assert not answer.conversations and not answer.next_page_token


def tampered(token):
    return {
        "junk": "junk",
        "cut": token[:-2],
        "longer": token + "AAAA",
        "flipped": token[:5] + ("A" if token[5] != "A" else "B") + token[6:],
        "last flipped": token[:-3] + ("A" if token[-3] != "A" else "B") + token[-2:],
        "not ascii": "令牌",
        "long": "A" * 5000,
    }


@pytest.mark.parametrize("kind", list(tampered("x" * 40)))
def test_page_tokens_are_opaque_and_sealed(person, conversation, kind):
    for n in range(2):
        person.say(conversation, f"第{n}件事。")
    token = person.call(
        "ListMessages", pb.ListMessagesRequest(conversation_id=conversation, page_size=1)).next_page_token
    with refused(INVALID, "FIELD_INVALID", field="page_token"):
        person.call("ListMessages", pb.ListMessagesRequest(
            conversation_id=conversation, page_size=1, page_token=tampered(token)[kind]))


def test_page_tokens_belong_to_user_method_and_conversation(person, stranger, conversation):
    other, theirs = fresh("conversation"), fresh("conversation")
    for c in (conversation, other):
        person.say(c, "我小时候住在河边。")
    stranger.say(theirs, "我也是。")
    messages = person.call(
        "ListMessages", pb.ListMessagesRequest(conversation_id=conversation, page_size=1)).next_page_token
    conversations = person.call("ListConversations", pb.ListConversationsRequest(page_size=1)).next_page_token
    assert messages and conversations
    with refused(INVALID, "FIELD_INVALID", field="page_token"):
        stranger.call("ListMessages", pb.ListMessagesRequest(conversation_id=theirs, page_token=messages))
    with refused(INVALID, "FIELD_INVALID", field="page_token"):
        stranger.call("ListConversations", pb.ListConversationsRequest(page_token=conversations))
    with refused(INVALID, "FIELD_INVALID", field="page_token"):
        person.call("ListConversations", pb.ListConversationsRequest(page_token=messages))
    with refused(INVALID, "FIELD_INVALID", field="page_token"):
        person.call("ListMessages", pb.ListMessagesRequest(conversation_id=other, page_token=messages))


@pytest.mark.parametrize("method, field, request_type, maximum", [
    ("ListMessages", "messages", pb.ListMessagesRequest, 200),
    ("ListConversations", "conversations", pb.ListConversationsRequest, 100),
])
def test_page_sizes(person, conversation, method, field, request_type, maximum):
    """Negative ones are refused; ones above the maximum count as the maximum (AIP-158)."""
    person.say(conversation, "我小时候住在河边。")
    named = {"conversation_id": conversation} if method == "ListMessages" else {}
    with refused(INVALID, "FIELD_INVALID", field="page_size"):
        person.call(method, request_type(page_size=-1, **named))
    assert getattr(person.call(method, request_type(page_size=maximum + 1, **named)), field)


def test_events_and_kinds_are_in_the_log(person, conversation):
    """What the log may hold so far, and nothing else."""
    person.say(conversation, "我小时候住在河边。")
    end(person, conversation)
    assert {Events.kind(e) for e in person.replay(conversation)} <= {
        "user_message", "turn_started", "agent_message", "turn_completed", "conversation_ended"}
