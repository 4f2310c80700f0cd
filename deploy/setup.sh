#!/bin/sh
# Prepares a machine to build, run and test: checks the system and Swift, installs the system packages, probes nghttp2.
# The second time it only looks at its stamp and probes again, and changes nothing.
#
# Usage: deploy/setup.sh [--force]
set -eu

root=$(cd "$(dirname "$0")/.." && pwd)
stamp=$root/.build/setup.stamp

# What the build links against and generates with, what tests and benchmarks drive it with.
packages="build-essential pkg-config libnghttp2-dev libpq-dev libprotobuf-c-dev protobuf-c-compiler protobuf-compiler
  python3-protobuf libssl-dev openssl zlib1g-dev postgresql postgresql-client curl ca-certificates nghttp2-client
  nghttp2-server git python3 python3-venv ffmpeg espeak-ng chromium"

# Added to nghttp2 with its defences against Rapid Reset (CVE-2023-44487) and CONTINUATION floods (CVE-2024-28182).
# Distributions backport them, so the version says nothing: the library's symbols do.
nghttp2_symbols="nghttp2_option_set_stream_reset_rate_limit nghttp2_option_set_max_continuations"

say() { printf 'setup: %s\n' "$*"; }
fail() {
  printf 'setup: %s\n' "$*" >&2
  exit 1
}

as_root() {
  if [ "$(id -u)" -eq 0 ]; then
    "$@"
  elif command -v sudo >/dev/null 2>&1; then
    sudo "$@"
  else
    fail "needs root for: $* (no sudo here: run this as root once)"
  fi
}

check_system() {
  [ -r /etc/os-release ] || fail "this is not Debian 12 or newer, nor Ubuntu 24.04 or newer (no /etc/os-release)"
  . /etc/os-release
  major=${VERSION_ID:-999}
  major=${major%%.*}
  case "${ID:-}" in
    debian) [ "$major" -ge 12 ] || fail "Debian ${VERSION_ID} is too old: 12 or newer is needed" ;;
    ubuntu) [ "$major" -ge 24 ] || fail "Ubuntu ${VERSION_ID} is too old: 24.04 or newer is needed" ;;
    *)
      case " ${ID_LIKE:-} " in
        *" debian "* | *" ubuntu "*) say "${PRETTY_NAME:-$ID} is not tested; going on as with Debian" ;;
        *) fail "${PRETTY_NAME:-this system} is neither Debian 12 or newer nor Ubuntu 24.04 or newer" ;;
      esac
      ;;
  esac
}

check_swift() {
  command -v swift >/dev/null 2>&1 || fail "no swift in PATH: install Swift 6.2 or newer (https://www.swift.org/install/linux)"
  said=$(swift --version 2>&1) ||
    fail "swift does not run; install what it needs (https://www.swift.org/install/linux): $(printf '%s\n' "$said" | head -n 1)"
  version=$(printf '%s\n' "$said" | sed -n 's/.*Swift version \([0-9][0-9]*\.[0-9][0-9]*\).*/\1/p' | head -n 1)
  [ -n "$version" ] || fail "cannot tell the version of $(command -v swift)"
  major=${version%%.*}
  minor=${version#*.}
  if [ "$major" -lt 6 ] || { [ "$major" -eq 6 ] && [ "$minor" -lt 2 ]; }; then
    fail "Swift $version is too old: 6.2 or newer is needed (https://www.swift.org/install/linux)"
  fi
}

nghttp2_library() {
  for folder in /usr/lib/*-linux-gnu /lib/*-linux-gnu /usr/local/lib /usr/lib64 /usr/lib; do
    for library in "$folder"/libnghttp2.so.14; do
      [ -e "$library" ] && printf '%s\n' "$library" && return 0
    done
  done
  return 1
}

# Whether the installed nghttp2 has the symbols.
probe_nghttp2() {
  library=$(nghttp2_library) || return 1
  for symbol in $nghttp2_symbols; do
    LC_ALL=C grep -qF "$symbol" "$library" || return 1
  done
}

# Whether the parts are here that the service cannot be built or run without.
probe() {
  probe_nghttp2 || return 1
  for tool in pkg-config protoc-c protoc curl git; do
    command -v "$tool" >/dev/null 2>&1 || return 1
  done
  ls /usr/lib/postgresql/*/bin/initdb >/dev/null 2>&1 || command -v initdb >/dev/null 2>&1
}

missing_packages() {
  for package in $packages; do
    [ "$(dpkg-query -W -f '${db:Status-Status}' "$package" 2>/dev/null)" = installed ] || printf '%s ' "$package"
  done
}

# Debian's packaging would start a cluster of its own for the server package; the service brings its own.
keep_postgresql_from_starting() {
  [ -e /etc/postgresql-common/createcluster.conf ] && return 0
  as_root mkdir -p /etc/postgresql-common
  printf '%s\n' '# Written before PostgreSQL was installed: no cluster is made or started by packaging.' \
    'create_main_cluster = false' | as_root tee /etc/postgresql-common/createcluster.conf >/dev/null
}

install_packages() {
  missing=$(missing_packages)
  if [ -z "$missing" ] && probe_nghttp2; then return 0; fi
  say "installing: ${missing:-libnghttp2 (upgrade)}"
  keep_postgresql_from_starting
  as_root env DEBIAN_FRONTEND=noninteractive apt-get update -qq </dev/null || say "apt-get update failed; going on with the lists at hand"
  # libnghttp2-14 is named so that an older one is upgraded with the rest.
  # shellcheck disable=SC2086
  as_root env DEBIAN_FRONTEND=noninteractive apt-get install -y -qq --no-install-recommends $missing libnghttp2-14 libnghttp2-dev \
    </dev/null >/dev/null || fail "apt-get could not install: $missing"
}

fingerprint() { cksum <"$0"; }

if [ "${1:-}" != --force ] && [ -r "$stamp" ] && [ "$(cat "$stamp")" = "$(fingerprint)" ] && probe; then
  exit 0
fi
check_system
check_swift
install_packages
probe_nghttp2 || fail "libnghttp2 lacks $nghttp2_symbols: upgrade it (Debian 12: 1.52.0-1+deb12u3 or newer)"
probe || fail "a tool is missing that its package should have brought: see deploy/setup.sh"
mkdir -p "$root/.build"
fingerprint >"$stamp"
say "ready"
