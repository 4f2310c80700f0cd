"""Durable text turns: CPU of the service and of PostgreSQL for one, beside FastAPI on the same cluster."""

import statistics
import time
import urllib.request
from dataclasses import dataclass
from pathlib import Path

from cluster import Cluster
from processes import Server, load, wait_for_port
from service import Service, make_people, write_people

CONVERSATIONS = 64
PEER_PORT = 18082
# The premium quota; longer conversations are made in several days.
TURNS_A_DAY = 500


@dataclass
class Sample:
    turns: int
    seconds: float
    p50_ms: float
    p99_ms: float
    service_us: float
    database_us: float
    statements: float


def measure(programs, directory: Path, quick: bool) -> dict:
    figures, ratios = {}, {}
    cluster = Cluster(directory / "cluster")
    try:
        for disk, slow_fsync in (("", None), (", fdatasync + 1 ms", programs.slow_fsync)):
            if disk and not slow_fsync:
                continue
            cluster.start(slow_fsync)
            ours, theirs = _compare(programs, directory, cluster, quick)
            cluster.stop()
            for name, samples in (("lifeecho", ours), ("FastAPI", theirs)):
                if samples:
                    _report(figures, f"turn{disk}: {name}", samples)
            if ours and theirs:
                ratios[f"turn{disk}: turns per service CPU second / FastAPI"] = (
                    _median(theirs, "service_us") / _median(ours, "service_us"))
                ratios[f"turn{disk}: turns per CPU second with PostgreSQL / FastAPI"] = (
                    _both(theirs) / _both(ours))
                ratios[f"turn{disk}: turns a second / FastAPI"] = _rate(ours) / _rate(theirs)
            if not disk:
                ratios["turn: SQL round trips"] = _median(ours, "statements")
        cluster.start()
        grown = _grown(programs, directory, cluster, quick)
        figures |= grown["figures"]
        ratios |= grown["ratios"]
    finally:
        cluster.stop()
    return {"figures": figures, "ratios": ratios}


def _median(samples: list[Sample], field: str) -> float:
    return statistics.median(getattr(sample, field) for sample in samples)


def _both(samples: list[Sample]) -> float:
    return statistics.median(sample.service_us + sample.database_us for sample in samples)


def _rate(samples: list[Sample]) -> float:
    return statistics.median(sample.turns / sample.seconds for sample in samples)


def _report(figures: dict, name: str, samples: list[Sample]) -> None:
    def add(what: str, values: list[float], digits: int) -> None:
        figures[f"{name}, {what}"] = {
            "value": round(statistics.median(values), digits), "low": round(min(values), digits),
            "high": round(max(values), digits)}

    add("service CPU µs", [sample.service_us for sample in samples], 0)
    add("PostgreSQL CPU µs", [sample.database_us for sample in samples], 0)
    add("SQL round trips", [sample.statements for sample in samples], 2)
    add("turns a second", [sample.turns / sample.seconds for sample in samples], 0)
    add("p50 ms", [sample.p50_ms for sample in samples], 1)
    add("p99 ms", [sample.p99_ms for sample in samples], 1)


def _compare(programs, directory: Path, cluster: Cluster, quick: bool) -> tuple[list[Sample], list[Sample]]:
    """Rounds that take turns; each with new conversations, one a person."""
    rounds, seconds = (1, 3) if quick else (3, 8)
    ours, theirs = [], []
    people = directory / "people"
    cluster.create("lifeecho")
    cluster.create("peer")
    with Service(programs.lifeecho, directory, ["--database-url", cluster.url("lifeecho")]) as service:
        peer = _start_peer(programs, directory, cluster) if programs.uvicorn else None
        try:
            for number in range(rounds + 1):
                make_people(programs.load, service, people, f"r{number}-", CONVERSATIONS)
                sample = _sample(
                    programs, cluster, service, lambda: service.metric("lifeecho_db_round_trips"), "grpc",
                    service.address, people, "c", CONVERSATIONS, 0, seconds if number else 2)
                if number:
                    ours.append(sample)
                if peer:
                    for user in write_people(people, f"r{number}-", CONVERSATIONS):
                        _peer("PUT", f"/users/{user}")
                    sample = _sample(
                        programs, cluster, peer, lambda: float(_peer("GET", "/statements")), "http",
                        f"127.0.0.1:{PEER_PORT}", people, "c", CONVERSATIONS, 0, seconds if number else 2)
                    if number:
                        theirs.append(sample)
        finally:
            if peer:
                peer.stop()
    return ours, theirs


def _start_peer(programs, directory: Path, cluster: Cluster) -> Server:
    peer = Server(
        "FastAPI",
        [str(programs.uvicorn), "app:app", "--app-dir", str(programs.source / "peers/fastapi"),
         "--port", str(PEER_PORT), "--loop", "uvloop", "--http", "httptools", "--no-access-log"],
        directory / "fastapi.log", "startup complete", {"DATABASE_URL": cluster.url("peer", "postgresql+asyncpg")})
    wait_for_port(PEER_PORT)
    return peer


def _peer(method: str, path: str) -> str:
    request = urllib.request.Request(f"http://127.0.0.1:{PEER_PORT}{path}", method=method)
    with urllib.request.urlopen(request, timeout=10) as answer:
        return answer.read().decode()


def _sample(
    programs, cluster: Cluster, server: Server, statements, kind: str, address: str, people: Path, prefix: str,
    concurrency: int, turns: int, seconds: float
) -> Sample:
    time.sleep(0.3)
    before = server.cpu_s(), cluster.cpu_s(), statements()
    result = load(programs.load, "turns", kind, address, people, prefix, concurrency, turns, seconds)
    time.sleep(0.3)
    after = server.cpu_s(), cluster.cpu_s(), statements()
    service, database, count = (b - a for a, b in zip(before, after))
    done = result["turns"]
    return Sample(done, result["seconds"], result["p50_ms"], result["p99_ms"], service / done * 1e6,
                  database / done * 1e6, count / done)


def _grown(programs, directory: Path, cluster: Cluster, quick: bool) -> dict:
    """The same number of turns in conversations of 10, 40 and 10,000 messages. The model sees up to 40: 10 is cheaper
    to read than 40, and 40 costs what 10,000 must."""
    talking, long = (4, 1000) if quick else (8, 10_000)
    turns = 25 if quick else 250
    rounds = 1 if quick else 3
    per_conversation = {10: 2, 40: 5, long: turns}
    cluster.create("grown")
    samples: dict[int, list[Sample]] = {size: [] for size in per_conversation}
    with Service(programs.lifeecho, directory, ["--database-url", cluster.url("grown")]) as service:
        def talk(people: Path, count: int) -> Sample:
            cluster.sql("grown", "DELETE FROM lifeecho.quota_usage")
            return _sample(
                programs, cluster, service, lambda: service.metric("lifeecho_db_round_trips"), "grpc", service.address,
                people, "c", talking, count, 0)

        files = {size: [directory / f"people-{size}-{number}" for number in range(rounds)] for size in per_conversation}
        for size, paths in files.items():
            for number, path in enumerate(paths):
                if size == long and number:
                    files[size][number] = paths[0]
                    continue
                count = talking if size == long else talking * turns // per_conversation[size]
                make_people(programs.load, service, path, f"s{size}-{number}-", count)
                for done in range(0, size // 2, TURNS_A_DAY):
                    talk(path, min(TURNS_A_DAY, size // 2 - done))
        cluster.sql("grown", "VACUUM ANALYZE")
        cluster.sql("grown", "CHECKPOINT")
        for number in range(rounds):
            for size, count in per_conversation.items():
                samples[size].append(talk(files[size][number], count))
    figures = {}
    for size, taken in samples.items():
        for what, values in (
            ("service", [sample.service_us for sample in taken]),
            ("PostgreSQL", [sample.database_us for sample in taken]),
            ("service + PostgreSQL", [sample.service_us + sample.database_us for sample in taken]),
        ):
            figures[f"turn at {size} messages: {what} CPU µs"] = {
                "value": round(statistics.median(values)), "low": round(min(values)), "high": round(max(values))}
    return {
        "figures": figures,
        "ratios": {"turn in a long conversation / at 10 messages": _both(samples[long]) / _both(samples[10]),
                   "turn in a long conversation / at 40 messages": _both(samples[long]) / _both(samples[40])}}
