#!/bin/sh
# Makes the checked-in code from the protos: C structs (protoc-gen-c behind tools/protoc-gen-cwire), Swift values
# (tools/protoc-gen-wireswift) and the descriptor set that reflection serves.
# Needs Debian's protobuf-compiler, protobuf-c-compiler and python3-protobuf. Running it again leaves no difference.
set -eu
cd "$(dirname "$0")"
sources=$(cd .. && pwd)/Sources
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT

rpc="google/protobuf/any.proto google/protobuf/duration.proto google/protobuf/timestamp.proto
  google/rpc/code.proto google/rpc/error_details.proto google/rpc/status.proto
  grpc/health/v1/health.proto grpc/reflection/v1/reflection.proto grpc/reflection/v1alpha/reflection.proto"
lifeecho=$(find lifeecho -name '*.proto' | LC_ALL=C sort)

compile() { # PLUGIN PARAMETER TARGET-FOLDER PROTO…
  plugin=$1 parameter=$2 folder=$3
  shift 3
  mkdir -p "$folder"
  protoc -I . --plugin="protoc-gen-$plugin=tools/protoc-gen-$plugin" \
    "--${plugin}_opt=$parameter" "--${plugin}_out=$folder" "$@"
}

# shellcheck disable=SC2086 # the lists are words
compile cwire RPCWire "$work/RPCWire" $rpc
compile cwire ConversationWire "$work/ConversationWire" $lifeecho
compile wireswift RPCWire "$work/RPC" $rpc
compile wireswift ConversationWire "$work/ConversationAPI" $lifeecho
protoc -I . --include_imports --descriptor_set_out="$work/set" $rpc $lifeecho
tools/embed-descriptor-set "$work/set" "$work/ConversationWire"

for target in RPCWire ConversationWire; do
  rm -rf "${sources:?}/$target"
  cp -R "$work/$target" "$sources/$target"
done
for target in RPC ConversationAPI; do
  mkdir -p "$sources/$target"
  rm -rf "$sources/$target/Generated"
  cp -R "$work/$target" "$sources/$target/Generated"
done
