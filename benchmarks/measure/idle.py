"""Memory of one idle Connect stream on its own connection."""

import subprocess
import time
from pathlib import Path

from processes import LOAD_CORE, MeasurementError, kernel_bytes, resident_bytes
from service import Service, make_people, write_people

PEOPLE = 200
WARM = 100


def measure(programs, directory: Path, quick: bool) -> dict:
    """The conversations are made by one server and greeted; a fresh one then holds their streams."""
    streams = 1000 if quick else 5000
    people = directory / "people"
    with Service(programs.lifeecho, directory, []) as service:
        make_people(programs.load, service, people, "idle-", PEOPLE)
        holder = _open(programs, service, people, streams)
        deadline = time.monotonic() + 60
        while service.metric("lifeecho_turns_open") > 0 and time.monotonic() < deadline:
            time.sleep(0.2)
        _close(holder)
    with Service(programs.lifeecho, directory, []) as service:
        write_people(people, "idle-", PEOPLE)
        _close(_open(programs, service, people, WARM))
        time.sleep(1)
        trips = service.metric("lifeecho_db_round_trips")
        empty, kernel = resident_bytes(service.pid), kernel_bytes()
        holder = _open(programs, service, people, streams)
        trips = (service.metric("lifeecho_db_round_trips") - trips) / streams
        time.sleep(1 if quick else 40)  # past a heartbeat of every stream
        full, kernel = resident_bytes(service.pid), kernel_bytes() - kernel
        used_s = service.cpu_s()
        if not quick:
            time.sleep(10)
        beating_us = (service.cpu_s() - used_s) / 10 / streams * 1e6
        _close(holder)
    each_kib = (full - empty) / streams / 1024
    figures = {
        "idle stream: resident KiB": {"value": round(each_kib, 1)},
        "idle stream: kernel KiB, both ends": {"value": round(kernel / streams / 1024, 1)},
        "connect: SQL round trips": {"value": round(trips, 2)},
    }
    if not quick:
        figures["idle stream: CPU µs a second"] = {"value": round(beating_us, 1)}
    return {"figures": figures, "ratios": {"idle stream: KiB": each_kib, "connect: SQL round trips": trips}}


def _open(programs, service: Service, people: Path, streams: int) -> subprocess.Popen:
    holder = subprocess.Popen(
        ["taskset", "-c", str(LOAD_CORE), str(programs.load), "idle", service.address, str(people), "c", str(streams)],
        stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True)
    if holder.stdout.readline() != "open\n":
        holder.kill()
        holder.wait()
        raise MeasurementError(f"{streams} streams could not be opened: {service.log.read_text()[-600:]}")
    return holder


def _close(holder: subprocess.Popen) -> None:
    holder.stdin.close()
    if holder.wait(30) != 0:
        raise MeasurementError("an idle stream was ended by the server")
