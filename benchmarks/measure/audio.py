"""Speech made durable: CPU of the service and of PostgreSQL for a segment, beside the bare INSERT of the same bytes; a
queue of segments that two servers recognise; and StreamAudio of a service that stores nothing, beside C++ gRPC."""

import statistics
import time
from pathlib import Path

from cluster import Cluster
from processes import ALLOCATOR, MeasurementError, Server, cpu_s, load
from service import Service, make_people, write_people

SESSIONS = 64
WINDOW = 8
SEGMENT_BYTES = 32 << 10
# As many as the service's pool has for writing.
CONNECTIONS = 16
QUEUED = 500


def measure(programs, directory: Path, quick: bool) -> dict:
    rounds, seconds = (1, 3) if quick else (3, 8)
    figures, ratios = {}, {}
    cluster = Cluster(directory / "cluster")
    try:
        cluster.start()
        cluster.create("bare")
        cluster.create("lifeecho")
        samples: dict[str, list[dict]] = {"bare INSERT": [], "8 at a time": [], "one by one": []}
        people = directory / "people"
        with Service(programs.lifeecho, directory, [
                "--database-url", cluster.url("lifeecho"), "--set", "bridge.address=off"]) as service:
            for number in range(rounds + 1):
                length = seconds if number else 2
                taken = {"bare INSERT": _sample(
                    cluster, None, programs.load, "insert", cluster.url("bare"), CONNECTIONS, SEGMENT_BYTES, length)}
                for name, window in (("8 at a time", WINDOW), ("one by one", 1)):
                    make_people(programs.load, service, people, f"{window}-{number}-", SESSIONS)
                    taken[name] = _sample(
                        cluster, service, programs.load, "audio", service.address, people, "c", SESSIONS, window,
                        SEGMENT_BYTES, length, 0)
                cluster.sql("bare", "TRUNCATE bare_segments")
                if number:
                    for name, sample in taken.items():
                        samples[name].append(sample)
        for name, list_ in samples.items():
            _report(figures, f"32 KiB segment, {name}", list_)
        bare = _median(samples["bare INSERT"], "database_us")
        for name in ("8 at a time", "one by one"):
            ratios[f"audio segment, {name}: service CPU µs"] = _median(samples[name], "service_us")
            ratios[f"audio segment, {name}: PostgreSQL CPU / bare INSERT"] = (
                _median(samples[name], "database_us") / bare)
        queue = _queue(programs, directory, cluster)
        figures |= queue["figures"]
        ratios |= queue["ratios"]
    finally:
        cluster.stop()
    if programs.bridge_null and programs.grpc_cpp:
        _stream(programs, directory, quick, figures, ratios)
    return {"figures": figures, "ratios": ratios}


def _stream(programs, directory: Path, quick: bool, figures: dict, ratios: dict) -> None:
    """Segments that are read, answered and dropped: the RPC stack alone, in rounds that take turns."""
    people = directory / "people-stream"
    write_people(people, "s", SESSIONS)
    commands = {
        "null service": [str(programs.bridge_null), "--grpc", "127.0.0.1:0"], "C++ gRPC": [str(programs.grpc_cpp)]}
    rates: dict[str, list[float]] = {name: [] for name in commands}
    servers = []
    try:
        for name, command in commands.items():
            servers.append(Server(name, command, directory / f"stream-{name}.log", r"listening on (\S+)\n", ALLOCATOR
                                  if command[0] == str(programs.bridge_null) else None))
        for number in range(2 if quick else 6):
            for server in servers:
                before = server.cpu_s()
                result = load(
                    programs.load, "audio", server.ready.group(1), people, "c", SESSIONS, WINDOW, SEGMENT_BYTES,
                    2 if quick else 4, 0)
                if number:
                    used_s = server.cpu_s() - before
                    rates[server.name].append(result["segments"] * SEGMENT_BYTES / 1e6 / used_s)
    finally:
        for server in servers:
            server.stop()
    for name, values in rates.items():
        figures[f"StreamAudio without store, {name}: MB a core second"] = {
            "value": round(statistics.median(values)), "low": round(min(values)), "high": round(max(values))}
    ratios["StreamAudio without store: MB a core second / C++ gRPC"] = (
        statistics.median(rates["null service"]) / statistics.median(rates["C++ gRPC"]))


def _sample(cluster: Cluster, service: Service | None, program: Path, *arguments: object) -> dict:
    time.sleep(0.3)
    before = (service.cpu_s() if service else 0), cluster.cpu_s()
    result = load(program, *arguments)
    time.sleep(0.3)
    after = (service.cpu_s() if service else 0), cluster.cpu_s()
    done = result["segments"]
    return result | {
        "service_us": (after[0] - before[0]) / done * 1e6, "database_us": (after[1] - before[1]) / done * 1e6,
        "MB_s": done * SEGMENT_BYTES / result["seconds"] / 1e6}


def _median(samples: list[dict], field: str) -> float:
    return statistics.median(sample[field] for sample in samples)


def _report(figures: dict, name: str, samples: list[dict]) -> None:
    for field, what, digits in (
        ("service_us", "service CPU µs", 0), ("database_us", "PostgreSQL CPU µs", 0), ("MB_s", "MB a second", 0),
        ("p50_ms", "p50 ms", 1), ("p99_ms", "p99 ms", 1),
    ):
        values = [sample[field] for sample in samples]
        if any(values):
            figures[f"{name}, {what}"] = {
                "value": round(statistics.median(values), digits), "low": round(min(values), digits),
                "high": round(max(values), digits)}
            if field.endswith("_us"):
                rates = sorted(SEGMENT_BYTES / value for value in values)
                figures[f"{name}, {what.split()[0]} MB a core second"] = {
                    "value": round(statistics.median(rates)), "low": round(rates[0]), "high": round(rates[-1])}


def _queue(programs, directory: Path, cluster: Cluster) -> dict:
    """Segments stored while nobody recognises, then two servers that do."""
    cluster.create("queue")
    # Two servers cannot have one bridge address.
    url = ["--database-url", cluster.url("queue"), "--set", "bridge.address=off"]
    people = directory / "people-queue"
    sessions = QUEUED // 50
    first, second = directory / "first", directory / "second"
    first.mkdir()
    second.mkdir()
    with Service(programs.lifeecho, first, url) as service:
        make_people(programs.load, service, people, "q-", sessions)
        load(programs.load, "audio", service.address, people, "c", sessions, WINDOW, SEGMENT_BYTES, 0.001, 1)
        _wait(cluster, "SELECT count(*) FROM lifeecho.voice_sessions WHERE state = 'failed'", sessions)
    recognizer = [*url, "--set", "speech.recognizer=builtin", "--set", "voice.workers=4"]
    with Service(programs.lifeecho, first, recognizer) as one, Service(programs.lifeecho, second, recognizer) as two:
        before = [cpu_s(service.pid) for service in (one, two)]
        cluster.sql("queue", "SELECT lifeecho.retry_transcription(user_id, conversation_id, session_id, 0, "
                    "'{30,1200000,500,14400000}', now(), 60000) FROM lifeecho.voice_sessions")
        start = time.monotonic()
        _wait(cluster, "SELECT count(*) FROM lifeecho.voice_sessions WHERE state = 'completed'", sessions)
        seconds = time.monotonic() - start
        shares = [service.metric("lifeecho_recognition_segments_total") for service in (one, two)]
        spent = [cpu_s(service.pid) - at for service, at in zip((one, two), before)]
    twice = int(cluster.sql("queue", "SELECT count(*) FROM lifeecho.audio_segments WHERE attempts <> 1"))
    return {
        "figures": {
            "queue: segments": {"value": round(sum(shares))},
            # The first look at the database is up to five seconds after the segments are there.
            "queue: seconds": {"value": round(seconds, 1)},
            "queue: the smaller server's share": {"value": round(min(shares) / max(1, sum(shares)), 2)},
            "queue: CPU ms of both a segment": {"value": round(sum(spent) / QUEUED * 1e3, 2)}},
        "ratios": {"queue: segments recognised twice": twice}}


def _wait(cluster: Cluster, question: str, answer: int) -> None:
    deadline = time.monotonic() + 120
    while int(cluster.sql("queue", question)) != answer:
        if time.monotonic() > deadline:
            raise MeasurementError(f"not {answer}: {question}")
        time.sleep(0.05)
