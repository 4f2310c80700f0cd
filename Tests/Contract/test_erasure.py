"""DeleteUser where there is more than one statement may delete, or several servers, or a crash."""
import shutil
import time

import grpc
import pytest

import tokens
from contract import pb, users, users_grpc
from database import Database
from person import CALL_S, COMPLETE_PROFILE, Person, bearer, fresh, open_channel
from refusals import read, refused
from server import Server
from waiting import wait_until

# What one statement took more than half a second for.
SESSIONS, SEGMENTS = 16, 16
SHORT = ("--set", "database.statement_timeout=500ms")


@pytest.fixture(scope="module")
def database():
    with Database() as running:
        yield running


@pytest.fixture
def start(database, tmp_path):
    """Starts servers with one secret on the database."""
    started = []

    def start(*flags):
        data_dir = tmp_path / f"server-{len(started)}"
        data_dir.mkdir()
        if started:
            shutil.copy(started[0].data_dir / "jwt-secret", data_dir / "jwt-secret")
        started.append(Server(data_dir, "--database-url", database.url, *flags, ephemeral=False).start())
        return started[-1]

    yield start
    for server in started:
        server.stop()


def erase(channel, secret, user, timeout=CALL_S):
    return users_grpc.UserServiceStub(channel).DeleteUser(
        users.DeleteUserRequest(user_id=user), metadata=bearer(tokens.service(secret, "users")), timeout=timeout)


def keep_audio(database, user, conversation):
    """256 MiB in segments of a MiB."""
    database.query(f"""
        INSERT INTO lifeecho.voice_sessions (user_id, conversation_id, session_id, generation, state, kind, quota_day,
            audio_expires_at, created_at, updated_at)
          SELECT '{user}', '{conversation}', 's' || n, 1, 'completed', 'segmented', current_date, now() + interval '9 days',
            now(), now() FROM generate_series(1, {SESSIONS}) n""")
    database.query(f"""
        INSERT INTO lifeecho.audio_segments (user_id, conversation_id, session_id, generation, index, sha256, duration_ms,
            is_last, received_at, stored_at, is_open, content)
          SELECT '{user}', '{conversation}', 's' || n, 1, i, '', 32000, false, now(), now(), false,
            convert_to(repeat('x', 1048576), 'UTF8') FROM generate_series(1, {SESSIONS}) n, generate_series(1, {SEGMENTS}) i""")


def left(database, user):
    """Rows of the user, by table."""
    tables = database.query(
        "SELECT table_name FROM information_schema.columns WHERE table_schema = 'lifeecho' AND column_name = 'user_id'")
    counts = {table: int(database.query(f"SELECT count(*) FROM lifeecho.{table} WHERE user_id = '{user}'")[0])
              for table in tables}
    return {table: count for table, count in counts.items() if count}


def test_much_audio_is_erased_within_the_statements_time(database, start):
    server = start(*SHORT)
    with open_channel(server.target) as channel:
        person = Person(channel, server.secret).provision(**COMPLETE_PROFILE)
        conversation = fresh("conversation")
        person.say(conversation, "我小时候住在河边。")
        keep_audio(database, person.user, conversation)
        assert erase(channel, server.secret, person.user, timeout=60).deleted
        assert left(database, person.user) == {}
        assert not erase(channel, server.secret, person.user).deleted


def test_an_erasure_that_was_cut_off_is_ended_by_another_server(database, start):
    first, second = start(*SHORT), start(*SHORT)
    with open_channel(first.target) as one, open_channel(second.target) as two:
        person = Person(one, first.secret).provision(**COMPLETE_PROFILE)
        there = Person(two, first.secret, person.user)
        conversation = fresh("conversation")
        person.say(conversation, "我小时候住在河边。")
        keep_audio(database, person.user, conversation)
        asked = users_grpc.UserServiceStub(one).DeleteUser.future(
            users.DeleteUserRequest(user_id=person.user), metadata=bearer(tokens.service(first.secret, "users")), timeout=60)
        wait_until(lambda: database.query(f"SELECT 1 FROM lifeecho.erasures WHERE user_id = '{person.user}'"), "it began")
        first.kill()
        with pytest.raises(grpc.RpcError):
            asked.result()
        # From the first moment on nothing of the person is there for anybody.
        with refused(grpc.StatusCode.UNAUTHENTICATED, "USER_UNKNOWN"):
            there.call("ListMessages", pb.ListMessagesRequest(conversation_id=conversation))
        wait_until(lambda: left(database, person.user) == {}, lambda: left(database, person.user), seconds=40)
        there.provision(nickname="新来的")
        assert not there.call("ListConversations", pb.ListConversationsRequest()).conversations


def test_a_user_is_made_again_when_the_erasure_is_over(database, start):
    server = start(*SHORT)
    with open_channel(server.target) as channel:
        person = Person(channel, server.secret).provision(**COMPLETE_PROFILE)
        conversation = fresh("conversation")
        person.say(conversation, "我小时候住在河边。")
        keep_audio(database, person.user, conversation)
        with pytest.raises(grpc.RpcError) as raised:
            erase(channel, server.secret, person.user, timeout=0.1)
        assert raised.value.code() == grpc.StatusCode.DEADLINE_EXCEEDED
        person.provision(nickname="新来的")
        assert left(database, person.user).keys() == {"users", "memoir_state"}


@pytest.mark.parametrize("what, code, reason", [
    ("user", grpc.StatusCode.UNAUTHENTICATED, "USER_UNKNOWN"),
    ("conversation", grpc.StatusCode.FAILED_PRECONDITION, "CONVERSATION_DELETED"),
])
def test_streams_on_other_servers_end_at_once_and_say_why(start, what, code, reason):
    first, second = start(), start()
    with open_channel(first.target) as one, open_channel(second.target) as two:
        person = Person(one, first.secret).provision(**COMPLETE_PROFILE)
        conversation = fresh("conversation")
        person.say(conversation, "我小时候住在河边。")
        with Person(two, first.secret, person.user).connect(conversation, intent=pb.INTENT_OBSERVE) as live:
            live.wait_kind("replay_completed")
            began = time.monotonic()
            if what == "user":
                erase(one, first.secret, person.user)
            else:
                person.call("DeleteConversation", pb.DeleteConversationRequest(conversation_id=conversation))
            ended = read(live.wait_end())
            assert (ended.code, ended.reason) == (code, reason)
            assert time.monotonic() - began < 2, "it was not told"
