# Sourced by the test runner, in the project's folder: starts a real llama.cpp server for the Swift tests and tells
# them where it is. It ends with the shell that sourced this.
#   TEST_LLAMA_URL, TEST_LLAMA_TEXT   the server, and what it answers
#   TEST_PYTHON                       a Python with the packages of Tests/Engines/requirements.txt

engines=$PWD/.build/engines
if python3 Tests/Engines/setup.py "$engines"; then
  TEST_PYTHON=$engines/venv/bin/python
  export TEST_PYTHON
  rm -f "$engines/server.env"
  "$TEST_PYTHON" Tests/Engines/llama_server.py "$engines" "$engines/server.env" >"$engines/server.log" 2>&1 </dev/null &
  llama_process=$!
  waited=0
  while [ ! -r "$engines/server.env" ] && kill -0 "$llama_process" 2>/dev/null && [ "$waited" -lt 600 ]; do
    sleep 0.1
    waited=$((waited + 1))
  done
  if [ -r "$engines/server.env" ]; then
    . "$engines/server.env"
    export TEST_LLAMA_URL TEST_LLAMA_TEXT
  else
    echo "the llama.cpp server did not start:" >&2
    tail -n 20 "$engines/server.log" >&2
  fi
else
  echo "the packages of Tests/Engines/requirements.txt could not be installed" >&2
fi

. Tests/Engines/start_speech.sh
