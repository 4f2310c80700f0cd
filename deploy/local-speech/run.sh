#!/bin/sh
# Serves speech recognition and synthesis on 127.0.0.1, until it is stopped. DIRECTORY was made by setup.sh.
#
# usage: deploy/local-speech/run.sh DIRECTORY [PORT]
set -eu

here=$(cd "$(dirname "$0")" && pwd)
directory=${1:?usage: run.sh DIRECTORY [PORT]}
[ -r "$directory/stamp" ] || {
  echo "local speech: $directory is not set up: sh deploy/local-speech/setup.sh $directory" >&2
  exit 1
}
# Nothing is looked for on a hub while it runs.
export HF_HUB_OFFLINE=1
exec "$directory/venv/bin/python" "$here/server.py" "$directory/whisper-base" "${2:-8178}"
