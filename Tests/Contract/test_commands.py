"""The command line: what other tools and people rely on."""
import contextlib
import json
import os
import pathlib
import pty
import re
import socket
import subprocess
import time

import jwt
import pexpect
import pytest
from pexpect import fdpexpect

import tokens
from contract import users
from person import COMPLETE_PROFILE, Events, Person, fresh, open_channel
from server import BINARY, Server, environment, run
from waiting import wait_until

SECONDS = 30


def one_line(error):
    """What a command says when it cannot go on, beside its log."""
    lines = [line for line in error.strip().splitlines() if not line.startswith('{"time"')]
    assert len(lines) == 1, error
    assert "Fatal error" not in error and "0x" not in error
    return lines[0]


# Bad flags and addresses


@pytest.mark.parametrize("arguments, says", [
    (["--grpc", "nonsense"], "nonsense"),
    (["--grpc", "127.0.0.1:99999"], "99999"),
    (["--grpc", "no-such-host.invalid:0"], "no-such-host.invalid"),
    (["--bridge", "127.0.0.1:99999"], "99999"),
    (["--admin", "127.0.0.1:-1"], "-1"),
    (["--jwt-secret-file", "/nonexistent/secret"], "/nonexistent/secret"),
    (["--database-url", "postgresql://127.0.0.1:1/nothing"], "127.0.0.1"),
    (["--database-url", "nonsense://x"], "nonsense"),
])
def test_serve_says_in_one_line_what_is_wrong(tmp_path, arguments, says):
    flags = ["--grpc", "127.0.0.1:0", "--admin", "off", "--data-dir", str(tmp_path), "--ephemeral"]
    if arguments[0] in ("--grpc", "--admin"):
        at = flags.index(arguments[0])
        del flags[at:at + 2]
    if arguments[0] == "--database-url":
        flags.remove("--ephemeral")
    status, out, err = run("serve", *flags, *arguments)
    assert status not in (0, None) and "ready" not in out
    assert says in one_line(err)


@pytest.mark.parametrize("arguments", [["--nonsense"], ["--grpc"], ["surplus"]])
def test_unknown_flags(arguments):
    status, out, err = run("serve", *arguments)
    assert status not in (0, None) and arguments[-1].lstrip("-") in err


def test_a_port_in_use(tmp_path):
    with socket.create_server(("127.0.0.1", 0)) as taken:
        address = f"127.0.0.1:{taken.getsockname()[1]}"
        for flag, other in (("--grpc", "--admin"), ("--admin", "--grpc")):
            status, out, err = run(
                "serve", flag, address, other, "127.0.0.1:0", "--data-dir", tmp_path, "--ephemeral")
            assert status not in (0, None) and "ready" not in out
            line = one_line(err)
            assert address in line and "in use" in line, line


@pytest.mark.parametrize("variable, value, says", [
    ("LIFEECHO_CONNECT_HEARTBEAT", "25", "LIFEECHO_CONNECT_HEARTBEAT"),
    ("LIFEECHO_NO_SUCH_SETTING", "1", "LIFEECHO_NO_SUCH_SETTING"),
])
def test_bad_environment(tmp_path, variable, value, says):
    status, _, err = run("serve", "--ephemeral", "--data-dir", tmp_path, env={variable: value})
    assert status not in (0, None) and says in one_line(err)


def test_configuration_file_environment_and_flags(tmp_path):
    """Flags over environment over file; unknown keys are refused."""
    file = tmp_path / "lifeecho.json"
    file.write_text(json.dumps({"quota": {"free": {"turns": 7}}, "connect.heartbeat": "3s"}))
    env = {"LIFEECHO_CONFIG": str(file), "LIFEECHO_CONNECT_HEARTBEAT": "2s"}
    with Server(tmp_path / "data", env=env) as server, open_channel(server.target) as channel:
        person = Person(channel, server.secret).provision(**COMPLETE_PROFILE)
        with person.connect(fresh("conversation")) as live:
            connected = live.wait_kind("connected").connected
            assert connected.quota.turns_limit == 7
            assert connected.heartbeat_interval.seconds == 2
    file.write_text('{"quota.free.turn": 7}')
    status, _, err = run("serve", "--ephemeral", "--data-dir", tmp_path / "data", env={"LIFEECHO_CONFIG": str(file)})
    line = one_line(err)
    assert status not in (0, None) and "quota.free.turn" in line and "quota.free.turns" in line


def test_a_database_that_is_not_there_is_named_without_its_password(tmp_path):
    url = "postgresql://somebody:sesame@127.0.0.1:1/nothing"
    for arguments in (["migrate", "--database-url", url],
                      ["serve", "--grpc", "127.0.0.1:0", "--admin", "off", "--data-dir", tmp_path, "--database-url", url]):
        status, _, err = run(*arguments)
        assert status not in (0, None)
        assert "sesame" not in err and "127.0.0.1" in one_line(err)


BRIDGE = ["bridge", "--target", "127.0.0.1:1", "--service-token-file", "/nonexistent/token"]


@pytest.mark.parametrize("arguments, name", [
    (["token", "--user", "u", "--ttl", "5"], "--ttl"),
    (["token", "--user", "u", "--ttl", "0s"], "--ttl"),
    (["token", "--user", "u", "--type", "service", "--scopes", ""], "--scopes"),
    (["call", "WhoAmI", "--timeout", "5"], "--timeout"),
    ([*BRIDGE, "--piece-pause", "5"], "--piece-pause"),
    ([*BRIDGE, "--admin", "xx"], "--admin"),
    ([*BRIDGE, "--log-level", "loud"], "--log-level"),
    (["serve", "--console", "perhaps"], "--console"),
    (["serve", "--jwt-secret-file", "/nonexistent/secret"], "jwt.secret_file"),
    (["serve", "--set", "jwt.key_files=/nonexistent/key"], "jwt.key_files"),
    (["serve", "--set", "jwt.jwks_file=/nonexistent/key"], "jwt.jwks_file"),
    (["serve", "--set", "chat.engine=openai", "--set", "chat.url=http://127.0.0.1:1/v1", "--set",
      "chat.api_key_file=/nonexistent/key"], "chat.api_key_file"),
])
def test_the_option_or_setting_is_named(tmp_path, server, arguments, name):
    """And what is wrong with it is said in words."""
    if arguments[0] == "bridge":
        token = tmp_path / "token"
        token.write_text("token\n")
        arguments = [str(token) if argument == "/nonexistent/token" else argument for argument in arguments]
    elif arguments[0] == "serve":
        arguments = [*arguments, "--data-dir", str(tmp_path), "--ephemeral", "--grpc", "127.0.0.1:0", "--admin", "off",
                     "--bridge", "off"]
    else:
        arguments = [*arguments, "--data-dir", str(server.data_dir)]
    status, out, err = run(*arguments)
    line = one_line(err)
    assert status not in (0, None) and not out.strip()
    assert line.startswith(f"lifeecho: {name}: "), line
    assert "(" not in line.split(": ")[1] and "InvalidValue" not in line and "Error Domain" not in line, line


def test_the_version():
    status, out, _ = run("--version")
    assert status == 0 and re.fullmatch(r"lifeecho \d+\.\d+\.\d+", out.strip())


# What stdout and the process list show


@pytest.mark.parametrize("command", ["serve", "bridge"])
@pytest.mark.parametrize("kind", ["full", "closed"])
def test_a_stdout_that_takes_nothing_does_not_stop_a_server(tmp_path, server, command, kind):
    token = tmp_path / "token"
    token.write_text(tokens.service(server.secret, "conversations"))
    reader, writer = os.pipe()
    os.close(reader)
    arguments = {
        "serve": ["--grpc", f"unix:{tmp_path}/socket", "--admin", "off", "--bridge", "off", "--ephemeral", "--data-dir",
                  str(tmp_path)],
        "bridge": ["--listen", f"unix:{tmp_path}/socket", "--target", server.target, "--service-token-file", str(token)],
    }[command]
    with open("/dev/full", "w") as full, os.fdopen(writer, "w") as closed, open(tmp_path / "log", "w+") as log:
        process = subprocess.Popen(
            [str(BINARY), command, *arguments], stdin=subprocess.DEVNULL, stdout=full if kind == "full" else closed,
            stderr=log, env=environment())
        try:
            text = (tmp_path / "log").read_text
            wait_until(lambda: "stdout cannot be written" in text() or process.poll() is not None, text, SECONDS)
            assert process.poll() is None, text()
            with socket.socket(socket.AF_UNIX) as client:
                client.connect(f"{tmp_path}/socket")
            process.terminate()
            assert process.wait(SECONDS) == 0
        finally:
            process.kill()
            process.wait()


def test_what_cannot_be_printed_is_no_success(server):
    with open("/dev/full", "w") as full:
        done = subprocess.run(
            [str(BINARY), "token", "--user", "u", "--data-dir", str(server.data_dir)], stdout=full, stderr=subprocess.PIPE,
            text=True, timeout=SECONDS, env=environment())
    assert done.returncode == 1 and "stdout" in one_line(done.stderr)


def test_the_process_keeps_its_name_and_arguments(server):
    """It begins itself again, to set the allocator."""
    process = pathlib.Path("/proc", str(server.process.pid))
    assert (process / "comm").read_text().strip() == BINARY.name
    assert (process / "cmdline").read_bytes().split(b"\0")[:-1] == [word.encode() for word in server.command]


# Help


@pytest.mark.parametrize("arguments", [[], ["serve"], ["token"], ["chat"], ["call"], ["migrate"]])
def test_help(arguments):
    status, out, _ = run(*arguments, "--help")
    assert status == 0 and "USAGE" in out.upper()


def test_serve_help_is_its_manual():
    _, out, _ = run("serve", "--help")
    for name in ("--grpc", "--admin", "--bridge", "--database-url", "--data-dir", "--ephemeral", "--jwt-secret-file",
                 "regreeting.idle", "chips.max", "LIFEECHO_"):
        assert name in out, name


# token


def test_token_creates_the_user(server, channel):
    user = fresh("user")
    status, out, err = run(
        "token", "--user", user, "--create", "--nickname", "张奶奶", "--birth-year", 1952, "--data-dir", server.data_dir,
        "--ttl", "1h")
    assert status == 0, err
    token = out.strip()
    claims = jwt.decode(token, server.secret, algorithms=["HS256"])
    assert (claims["sub"], claims["type"]) == (user, "access")
    assert abs(claims["exp"] - time.time() - 3600) < 30
    person = Person(channel, server.secret, user, token)
    assert person.say(fresh("conversation"), "我小时候住在河边。")


def test_token_for_a_service(server):
    status, out, err = run("token", "--user", "writer", "--type", "service", "--data-dir", server.data_dir)
    assert status == 0, err
    claims = jwt.decode(out.strip(), server.secret, algorithms=["HS256"])
    assert claims["type"] == "service" and "conversations" in claims["scope"].split()


@pytest.mark.parametrize("arguments", [
    [], ["--user", ""], ["--user", "u", "--type", "admin"], ["--user", "u", "--ttl", "soon"], ["--user", "u", "--ttl", "-1h"]])
def test_token_with_bad_flags(server, arguments):
    status, out, err = run("token", *arguments, "--data-dir", server.data_dir)
    assert status not in (0, None) and not out.strip() and err.strip()


# call


def call(server, method, *arguments, user=None, **kwargs):
    flags = ["--data-dir", server.data_dir] + (["--user", user] if user else [])
    return run("call", method, *arguments, *flags, **kwargs)


def test_call_speaks_json(server, person, conversation):
    status, out, err = call(
        server, "lifeecho.conversation.v1.ConversationService/SendText",
        json.dumps({"conversation_id": conversation, "text": "我小时候住在河边。", "reply_mode": "REPLY_MODE_WAIT"}),
        user=person.user)
    assert status == 0, err
    answer = json.loads(out)
    replies = answer.get("replies")
    assert replies and "我小时候" not in replies[0]["text"]
    assert answer.get("turn_state", answer.get("turnState")) == "TURN_STATE_COMPLETED"


def test_call_prints_a_line_for_each_event(server, person, conversation):
    person.say(conversation, "我小时候住在河边。")
    turn = person.replay(conversation)[-1].turn_id
    status, out, err = call(
        server, "Connect", json.dumps({
            "conversation_id": conversation, "resume": {"after_sequence": "0"}, "until_turn_id": turn}),
        user=person.user)
    assert status == 0, err
    lines = [json.loads(line) for line in out.splitlines()]
    assert "connected" in lines[0] and len(lines) >= len(person.replay(conversation))


def test_call_reports_refusals(server, person, conversation):
    status, out, err = call(
        server, "GetConversation", json.dumps({"conversation_id": conversation}), user=person.user)
    assert status not in (0, None) and not out.strip()
    assert "NOT_FOUND" in err and "CONVERSATION_UNKNOWN" in err


@pytest.mark.parametrize("method, json_", [("NoSuchMethod", "{}"), ("WhoAmI", "{"), ("WhoAmI", '{"nobody": 1}')])
def test_call_with_bad_arguments(server, person, method, json_):
    status, _, err = call(server, method, json_, user=person.user)
    assert status not in (0, None) and err.strip()


def test_call_without_a_server():
    status, _, err = run("call", "grpc.health.v1.Health/Check", "{}", "--server", "127.0.0.1:1")
    assert status not in (0, None)
    assert one_line(err) == "lifeecho: no answer from 127.0.0.1:1: connection refused; is `lifeecho serve` running?"


# chat


END_OF_INPUT = "\x04"


@contextlib.contextmanager
def terminal(*arguments):
    """A command on a terminal of its own. pexpect's own spawn forks, which gRPC's threads in this process do not survive:
    the child may be aborted before it becomes the command."""
    ours, theirs = pty.openpty()
    process = subprocess.Popen(
        [str(BINARY), *arguments], stdin=theirs, stdout=theirs, stderr=theirs, start_new_session=True,
        env=environment(TERM="dumb", LANG="C.UTF-8"))
    os.close(theirs)
    screen = fdpexpect.fdspawn(ours, encoding="utf-8", timeout=SECONDS)
    try:
        yield screen
        screen.send(END_OF_INPUT)
        screen.expect(pexpect.EOF)
        assert process.wait(SECONDS) == 0
    finally:
        process.kill()
        process.wait()
        screen.close()


def test_chat_holds_a_conversation_on_a_terminal(server, person, conversation):
    command = [
        "chat", "--user", person.user, "--conversation", conversation, "--data-dir",
        str(server.data_dir)]
    with terminal(*command) as screen:
        # The opening, and the suggestions with their numbers.
        screen.expect_exact("[1] ")
        screen.sendline("1")
        wait_for_replies(person, conversation, 1)
        first = [m for m in person.messages(conversation) if m.role == 1][0]
        assert first.chip_id, "a number chose no suggestion"
        screen.sendline("我小时候住在河边，门口有一棵老樟树。")
        wait_for_replies(person, conversation, 2)
        reply = person.messages(conversation)[-1].text.splitlines()[0]
        screen.expect_exact(reply[:6])
    # It goes on where it was.
    with terminal(*command) as screen:
        screen.expect_exact("老樟树")
    assert len([m for m in person.messages(conversation) if m.role == 1]) == 2


def test_chat_shows_the_newest_of_a_long_conversation(server, person, conversation):
    person.provision(**COMPLETE_PROFILE, subscription_type=users.SUBSCRIPTION_TYPE_PREMIUM)
    for n in range(110):
        person.say(conversation, f"第{n}件事。")
    status, out, err = run(
        "chat", "--user", person.user, "--conversation", conversation, "--data-dir", server.data_dir, stdin="\n")
    assert status == 0, err
    history = person.messages(conversation)
    said = [line for line in out.splitlines() if line.startswith("您> 第")]
    assert said[-1] == "您> 第109件事。" and "您> 第0件事。" not in said
    assert out.splitlines()[0] == f"({len(history) - 200} earlier messages)"


def wait_for_replies(person, conversation, count):
    wait_until(
        lambda: [Events.kind(e) for e in person.replay(conversation)].count("turn_completed") >= count + 1,
        f"{count} replies", SECONDS)


def test_chat_with_piped_input(server, person, conversation):
    status, out, err = run(
        "chat", "--user", person.user, "--conversation", conversation, "--data-dir",
        server.data_dir, stdin="我小时候住在河边。\n")
    assert status == 0, err
    history = person.messages(conversation)
    assert history[-1].role == 2 and history[-1].text.splitlines()[0] in out


# migrate


def test_migrate_needs_a_database_it_can_reach():
    status, out, err = run("migrate", "--database-url", "postgresql://127.0.0.1:1/nothing")
    assert status not in (0, None) and re.search("127.0.0.1", one_line(err))
