"""The life of a call: deadlines, cancellation, metadata and trailers."""
import re
import uuid

import grpc
import pytest

from contract import pb
from person import CALL_S, Events, Person, fresh, open_channel
from waiting import wait_until

WHO_AM_I = pb.WhoAmIRequest()


def test_a_deadline_ends_a_stream(person, conversation):
    with person.connect(conversation, timeout=1.5) as live:
        ended = live.wait_end(10)
        assert ended.code() == grpc.StatusCode.DEADLINE_EXCEEDED
        assert live.of("connected")


def live_streams(server):
    return server.metric("lifeecho_subscribers")


def test_cancelled_streams_leave_nothing_behind(server, person):
    conversations = [fresh("conversation") for _ in range(10)]
    for conversation in conversations:
        person.send(conversation, "我小时候住在河边。")
    before = live_streams(server)
    with open_channel(server.target) as channel:
        guest = Person(channel, server.secret, person.user)
        streams = [guest.connect(c, intent=pb.INTENT_OBSERVE) for c in conversations for _ in range(5)]
        for stream in streams:
            stream.wait_kind("replay_completed")
        assert live_streams(server) == before + len(streams)
        for stream in streams[:25]:
            stream.call.cancel()
        wait_until(lambda: live_streams(server) == before + 25, "the cancelled streams are gone")
        left = streams[25:]
    # The connection is closed with its streams open.
    wait_until(lambda: live_streams(server) <= before, "the streams of a lost connection are gone")
    assert all(stream.done.wait(5) for stream in left)


def test_a_cancelled_wait_does_not_cancel_the_turn(person, conversation):
    request = person.request(conversation, "我小时候住在河边。", reply_mode=pb.REPLY_MODE_WAIT)
    future = person.future("SendText", request)
    wait_until(lambda: exists(person, conversation), "the message is stored")
    future.cancel()
    log = person.wait_idle(conversation)
    assert "turn_completed" in [Events.kind(e) for e in log]


def exists(person, conversation):
    try:
        return person.messages(conversation)
    except grpc.RpcError:
        return None


def metadata_of(person, method="WhoAmI", request=WHO_AM_I, metadata=()):
    answer, call = getattr(person.stub, method).with_call(
        request, metadata=person.metadata + tuple(metadata), timeout=CALL_S)
    return dict(call.initial_metadata()) | dict(call.trailing_metadata())


def test_the_request_id_comes_back(person):
    name = str(uuid.uuid4())
    assert metadata_of(person, metadata=[("x-request-id", name)])["x-request-id"] == name


@pytest.mark.parametrize("value", ["a b", "x" * 500])
def test_a_request_id_unfit_for_logs_is_replaced(person, value):
    found = metadata_of(person, metadata=[("x-request-id", value)]).get("x-request-id")
    assert found != value


def test_refusals_carry_the_request_id_too(person, conversation):
    name = str(uuid.uuid4())
    with pytest.raises(grpc.RpcError) as raised:
        person.call(
            "GetConversation", pb.GetConversationRequest(conversation_id=conversation),
            metadata=[("x-request-id", name)])
    found = dict(raised.value.initial_metadata()) | dict(raised.value.trailing_metadata())
    assert found["x-request-id"] == name


def test_the_trace_goes_into_the_log(server, person):
    """The logs of a call carry its request id and trace; never a token, never what was said."""
    trace, name = uuid.uuid4().hex, str(uuid.uuid4())
    conversation = fresh("conversation")
    secret_text = f"这是秘密{uuid.uuid4()}"
    person.call(
        "SendText", person.request(conversation, secret_text),
        metadata=[("traceparent", f"00-{trace}-{uuid.uuid4().hex[:16]}-01"), ("x-request-id", name)])
    person.wait_idle(conversation)
    log = "\n".join(list(server.log))
    assert secret_text not in log
    assert dict(person.metadata)["authorization"].split(" ")[1] not in log
    about = [line for line in list(server.log) if name in line]
    assert all(trace in line for line in about)


@pytest.mark.parametrize("metadata", [
    (("x-custom-bin", b"\0\x01\xff"),), (("x-custom", "a"), ("x-custom", "b")), (("x-empty", ""),),
    (("traceparent", "junk"),), (("grpc-previous-rpc-attempts", "1"),),
])
def test_other_metadata_is_taken(person, metadata):
    assert person.call("WhoAmI", WHO_AM_I, metadata=metadata).user_id == person.user


def test_many_connections_come_and_go(server, person):
    for _ in range(100):
        with open_channel(server.target) as channel:
            Person(channel, server.secret, person.user).call("WhoAmI", WHO_AM_I)
    assert person.call("WhoAmI", WHO_AM_I)


def test_calls_are_counted(server, person):
    def counted(status):
        text = server.get("/metrics")[1]
        return sum(
            float(line.rsplit(" ", 1)[1]) for line in text.splitlines()
            if line.startswith("grpc_server_call_duration") and "_count{" in line
            and "lifeecho.conversation.v1.ConversationService/WhoAmI" in line and status in line)
    before = counted("OK")
    for _ in range(7):
        person.call("WhoAmI", WHO_AM_I)
    wait_until(lambda: counted("OK") == before + 7, "seven more calls in the metrics")
    # Unknown methods have no series of their own.
    made_up = f"/nobody.{uuid.uuid4().hex}/Do"
    with pytest.raises(grpc.RpcError):
        person.channel.unary_unary(made_up)(b"", timeout=5)
    assert made_up.split("/")[1] not in server.get("/metrics")[1]
    assert not re.search(r"^\S*(nan|NaN)", server.get("/metrics")[1])
