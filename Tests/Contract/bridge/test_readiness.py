"""`lifeecho bridge`: ready while the service behind it answers."""
import re
import time
import urllib.error
import urllib.request

from bridge.separate import SeparateBridge
from server import Server
from waiting import wait_until

# An answer of the service is good for so long.
AGE_S = 2


def probe(admin):
    try:
        with urllib.request.urlopen(f"http://{admin}/readyz", timeout=5) as answer:
            return answer.status, answer.read().decode()
    except urllib.error.HTTPError as error:
        return error.code, error.read().decode()


def test_a_bridge_is_ready_while_its_service_answers(tmp_path):
    with Server(tmp_path / "data") as server:
        with SeparateBridge(tmp_path, server.target, server.secret, "--admin", "127.0.0.1:0") as bridge:
            listening = re.compile(r"^admin listening on (\S+)$")
            admin, = wait_until(lambda: [m[1] for line in list(bridge.lines) if (m := listening.match(line))], bridge.report)
            assert probe(admin) == (200, "ok\n")

            def checks():
                return server.metric("grpc_server_call_started_total", grpc_method="grpc.health.v1.Health/Check")
            before, start = checks(), time.monotonic()
            for _ in range(50):
                assert probe(admin)[0] == 200
            assert checks() - before <= 1 + (time.monotonic() - start) / AGE_S, "every probe is a call"
            server.kill()
            wait_until(lambda: probe(admin)[0] == 503, lambda: f"{probe(admin)}", 15)
            assert "the service does not answer" in probe(admin)[1]
            server.stop()
            # The same address again.
            again = Server(tmp_path / "data", grpc=server.target).start()
            try:
                wait_until(lambda: probe(admin)[0] == 200, lambda: f"{probe(admin)}", 15)
            finally:
                again.stop()


def test_without_a_service_it_was_never_ready(tmp_path):
    with SeparateBridge(tmp_path, "127.0.0.1:1", b"s" * 32, "--admin", "127.0.0.1:0") as bridge:
        listening = re.compile(r"^admin listening on (\S+)$")
        admin, = wait_until(lambda: [m[1] for line in list(bridge.lines) if (m := listening.match(line))], bridge.report)
        status, body = probe(admin)
        assert status == 503 and body == "the service does not answer: cannot connect to 127.0.0.1:1: connection refused\n"
