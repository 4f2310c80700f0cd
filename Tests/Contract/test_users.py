"""UserService: provisioning by internal services."""
import grpc
import pytest

import tokens
from contract import pb, users, users_grpc
from person import CALL_S, COMPLETE_PROFILE, Person, bearer, fresh
from refusals import read, refused

INVALID = grpc.StatusCode.INVALID_ARGUMENT


@pytest.fixture
def call(server, channel):
    stub = users_grpc.UserServiceStub(channel)
    metadata = bearer(tokens.service(server.secret, "users"))
    return lambda method, request: getattr(stub, method)(request, metadata=metadata, timeout=CALL_S)


def upsert(call, **fields):
    return call("UpsertUser", users.UpsertUserRequest(user=users.User(**fields)))


def test_a_user_is_created_once_and_changed_field_by_field(call):
    user = fresh("user")
    first = upsert(call, user_id=user, nickname="张奶奶", birth_year=1952, time_zone="Asia/Urumqi")
    assert first.created
    assert first.user.subscription_type in (users.SUBSCRIPTION_TYPE_FREE, users.SUBSCRIPTION_TYPE_UNSPECIFIED)
    again = upsert(call, user_id=user, nickname="张奶奶", birth_year=1952, time_zone="Asia/Urumqi")
    assert not again.created
    changed = upsert(
        call, user_id=user, occupation="小学老师", declined_fields=[users.PROFILE_FIELD_BIRTH_PLACE],
        subscription_type=users.SUBSCRIPTION_TYPE_PREMIUM)
    stored = call("GetUser", users.GetUserRequest(user_id=user)).user
    assert stored == changed.user
    assert (stored.nickname, stored.birth_year, stored.occupation) == ("张奶奶", 1952, "小学老师")
    assert (stored.time_zone, stored.subscription_type) == ("Asia/Urumqi", users.SUBSCRIPTION_TYPE_PREMIUM)
    assert list(stored.declined_fields) == [users.PROFILE_FIELD_BIRTH_PLACE]
    assert stored.create_time == first.user.create_time
    assert stored.update_time.ToMicroseconds() >= stored.create_time.ToMicroseconds() > 0


@pytest.mark.parametrize("fields, path", [
    (dict(user_id=""), "user.user_id"),
    (dict(user_id="x" * 257), "user.user_id"),
    (dict(nickname="长" * 65), "user.nickname"),
    (dict(birth_year=1849), "user.birth_year"),
    (dict(birth_year=2101), "user.birth_year"),
    (dict(birth_year=-1), "user.birth_year"),
    (dict(birth_place="远" * 257), "user.birth_place"),
    (dict(grew_up_place="远" * 257), "user.grew_up_place"),
    (dict(occupation="忙" * 257), "user.occupation"),
    (dict(time_zone="Mars/Olympus"), "user.time_zone"),
])
def test_each_field_is_checked(call, fields, path):
    with refused(INVALID, "FIELD_INVALID", field=path):
        upsert(call, **{"user_id": fresh("user"), **fields})


def test_the_longest_values_are_taken(call):
    user = upsert(
        call, user_id=fresh("u").ljust(128, "x"), nickname="长" * 64, birth_year=1850, birth_place="远" * 128,
        grew_up_place="远" * 128, occupation="忙" * 128).user
    assert len(user.user_id) == 128 and len(user.birth_place) == 128


def test_unknown_users(call):
    user = fresh("nobody")
    with refused(grpc.StatusCode.NOT_FOUND, "USER_UNKNOWN"):
        call("GetUser", users.GetUserRequest(user_id=user))
    assert not call("DeleteUser", users.DeleteUserRequest(user_id=user)).deleted


def test_erasing_a_user(server, channel, call, conversation):
    person = Person(channel, server.secret).provision(**COMPLETE_PROFILE)
    person.say(conversation, "我小时候住在河边。")
    with person.connect(conversation) as live:
        live.wait_kind("connected")
        assert call("DeleteUser", users.DeleteUserRequest(user_id=person.user)).deleted
        ended = read(live.wait_end())
        assert (ended.code, ended.reason) == (grpc.StatusCode.UNAUTHENTICATED, "USER_UNKNOWN")
    with refused(grpc.StatusCode.UNAUTHENTICATED, "USER_UNKNOWN"):
        person.call("ListConversations", pb.ListConversationsRequest())
    # The conversation's id stays taken, whoever comes.
    other = Person(channel, server.secret).provision(**COMPLETE_PROFILE)
    with pytest.raises(grpc.RpcError) as raised:
        other.send(conversation, "您好")
    assert raised.value.code() == grpc.StatusCode.PERMISSION_DENIED
    # The same person again starts from nothing.
    person.provision(nickname="新来的")
    assert not person.call("ListConversations", pb.ListConversationsRequest()).conversations
