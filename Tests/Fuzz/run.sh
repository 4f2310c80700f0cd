#!/bin/sh
# run.sh [SECONDS]: fuzzes the generated messages and the JSON mapping with libFuzzer and AddressSanitizer. What was found
# stays in .build/fuzz (corpus/ and crash-*); run.sh with a crash file as the second argument plays it again.
set -eu
cd "$(dirname "$0")/../.."
seconds=${1:-60}
out=$PWD/.build/fuzz
mkdir -p "$out/modules" "$out/corpus" "$out/seeds"
clang=$(dirname "$(readlink -f "$(command -v swiftc)")")/clang

c_objects=
for source in $(find Sources/RPCWire Sources/ConversationWire Sources/CVector -name '*.c'); do
  object=$out/$(echo "$source" | tr / _).o
  "$clang" -O1 -g -fsanitize=fuzzer-no-link,address -I Sources/RPCWire/include -I Sources/ConversationWire/include \
    -I Sources/CVector/include -c "$source" -o "$object"
  c_objects="$c_objects $object"
done

swift_objects=
compile() { # MODULE FILE…
  module=$1
  shift
  swiftc -O -wmo -g -swift-version 6 -package-name lifeecho -module-name "$module" -parse-as-library \
    -enable-upcoming-feature ExistentialAny -enable-upcoming-feature InternalImportsByDefault \
    -enable-upcoming-feature MemberImportVisibility -sanitize=fuzzer,address -I "$out/modules" \
    -Xcc -I -Xcc Sources/RPCWire/include -Xcc -I -Xcc Sources/ConversationWire/include \
    -Xcc -fmodule-map-file=Sources/CProtobufC/module.modulemap \
    -Xcc -fmodule-map-file=Sources/RPCWire/include/module.modulemap \
    -Xcc -fmodule-map-file=Sources/ConversationWire/include/module.modulemap \
    -Xcc -fmodule-map-file=Sources/CVector/include/module.modulemap \
    -emit-module -emit-module-path "$out/modules/$module.swiftmodule" -emit-object -o "$out/$module.o" "$@"
  swift_objects="$swift_objects $out/$module.o"
}
messages() { # the message files of a Generated folder, and its namespaces
  find "$1" -name '*.swift' ! -name '*.grpc.swift'
}
# shellcheck disable=SC2046 # no file name here has a space
{
  compile Protobuf Sources/Protobuf/*.swift
  compile RPC $(messages Sources/RPC/Generated)
  compile ConversationAPI Sources/ConversationAPI/DescriptorSet.swift $(messages Sources/ConversationAPI/Generated)
  # Without the writer, which needs NIO.
  compile JSON $(find Sources/JSON -name '*.swift' ! -name JSONWriter.swift)
  compile TimeText Sources/TimeText/*.swift
  compile ProtobufJSON Sources/ProtobufJSON/*.swift
  compile WireFuzzer Tests/Fuzz/WireFuzzer.swift Tests/ConversationAPITests/MessageTypes.swift
}
# shellcheck disable=SC2086
swiftc -sanitize=fuzzer,address $swift_objects $c_objects -lprotobuf-c -o "$out/wire-fuzzer" 2>&1 |
  grep -v 'Cannot export local symbol' || true

if [ $# -gt 1 ]; then
  exec "$out/wire-fuzzer" "$2"
fi
/usr/bin/python3 Tests/Fuzz/seeds.py "$out/seeds"
cd "$out"
# Leaks are looked for by the tests; the runtime's own one-time allocations look like some.
exec ./wire-fuzzer -max_total_time="$seconds" -max_len=4096 -detect_leaks=0 -print_final_stats=1 corpus seeds
