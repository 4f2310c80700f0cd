"""Tokens signed by a foreign library with the server's secret."""
import pathlib
import time

import jwt


def read_secret(path):
    """The secret is the file's line."""
    return pathlib.Path(path).read_text().rstrip("\r\n")


def sign(secret, algorithm="HS256", **claims):
    """Exactly these claims; None leaves one out."""
    return jwt.encode({name: value for name, value in claims.items() if value is not None}, secret, algorithm)


def access(secret, user, ttl_s=3600):
    now = int(time.time())
    return sign(secret, sub=user, type="access", iat=now, exp=now + ttl_s)


def service(secret, *scopes, ttl_s=3600):
    now = int(time.time())
    return sign(secret, sub="contract-tests", type="service", scope=" ".join(scopes), iat=now, exp=now + ttl_s)
