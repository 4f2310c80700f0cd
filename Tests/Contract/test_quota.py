"""The daily quota: exactly as many turns as are allowed, whatever runs at once."""
import time

import grpc

from contract import pb, resources, users
from person import Events, fresh
from refusals import read, refused

EXHAUSTED = grpc.StatusCode.RESOURCE_EXHAUSTED
FREE_TURNS = 30
DAY_S = 24 * 3600


def quota(person, conversation):
    with person.connect(conversation, intent=pb.INTENT_OBSERVE) as seen:
        return seen.wait_kind("connected").connected.quota


def test_thirty_turns_and_no_more(person, conversation):
    for n in range(FREE_TURNS):
        answer = person.send(conversation, f"第{n}件事，我记得很清楚。")
        assert answer.quota.turns_used == n + 1
        assert answer.quota.turns_remaining == FREE_TURNS - n - 1
        assert answer.quota.warning == (n + 1 >= FREE_TURNS * 0.8), n
    with refused(EXHAUSTED, "QUOTA_EXCEEDED") as refusal:
        person.send(conversation, "还有一件。")
    violation, = refusal.details["QuotaFailure"].violations
    assert violation.subject and violation.description
    delay = refusal.details["RetryInfo"].retry_delay
    assert 0 < delay.seconds <= DAY_S
    reset = quota(person, conversation).reset_time.seconds
    assert abs(reset - (time.time() + delay.seconds)) < 30
    # Midnight in Shanghai, which has no daylight saving time.
    assert (reset + 8 * 3600) % DAY_S == 0
    log = person.wait_idle(conversation, 60)
    assert [Events.kind(e) for e in log].count("user_message") == FREE_TURNS
    # Only speaking is limited.
    assert len(person.messages(conversation)) == FREE_TURNS * 2
    with person.connect(conversation) as live:
        live.wait_kind("replay_completed")
    completed = [e.turn_completed.quota for e in log if Events.kind(e) == "turn_completed"]
    assert [q.turns_used for q in completed] == sorted(q.turns_used for q in completed)


def test_exactly_thirty_of_many_concurrent_sends_are_admitted(person):
    conversations = [fresh("conversation") for _ in range(8)]
    futures = [
        person.future("SendText", person.request(conversations[n % 8], f"第{n}件事。"), timeout=50) for n in range(200)]
    refusals = [read(error) for error in (future.exception() for future in futures) if error is not None]
    assert all((r.code, r.reason) == (EXHAUSTED, "QUOTA_EXCEEDED") for r in refusals)
    assert len(futures) - len(refusals) == FREE_TURNS
    stored = [m for c in conversations if admitted(person, c) for m in person.messages(c)]
    assert len([m for m in stored if m.role == resources.ROLE_USER]) == FREE_TURNS


def admitted(person, conversation):
    try:
        person.call("GetConversation", pb.GetConversationRequest(conversation_id=conversation))
        return True
    except grpc.RpcError:
        return False


def test_repeats_and_refusals_cost_nothing(person, conversation):
    request = person.request(conversation, "我小时候住在河边。")
    for _ in range(5):
        person.call("SendText", request)
    with refused(grpc.StatusCode.INVALID_ARGUMENT, "FIELD_INVALID"):
        person.send(conversation, "")
    assert quota(person, conversation).turns_used == 1


def test_greetings_cost_nothing(person, conversation):
    with person.connect(conversation) as live:
        live.wait_kind("topic_suggestions")
    assert quota(person, conversation).turns_used == 0


def test_a_request_that_was_taken_is_answered_when_the_quota_is_gone(person, conversation):
    request = person.request(conversation, "第一件事。")
    first = person.call("SendText", request)
    for n in range(FREE_TURNS - 1):
        person.send(conversation, f"又一件{n}。")
    again = person.call("SendText", request)
    assert again.duplicate and again.message_id == first.message_id


def test_a_change_of_tier_counts_from_the_next_turn(person, conversation):
    for n in range(FREE_TURNS):
        person.send(conversation, f"第{n}件事。")
    with refused(EXHAUSTED, "QUOTA_EXCEEDED"):
        person.send(conversation, "还有一件。")
    person.provision(subscription_type=users.SUBSCRIPTION_TYPE_PREMIUM)
    answer = person.send(conversation, "还有一件。")
    assert (answer.quota.turns_limit, answer.quota.turns_used) == (500, FREE_TURNS + 1)
    assert answer.quota.speech_limit.seconds == 240 * 60
    person.provision(subscription_type=users.SUBSCRIPTION_TYPE_FREE)
    with refused(EXHAUSTED, "QUOTA_EXCEEDED"):
        person.send(conversation, "再来一件。")


def test_the_day_is_the_users_own(person, conversation):
    person.provision(time_zone="America/St_Johns")
    person.send(conversation, "我小时候住在河边。")
    import datetime
    import zoneinfo
    reset = quota(person, conversation).reset_time.seconds
    local = datetime.datetime.fromtimestamp(reset, zoneinfo.ZoneInfo("America/St_Johns"))
    assert (local.hour, local.minute, local.second) == (0, 0, 0)
    assert 0 < reset - time.time() <= 25 * 3600
