"""What is under deploy/, and the ways in that the README shows."""
import json
import os
import pathlib
import pwd
import re
import shlex
import shutil
import signal
import subprocess
import sys
import tempfile
import threading

import pytest

import tokens
from contract import PROTOS
from person import COMPLETE_PROFILE, Person, fresh, open_channel
from server import BINARY, Server
from waiting import wait_until

DEPLOY = PROTOS.parent / "deploy"
BUF = pathlib.Path(sys.executable).parent / "buf"


def unit():
    """The [Service] section of the systemd unit; repeated keys become lists."""
    found = {}
    section = None
    for line in (DEPLOY / "lifeecho.service").read_text().replace("\\\n", " ").splitlines():
        line = line.strip()
        if line.startswith("["):
            section = line
        elif section == "[Service]" and "=" in line and not line.startswith("#"):
            name, value = line.split("=", 1)
            found.setdefault(name, []).append(value)
    return found


def test_the_units_command_line_serves(tmp_path):
    """ExecStart as systemd would run it: its environment, %S and the installed binary's path replaced."""
    service = unit()
    command, = service["ExecStart"]
    state = tmp_path / "lifeecho"
    state.mkdir()
    words = shlex.split(command.replace("%S/lifeecho", str(state)).replace("/var/lib/lifeecho", str(state)))
    assert words[0] == "/usr/bin/lifeecho" and words[1] == "serve"
    environment = dict(pair.split("=", 1) for line in service.get("Environment", []) for pair in shlex.split(line))
    environment = {
        name: value.replace("%S/lifeecho", str(state)).replace("/var/lib/lifeecho", str(state))
        for name, value in environment.items()}
    # The ports of the unit may be in use here.
    server = Server(state, ephemeral=False, env=environment)
    server.command = [str(BINARY), *words[1:]] + ["--grpc", "127.0.0.1:0", "--admin", "127.0.0.1:0"]
    with server, open_channel(server.target) as channel:
        person = Person(channel, server.secret).provision(**COMPLETE_PROFILE)
        assert person.say(fresh("conversation"), "我小时候住在河边。")


def test_the_unit_is_hardened_and_restarts():
    service = unit()
    assert service["Restart"] == ["on-failure"] and service["StateDirectory"] == ["lifeecho"]
    assert service["NoNewPrivileges"] == ["yes"] and service["ProtectSystem"] == ["strict"]
    assert service["User"] != ["root"]


def test_a_reload_does_not_end_the_unit(tmp_path):
    """Without certificates, too: there is no terminal that was closed."""
    command, = unit()["ExecReload"]
    assert command == "/bin/kill -HUP $MAINPID"
    with Server(tmp_path, prefix=("setsid",)) as server:
        server.process.send_signal(signal.SIGHUP)
        wait_until(lambda: any("no certificates to reload" in line for line in list(server.log)), server.report)
        assert server.get("/readyz")[0] == 200


def test_a_reload_during_the_start_does_not_end_it(tmp_path):
    server = Server(tmp_path, prefix=("setsid",))
    starting = threading.Thread(target=server.start)
    starting.start()
    try:
        wait_until(lambda: server.process and ignores_hangups(server.process.pid), lambda: "SIGHUP is not ignored")
        while starting.is_alive():
            server.process.send_signal(signal.SIGHUP)
            starting.join(0.05)
        assert "ready" in server.lines, server.report()
        wait_until(lambda: any("no certificates to reload" in line for line in list(server.log)), server.report)
    finally:
        server.stop()


def ignores_hangups(pid):
    status = pathlib.Path(f"/proc/{pid}/status").read_text()
    return int(re.search(r"^SigIgn:\s+(\w+)$", status, re.M)[1], 16) & 1 << signal.SIGHUP - 1


def test_make_run_knows_its_voices():
    done = subprocess.run(
        ["make", "--dry-run", "run", "VOICE=locl"], cwd=DEPLOY.parent, capture_output=True, text=True, timeout=30)
    assert done.returncode != 0 and "VOICE=locl" in done.stderr


def test_systemd_accepts_the_unit():
    if not shutil.which("systemd-analyze"):
        pytest.skip("no systemd-analyze here")
    done = subprocess.run(
        ["systemd-analyze", "verify", str(DEPLOY / "lifeecho.service")], capture_output=True, text=True, timeout=30)
    complaints = [line for line in done.stderr.splitlines() if "lifeecho.service" in line and "not executable" not in line]
    assert not complaints


def test_a_database_elsewhere_is_announced():
    """As root, where `postgres` cannot enter the data directory."""
    folder = pathlib.Path(tempfile.mkdtemp(prefix="lifeecho-private-"))
    elsewhere = None
    try:
        with Server(folder / "data", ephemeral=False) as server:
            name = folder / "data" / "cluster-id"
            elsewhere = f"/var/lib/lifeecho/{name.read_text().strip()}" if name.exists() else None
            assert [line for line in server.lines if line.startswith("database in ")] == (
                [f"database in {elsewhere}"] if elsewhere else [])
            assert pathlib.Path(elsewhere or folder / "data", "data", "PG_VERSION").exists()
            # Who is not root has it where everybody looks; root, in a folder that is closed to others, elsewhere.
            assert bool(elsewhere) == (os.geteuid() == 0)
    finally:
        shutil.rmtree(folder)
        if elsewhere:
            shutil.rmtree(elsewhere)


@pytest.mark.skipif(os.geteuid() != 0, reason="is an ordinary user already")
def test_an_ordinary_user_serves_with_a_private_cluster():
    """Nothing needs root: binary, data and cluster belong to somebody else."""
    account = pwd.getpwnam("nobody")
    folder = pathlib.Path(tempfile.mkdtemp(prefix="lifeecho-user-"))
    try:
        binary = folder / "lifeecho"
        shutil.copy(BINARY, binary)
        data = folder / "data"
        data.mkdir(mode=0o700)
        for path in (folder, data):
            os.chown(path, account.pw_uid, account.pw_gid)
        binary.chmod(0o755)
        prefix = ["setpriv", f"--reuid={account.pw_uid}", f"--regid={account.pw_gid}", "--clear-groups"]
        for _ in range(2):
            with Server(data, ephemeral=False, prefix=prefix, binary=binary, env={"HOME": str(folder)}) as server:
                with open_channel(server.target) as channel:
                    person = Person(channel, server.secret).provision(**COMPLETE_PROFILE)
                    assert person.say(fresh("conversation"), "我小时候住在河边。")
        assert (data / "jwt-secret").stat().st_mode & 0o777 == 0o600
    finally:
        shutil.rmtree(folder, ignore_errors=True)


def buf_curl(server, person, method, request, *flags):
    return subprocess.run(
        [BUF, "curl", "--protocol", "grpc", "--http2-prior-knowledge", "--header",
         f"authorization: Bearer {tokens.access(server.secret, person.user)}", "--data", json.dumps(request), *flags,
         f"http://{server.target}/{method}"],
        capture_output=True, text=True, timeout=30, env={**os.environ, "HOME": tempfile.gettempdir()}, cwd=tempfile.gettempdir())


@pytest.mark.parametrize("reflection", ["grpc-v1", "grpc-v1alpha"])
def test_buf_curl_through_reflection(server, person, conversation, reflection):
    done = buf_curl(
        server, person, "lifeecho.conversation.v1.ConversationService/SendText",
        {"conversationId": conversation, "text": "我小时候住在河边。", "replyMode": "REPLY_MODE_WAIT"},
        "--reflect", "--reflect-protocol", reflection)
    assert done.returncode == 0, done.stderr
    assert json.loads(done.stdout)["replies"]


def test_buf_curl_reads_the_events(server, person, conversation):
    person.say(conversation, "我小时候住在河边。")
    log = person.replay(conversation)
    done = buf_curl(
        server, person, "lifeecho.conversation.v1.ConversationService/Connect",
        {"conversationId": conversation, "resume": {"afterSequence": "0"}, "untilTurnId": log[-1].turn_id}, "--reflect")
    assert done.returncode == 0, done.stderr
    assert done.stdout.count('"sequence"') == len(log)


def test_buf_curl_shows_refusals(server, person, conversation):
    done = buf_curl(
        server, person, "lifeecho.conversation.v1.ConversationService/GetConversation",
        {"conversationId": conversation}, "--reflect")
    assert done.returncode != 0
    assert "not_found" in done.stderr and "ErrorInfo" in done.stderr
