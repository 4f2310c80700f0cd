"""A PostgreSQL that is somebody else's: made for the test, reached by URL."""
import os
import pathlib
import pwd
import shutil
import subprocess
import tempfile

from waiting import wait_until


def program(name):
    """The newest installed one."""
    found = sorted(pathlib.Path("/usr/lib/postgresql").glob(f"*/bin/{name}"), key=lambda path: int(path.parts[-3]))
    return str(found[-1]) if found else shutil.which(name)


class Database:
    """Trusts its socket; fsync is off. PostgreSQL refuses to run as root, so there it runs as `postgres`."""

    def __enter__(self):
        self.folder = pathlib.Path(tempfile.mkdtemp(prefix="lifeecho-db-"))
        self.prefix = []
        if os.geteuid() == 0:
            account = pwd.getpwnam("postgres")
            os.chown(self.folder, account.pw_uid, account.pw_gid)
            self.prefix = ["setpriv", f"--reuid={account.pw_uid}", f"--regid={account.pw_gid}", "--clear-groups"]
        self.folder.chmod(0o755)
        subprocess.run(
            [*self.prefix, program("initdb"), "-D", self.folder / "data", "-U", "lifeecho", "-A", "trust", "-E", "UTF8",
             "--locale=C.UTF-8", "--no-sync", "--no-instructions"], check=True, stdout=subprocess.DEVNULL, cwd="/")
        self.process = subprocess.Popen(
            [*self.prefix, program("postgres"), "-D", self.folder / "data", "-k", self.folder, "-c",
             "listen_addresses=", "-c", "fsync=off"], stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL, cwd="/")
        wait_until(lambda: subprocess.run(
            [program("pg_isready"), "-q", "-h", self.folder]).returncode == 0, "PostgreSQL is up", 20)
        return self

    def __exit__(self, *_):
        self.process.send_signal(2)
        self.process.wait(20)
        shutil.rmtree(self.folder, ignore_errors=True)

    @property
    def url(self):
        return f"postgresql:///postgres?host={self.folder}&user=lifeecho"

    def query(self, sql):
        """The lines of the answer."""
        done = subprocess.run(
            [program("psql"), "-h", str(self.folder), "-U", "lifeecho", "-d", "postgres", "-AtX", "-c", sql],
            capture_output=True, text=True, check=True)
        return done.stdout.splitlines()
