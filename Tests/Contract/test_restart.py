"""Crashes and stops: nothing acknowledged is lost, nothing visible happens twice."""
import os
import pathlib
import signal
import subprocess
import tempfile
import threading
import time

import grpc
import pytest
from grpc_health.v1 import health_pb2, health_pb2_grpc

from contract import pb, resources, users
from person import COMPLETE_PROFILE, Events, Person, fresh, gapless, open_channel
from refusals import read
from server import Server, run
from waiting import wait_until


def cluster_pid(data_dir):
    """The postmaster of the private cluster of this server, wherever its data is."""
    pid_files = list(data_dir.rglob("postmaster.pid"))
    return int(pid_files[0].read_text().split()[0]) if pid_files else None


def alive(pid):
    try:
        os.kill(pid, 0)
    except ProcessLookupError:
        return False
    stat = open(f"/proc/{pid}/stat").read()
    return stat.rsplit(")", 1)[1].split()[0] != "Z"


@pytest.fixture
def data_dir():
    """Reachable for the user that PostgreSQL runs as, so that the cluster is in it."""
    import pathlib
    import shutil
    import tempfile
    folder = pathlib.Path(tempfile.mkdtemp(prefix="lifeecho-data-"))
    folder.chmod(0o755)
    yield folder
    shutil.rmtree(folder, ignore_errors=True)


def keep_sending(person, conversations, stop, acknowledged, attempted):
    """Sends one message after the other until the server is gone."""
    n = 0
    while not stop.is_set():
        conversation = conversations[n % len(conversations)]
        request = person.request(conversation, f"第{n}件事，我记得很清楚。")
        attempted.append(request)
        try:
            acknowledged.append((request, person.call("SendText", request, timeout=5)))
        except grpc.RpcError:
            return
        n += 1


@pytest.mark.timeout(120)
@pytest.mark.parametrize("victims", ["service", "service and database"])
def test_kill_nine_during_turns(data_dir, victims):
    first = Server(data_dir, ephemeral=False).start()
    acknowledged, attempted = [], []
    with open_channel(first.target) as channel:
        people = [
            Person(channel, first.secret).provision(
                **COMPLETE_PROFILE, subscription_type=users.SUBSCRIPTION_TYPE_PREMIUM) for _ in range(4)]
        rooms = {person.user: [fresh("conversation") for _ in range(3)] for person in people}
        stop = threading.Event()
        lists = [([], []) for _ in people]
        threads = [
            threading.Thread(target=keep_sending, args=(person, rooms[person.user], stop, done, tried))
            for person, (done, tried) in zip(people, lists, strict=True) for _ in range(2)]
        for thread in threads:
            thread.start()
        wait_until(lambda: sum(len(done) for done, _ in lists) >= 80, "eighty acknowledged messages", 30)
        # A queue of turns that cannot be done yet when the kill comes.
        for person in people:
            for future in [person.future("SendText", person.request(rooms[person.user][0], f"排队{n}。")) for n in range(15)]:
                future.add_done_callback(lambda _: None)
        database = cluster_pid(data_dir)
        first.kill()
        if victims == "service and database":
            os.kill(database, signal.SIGKILL)
        stop.set()
        for thread in threads:
            thread.join(20)
    for done, tried in lists:
        acknowledged += done
        attempted += tried
    assert not first.process.poll() is None
    if victims == "service":
        wait_until(lambda: not alive(database), "the private cluster stops by itself", 15)

    started = time.monotonic()
    with Server(data_dir, ephemeral=False) as second, open_channel(second.target) as channel:
        people = [Person(channel, second.secret, person.user) for person in people]
        logs = {}
        for person in people:
            for conversation in rooms[person.user]:
                logs[conversation] = gapless(person.wait_idle(conversation, 30))
        # Taken over at once, not after the leases ran out.
        assert time.monotonic() - started < 12 + second.start_s, "turns waited for their leases"
        for request, answer in acknowledged:
            log = logs[request.conversation_id]
            event = log[answer.sequence - 1]
            assert event.user_message.message_id == answer.message_id, "an acknowledged message is lost"
            assert event.user_message.text == request.text
        for conversation, log in logs.items():
            turns = [e.turn_id for e in log if Events.kind(e) == "user_message"]
            completed = [e.turn_id for e in log if Events.kind(e) == "turn_completed"]
            assert len(set(turns)) == len(turns)
            assert not [e for e in log if Events.kind(e) == "turn_failed"], "a turn failed"
            assert sorted(completed) == sorted(turns), "one reply per turn"
            for turn in turns:
                pieces = [e.agent_message for e in log if e.turn_id == turn and Events.kind(e) == "agent_message"]
                assert [p.index for p in pieces] == list(range(pieces[0].total)), "a reply in part, or twice"
        # A client that got no answer asks again, with the same request id.
        by_user = {person.user: person for person in people}
        owners = {c: user for user, cs in rooms.items() for c in cs}
        for request in attempted[-20:]:
            by_user[owners[request.conversation_id]].call("SendText", request)
        for request in attempted[-20:]:
            person = by_user[owners[request.conversation_id]]
            said = [e for e in person.replay(request.conversation_id) if e.request_id == request.request_id
                    and Events.kind(e) == "user_message"]
            assert len(said) == 1


def test_a_restart_keeps_secret_users_and_positions(data_dir):
    with Server(data_dir, ephemeral=False) as first, open_channel(first.target) as channel:
        person = Person(channel, first.secret).provision(**COMPLETE_PROFILE)
        conversation = fresh("conversation")
        person.say(conversation, "我小时候住在河边。")
        log = person.replay(conversation)
        person.call("AcknowledgeEvents", pb.AcknowledgeEventsRequest(
            conversation_id=conversation, device_id="phone", sequence=2))
        token, user = person.metadata, person.user
        database = cluster_pid(data_dir)
    assert not alive(database), "the private cluster outlived a clean stop"
    with Server(data_dir, ephemeral=False) as second, open_channel(second.target) as channel:
        person = Person(channel, second.secret, user)
        assert person.metadata != token or person.secret
        person.metadata = token
        assert person.replay(conversation) == log
        with person.connect(
            conversation, intent=pb.INTENT_OBSERVE, device_id="phone", resume=pb.Resume(from_acknowledged=True)
        ) as seen:
            seen.wait_kind("replay_completed")
            assert seen.durable() == log[2:]
            assert seen.all[0].log_epoch == log[0].log_epoch


def test_the_database_comes_back_after_it_was_killed(data_dir):
    """The service goes on: refusals are UNAVAILABLE, and end when the cluster is up again."""
    with Server(data_dir, ephemeral=False) as server, open_channel(server.target) as channel:
        person = Person(channel, server.secret).provision(**COMPLETE_PROFILE)
        conversation = fresh("conversation")
        person.say(conversation, "我小时候住在河边。")
        os.kill(cluster_pid(data_dir), signal.SIGKILL)
        codes = set()

        def answered():
            try:
                return person.send(conversation, "还在吗？", timeout=5)
            except grpc.RpcError as error:
                codes.add((error.code(), read(error).reason))
                return None
        wait_until(answered, lambda: f"the database is back; {codes}", 30)
        assert codes <= {
            (grpc.StatusCode.UNAVAILABLE, "STORE_UNAVAILABLE"), (grpc.StatusCode.UNAVAILABLE, "OVERLOADED"),
            (grpc.StatusCode.DEADLINE_EXCEEDED, None)}, codes
        gapless(person.wait_idle(conversation, 30))


def test_a_second_instance_on_the_same_data_is_refused(data_dir):
    with Server(data_dir, ephemeral=False) as first, open_channel(first.target) as channel:
        status, out, err = run(
            "serve", "--grpc", "127.0.0.1:0", "--admin", "off", "--data-dir", data_dir)
        assert status != 0 and "ready" not in out
        lines = err.strip().splitlines()
        assert len(lines) == 1 and str(data_dir) in lines[0], err
        person = Person(channel, first.secret).provision(**COMPLETE_PROFILE)
        assert person.say(fresh("conversation"), "我小时候住在河边。")


def test_sigterm_says_goodbye(tmp_path):
    """Not ready → GoAway → UNAVAILABLE; what runs is finished; exit status 0."""
    server = Server(tmp_path).start()
    with open_channel(server.target) as channel:
        person = Person(channel, server.secret).provision(**COMPLETE_PROFILE)
        conversation = fresh("conversation")
        person.say(conversation, "我小时候住在河边。")
        watch = health_pb2_grpc.HealthStub(channel).Watch(health_pb2.HealthCheckRequest(), timeout=60)
        assert next(watch).status == health_pb2.HealthCheckResponse.SERVING
        with person.connect(conversation, intent=pb.INTENT_OBSERVE) as live:
            live.wait_kind("replay_completed")
            waiting = person.future(
                "SendText", person.request(conversation, "还有一件事。", reply_mode=pb.REPLY_MODE_WAIT))
            wait_until(lambda: live.of("user_message"), "the message is stored")
            stopping = time.monotonic()
            server.terminate()
            away = live.wait_kind("go_away", seconds=20)
            assert away.go_away.reason == "DRAINING" and away.sequence == 0
            ended = read(live.wait_end(25))
            assert (ended.code, ended.reason) == (grpc.StatusCode.UNAVAILABLE, "DRAINING")
            answer = waiting.result()
            assert answer.turn_state in (resources.TURN_STATE_COMPLETED, resources.TURN_STATE_RUNNING,
                                         resources.TURN_STATE_QUEUED)
        statuses = []
        try:
            statuses += [answer.status for answer in watch]
        except grpc.RpcError as error:
            assert error.code() == grpc.StatusCode.UNAVAILABLE
        assert statuses in ([health_pb2.HealthCheckResponse.NOT_SERVING], []), statuses
    assert server.process.wait(25) == 0
    assert time.monotonic() - stopping < 10, "a health watch held the stop up"
    assert server.stop() == 0


@pytest.mark.parametrize("name", ["SIGINT", "SIGTERM"])
def test_signals_stop_an_idle_server_quickly(tmp_path, name):
    server = Server(tmp_path).start()
    started = time.monotonic()
    server.process.send_signal(getattr(signal, name))
    assert server.process.wait(15) == 0
    assert time.monotonic() - started < 10


def test_an_ephemeral_server_leaves_nothing_and_starts_quickly(tmp_path, own_tmp):
    with Server(tmp_path, env={"TMPDIR": str(own_tmp)}) as server:
        assert server.start_s < 3 * 3, f"{server.start_s:.1f} s"
        assert list(own_tmp.iterdir())
        children = children_of(server)
    assert not list(own_tmp.iterdir())
    for child in children:
        wait_until(lambda child=child: not alive(child), "its processes are gone", 10)


def test_an_ephemeral_cluster_stops_after_kill_nine(tmp_path):
    server = Server(tmp_path).start()
    children = children_of(server)
    assert children
    server.kill()
    for child in children:
        wait_until(lambda child=child: not alive(child), "the private cluster is gone", 20)


def children_of(server):
    """The processes that the server started: of its private cluster, the postmaster."""
    listed = subprocess.run(
        ["ps", "-o", "pid=", "--ppid", str(server.process.pid)], capture_output=True, text=True).stdout
    return [int(pid) for pid in listed.split()]


@pytest.fixture
def own_tmp():
    """A short path that everybody may use, as PostgreSQL's account must."""
    with tempfile.TemporaryDirectory(prefix="own") as folder:
        os.chmod(folder, 0o1777)
        yield pathlib.Path(folder)
