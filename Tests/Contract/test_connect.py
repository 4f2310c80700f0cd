"""Connect: what comes first, replay, greetings, live events, and how a stream ends."""
import concurrent.futures
import contextlib

import grpc
import pytest

from conftest import HEARTBEAT_S
from contract import pb, resources, users
from person import CALL_S, COMPLETE_PROFILE, Events, Person, fresh, gapless, open_channel
from refusals import read, refused
from server import Server
from waiting import wait_until

# Bounds of one user, the service's own.
GREETINGS_MAX = 100
STREAMS_MAX = 256

INVALID = grpc.StatusCode.INVALID_ARGUMENT
NOT_FOUND = grpc.StatusCode.NOT_FOUND


def finish(person, conversation, timeout=CALL_S, **fields):
    """A Connect that is expected to end by itself; its events."""
    fields.setdefault("intent", pb.INTENT_INTERACTIVE)
    request = pb.ConnectRequest(conversation_id=conversation, **fields)
    return list(person.stub.Connect(request, metadata=person.metadata, timeout=timeout))


def test_connected_comes_first_and_tells_where_things_are(person, conversation):
    with person.connect(conversation) as live:
        live.wait_kind("turn_completed")
        first = live.all[0]
        assert Events.kind(first) == "connected" and first.sequence == 0 and first.log_epoch
        assert first.connected.created and first.connected.recovered and first.connected.head_sequence == 0
        assert first.connected.heartbeat_interval.ToMilliseconds() == HEARTBEAT_S * 1000
        quota = first.connected.quota
        assert (quota.turns_limit, quota.turns_used, quota.turns_remaining) == (30, 0, 30)
        assert quota.speech_limit.seconds == 20 * 60 and quota.reset_time.seconds > first.create_time.seconds
    with person.connect(conversation) as again:
        again.wait_kind("replay_completed")
        connected = again.all[0].connected
        assert not connected.created
        assert connected.head_sequence == again.of("replay_completed")[0].replay_completed.head_sequence > 0
        assert not again.durable(), "replayed without resume"


def test_heartbeats_carry_the_head(person, conversation):
    with person.connect(conversation) as live:
        live.wait_kind("turn_completed")
        head = live.durable()[-1].sequence
        before = len(live.of("heartbeat"))
        beat = live.wait_kind("heartbeat", before + 2, seconds=HEARTBEAT_S * 2 + 10)
        assert beat.heartbeat.head_sequence == head and beat.sequence == 0


@pytest.mark.parametrize("intent", [pb.INTENT_OBSERVE, pb.INTENT_UNSPECIFIED])
def test_looking_creates_and_greets_nothing(person, conversation, intent):
    with refused(NOT_FOUND, "CONVERSATION_UNKNOWN"):
        finish(person, conversation, intent=intent)
    with refused(NOT_FOUND, "CONVERSATION_UNKNOWN"):
        person.call("GetConversation", pb.GetConversationRequest(conversation_id=conversation))
    person.say(conversation, "我小时候住在河边。")
    head = person.replay(conversation)[-1].sequence
    with person.connect(conversation, intent=intent) as seen:
        seen.wait_kind("heartbeat")
        assert not seen.of("turn_started") and not seen.of("topic_suggestions")
    assert person.replay(conversation)[-1].sequence == head


@pytest.mark.parametrize("devices", [2, 12])
def test_devices_that_connect_at_once_get_one_greeting(person, devices):
    conversation = fresh("conversation")
    streams = [person.connect(conversation, device_id=f"device-{n}") for n in range(devices)]
    try:
        for stream in streams:
            stream.wait_for(lambda s: s.of("turn_completed") or s.all and s.all[0].connected.head_sequence > 0, "a greeting")
        log = gapless(person.wait_idle(conversation))
        assert [Events.kind(e) for e in log].count("turn_started") == 1
        assert [Events.kind(e) for e in log].count("turn_completed") == 1
        assert sum(s.of("connected")[0].connected.created for s in streams) == 1
    finally:
        for stream in streams:
            stream.close()


def test_no_second_greeting(person, conversation):
    for _ in range(3):
        with person.connect(conversation) as live:
            live.wait_kind("topic_suggestions")
    assert [Events.kind(e) for e in person.replay(conversation)].count("turn_started") == 1


def test_no_greeting_after_the_person_spoke_first(person, conversation):
    person.say(conversation, "我先说吧，我小时候住在河边。")
    with person.connect(conversation) as live:
        live.wait_kind("topic_suggestions")
        assert not live.of("turn_started")


def test_two_users_race_for_one_conversation(person, stranger):
    for _ in range(10):
        conversation = fresh("conversation")
        with concurrent.futures.ThreadPoolExecutor(2) as pool:
            outcomes = list(pool.map(lambda p: attempt(p, conversation), [person, stranger]))
        winners = [outcome for outcome in outcomes if outcome is None]
        refusals = [outcome for outcome in outcomes if outcome is not None]
        assert len(winners) == 1 and len(refusals) == 1
        assert (refusals[0].code, refusals[0].reason) == (
            grpc.StatusCode.PERMISSION_DENIED, "CONVERSATION_FORBIDDEN")


def attempt(person, conversation):
    with person.connect(conversation) as live:
        live.wait_for(lambda s: s.all or s.done.is_set(), "an answer")
        return read(live.ended) if not live.all else None


def test_somebody_elses_conversation(person, stranger, conversation):
    person.say(conversation, "这是我的故事。")
    for intent in (pb.INTENT_INTERACTIVE, pb.INTENT_OBSERVE):
        with refused(grpc.StatusCode.PERMISSION_DENIED, "CONVERSATION_FORBIDDEN"):
            finish(stranger, conversation, intent=intent)


def test_every_subscriber_sees_the_same_events_live(person, conversation):
    streams = [person.connect(conversation, device_id=f"device-{n}") for n in range(3)]
    try:
        for stream in streams:
            stream.wait_kind("replay_completed")
        person.wait_idle(conversation)
        for text in ("我小时候住在河边。", "我爸爸是撑船的。"):
            person.say(conversation, text)
        log = gapless(person.replay(conversation))
        for stream in streams:
            stream.wait_for(lambda s: s.durable() and s.durable()[-1].sequence == log[-1].sequence, "the last event")
        last_turn = log[-1].turn_id
        for stream in streams:
            seen = {e.sequence: e for e in stream.durable()}
            assert [e for e in log if e.turn_id == last_turn] == [e for e in seen.values() if e.turn_id == last_turn]
            assert list(seen) == sorted(seen), "out of order"
            assert list(seen) == list(range(min(seen), max(seen) + 1)), "a gap"
    finally:
        for stream in streams:
            stream.close()


def test_events_of_a_turn(person, conversation):
    request = person.request(conversation, "我小时候住在河边。")
    answer = person.call("SendText", request)
    log = person.wait_idle(conversation)
    turn = [e for e in log if e.turn_id == answer.turn_id]
    kinds = [Events.kind(e) for e in turn]
    assert kinds[:2] == ["user_message", "turn_started"] and kinds[-1] == "turn_completed"
    assert set(kinds[2:-1]) == {"agent_message"}
    message = turn[0]
    assert message.sequence == answer.sequence and message.request_id == request.request_id
    assert (message.user_message.message_id, message.user_message.text) == (answer.message_id, request.text)
    assert message.user_message.source == resources.MESSAGE_SOURCE_TEXT
    assert turn[1].turn_started.attempt == 1 and turn[1].turn_started.kind == resources.TURN_KIND_REPLY
    assert turn[-1].turn_completed.quota.turns_used == 1
    assert len({e.log_epoch for e in turn}) == 1
    times = [e.create_time.ToMicroseconds() for e in turn]
    assert times == sorted(times)


# Resume


@pytest.fixture
def told(person, conversation):
    for text in ("我小时候住在河边。", "我爸爸是撑船的。", "我妈妈织布。"):
        person.say(conversation, text)
    return conversation


def test_resume_at_every_sequence_number(person, told):
    log = gapless(person.replay(told))
    epoch = log[0].log_epoch
    assert len(log) >= 12
    for after in range(len(log) + 1):
        with person.connect(
            told, intent=pb.INTENT_OBSERVE, resume=pb.Resume(after_sequence=after, log_epoch=epoch)
        ) as seen:
            seen.wait_kind("replay_completed")
            assert seen.all[0].connected.recovered
            assert seen.durable() == log[after:]


@pytest.mark.parametrize("wrong", ["epoch", "beyond"])
def test_a_resume_that_cannot_be_honoured_is_no_partial_one(person, told, wrong):
    log = person.replay(told)
    resume = {
        "epoch": pb.Resume(after_sequence=1, log_epoch="another"),
        "beyond": pb.Resume(after_sequence=len(log) + 1, log_epoch=log[0].log_epoch),
    }[wrong]
    with person.connect(told, intent=pb.INTENT_OBSERVE, resume=resume) as seen:
        seen.wait_kind("replay_completed")
        assert not seen.all[0].connected.recovered
        assert not seen.durable()
        answer = person.send(told, "我还有一个弟弟。")
        seen.wait_kind("turn_completed")
        assert seen.durable()[0].sequence == answer.sequence, "live events follow all the same"


def test_resume_without_an_epoch_is_not_checked(person, told):
    assert gapless(person.replay(told, epoch=""))


def test_a_negative_position_is_refused(person, told):
    with refused(INVALID, "FIELD_INVALID", field="resume.after_sequence"):
        finish(person, told, resume=pb.Resume(after_sequence=-1))


def test_live_events_follow_the_replay_without_gap(person, conversation):
    """Messages keep coming while devices connect and replay."""
    person.say(conversation, "开始吧。")
    with concurrent.futures.ThreadPoolExecutor(1) as pool:
        sending = pool.submit(lambda: [person.send(conversation, f"第{n}件事，我记得很清楚。") for n in range(12)])
        streams = []
        while not sending.done() or len(streams) < 5:
            stream = person.connect(conversation, intent=pb.INTENT_OBSERVE, resume=pb.Resume(after_sequence=0))
            stream.wait_kind("replay_completed")
            streams.append(stream)
        sending.result()
    log = gapless(person.wait_idle(conversation))
    for stream in streams:
        stream.wait_for(lambda s: s.durable() and s.durable()[-1].sequence == log[-1].sequence, "the last event")
        assert stream.durable() == log
        stream.close()


def acknowledge(person, conversation, device, sequence):
    return person.call("AcknowledgeEvents", pb.AcknowledgeEventsRequest(
        conversation_id=conversation, device_id=device, sequence=sequence)).sequence


def test_resume_from_what_the_device_acknowledged(person, told):
    log = person.replay(told)
    assert acknowledge(person, told, "phone", 5) == 5
    assert acknowledge(person, told, "phone", 3) == 5, "went backward"
    assert acknowledge(person, told, "tablet", 2) == 2
    for device, after in (("phone", 5), ("tablet", 2), ("never seen", 0)):
        with person.connect(
            told, intent=pb.INTENT_OBSERVE, device_id=device, resume=pb.Resume(from_acknowledged=True)
        ) as seen:
            seen.wait_kind("replay_completed")
            assert seen.durable() == log[after:], device


def test_acknowledging_beyond_the_head_is_refused_or_stops_there(person, told):
    head = person.replay(told)[-1].sequence
    try:
        assert acknowledge(person, told, "eager", head + 100) == head
    except grpc.RpcError as error:
        assert read(error).reason == "FIELD_INVALID"


@pytest.mark.parametrize("fields, path", [
    (dict(device_id="", sequence=1), "device_id"),
    (dict(device_id="d" * 129, sequence=1), "device_id"),
    (dict(device_id="phone", sequence=-1), "sequence"),
])
def test_acknowledge_checks_its_fields(person, told, fields, path):
    with refused(INVALID, "FIELD_INVALID", field=path):
        person.call("AcknowledgeEvents", pb.AcknowledgeEventsRequest(conversation_id=told, **fields))


# until_turn_id


def test_until_a_turn_that_has_ended(person, told):
    log = person.replay(told)
    turn = log[-1].turn_id
    seen = finish(
        person, told, intent=pb.INTENT_OBSERVE, until_turn_id=turn, resume=pb.Resume(after_sequence=0))
    assert [e for e in seen if e.sequence > 0] == log


def test_until_a_turn_that_runs(person, told):
    answers = [person.send(told, f"再说第{n}件事。") for n in range(3)]
    seen = finish(
        person, told, intent=pb.INTENT_OBSERVE, until_turn_id=answers[-1].turn_id,
        resume=pb.Resume(after_sequence=answers[0].sequence - 1))
    durable = [e for e in seen if e.sequence > 0]
    assert durable[0].sequence == answers[0].sequence
    assert Events.kind(durable[-1]) == "turn_completed" and durable[-1].turn_id == answers[-1].turn_id


def test_until_an_unknown_turn(person, told):
    with refused(NOT_FOUND, "TURN_UNKNOWN"):
        finish(person, told, intent=pb.INTENT_OBSERVE, until_turn_id=fresh("turn"))


# Fields


@pytest.mark.parametrize("fields, path", [
    (dict(conversation_id=""), "conversation_id"),
    (dict(conversation_id="x" * 257), "conversation_id"),
    (dict(conversation_id="c", device_id="d" * 129), "device_id"),
    (dict(conversation_id="c", resume=pb.Resume(from_acknowledged=True)), "device_id"),
])
def test_fields_are_checked(person, fields, path):
    with refused(INVALID, "FIELD_INVALID", field=path):
        list(person.stub.Connect(
            pb.ConnectRequest(intent=pb.INTENT_INTERACTIVE, **fields), metadata=person.metadata, timeout=CALL_S))


@pytest.mark.parametrize("name", ["对话-一", "a b", "a/b?c=d&e", "x" * 256, "é\u0301", "😀"])
def test_any_other_text_is_an_id(person, name):
    conversation = (fresh("") + name)[-256:]
    person.say(conversation, "我小时候住在河边。")
    found = person.call("GetConversation", pb.GetConversationRequest(conversation_id=conversation))
    assert found.conversation.conversation_id == conversation


# Ends


def test_a_client_that_does_not_read_is_sent_away_and_loses_nothing(tmp_path):
    """Its buffer is bounded: GoAway, then UNAVAILABLE; everything is in the log."""
    env = {"LIFEECHO_CONNECT_BUFFER_EVENTS": "8"}
    with Server(tmp_path, env=env) as server, open_channel(
        server.target, **{"grpc.http2.bdp_probe": 0, "grpc.http2.lookahead_bytes": 65535}
    ) as lazy, open_channel(server.target) as channel:
        person = Person(channel, server.secret).provision(
            **COMPLETE_PROFILE, subscription_type=users.SUBSCRIPTION_TYPE_PREMIUM)
        conversation = fresh("conversation")
        person.say(conversation, "开始吧。")
        reader = Person(lazy, server.secret, person.user)
        call = reader.stub.Connect(
            pb.ConnectRequest(conversation_id=conversation, intent=pb.INTENT_OBSERVE), metadata=reader.metadata,
            timeout=40)
        assert Events.kind(next(call)) == "connected"
        long = "很" * 3990
        for n in range(40):
            person.send(conversation, long + str(n))
        seen, ended = [], None
        try:
            for event in call:
                seen.append(event)
        except grpc.RpcError as error:
            ended = error
        assert ended is not None and ended.code() == grpc.StatusCode.UNAVAILABLE, ended
        assert Events.kind(seen[-1]) == "go_away" and seen[-1].go_away.reason == "SLOW_CONSUMER"
        log = gapless(person.wait_idle(conversation, 60))
        durable = [e for e in seen if e.sequence > 0]
        assert durable == log[durable[0].sequence - 1:durable[-1].sequence], "what it saw had a gap"


def test_a_person_is_greeted_again_after_a_long_pause(tmp_path):
    with Server(tmp_path, env={"LIFEECHO_REGREETING_IDLE": "2s"}) as server, open_channel(server.target) as channel:
        person = Person(channel, server.secret).provision(**COMPLETE_PROFILE)
        conversation = fresh("conversation")
        person.say(conversation, "我小时候住在绍兴的河边。")

        def greeted():
            with person.connect(conversation) as live:
                live.wait_kind("topic_suggestions")
                return live if live.of("turn_completed") else None
        live = wait_until(greeted, "a re-greeting", 10)
        assert live.of("turn_started")[0].turn_started.kind == resources.TURN_KIND_RE_GREETING
        suggestions = live.of("topic_suggestions")[0].topic_suggestions
        assert suggestions.reason == 2, "SUGGESTION_REASON_RE_GREETING"


def test_greetings_of_a_day_have_a_bound(person):
    """Whoever opens conversations without end does not make the model greet without end; they are answered still."""
    for _ in range(GREETINGS_MAX):
        with person.connect(fresh("conversation")) as live:
            live.wait_kind("turn_completed")
    conversation = fresh("conversation")
    with person.connect(conversation) as live:
        live.wait_kind("replay_completed")
        person.say(conversation, "我小时候住在河边。")
        live.wait_kind("turn_completed")
        assert [event.turn_started.kind for event in live.of("turn_started")] == [resources.TURN_KIND_REPLY]


def test_one_user_has_so_many_streams(server, person, stranger, conversation):
    person.say(conversation, "我小时候住在河边。")
    with contextlib.ExitStack() as stack:
        # A connection alone has no more either.
        ways = [Person(stack.enter_context(open_channel(server.target)), server.secret, person.user) for _ in range(2)]
        viewers = [stack.enter_context(ways[n % 2].connect(conversation, intent=pb.INTENT_OBSERVE)) for n in range(STREAMS_MAX)]
        for viewer in viewers:
            viewer.wait_kind("replay_completed")
        with refused(grpc.StatusCode.RESOURCE_EXHAUSTED, "STREAMS_EXCEEDED"):
            finish(person, conversation, intent=pb.INTENT_OBSERVE)
        # Others, and the user's other calls, are not affected.
        with stranger.connect(fresh("conversation")) as other:
            other.wait_kind("turn_completed")
        person.say(conversation, "后来搬到了镇上。")
        viewers[0].close()
        wait_until(lambda: opens(person, conversation), "there is room for another one")


def opens(person, conversation):
    with person.connect(conversation, intent=pb.INTENT_OBSERVE) as live:
        return wait_until(lambda: live.all or live.done.is_set(), "an answer") and bool(live.all)
