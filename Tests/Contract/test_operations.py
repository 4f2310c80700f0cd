"""The admin listener, and what an operator sees."""
import json
import re
import ssl
import time

import grpc
import pytest

from certificates import Authority
from contract import pb, resources
from person import COMPLETE_PROFILE, Events, Person, fresh, open_channel
from server import Server
from slow_model import SlowModel
from waiting import wait_until


def test_probes(server):
    for path in ("/healthz", "/readyz"):
        assert server.get(path) == (200, "ok\n")
    assert server.get("/elsewhere")[0] == 404


def test_metrics_are_prometheus_text(server, person, conversation):
    person.say(conversation, "我小时候住在河边。")
    status, text = server.get("/metrics")
    assert status == 200
    for line in text.splitlines():
        assert re.match(
            r"^(# (HELP|TYPE) [A-Za-z_:][\w:]* .+|[A-Za-z_:][\w:]*(\{[A-Za-z_]\w*=\"(\\.|[^\"\\])*\"(,[A-Za-z_]\w*=\"(\\.|[^\"\\])*\")*\})? "
            r"[-+]?([0-9.]+(e[-+]?\d+)?|Inf|NaN))$", line), line
    types = dict(re.findall(r"^# TYPE (\S+) (\S+)$", text, re.M))
    assert any(name.startswith("grpc_server_call") for name in types)
    samples = {match[0] for match in re.findall(r"^([A-Za-z_:][\w:]*)(\{| )", text, re.M)}
    assert "process_resident_memory_bytes" in samples
    assert {"lifeecho_turns_completed_total", "lifeecho_db_round_trips", "lifeecho_subscribers"} <= samples
    assert person.user not in text and conversation not in text, "ids in labels"


def test_the_log_is_json_lines(server):
    lines = [line for line in list(server.log) if line.strip()]
    assert lines
    for line in lines:
        entry = json.loads(line)
        assert entry.keys() & {"level", "severity"} and entry.keys() & {"message", "msg"}, line


def test_the_log_names_no_token_and_no_text(server, person, conversation):
    person.say(conversation, "一句只有我知道的话")
    log = "\n".join(list(server.log))
    assert "只有我知道" not in log and "eyJ" not in log


def test_one_line_per_listener_then_ready(server):
    lines = server.lines
    assert re.match(r"^grpc listening on 127\.0\.0\.1:[1-9]\d*$", next(x for x in lines if x.startswith("grpc")))
    assert re.match(r"^admin listening on 127\.0\.0\.1:[1-9]\d*$", next(x for x in lines if x.startswith("admin")))
    assert lines[-1] == "ready"


def test_a_unix_socket(tmp_path):
    path = tmp_path / "grpc.sock"
    with Server(tmp_path / "data", grpc=f"unix:{path}", admin=False) as server, open_channel(
        f"unix:{path}", **{"grpc.default_authority": "localhost"}
    ) as channel:
        assert server.addresses["grpc"] == f"unix:{path}" and "admin" not in server.addresses
        person = Person(channel, server.secret).provision(**COMPLETE_PROFILE)
        assert person.say(fresh("conversation"), "我小时候住在河边。")
    assert not path.exists(), "the socket stayed behind"


def test_long_data_paths_and_odd_locales(tmp_path):
    """Over the 107 bytes of a Unix socket's path, under a folder only its owner may enter, with an unknown locale."""
    private = tmp_path / "private"
    private.mkdir(mode=0o700)
    folder = private / ("长" * 40) / "with space"
    folder.mkdir(parents=True)
    with Server(folder, env={"LANG": "xx_YY.UTF-8", "LC_ALL": "xx_YY.UTF-8"}, ephemeral=False, admin=False) as server:
        with open_channel(server.target) as channel:
            person = Person(channel, server.secret).provision(**COMPLETE_PROFILE)
            assert person.say(fresh("conversation"), "我小时候住在河边。")


# A chat model that cannot be reached


@pytest.fixture(scope="module")
def modelless(tmp_path_factory):
    """A server whose chat model refuses connections."""
    env = {
        "LIFEECHO_CHAT_ENGINE": "openai", "LIFEECHO_CHAT_URL": "http://127.0.0.1:9/v1", "LIFEECHO_CHAT_RETRIES": "1",
        "LIFEECHO_CHAT_CONNECT_TIMEOUT": "500ms", "LIFEECHO_CHAT_TOTAL_TIMEOUT": "3s"}
    with Server(tmp_path_factory.mktemp("modelless"), env=env) as server, open_channel(server.target) as channel:
        yield server, channel


def test_greetings_never_fail(modelless):
    server, channel = modelless
    person = Person(channel, server.secret).provision(nickname="张奶奶")
    with person.connect(fresh("conversation")) as live:
        live.wait_kind("turn_completed")
        assert "张奶奶" in "".join(e.agent_message.text for e in live.of("agent_message"))


def test_a_reply_that_fails_keeps_what_was_said(modelless):
    server, channel = modelless
    person = Person(channel, server.secret).provision(**COMPLETE_PROFILE)
    conversation = fresh("conversation")
    with person.connect(conversation) as live:
        live.wait_kind("turn_completed")
        answer = person.send(conversation, "我小时候住在河边。", reply_mode=pb.REPLY_MODE_WAIT)
        assert answer.turn_state == resources.TURN_STATE_FAILED and not answer.replies
        assert answer.turn_error.code != 0
        failed = live.wait_kind("turn_failed")
        assert failed.turn_id == answer.turn_id and failed.turn_failed.retryable
        assert failed.turn_failed.kind == resources.TURN_KIND_REPLY and failed.turn_failed.error.code != 0
        assert failed.turn_failed.error.details, "no text for a person"
        assert [m.text for m in person.messages(conversation)][-1] == "我小时候住在河边。"
        retried = person.call("RetryTurn", pb.RetryTurnRequest(conversation_id=conversation, turn_id=answer.turn_id))
        assert retried.attempt == 2
        assert live.wait_kind("turn_failed", 2).turn_id == answer.turn_id
        started = [e.turn_started.attempt for e in live.of("turn_started") if e.turn_id == answer.turn_id]
        assert started == [1, 2]


def test_the_log_says_why_an_engines_certificate_is_not_accepted(tmp_path):
    tls = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    tls.load_cert_chain(*Authority(tmp_path).issue())
    with SlowModel(0, tls) as model, Server(tmp_path, env=model.settings) as server, open_channel(server.target) as channel:
        person = Person(channel, server.secret).provision(**COMPLETE_PROFILE)
        answer = person.send(fresh("conversation"), "我小时候住在河边。", reply_mode=pb.REPLY_MODE_WAIT)
        assert answer.turn_state == resources.TURN_STATE_FAILED
        lines = [line for line in list(server.log) if "the chat model gave no reply" in line]
        assert lines and all("CERTIFICATE_VERIFY_FAILED" in line for line in lines), lines
        assert model.asked == 0


def test_readiness_follows_the_life_of_the_server(tmp_path):
    with Server(tmp_path, env={"LIFEECHO_SHUTDOWN_GRACE": "5s"}) as server, open_channel(server.target) as channel:
        person = Person(channel, server.secret).provision(**COMPLETE_PROFILE)
        conversation = fresh("conversation")
        person.say(conversation, "我小时候住在河边。")
        assert server.get("/readyz")[0] == 200
        with person.connect(conversation, intent=pb.INTENT_OBSERVE) as live:
            live.wait_kind("replay_completed")
            server.terminate()

            def unready():
                try:
                    return server.get("/readyz", timeout=2)[0] == 503
                except OSError:
                    return "gone"
            assert wait_until(unready, "not ready any more", 10)
            live.wait_end(15)
