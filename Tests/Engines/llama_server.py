"""Serves a tiny model with a real llama.cpp server on loopback, until its parent process ends.

usage: DIRECTORY/venv/bin/python Tests/Engines/llama_server.py DIRECTORY OUTPUT

DIRECTORY was made by setup.py. The server answers everything with TEXT. When it is ready, OUTPUT holds shell
assignments: TEST_LLAMA_URL (base URL) and TEST_LLAMA_TEXT.
"""

import os
import pathlib
import shlex
import socket
import sys
import time
import urllib.request

import xllamacpp

# Three-byte characters, one token per byte: the server cuts its events within them.
TEXT = "您小时候住在哪里呀？[SPLIT]慢慢说，我听着呢。"
START_DEADLINE_S = 60


def free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return probe.getsockname()[1]


def start(model: pathlib.Path, port: int) -> xllamacpp.Server:
    parameters = xllamacpp.CommonParams()
    parameters.model.path = str(model)
    parameters.n_ctx = 16384
    parameters.n_parallel = 4
    parameters.cpuparams.n_threads = 1
    parameters.hostnames = ["127.0.0.1"]
    parameters.port = port
    parameters.offline = True
    grammar = parameters.sampling.grammar
    kind = type(grammar.type).COMMON_GRAMMAR_TYPE_USER
    parameters.sampling.grammar = type(grammar)(kind, f'root ::= "{TEXT}"')
    return xllamacpp.Server(parameters)


def wait_until_ready(url: str) -> None:
    deadline = time.monotonic() + START_DEADLINE_S
    while True:
        try:
            with urllib.request.urlopen(f"{url}/health", timeout=2) as response:
                if response.status == 200:
                    return
        except OSError:
            if time.monotonic() > deadline:
                raise
        time.sleep(0.05)


def main() -> None:
    parent = os.getppid()
    directory, output = pathlib.Path(sys.argv[1]), pathlib.Path(sys.argv[2])
    port = free_port()
    server = start(directory / "tiny.gguf", port)
    url = f"http://127.0.0.1:{port}"
    wait_until_ready(url)
    draft = output.with_suffix(".draft")
    draft.write_text(f"TEST_LLAMA_URL={url}/v1\nTEST_LLAMA_TEXT={shlex.quote(TEXT)}\n")
    draft.rename(output)
    while os.getppid() == parent:
        time.sleep(0.5)
    del server
    os._exit(0)


if __name__ == "__main__":
    main()
