"""CPU of a server for one grpc.health.v1.Health/Check, beside its peers, in rounds that take turns."""

import re
import statistics
from pathlib import Path

from processes import MeasurementError, Server, load, on_load_core, wait_for_port
from service import Service

SHAPES = {"64x100": (64, 100), "8x32": (8, 32)}
PATH = "/grpc.health.v1.Health/Check"


def measure(programs, directory: Path, quick: bool) -> dict:
    request = directory / "request"
    request.write_bytes(bytes(5))
    site = directory / "site"
    site.mkdir()
    (site / "tiny").write_bytes(b"0123456789")

    servers: list[tuple[Server, str, int]] = []  # with its address and how many calls make about two seconds
    try:
        service = Service(programs.lifeecho, directory, ["--ephemeral"])
        servers.append((service, service.address, 600_000))
        nghttpd = Server(
            "nghttpd", ["nghttpd", "--no-tls", "-d", str(site), "--address=127.0.0.1", "18080"],
            directory / "nghttpd.log", "")
        wait_for_port(18080)
        servers.append((nghttpd, "127.0.0.1:18080", 600_000))
        if programs.grpc_cpp:
            peer = Server("C++ gRPC", [str(programs.grpc_cpp)], directory / "cpp.log", r"listening on (127\S+)\n")
            servers.append((peer, peer.ready.group(1), 120_000))
        if programs.grpc_swift:
            peer = Server("grpc-swift-2", [str(programs.grpc_swift), "18081"], directory / "swift.log", "")
            wait_for_port(18081)
            servers.append((peer, "127.0.0.1:18081", 24_000))

        calls_us = {shape: {server.name: [] for server, _, _ in servers} for shape in SHAPES}
        for _ in range(3 if quick else 5):
            for shape, (connections, streams) in SHAPES.items():
                for server, address, calls in servers:
                    calls_us[shape][server.name].append(
                        _round(programs, server, address, calls // (4 if quick else 1), connections, streams, request))
    finally:
        for server, _, _ in servers:
            server.stop()

    figures, ratios = {}, {}
    for shape, by_server in calls_us.items():
        medians = {name: statistics.median(values) for name, values in by_server.items()}
        for name, values in by_server.items():
            figures[f"unary {shape}: {name}, CPU µs a call"] = {
                "value": round(medians[name], 2), "low": round(min(values), 2), "high": round(max(values), 2)}
        for name in medians:
            if name != "lifeecho":
                ratios[f"unary {shape} / {name}"] = medians["lifeecho"] / medians[name]
    return {"figures": figures, "ratios": ratios}


def _round(programs, server, address: str, calls: int, connections: int, streams: int, request: Path) -> float:
    """CPU µs a call. The answers are checked by HTTP status, by probes before and after, by the service's counters."""
    is_grpc = server.name != "nghttpd"
    options = ["-d", str(request), "-H", "content-type: application/grpc", "-H", "te: trailers"] if is_grpc else []
    url = f"http://{address}{PATH if is_grpc else '/tiny'}"
    command = ["h2load", "-t1", f"-c{connections}", f"-m{streams}", *options]
    if is_grpc:
        load(programs.load, "check", address, 100)
    _h2load([*command, f"-n{max(calls // 10, connections * streams)}", url])
    answered = _answered(server)
    before = server.cpu_s()
    _h2load([*command, f"-n{calls}", url])
    used = server.cpu_s() - before
    if answered is not None and _answered(server) - answered != calls:
        raise MeasurementError(f"{_answered(server) - answered:.0f} of {calls} calls ended with OK")
    if is_grpc:
        load(programs.load, "check", address, 100)
    return used / calls * 1e6


def _answered(server) -> float | None:
    if not isinstance(server, Service):
        return None
    return server.metric(
        "grpc_server_call_duration_seconds_count", grpc_method="grpc.health.v1.Health/Check", grpc_status="OK")


def _h2load(command: list[str]) -> None:
    calls = next(word[2:] for word in command if word.startswith("-n"))
    text = on_load_core(command)
    found = re.search(r"(\d+) succeeded, (\d+) failed, (\d+) errored", text)
    if not found or found.group(1) != calls or f"status codes: {calls} 2xx" not in text:
        raise MeasurementError(f"h2load: not every call succeeded: {text[-400:]}")
