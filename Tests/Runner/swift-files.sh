#!/bin/sh
# Every Swift file that people write, each ended by NUL.
cd "$(dirname "$0")/../.." || exit 1
for path in Package.swift Sources Tests bridge benchmarks; do
  [ -e "$path" ] && find "$path" -type f -name '*.swift' -not -path '*/Generated/*' -not -path '*/.build*' -print0
done
