# Sourced by start.sh: starts the speech servers of the Swift and contract tests and tells them where they are. They end
# with the shell that sourced this.
#   TEST_SPEECH_URL          recognition and synthesis by real engines: deploy/local-speech
#   TEST_FAULTY_SPEECH_URL   a server that fails as it is told: Tests/Engines/faulty_speech_server.py

speech=${LOCAL_SPEECH_DIRECTORY:-$PWD/.build/local-speech}
mkdir -p "$PWD/.build/engines"

# start_server NAME COMMAND…: runs the command, whose last argument it adds, and reads what it writes there.
start_server() {
  server_env=$PWD/.build/engines/$1.env
  server_log=$PWD/.build/engines/$1.log
  server_name=$1
  shift
  rm -f "$server_env"
  "$@" "$server_env" >"$server_log" 2>&1 </dev/null &
  server_process=$!
  waited=0
  while [ ! -r "$server_env" ] && kill -0 "$server_process" 2>/dev/null && [ "$waited" -lt 1200 ]; do
    sleep 0.1
    waited=$((waited + 1))
  done
  if [ -r "$server_env" ]; then
    . "$server_env"
  else
    echo "the $server_name server did not start:" >&2
    tail -n 20 "$server_log" >&2
  fi
}

start_server faulty-speech python3 Tests/Engines/faulty_speech_server.py
if sh deploy/local-speech/setup.sh "$speech"; then
  start_server speech python3 Tests/Engines/speech_server.py "$speech"
else
  echo "deploy/local-speech could not be set up" >&2
fi
export TEST_FAULTY_SPEECH_URL TEST_SPEECH_URL
