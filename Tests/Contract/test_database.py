"""On somebody else's PostgreSQL: migrations, and several servers over one log."""
import re
import shutil

import pytest

from contract import pb
from database import Database
from person import COMPLETE_PROFILE, Events, Person, fresh, gapless, open_channel
from server import Server, run
from waiting import wait_until


@pytest.fixture(scope="module")
def database():
    with Database() as running:
        yield running


def servers(database, tmp_path, count, **settings):
    """Not started yet; one secret for all."""
    made = []
    for n in range(count):
        data_dir = tmp_path / f"server-{n}"
        data_dir.mkdir()
        if n:
            shutil.copy(made[0].data_dir / "jwt-secret", data_dir / "jwt-secret")
        made.append(Server(data_dir, "--database-url", database.url, ephemeral=False, env=settings).start())
    return made


def test_migrate_does_its_work_once(database):
    status, out, err = run("migrate", "--database-url", database.url)
    assert status == 0 and out.startswith("applied 1 tables\n"), err
    assert all(re.fullmatch(r"applied \d+ [^\n]{1,80}", line) for line in out.strip().split("\n")), out[:500]
    tables = database.query("SELECT count(*) FROM pg_tables WHERE schemaname NOT IN ('pg_catalog', 'information_schema')")
    assert int(tables[0]) >= 10
    again = run("migrate", "--database-url", database.url)
    assert again[0] == 0 and "up to date" in again[1]


def test_two_servers_share_one_conversation(database, tmp_path):
    first, second = servers(database, tmp_path, 2)
    try:
        with open_channel(first.target) as one, open_channel(second.target) as two:
            here = Person(one, first.secret).provision(**COMPLETE_PROFILE)
            there = Person(two, first.secret, here.user)
            conversation = fresh("conversation")
            here.say(conversation, "我小时候住在河边。")
            with there.connect(conversation, intent=pb.INTENT_OBSERVE) as live:
                live.wait_kind("replay_completed")
                answer = here.send(conversation, "我爸爸是撑船的。")
                completed = live.wait_kind("turn_completed")
                assert completed.turn_id == answer.turn_id
            # A request repeated at the other server is the same request.
            request = here.request(conversation, "只说一遍。")
            assert not here.call("SendText", request).duplicate
            assert there.call("SendText", request).duplicate
            # Both greet at once: one greeting.
            for _ in range(5):
                new = fresh("conversation")
                streams = [here.connect(new), there.connect(new)]
                for stream in streams:
                    stream.wait_for(
                        lambda s: s.of("turn_completed") or s.all and s.all[0].connected.head_sequence > 0, "a greeting")
                log = gapless(here.wait_idle(new))
                assert [Events.kind(e) for e in log].count("turn_started") == 1
                for stream in streams:
                    stream.close()
            # Deleting at one ends streams at the other.
            with there.connect(conversation, intent=pb.INTENT_OBSERVE) as live:
                live.wait_kind("replay_completed")
                here.call("DeleteConversation", pb.DeleteConversationRequest(conversation_id=conversation))
                live.wait_end(25)
    finally:
        for server in (first, second):
            server.stop()


def test_a_dead_servers_turns_are_taken_over(database, tmp_path):
    first, second = servers(database, tmp_path, 2, LIFEECHO_TURN_LEASE="1s")
    try:
        with open_channel(first.target) as one, open_channel(second.target) as two:
            here = Person(one, first.secret).provision(**COMPLETE_PROFILE)
            conversation = fresh("conversation")
            for n in range(25):
                here.send(conversation, f"第{n}件事，我记得很清楚。")
            first.kill()
            there = Person(two, first.secret, here.user)
            log = gapless(there.wait_idle(conversation, 30))
            kinds = [Events.kind(e) for e in log]
            assert kinds.count("user_message") == kinds.count("turn_completed") == 25
    finally:
        first.stop()
        second.stop()


def test_the_log_is_in_the_tables_and_the_outbox_is_filled(database, tmp_path):
    """What was said is memoir material, with its message's transaction; suggestions and profile answers are not."""
    server, = servers(database, tmp_path, 1)
    try:
        with open_channel(server.target) as channel:
            person = Person(channel, server.secret).provision(**COMPLETE_PROFILE)
            conversation = fresh("conversation")
            with person.connect(conversation) as live:
                chip = live.wait_kind("topic_suggestions").topic_suggestions.suggestions[0]
            person.say(conversation, chip.text, chip_id=chip.chip_id)
            person.say(conversation, "我小时候住在河边，门口有一棵老樟树。")
            schema = database.query(
                "SELECT table_schema FROM information_schema.tables WHERE table_name = 'memoir_outbox'")[0]
            rows = database.query(f"SELECT count(*) FROM {schema}.memoir_outbox WHERE user_id = '{person.user}'")
            assert rows == ["1"]
            events = database.query(f"SELECT count(*) FROM {schema}.events WHERE conversation_id = '{conversation}'")
            assert int(events[0]) == len(person.replay(conversation))
    finally:
        server.stop()


def test_the_database_may_go_away_for_a_while(tmp_path):
    with Database() as database:
        server, = servers(database, tmp_path, 1)
        with open_channel(server.target) as channel:
            person = Person(channel, server.secret).provision(**COMPLETE_PROFILE)
            conversation = fresh("conversation")
            person.say(conversation, "我小时候住在河边。")
            database.query("SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE pid <> pg_backend_pid() AND usename = 'lifeecho'")

            def answered():
                import grpc
                try:
                    return person.send(conversation, "还在吗？", timeout=5)
                except grpc.RpcError as error:
                    assert error.code() in (grpc.StatusCode.UNAVAILABLE, grpc.StatusCode.DEADLINE_EXCEEDED), error
                    return None
            wait_until(answered, "it is connected again", 20)
            gapless(person.wait_idle(conversation))
        server.stop()
