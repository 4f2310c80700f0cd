#!/bin/sh
# Every test there is: Swift, then the Python tests against the debug binaries, then lint. All of them run whatever
# fails; the last line is "N passed, N failed". Called by `make test`, which has set the machine up.
set -u

cd "$(dirname "$0")/../.." || exit 1
results=$PWD/.build/test
rm -rf "$results"
mkdir -p "$results"
# The longest a target may take; the slowest takes about a minute.
target_seconds_max=400
say() { printf '\n== %s\n' "$*"; }

# Without XCTest: there is no such test, and its summary would count none.
say "Swift: build"
swift build --build-tests
build_status=$?

reports="build:$build_status:"
contract_status=1
console_status=1
interop_status=1
autobahn_status=1
if [ "$build_status" -eq 0 ]; then
  # One process per target: a target's clusters, limits and threads do not disturb another one's.
  . Tests/Engines/start.sh
  for folder in Tests/*Tests; do
    target=$(basename "$folder")
    say "Swift: $target"
    timeout --kill-after=10 "$target_seconds_max" \
      swift test --skip-build --disable-xctest --filter "^$target\\." --xunit-output "$results/$target.xml" \
      >"$results/$target.log" 2>&1
    status=$?
    grep -E '^(✘|.*[Ff]atal error|.*error:|✔ Test run|✘ Test run)' "$results/$target.log"
    if [ "$status" -ne 0 ] && [ ! -s "$results/$target.xml" ]; then tail -n 40 "$results/$target.log"; fi
    reports="$reports $target:$status:$results/$target.xml"
  done

  # Most of them wait for a server or a clock: three at a time keep two cores busy. A file's tests share its server.
  say "Contract: test"
  LIFEECHO_BINARY=$PWD/.build/debug/lifeecho .build/venv/bin/python -m pytest Tests/Contract -q -n 3 --dist loadfile \
    --junit-xml "$results/contract.xml" </dev/null
  contract_status=$?

  say "Console: test"
  LIFEECHO_BINARY=$PWD/.build/debug/lifeecho .build/venv/bin/python -m pytest Tests/Console -q \
    --junit-xml "$results/console.xml" </dev/null
  console_status=$?

  say "WebSocket: foreign clients and the Autobahn test suite"
  ECHO_SERVER=$PWD/.build/debug/websocket-echo-server \
    .build/venv/bin/python -m pytest Tests/Interop/autobahn -q --junit-xml "$results/interop.xml" </dev/null
  interop_status=$?
  .build/venv/bin/python Tests/Interop/autobahn/run.py .build/debug/websocket-echo-server
  autobahn_status=$?
fi

say "Lint"
sh Tests/Runner/lint.sh
lint_status=$?

say "Result"
# shellcheck disable=SC2086
/usr/bin/python3 Tests/Runner/tally.py $reports \
  "contract:$contract_status:$results/contract.xml" "console:$console_status:$results/console.xml" \
  "interop:$interop_status:$results/interop.xml" "autobahn:$autobahn_status:" "lint:$lint_status:"
