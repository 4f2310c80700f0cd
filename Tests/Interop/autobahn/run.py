#!/usr/bin/env python3
"""Runs the Autobahn test suite's cases against websocket-echo-server, or against our client.

    run.py ECHO_SERVER_BINARY [--full] [--client] [CASE ...]

The suite (autobahntestsuite on PyPI) needs Python 2, which no longer is to be had; `kosoku` runs the suite's own case
files under Python 3. CASE is an id or a glob such as 9.*; without any, all of 1-7, 9, 10, 12 and 13 are run. Without
--full, the compression cases 12.* and 13.* are limited to one of each kind of message size and fragmentation, because
all 216 take minutes. Ends with 1 when a case fails, is unimplemented or did not run.
"""

import argparse
import asyncio
import collections
import subprocess
import sys

import kosoku
from kosoku import _caseindex

#: Of the 18 sizes of 12.n.m and 13.n.m: 16 B, 1 KiB, 32 KiB, 128 KiB, 16 KiB in fragments of 256 B.
SHORT_SIZES = (1, 4, 8, 10, 12)
#: 12.1-12.5 and 13.1-13.7.
KINDS = [f"12.{kind}" for kind in range(1, 6)] + [f"13.{kind}" for kind in range(1, 8)]
PARALLELISM = 2
#: kosoku gives a case 20 s where the suite gives 480: the long messages are sent less than 1,000 times.
CASE_BYTES = 32 << 20


def mend_compression_cases() -> None:
    """kosoku hands over an uncompressed message as str, as Python 2 had it; the cases' Python 3 form hashes bytes."""
    _caseindex.initialize_shims()
    import case12_x_x

    original = case12_x_x.onMessage

    def on_message(self, msg, binary):
        if isinstance(msg, str):
            msg = msg.encode("latin-1" if binary else "utf-8")
        return original(self, msg, binary)

    for case in case12_x_x.Case12_X_X + case12_x_x.Case13_X_X:
        case.onMessage = on_message
        case.COUNT = min(case.COUNT, CASE_BYTES // case.LEN)


async def run_server(binary: str, batches: list[list[str]]) -> list:
    server = subprocess.Popen([binary, "--port", "0", "--deflate-all"], stdout=subprocess.PIPE, text=True)
    results = []
    try:
        port = int(server.stdout.readline())
        for batch in batches:
            try:
                results += await kosoku.run_fuzzingclient(f"127.0.0.1:{port}", batch, None, concurrency=PARALLELISM)
            except kosoku.FailureError as failure:
                results += failure.results
    finally:
        server.terminate()
        server.wait()
    return results


async def run_client(binary: str, batches: list[list[str]]) -> list:
    cases = [case for batch in batches for case in batch]
    async with kosoku.run_fuzzingserver(cases, None, host="127.0.0.1", port=0) as server:
        client = await asyncio.create_subprocess_exec(
            binary, "--fuzzing-server", f"{server.address}:{server.port}", "--deflate-all"
        )
        try:
            return await server.get_result()
        except kosoku.FailureError as failure:
            return failure.results
        finally:
            if client.returncode is None:
                client.terminate()
            await client.wait()


def selected(arguments: argparse.Namespace) -> list[list[str]]:
    """Batches of cases."""
    if arguments.case:
        return [[case] for case in arguments.case]
    plain = [f"{category}.*" for category in (1, 2, 3, 4, 5, 6, 7, 9, 10)]
    if arguments.full:
        return [plain] + [[f"{kind}.*"] for kind in KINDS]
    return [plain] + [[f"{kind}.{size}" for size in SHORT_SIZES] for kind in KINDS]


def main() -> int:
    parser = argparse.ArgumentParser()
    parser.add_argument("binary", help="path of websocket-echo-server")
    parser.add_argument("--full", action="store_true", help="all sizes of 12.* and 13.*")
    parser.add_argument("--client", action="store_true", help="test our client instead of our server")
    parser.add_argument("case", nargs="*")
    arguments = parser.parse_args()
    mend_compression_cases()
    run = run_client if arguments.client else run_server
    results = asyncio.run(run(arguments.binary, selected(arguments)))
    failed = [result for result in results if not result.passed or result.behavior.value == "UNIMPLEMENTED"]
    for result in failed:
        print(
            f"{result.case_id}: {result.behavior.value}, close {result.behavior_close.value}: "
            f"{result.result} {result.result_close}"
        )
    verdicts = collections.Counter(result.behavior.value for result in results)
    print(", ".join(f"{count} {verdict}" for verdict, count in sorted(verdicts.items())))
    print(f"{len(results) - len(failed)} passed, {len(failed)} failed")
    return 0 if results and not failed else 1


if __name__ == "__main__":
    sys.exit(main())
