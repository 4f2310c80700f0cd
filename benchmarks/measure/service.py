"""The service under measurement, and the people who talk with it."""

import base64
import hashlib
import hmac
import json
import re
import time
import urllib.request
from pathlib import Path

from processes import Server, load

SECRET = "benchmark-secret-benchmark-secret-benchmark"


class Service(Server):
    """`lifeecho serve` with one event loop."""

    def __init__(self, binary: Path, directory: Path, database: list[str]):
        secret = directory / "secret"
        secret.write_text(SECRET)
        secret.chmod(0o600)
        super().__init__(
            "lifeecho",
            [str(binary), "serve", "--grpc", "127.0.0.1:0", "--admin", "127.0.0.1:0", "--bridge", "off", "--data-dir",
             str(directory / "data"), "--jwt-secret-file", str(secret), "--set", "grpc.event_loops=1",
             *database],
            directory / "lifeecho.log", r"grpc listening on (\S+).*admin listening on (\S+).*\nready")
        self.address, self.admin = self.ready.group(1), self.ready.group(2)

    def metric(self, name: str, **labels: str) -> float:
        """The sum of a metric's series that have these labels."""
        with urllib.request.urlopen(f"http://{self.admin}/metrics", timeout=10) as answer:
            lines = answer.read().decode().splitlines()
        total = 0.0
        for line in lines:
            found = re.match(r"(\w+)(?:\{(.*)\})? (\S+)", line)
            if not found or found.group(1) != name:
                continue
            if all(f'{label}="{value}"' in (found.group(2) or "") for label, value in labels.items()):
                total += float(found.group(3))
        return total


def token(subject: str, kind: str = "access", scope: str | None = None) -> str:
    def part(value: dict) -> bytes:
        return base64.urlsafe_b64encode(json.dumps(value, separators=(",", ":")).encode()).rstrip(b"=")

    claims = {"sub": subject, "type": kind, "iat": int(time.time()), "exp": int(time.time()) + 7200}
    if scope:
        claims["scope"] = scope
    signed = part({"alg": "HS256", "typ": "JWT"}) + b"." + part(claims)
    signature = hmac.new(SECRET.encode(), signed, hashlib.sha256).digest()
    return (signed + b"." + base64.urlsafe_b64encode(signature).rstrip(b"=")).decode()


def write_people(path: Path, prefix: str, count: int) -> list[str]:
    users = [f"{prefix}{i}" for i in range(count)]
    path.write_text("".join(f"{user} {token(user)}\n" for user in users))
    return users


def make_people(binary: Path, service: Service, path: Path, prefix: str, count: int) -> None:
    write_people(path, prefix, count)
    load(binary, "people", service.address, token("benchmark", "service", "users"), path)
