"""`lifeecho serve` as a process: started, read until it is ready, stopped or killed."""
import collections
import os
import pathlib
import re
import signal
import subprocess
import threading
import time
import urllib.error
import urllib.request

import tokens
from waiting import wait_until

BINARY = pathlib.Path(
    os.environ.get("LIFEECHO_BINARY", pathlib.Path(__file__).parents[2] / ".build" / "debug" / "lifeecho")
).absolute()
START_S = 30.0
STOP_S = 20.0
LISTENING = re.compile(r"^(grpc|admin) listening on (\S+)$")


def environment(**changes):
    """The caller's environment without settings of the service, and with `changes`."""
    kept = {name: value for name, value in os.environ.items() if not name.startswith("LIFEECHO_")}
    kept.update(changes)
    return kept


class Server:
    """One server process. Its standard output is read by a thread: `lines`; its log goes to `log_path`."""

    def __init__(self, data_dir, *flags, ephemeral=True, admin=True, grpc="127.0.0.1:0", env=None, prefix=(), binary=BINARY):
        self.data_dir = pathlib.Path(data_dir)
        self.flags = ["--grpc", grpc, "--admin", "127.0.0.1:0" if admin else "off", "--data-dir", str(data_dir)]
        # Its default port is one and the same for all servers of a machine.
        self.flags += [] if "--bridge" in flags else ["--bridge", "off"]
        self.flags += ["--ephemeral"] * ephemeral + list(flags)
        self.env = environment(**(env or {}))
        self.command = [*prefix, str(binary), "serve", *self.flags]
        self.process = None
        self.lines = []
        self.addresses = {}

    def start(self, seconds=START_S):
        assert BINARY.exists(), f"{BINARY} does not exist: build it, or name it in LIFEECHO_BINARY"
        self.log = collections.deque(maxlen=2000)
        self.lines, self.addresses = [], {}
        self.process = subprocess.Popen(
            self.command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, stdin=subprocess.DEVNULL, text=True,
            env=self.env, cwd="/")
        self.readers = [
            threading.Thread(target=self._read, args=(self.process.stdout, self.lines.append), daemon=True),
            threading.Thread(target=self._read, args=(self.process.stderr, self.log.append), daemon=True),
        ]
        for reader in self.readers:
            reader.start()
        started = time.monotonic()
        wait_until(
            lambda: "ready" in self.lines or self.process.poll() is not None, lambda: self.report(), seconds=seconds)
        assert self.process.poll() is None, f"ended with {self.process.returncode} at start:\n{self.report()}"
        self.start_s = time.monotonic() - started
        for line in self.lines:
            if listening := LISTENING.match(line):
                self.addresses[listening[1]] = listening[2]
        return self

    @staticmethod
    def _read(stream, take):
        for line in stream:
            take(line.rstrip("\n"))

    def report(self):
        return "\n".join([f"exit status: {self.process.poll()}", "stdout:", *self.lines[-20:], "stderr:", *list(self.log)[-80:]])

    @property
    def target(self):
        return self.addresses["grpc"]

    @property
    def admin(self):
        return "http://" + self.addresses["admin"]

    @property
    def secret(self):
        return tokens.read_secret(self.data_dir / "jwt-secret")

    def get(self, path, timeout=5):
        """(status, body) of the admin listener."""
        try:
            with urllib.request.urlopen(self.admin + path, timeout=timeout) as answer:
                return answer.status, answer.read().decode()
        except urllib.error.HTTPError as error:
            return error.code, error.read().decode()

    def metric(self, name, **labels):
        """The sum of the samples of that name with these labels."""
        total = 0.0
        for line in self.get("/metrics")[1].splitlines():
            sample = re.match(r"^([A-Za-z_:][\w:]*)(?:\{(.*)\})? (\S+)", line)
            if not sample or sample[1] != name:
                continue
            found = dict(re.findall(r'(\w+)="((?:[^"\\]|\\.)*)"', sample[2] or ""))
            if all(found.get(label) == value for label, value in labels.items()):
                total += float(sample[3])
        return total

    def kill(self):
        """SIGKILL, as a crash."""
        self.process.kill()
        self.process.wait(STOP_S)

    def terminate(self):
        self.process.send_signal(signal.SIGTERM)

    def stop(self):
        """SIGTERM, and the exit status."""
        if self.process is None:
            return None
        if self.process.poll() is None:
            self.terminate()
            try:
                self.process.wait(STOP_S)
            except subprocess.TimeoutExpired:
                self.process.kill()
                self.process.wait()
                raise AssertionError(f"SIGTERM did not stop it within {STOP_S} s\n{self.report()}")
        for reader in self.readers:
            reader.join(5)
        for stream in (self.process.stdout, self.process.stderr):
            stream.close()
        return self.process.returncode

    def __enter__(self):
        return self.start()

    def __exit__(self, *_):
        self.stop()


def run(*arguments, stdin=None, seconds=30, env=None, prefix=(), binary=BINARY):
    """Runs `lifeecho ARGUMENTS` to its end; (exit status, stdout, stderr)."""
    done = subprocess.run(
        [*prefix, str(binary), *map(str, arguments)], input=stdin, capture_output=True, text=True, timeout=seconds,
        env=environment(**(env or {})), cwd="/", **({} if stdin is not None else {"stdin": subprocess.DEVNULL}))
    return done.returncode, done.stdout, done.stderr
