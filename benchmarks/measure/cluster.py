"""One PostgreSQL cluster for the service and its peer: the same settings, fsync on, a Unix socket."""

import os
import pwd
import shutil
import subprocess
import time
from pathlib import Path

from processes import LOAD_CORE, MeasurementError, tree_cpu_s

SETTINGS = {"listen_addresses": "", "fsync": "on", "synchronous_commit": "on", "shared_buffers": "256MB",
            "max_connections": "100", "max_wal_size": "4GB", "checkpoint_timeout": "30min"}


def _binaries() -> Path:
    folders = sorted(Path("/usr/lib/postgresql").glob("*/bin"), key=lambda path: int(path.parent.name))
    if folders:
        return folders[-1]
    if found := shutil.which("initdb"):
        return Path(found).parent
    raise MeasurementError("no PostgreSQL server programs: install postgresql")


class Cluster:
    def __init__(self, directory: Path):
        self.directory = directory
        self.binaries = _binaries()
        self.log = directory.parent / "postgres.log"
        self._as_owner: list[str] = []
        self.process: subprocess.Popen | None = None
        directory.mkdir()
        if os.geteuid() == 0:
            owner = pwd.getpwnam("postgres")
            os.chown(directory, owner.pw_uid, owner.pw_gid)
            self._as_owner = ["setpriv", f"--reuid={owner.pw_uid}", f"--regid={owner.pw_gid}", "--clear-groups"]
        self._run(["initdb", "-D", str(directory / "data"), "-U", "bench", "-A", "trust", "-E", "UTF8",
                   "--locale=C.UTF-8", "--no-instructions"])

    def _run(self, command: list[str]) -> None:
        done = subprocess.run([*self._as_owner, str(self.binaries / command[0]), *command[1:]], capture_output=True,
                              text=True, cwd="/")
        if done.returncode != 0:
            raise MeasurementError(f"{command[0]}: {done.stderr[-600:]}")

    def start(self, slow_fsync: Path | None = None) -> None:
        """With `slow_fsync`, a preloaded library, each fdatasync takes a millisecond more."""
        environment = {"PATH": os.environ["PATH"], "LC_ALL": "C.UTF-8", "TZ": "UTC"}
        if slow_fsync:
            environment |= {"LD_PRELOAD": str(slow_fsync), "SLOW_FSYNC_US": "1000"}
        settings = [word for name, value in SETTINGS.items() for word in ("-c", f"{name}={value}")]
        with self.log.open("ab") as log:
            self.process = subprocess.Popen(
                ["taskset", "-c", str(LOAD_CORE), *self._as_owner, str(self.binaries / "postgres"), "-D",
                 str(self.directory / "data"), "-k", str(self.directory), *settings],
                env=environment, cwd="/", stdin=subprocess.DEVNULL, stdout=log, stderr=log)
        deadline = time.monotonic() + 30
        while not (self.directory / ".s.PGSQL.5432").exists() or not self._answers():
            if time.monotonic() > deadline or self.process.poll() is not None:
                raise MeasurementError(f"PostgreSQL does not start: {self.log.read_text()[-600:]}")
            time.sleep(0.05)

    def _answers(self) -> bool:
        return subprocess.run([str(self.binaries / "pg_isready"), "-q", "-h", str(self.directory)]).returncode == 0

    def create(self, database: str) -> None:
        self.sql("postgres", f"DROP DATABASE IF EXISTS {database}")
        self.sql("postgres", f"CREATE DATABASE {database}")

    def sql(self, database: str, statement: str) -> str:
        done = subprocess.run(
            [str(self.binaries / "psql"), "-X", "-A", "-t", "-h", str(self.directory), "-U", "bench", "-d", database,
             "-c", statement], capture_output=True, text=True)
        if done.returncode != 0:
            raise MeasurementError(f"psql: {done.stderr[-600:]}")
        return done.stdout.strip()

    def url(self, database: str, scheme: str = "postgresql") -> str:
        return f"{scheme}://bench@/{database}?host={self.directory}"

    def cpu_s(self) -> float:
        return tree_cpu_s(self.process.pid)

    def stop(self) -> None:
        if self.process and self.process.poll() is None:
            self.process.send_signal(2)
            try:
                self.process.wait(60)
            except subprocess.TimeoutExpired:
                self.process.kill()
                self.process.wait()
