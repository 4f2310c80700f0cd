#!/bin/sh
# Measures the service beside its peers and compares the ratios with budgets.json; fails when one is beyond its budget.
#
# Usage: benchmarks/run.sh [--quick] [unary] [turns] [idle] [bridge] [audio]
#   --quick: one short round of each, some two minutes. In full: about 15 minutes, after the peers are built once.
# Needs what `make setup` installs, and for the peers libgrpc++-dev and protobuf-compiler-grpc; as root, or with sudo,
# they are installed. A peer that cannot be built is left out and said so. LIFEECHO_BINARY names another binary.
set -eu

root=$(cd "$(dirname "$0")/.." && pwd)
source=$root/benchmarks
build=$root/.build/benchmarks
binary=${LIFEECHO_BINARY:-$root/.build/release/lifeecho}
mkdir -p "$build"

say() { printf 'bench: %s\n' "$*" >&2; }
fail() {
  say "$*"
  exit 1
}

# Builds $1 by the commands in the function $2 when it is missing or older than the files that follow.
made() {
  target=$1
  recipe=$2
  shift 2
  [ -e "$target" ] && [ -z "$(find "$@" -newer "$target" -type f)" ] && return 0
  say "building $(basename "$target") (log: $build/$(basename "$target").log)"
  if "$recipe" >"$build/$(basename "$target").log" 2>&1; then return 0; fi
  rm -f "$target"
  say "$(basename "$target") cannot be built: $(tail -n 1 "$build/$(basename "$target").log")"
  return 1
}

make_load() { c++ -std=c++17 -O2 -Wall -Wextra -o "$build/load" "$source"/load/*.cpp $(pkg-config --cflags --libs libpq) -lnghttp2; }
make_bridge_load() { c++ -std=c++17 -O2 -Wall -Wextra -o "$build/bridge-load" "$source"/bridge/load/*.cpp; }
make_slow_fsync() { cc -shared -fPIC -O2 -o "$build/slow_fsync.so" "$source/slow_fsync.c" -ldl; }

as_root() { if [ "$(id -u)" -eq 0 ]; then "$@"; else sudo -n "$@"; fi; }

make_grpc_cpp() {
  pkg-config --exists grpc++ && command -v grpc_cpp_plugin ||
    as_root env DEBIAN_FRONTEND=noninteractive apt-get install -y -qq --no-install-recommends \
      libgrpc++-dev protobuf-compiler-grpc </dev/null || return 1
  rm -rf "$build/grpc-cpp"
  mkdir -p "$build/grpc-cpp"
  (cd "$root/protos" && protoc -I . --cpp_out="$build/grpc-cpp" --grpc_out="$build/grpc-cpp" \
    --plugin=protoc-gen-grpc="$(command -v grpc_cpp_plugin)" \
    grpc/health/v1/health.proto google/rpc/status.proto lifeecho/conversation/v1/*.proto) || return 1
  # shellcheck disable=SC2046
  c++ -std=c++17 -O2 -I"$build/grpc-cpp" -o "$build/grpc-cpp-peer" "$source/peers/grpc-cpp/server.cpp" \
    $(find "$build/grpc-cpp" -name '*.cc') $(pkg-config --cflags --libs grpc++ protobuf)
}

make_grpc_swift() {
  swift build -c release --package-path "$source/peers/grpc-swift" --scratch-path "$build/grpc-swift" \
    --product HealthServer || return 1
  cp "$build/grpc-swift/release/HealthServer" "$build/grpc-swift-peer"
}

make_fastapi() {
  /usr/bin/python3 -m venv "$build/venv" || return 1
  "$build/venv/bin/pip" install --quiet --disable-pip-version-check -r "$source/peers/fastapi/requirements.txt" &&
    touch "$build/venv/installed"
}

make_bridge_peer() {
  /usr/bin/python3 -m venv "$build/bridge-venv" || return 1
  "$build/bridge-venv/bin/pip" install --quiet --disable-pip-version-check -r "$source/bridge/peer/requirements.txt" &&
    touch "$build/bridge-venv/installed"
}

# The bridge in front of a service that does nothing, built as the service itself is.
make_bridge_null() {
  swift build -c release --package-path "$root" --product bridge-null --static-swift-stdlib \
    -Xswiftc -enforce-exclusivity=unchecked || return 1
  cp "$root/.build/release/bridge-null" "$build/bridge-null"
}

[ -x "$binary" ] || fail "no $binary: run make build first"
for tool in h2load nghttpd taskset setpriv; do
  command -v "$tool" >/dev/null || fail "no $tool: run make setup first"
done
made "$build/load" make_load "$source/load" || fail "the load cannot be built"
made "$build/slow_fsync.so" make_slow_fsync "$source/slow_fsync.c" || true
made "$build/grpc-cpp-peer" make_grpc_cpp "$source/peers/grpc-cpp" || true
made "$build/grpc-swift-peer" make_grpc_swift "$source/peers/grpc-swift/Package.swift" \
  "$source/peers/grpc-swift/Sources" || true
made "$build/bridge-load" make_bridge_load "$source/bridge/load" "$source/load/loop.h" || true
made "$build/bridge-null" make_bridge_null "$root/Sources" "$root/bridge" "$source/bridge-null" "$root/Package.swift" || true
made "$build/bridge-venv/installed" make_bridge_peer "$source/bridge/peer/requirements.txt" || true
made "$build/venv/installed" make_fastapi "$source/peers/fastapi/requirements.txt" || true

exec /usr/bin/python3 "$source/measure" --lifeecho "$binary" --build "$build" "$@"
