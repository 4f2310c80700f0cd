#!/bin/sh
# Everything that can be said about the sources without running them. Prints what is wrong; status 1 if anything is.
set -u

cd "$(dirname "$0")/../.." || exit 1
status=0
check() {
  name=$1
  shift
  if "$@"; then
    printf 'lint: %s: clean\n' "$name"
  else
    printf 'lint: %s: FAILED\n' "$name"
    status=1
  fi
}

# Generated code is laid out by its generator.
swift_layout() {
  sh Tests/Runner/swift-files.sh | xargs -0 swift format lint --strict --parallel
}

shell_syntax() {
  result=0
  for file in $(find deploy Tests protos benchmarks .ci -type f \( -name '*.sh' -o -name run \) 2>/dev/null); do
    case "$(head -n 1 "$file")" in
      *bash*) bash -n "$file" || result=1 ;;
      '#!'*sh) sh -n "$file" || result=1 ;;
    esac
  done
  return $result
}

# Makes the code of protos/ again in a copy, and compares.
generated() {
  copy=$(mktemp -d) || return 1
  mkdir "$copy/Sources"
  cp -R protos "$copy/protos"
  sh "$copy/protos/generate.sh" >/dev/null
  result=$?
  for folder in $(cd "$copy" && find Sources -mindepth 1 -maxdepth 2 \( -name Generated -o -name '*Wire' \)); do
    diff -rq "$copy/$folder" "$folder" || result=1
  done
  rm -rf "$copy"
  [ $result -eq 0 ] || echo "protos/ and the checked-in code differ: make generate"
  return $result
}

check "swift-format" swift_layout
check "house style" /usr/bin/python3 Tests/Runner/style.py
check "shell syntax" shell_syntax
check "buf" .build/venv/bin/buf lint protos
check "generated code" generated
exit $status
