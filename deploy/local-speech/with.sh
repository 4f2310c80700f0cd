#!/bin/sh
# Runs a command, such as `lifeecho serve`, with local speech beside it: starts the speech server, waits until it
# answers, sets LIFEECHO_SPEECH_… for the command, and stops the server when the command has ended.
#
# usage: deploy/local-speech/with.sh DIRECTORY COMMAND…        (port: LOCAL_SPEECH_PORT, else 8178)
set -u

here=$(cd "$(dirname "$0")" && pwd)
directory=${1:?usage: with.sh DIRECTORY COMMAND…}
shift
port=${LOCAL_SPEECH_PORT:-8178}
url=http://127.0.0.1:$port

if curl --silent --output /dev/null --max-time 2 "$url/healthz"; then
  echo "local speech: something else listens on port $port; choose one by LOCAL_SPEECH_PORT" >&2
  exit 1
fi
sh "$here/run.sh" "$directory" "$port" &
server=$!
command=
trap 'kill "$server" 2>/dev/null; wait "$server" 2>/dev/null' EXIT
# Shells start what they put beside themselves with SIGINT ignored, so the command is told in the other way.
trap '[ -z "$command" ] || kill -TERM "$command" 2>/dev/null' INT TERM

waited=0
until curl --fail --silent --output /dev/null --max-time 2 "$url/healthz"; do
  if ! kill -0 "$server" 2>/dev/null || [ "$waited" -ge 600 ]; then
    echo "local speech: the server did not start" >&2
    exit 1
  fi
  sleep 0.1
  waited=$((waited + 1))
done

export LIFEECHO_SPEECH_RECOGNIZER=openai LIFEECHO_SPEECH_RECOGNIZER_URL="$url/v1" \
  LIFEECHO_SPEECH_RECOGNIZER_MODEL=whisper-base LIFEECHO_SPEECH_RECOGNIZER_CONTAINERS=m4a,aac,mp3,ogg,webm,wav,3gp \
  LIFEECHO_SPEECH_SYNTHESIZER=openai \
  LIFEECHO_SPEECH_SYNTHESIZER_URL="$url/v1" LIFEECHO_SPEECH_SYNTHESIZER_MODEL=espeak-ng
"$@" <&0 &
command=$!
wait "$command"
status=$?
# A signal ends the first wait; the command's own end is what counts.
while kill -0 "$command" 2>/dev/null; do
  wait "$command"
  status=$?
done
exit "$status"
