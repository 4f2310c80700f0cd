"""Processes under measurement: started on one core, their CPU read from the kernel's accounting."""

import json
import os
import re
import socket
import subprocess
import time
from pathlib import Path

TICKS = os.sysconf("SC_CLK_TCK")
SERVER_CORE, LOAD_CORE = 0, 1 if (os.cpu_count() or 1) > 1 else 0


class MeasurementError(Exception):
    """A benchmark that could not be run, or whose answers were wrong."""


def _stat(pid: int) -> list[str]:
    return Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()


def cpu_s(pid: int) -> float:
    """User and system time of a process with its threads."""
    fields = _stat(pid)
    return (int(fields[11]) + int(fields[12])) / TICKS


def tree_cpu_s(pid: int) -> float:
    """The same of a process and its children, those that ended and were reaped included."""
    fields = _stat(pid)
    total = sum(map(int, fields[11:15])) / TICKS
    for entry in Path("/proc").iterdir():
        if entry.name.isdigit():
            try:
                child = _stat(int(entry.name))
            except OSError:
                continue
            if int(child[1]) == pid:
                total += (int(child[11]) + int(child[12])) / TICKS
    return total


def resident_bytes(pid: int) -> int:
    status = Path(f"/proc/{pid}/status").read_text()
    return int(re.search(r"VmRSS:\s+(\d+) kB", status).group(1)) * 1024


def kernel_bytes() -> int:
    """Kernel memory of sockets: slab and TCP buffers of the whole machine, so only differences mean something."""
    slab = int(re.search(r"Slab:\s+(\d+) kB", Path("/proc/meminfo").read_text()).group(1)) * 1024
    pages = int(re.search(r"TCP:.* mem (\d+)", Path("/proc/net/sockstat").read_text()).group(1))
    return slab + pages * os.sysconf("SC_PAGE_SIZE")


# What `lifeecho serve` and `lifeecho bridge` set for themselves.
ALLOCATOR = {"GLIBC_TUNABLES": "glibc.malloc.tcache_count=127"}


class Server:
    """A server pinned to one core. `ready` must match what it prints when it listens; its groups are kept."""

    def __init__(self, name: str, command: list[str], log: Path, ready: str, environment: dict | None = None):
        self.name = name
        self.log = log
        with log.open("wb") as output:
            self.process = subprocess.Popen(
                ["taskset", "-c", str(SERVER_CORE), *command], stdout=output, stderr=subprocess.STDOUT,
                stdin=subprocess.DEVNULL, env={**os.environ, **(environment or {})})
        self.pid = self.process.pid
        try:
            self.ready = self._wait(re.compile(ready, re.S))
        except MeasurementError:
            self.stop()
            raise

    def _wait(self, ready: re.Pattern) -> re.Match:
        deadline = time.monotonic() + 30
        while time.monotonic() < deadline:
            text = self.log.read_text(errors="replace")
            if found := ready.search(text):
                return found
            if self.process.poll() is not None:
                break
            time.sleep(0.02)
        raise MeasurementError(f"{self.name} does not start: {self.log.read_text(errors='replace')[-600:]}")

    def cpu_s(self) -> float:
        return cpu_s(self.pid)

    def stop(self) -> None:
        self.process.terminate()
        try:
            self.process.wait(30)
        except subprocess.TimeoutExpired:
            self.process.kill()
            self.process.wait()

    def __enter__(self) -> "Server":
        return self

    def __exit__(self, *_) -> None:
        self.stop()


def wait_for_port(port: int) -> None:
    deadline = time.monotonic() + 30
    while True:
        try:
            socket.create_connection(("127.0.0.1", port), timeout=1).close()
            return
        except OSError:
            if time.monotonic() > deadline:
                raise MeasurementError(f"nobody listens on port {port}") from None
            time.sleep(0.05)


def on_load_core(command: list[str], timeout_s: float = 300) -> str:
    """Runs a load program on the other core and returns what it printed."""
    try:
        done = subprocess.run(
            ["taskset", "-c", str(LOAD_CORE), *command], capture_output=True, text=True, timeout=timeout_s)
    except subprocess.TimeoutExpired:
        raise MeasurementError(f"{' '.join(command[:3])} did not end in {timeout_s:.0f} s") from None
    if done.returncode != 0:
        raise MeasurementError(f"{' '.join(command[:3])}: {done.stderr.strip()[-600:]}")
    return done.stdout


def load(binary: Path, *arguments: object) -> dict:
    return json.loads(on_load_core([str(binary), *map(str, arguments)]))
