"""The WebSocket bridge in front of a service that does nothing, beside FastAPI with the same messages; then the whole
service, for how long a ping takes while the same socket is busy."""

import json
import re
import statistics
import subprocess
import time
from pathlib import Path

from processes import ALLOCATOR, LOAD_CORE, MeasurementError, Server, kernel_bytes, load, resident_bytes
from service import Service, make_people, write_people

PEER_PORT = 18083
PEOPLE = 200
SOCKETS = 64
AUDIO_BYTES = 32 * 1024
STORM = 10_000
# Handshakes under way at once in the storm: below the kernel's backlog of connections that nobody accepted yet.
STORM_AT_ONCE = 2000
# Longer than the ten seconds after which an idle socket gives its deflate memory back.
SETTLE_S = 15
# Messages for about a second of the bridge's CPU and two of the peer's.
COUNTS = {
    "ping": (200_000, 50_000), "pings": (800_000, 100_000), "text": (60_000, 20_000), "audio": (25_600, 8_192),
    "connect": (6_000, 2_000)}

class Load:
    """A load program that says when it is ready, begins at a line, and ends with its input."""

    def __init__(self, binary: Path, *arguments: object):
        self.name = f"bridge-load {arguments[0]}"
        self.process = subprocess.Popen(
            ["taskset", "-c", str(LOAD_CORE), str(binary), *map(str, arguments)], stdin=subprocess.PIPE,
            stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)
        if self.process.stdout.readline() != "ready\n":
            raise self._failure()

    def _failure(self) -> MeasurementError:
        self.process.kill()
        return MeasurementError(f"{self.name}: {self.process.communicate()[1][-400:]}")

    def begin(self) -> None:
        self.process.stdin.write("go\n")
        self.process.stdin.flush()

    def result(self) -> dict:
        line = self.process.stdout.readline()
        if not line:
            raise self._failure()
        return json.loads(line)

    def end(self) -> None:
        _, errors = self.process.communicate(timeout=60)
        if self.process.returncode != 0:
            raise MeasurementError(f"{self.name}: {errors[-400:]}")


def measure(programs, directory: Path, quick: bool) -> dict:
    for what, path in (("bridge-load", programs.bridge_load), ("bridge-null", programs.bridge_null)):
        if not path:
            raise MeasurementError(f"no {what}")
    people = directory / "people"
    write_people(people, "bridge-", PEOPLE)
    figures, ratios = {}, {}
    _messages(programs, directory, people, quick, figures, ratios)
    _idle(programs, directory, people, quick, figures, ratios)
    _storm(programs, directory, people, quick, figures, ratios)
    _busy(programs, directory, quick, figures, ratios)
    return {"figures": figures, "ratios": ratios}


def _null(programs, directory: Path) -> Server:
    server = Server(
        "bridge", [str(programs.bridge_null), "--listen", "127.0.0.1:0"], directory / "bridge-null.log",
        r"listening on (\d\S*)", ALLOCATOR)
    server.address = server.ready.group(1)
    return server


def _peer(programs, directory: Path) -> Server:
    server = Server(
        "FastAPI",
        [str(programs.bridge_uvicorn), "--app-dir", str(programs.source / "bridge" / "peer"), "app:app", "--loop",
         "uvloop", "--http", "httptools", "--no-access-log", "--port", str(PEER_PORT)],
        directory / "bridge-peer.log", r"running on http://(\d\S*)", {"PYTHONDONTWRITEBYTECODE": "1"})
    server.address = f"127.0.0.1:{PEER_PORT}"
    return server


def _servers(programs) -> list:
    return [_null] + ([_peer] if programs.bridge_uvicorn else [])


def _messages(programs, directory: Path, people: Path, quick: bool, figures: dict, ratios: dict) -> None:
    """Server CPU for one ping, text turn, audio segment, connect: rounds that take turns."""
    each_us: dict[tuple[str, str], list[float]] = {}
    shares: dict[tuple[str, str], list[float]] = {}
    latencies: dict[tuple[str, str], list[float]] = {}
    servers = [start(programs, directory) for start in _servers(programs)]
    try:
        for number in range(1 if quick else 5):
            for work, counts in COUNTS.items():
                for server, count in zip(servers, counts):
                    count = count // 4 if quick else count
                    used_us, result = _round(programs, server, people, f"{work}{number}", work, count)
                    key = (work, server.name)
                    each_us.setdefault(key, []).append(used_us)
                    shares.setdefault(key, []).append(result["load_cpu_s"] / result["seconds"])
                    latencies.setdefault(key, []).append(result["p99_ms"])
    finally:
        for server in servers:
            server.stop()
    for (work, name), values in each_us.items():
        figures[f"bridge {work}: {name}, CPU µs"] = {
            "value": round(statistics.median(values), 2), "low": round(min(values), 2), "high": round(max(values), 2)}
        figures[f"bridge {work}: {name}, load's share of its core"] = {
            "value": round(statistics.median(shares[work, name]), 2), "high": round(max(shares[work, name]), 2)}
        figures[f"bridge {work}: {name}, p99 ms"] = {"value": round(statistics.median(latencies[work, name]), 2)}
    for work in COUNTS:
        if (work, "FastAPI") in each_us:
            ratios[f"bridge {work} / FastAPI"] = (
                statistics.median(each_us[work, "bridge"]) / statistics.median(each_us[work, "FastAPI"]))


def _round(programs, server: Server, people: Path, prefix: str, work: str, count: int) -> tuple[float, dict]:
    arguments = [work, server.address, people, prefix, SOCKETS if work != "connect" else 16, count]
    if work == "audio":
        arguments.append(AUDIO_BYTES)
    load_program = Load(programs.bridge_load, *arguments)
    before = server.cpu_s()
    load_program.begin()
    result = load_program.result()
    if work == "connect":
        time.sleep(0.3)  # the last sockets' ends are part of it
    used_s = server.cpu_s() - before
    load_program.end()
    if result["count"] < count or result.get("refused"):
        raise MeasurementError(f"{server.name}, {work}: {result}")
    return used_s / result["count"] * 1e6, result


def _idle(programs, directory: Path, people: Path, quick: bool, figures: dict, ratios: dict) -> None:
    """Resident memory of one idle socket. A fresh server each time: freed memory of another load is no measure."""
    sockets = 1000 if quick else 5000
    for compression, name in (("plain", ""), ("deflate", ", deflate offered")):
        for start in _servers(programs):
            with start(programs, directory) as server:
                warm = Load(programs.bridge_load, "idle", server.address, people, "warm", 100, compression)
                time.sleep(1)
                empty, kernel = resident_bytes(server.pid), kernel_bytes()
                idle = Load(programs.bridge_load, "idle", server.address, people, "idle", sockets, compression)
                time.sleep(SETTLE_S)
                full, kernel = resident_bytes(server.pid), kernel_bytes() - kernel
                idle.end()
                warm.end()
            each_kib = (full - empty) / sockets / 1024
            figures[f"bridge idle socket{name}: {server.name}, resident KiB"] = {"value": round(each_kib, 1)}
            if server.name == "bridge":
                figures[f"bridge idle socket{name}: kernel KiB, both ends"] = {"value": round(kernel / sockets / 1024, 1)}
                ratios[f"bridge idle socket{name}: KiB"] = each_kib


def _storm(programs, directory: Path, people: Path, quick: bool, figures: dict, ratios: dict) -> None:
    """One good client's pings while ten thousand sockets are opened as fast as the load can."""
    for start in _servers(programs):
        with start(programs, directory) as server:
            good = Load(programs.bridge_load, "pace", server.address, people, "good", 60, 5)
            storm = Load(programs.bridge_load, "storm", server.address, people, "storm", STORM, STORM_AT_ONCE)
            good.begin()
            time.sleep(0.5)
            storm.begin()
            opened = storm.result()
            time.sleep(0.5)
            good.process.stdin.close()
            paced = good.result()
            good.process.wait(30)
            storm.end()
        if server.name == "bridge" and (opened["refused"] or opened["count"] < STORM):
            raise MeasurementError(f"not every socket of the storm was served: {opened}")
        figures[f"bridge storm of {STORM}: {server.name}, served"] = {"value": opened["count"]}
        figures[f"bridge storm of {STORM}: {server.name}, seconds"] = {"value": round(opened["seconds"], 2)}
        figures[f"bridge storm of {STORM}: {server.name}, load's share of its core"] = {
            "value": round(opened["load_cpu_s"] / opened["seconds"], 2)}
        figures[f"bridge storm of {STORM}: {server.name}, good client's p99 ms"] = {"value": round(paced["p99_ms"], 1)}
        if server.name == "bridge":
            ratios["bridge storm: good client's p99 ms"] = paced["p99_ms"]


def _busy(programs, directory: Path, quick: bool, figures: dict, ratios: dict) -> None:
    """The whole service: pings on a socket whose reply, greeting or audio frame of 1 MiB is in progress."""
    people = directory / "busy-people"
    with Service(programs.lifeecho, directory, ["--ephemeral", "--bridge", "127.0.0.1:0"]) as service:
        make_people(programs.load, service, people, "busy-", PEOPLE)
        address = re.search(r"bridge listening on (\S+)", service.log.read_text()).group(1)
        for work, kind, count in (
            ("reply", "a reply", 20), ("greeting", "a greeting", 20), ("audio", "1 MiB of audio", 200)):
            result = load(programs.bridge_load, "during", address, people, work, work, count // 4 if quick else count)
            figures[f"bridge ping during {kind}: p50 ms"] = {"value": round(result["p50_ms"], 2)}
            ratios[f"bridge ping during {kind}: p99 ms"] = result["p99_ms"]
