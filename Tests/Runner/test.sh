#!/bin/sh
# Every test there is: Swift, then the contract tests against the debug binary, then lint. All of them run whatever
# fails; the last line is "N passed, N failed". Called by `make test`, which has set the machine up.
set -u

cd "$(dirname "$0")/../.." || exit 1
results=$PWD/.build/test
rm -rf "$results"
mkdir -p "$results"
say() { printf '\n== %s\n' "$*"; }

# Without XCTest: there is no such test, and its summary would count none.
say "Swift: build"
swift build --build-tests
build_status=$?

swift_status=1
contract_status=1
if [ "$build_status" -eq 0 ]; then
  say "Swift: test, with a llama.cpp server beside it"
  engines=$PWD/.build/engines
  /usr/bin/python3 Tests/Engines/setup.py "$engines" &&
    "$engines/venv/bin/python" Tests/Engines/with_llama_server.py "$engines" \
      swift test --skip-build --disable-xctest --xunit-output "$results/swift.xml" >"$results/swift.log" 2>&1
  swift_status=$?
  grep -E '^(✘|.*[Ff]atal error|.*error:|◇ Test run|✔ Test run|✘ Test run)' "$results/swift.log"
  if [ "$swift_status" -ne 0 ] && [ ! -s "$results/swift.xml" ]; then
    tail -n 40 "$results/swift.log"
  fi

  say "Contract: test"
  LIFEECHO_BINARY=$PWD/.build/debug/lifeecho .build/venv/bin/python -m pytest Tests/Contract -q \
    --junit-xml "$results/contract.xml" </dev/null
  contract_status=$?
fi

say "Lint"
sh Tests/Runner/lint.sh
lint_status=$?

say "Result"
/usr/bin/python3 Tests/Runner/tally.py "swift:$swift_status:$results/swift.xml" \
  "contract:$contract_status:$results/contract.xml" "lint:$lint_status:"
