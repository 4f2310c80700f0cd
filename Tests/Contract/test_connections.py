"""What one connection may do to itself, to the others on it, and to the server."""
import contextlib
import os
import pathlib
import resource
import select
import socket
import time

import grpc
import h2.config
import h2.connection
import pytest

from contract import pb
from person import COMPLETE_PROFILE, Person, fresh, open_channel
from server import Server
from waiting import wait_until


def test_viewers_may_leave(server):
    """A gateway has one channel for many people: what they cancel must not end what the others hold."""
    with open_channel(server.target) as channel:
        person = Person(channel, server.secret).provision(**COMPLETE_PROFILE)
        conversation = fresh("conversation")
        person.say(conversation, "你好")
        request = pb.ConnectRequest(conversation_id=conversation, intent=pb.INTENT_OBSERVE)
        with person.connect(conversation, intent=pb.INTENT_OBSERVE) as other:
            other.wait_kind("connected")
            for _ in range(6):
                viewers = [person.stub.Connect(request, metadata=person.metadata) for _ in range(200)]
                for viewer in viewers:
                    next(iter(viewer))
                for viewer in viewers:
                    viewer.cancel()
            assert person.say(conversation, "我小时候住在河边。")
            assert not other.done.is_set(), other.ended


def test_limits_are_counted(server, channel, person):
    """A head far above what is taken: the stream ends, the connection lives, and the operator can see it."""
    def count():
        return server.metric("lifeecho_http2_limits_total", limit="header_list")
    before = count()
    assert 'lifeecho_http2_limits_total{limit="resets_received"} 0' in server.get("/metrics")[1]
    call = person.stub.WhoAmI.future(
        pb.WhoAmIRequest(), metadata=(*person.metadata, *((f"x-filler-{n}", "y" * 500) for n in range(200))), timeout=10)
    assert call.exception()
    assert wait_until(lambda: count() > before, "counted")
    assert person.call("WhoAmI", pb.WhoAmIRequest()).user_id == person.user


# Those who come and say nothing

HELLO = b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n" + b"\0\0\0\x04\0\0\0\0\0"


def connect(server):
    host, port = server.target.rsplit(":", 1)
    return socket.create_connection((host, int(port)), timeout=10)


def whoami(server, person):
    """A new client's call: 0 connections of it exist before."""
    with open_channel(server.target) as channel:
        other = Person(channel, server.secret, user=person.user)
        return other.call("WhoAmI", pb.WhoAmIRequest(), timeout=5).user_id


def test_strangers_do_not_close_the_door(tmp_path):
    """More idle connections than there are descriptors for: the server says so, and makes room."""
    limits = ("prlimit", "--nofile=200:320", "--")
    with Server(tmp_path, prefix=limits) as server, open_channel(server.target) as channel, contextlib.ExitStack() as stack:
        assert server.metric("process_max_fds") == 320, "the soft limit was not raised"
        person = Person(channel, server.secret).provision(**COMPLETE_PROFILE)
        with person.connect(fresh("conversation")) as live:
            live.wait_kind("turn_completed")

            def full():
                for _ in range(20):
                    stack.enter_context(connect(server)).sendall(HELLO)
                return server.get("/readyz") == (503, "gRPC: no room for another connection\n")
            wait_until(full, "full: three quarters of 320", 30)
            assert server.metric("process_open_fds") < 320
            wait_until(
                lambda: stack.enter_context(connect(server))
                and server.metric("lifeecho_grpc_connections_refused_total", reason="limit") > 0, "refusals counted")
            assert wait_until(lambda: any("connections refused" in line for line in list(server.log)), "said")
            # Who has a call keeps it; a new client gets in, if not with its first call.

            def served():
                try:
                    return whoami(server, person) == person.user
                except grpc.RpcError:
                    return False
            wait_until(served, "room was made", 30)
            assert server.get("/readyz")[0] == 200
            assert not live.done.is_set()
            assert person.call("WhoAmI", pb.WhoAmIRequest()).user_id == person.user


def cpu_s(server):
    fields = pathlib.Path(f"/proc/{server.process.pid}/stat").read_text().rsplit(")", 1)[1].split()
    return (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")


DOORS = {"grpc": HELLO, "bridge": b"GET / HTTP/1.1\r\nHost: lifeecho\r\n\r\n", "admin": b"GET /healthz HTTP/1.0\r\n\r\n"}
REFUSED = {
    "grpc": ("lifeecho_grpc_connections_refused_total", {"reason": "descriptors"}),
    "bridge": ("lifeecho_bridge_limits_total", {"limit": "descriptors"}),
}


@pytest.mark.parametrize("door", DOORS)
def test_a_server_without_descriptors_stays_calm(tmp_path, door):
    """Who waits at a door must not keep the processor busy, and is served as soon as there are some."""
    with Server(tmp_path, "--bridge", "127.0.0.1:0") as server:
        addresses = server.addresses | {
            "bridge": next(line for line in server.lines if line.startswith("bridge listening")).split()[-1]}
        limits = resource.prlimit(server.process.pid, resource.RLIMIT_NOFILE)
        resource.prlimit(server.process.pid, resource.RLIMIT_NOFILE, (3, limits[1]))
        with socket.create_connection(addresses[door].rsplit(":", 1), timeout=10) as waiting:
            waiting.sendall(DOORS[door])
            started, before = time.monotonic(), cpu_s(server)
            wait_until(lambda: time.monotonic() - started > 2, "two seconds")
            assert cpu_s(server) - before < 0.5
            assert not select.select([waiting], [], [], 0)[0], "it was served meanwhile"
            resource.prlimit(server.process.pid, resource.RLIMIT_NOFILE, limits)
            assert waiting.recv(1)
        if counter := REFUSED.get(door):
            assert server.metric(counter[0], **counter[1]) > 0, "not counted"


def test_idle_connections_are_closed(tmp_path):
    with Server(tmp_path, "--set", "grpc.connection_idle=1s") as server, open_channel(server.target) as channel:
        person = Person(channel, server.secret).provision(**COMPLETE_PROFILE)
        with person.connect(fresh("conversation")) as live, connect(server) as stranger:
            live.wait_kind("turn_completed")
            stranger.sendall(HELLO)
            received = b""
            while data := stranger.recv(65536):
                received += data
            assert received[-17:-8] == b"\0\0\x08\x07\0\0\0\0\0" and received[-4:] == b"\0\0\0\0", "no GOAWAY(NO_ERROR)"
            assert not live.done.is_set()


def test_vanished_peers_are_noticed_by_the_kernel(server, person):
    """TCP keepalive is on for accepted connections (their timer is number 2)."""
    person.call("WhoAmI", pb.WhoAmIRequest())
    port = f"{int(server.target.rsplit(':', 1)[1]):04X}"

    def timers():
        lines = [line.split() for line in pathlib.Path("/proc/net/tcp").read_text().splitlines()[1:]]
        return {line[5][:2] for line in lines if line[1].endswith(":" + port) and line[3] == "01"}
    assert wait_until(lambda: timers() == {"02"}, timers)


def half_a_request(server):
    """The head of a unary request and a byte of its message."""
    connection = h2.connection.H2Connection(h2.config.H2Configuration(header_encoding="utf-8"))
    connection.initiate_connection()
    connection.send_headers(1, [
        (":method", "POST"), (":scheme", "http"), (":authority", server.target),
        (":path", "/grpc.health.v1.Health/Check"), ("content-type", "application/grpc"), ("te", "trailers")])
    connection.send_data(1, b"\0")
    return connection.data_to_send()


SILENCES = {"nothing": lambda _: b"", "settings": lambda _: HELLO, "half a request": half_a_request}


@pytest.mark.parametrize("silence", SILENCES)
def test_strangers_do_not_hold_up_a_stop(tmp_path, silence):
    with Server(tmp_path) as server, connect(server) as stranger:
        stranger.sendall(SILENCES[silence](server))
        wait_until(lambda: server.metric("lifeecho_grpc_connections") == 1, "connected")
        if silence == "half a request":
            wait_until(lambda: stranger.recv(1 << 16), "the server's SETTINGS")
        started = time.monotonic()
        server.terminate()
        server.process.wait(30)
        assert time.monotonic() - started < 5
