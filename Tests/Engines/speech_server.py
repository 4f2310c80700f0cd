"""Runs deploy/local-speech on a free port until its parent process ends.

usage: python3 Tests/Engines/speech_server.py DIRECTORY OUTPUT

DIRECTORY was made by deploy/local-speech/setup.sh. When the server is ready, OUTPUT holds a shell assignment:
TEST_SPEECH_URL (base URL).
"""

import os
import pathlib
import socket
import subprocess
import sys
import time
import urllib.request

RUN = pathlib.Path(__file__).resolve().parents[2] / "deploy" / "local-speech" / "run.sh"
START_DEADLINE_S = 120


def free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return probe.getsockname()[1]


def is_ready(url: str) -> bool:
    try:
        with urllib.request.urlopen(f"{url}/healthz", timeout=2) as response:
            return response.status == 200
    except OSError:
        return False


def main() -> None:
    parent = os.getppid()
    directory, output = sys.argv[1], pathlib.Path(sys.argv[2])
    port = free_port()
    url = f"http://127.0.0.1:{port}"
    server = subprocess.Popen(["sh", str(RUN), directory, str(port)], stdin=subprocess.DEVNULL)
    try:
        deadline = time.monotonic() + START_DEADLINE_S
        while not is_ready(url):
            if server.poll() is not None or time.monotonic() > deadline:
                sys.exit("the speech server did not start")
            time.sleep(0.1)
        draft = output.with_suffix(".draft")
        draft.write_text(f"TEST_SPEECH_URL={url}/v1\n")
        draft.rename(output)
        while os.getppid() == parent and server.poll() is None:
            time.sleep(0.5)
    finally:
        server.kill()
        server.wait()


if __name__ == "__main__":
    main()
