"""`lifeecho bridge`: a process of its own in front of a server that may go away."""
import os
import pathlib
import re
import socket
import subprocess
import threading
import time

import tokens
from server import BINARY, STOP_S, environment
from waiting import wait_until

LISTENING = re.compile(r"^bridge listening on (\S+)$")


def free_port():
    """A port that nobody has now: the server must find the same one again after its restart."""
    with socket.socket() as found:
        found.bind(("127.0.0.1", 0))
        return found.getsockname()[1]


class SeparateBridge:
    """Reaches `target` by network with a service token, as in front of many servers."""

    def __init__(self, folder, target, secret, *flags, env=None):
        token = pathlib.Path(folder) / "service-token"
        token.write_text(tokens.service(secret, "conversations", "users", "memoir", ttl_s=24 * 3600) + "\n")
        os.chmod(token, 0o600)
        self.command = [str(BINARY), "bridge", "--listen", "127.0.0.1:0", "--target", target,
                        "--service-token-file", str(token), *flags]
        self.env = environment(**(env or {}))
        self.lines = []
        self.bridge = None

    def __enter__(self):
        self.process = subprocess.Popen(
            self.command, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, stdin=subprocess.DEVNULL, text=True,
            env=self.env, cwd="/")
        self.reader = threading.Thread(target=self._read, daemon=True)
        self.reader.start()
        wait_until(lambda: self.bridge or self.process.poll() is not None, self.report, 20)
        assert self.process.poll() is None, self.report()
        return self

    def _read(self):
        for line in self.process.stdout:
            self.lines.append(line.rstrip("\n"))
            if listening := LISTENING.match(self.lines[-1]):
                self.bridge = listening[1]

    def report(self):
        return "\n".join([f"bridge, exit status {self.process.poll()}:", *self.lines[-60:]])

    def __exit__(self, *_):
        if self.process.poll() is None:
            self.process.terminate()
            try:
                self.process.wait(STOP_S)
            except subprocess.TimeoutExpired:
                self.process.kill()
                self.process.wait()
                raise AssertionError(f"SIGTERM did not stop it\n{self.report()}") from None
        self.reader.join(5)
        self.process.stdout.close()


class Clock:
    """Seconds since it was made."""

    def __init__(self):
        self.start = time.monotonic()

    @property
    def seconds(self):
        return time.monotonic() - self.start
