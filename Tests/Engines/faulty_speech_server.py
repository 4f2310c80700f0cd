"""A speech server with OpenAI's API that fails as it is told, on loopback, until its parent process ends. Standard
library only.

usage: python3 Tests/Engines/faulty_speech_server.py OUTPUT

When it is ready, OUTPUT holds a shell assignment: TEST_FAULTY_SPEECH_URL (base URL).

A script says how each request is answered: POST /_script with a JSON list, of which every request takes the first
item until one is left, which stays. Items:

    {"text": "您好。"}                  a transcription, or, for /audio/speech, an MP3 of `frames` (default 10) frames
    {"text": "…", "delay_s": 1.5}       late
    {"status": 500, "error": {…}}       an error; also with "retry_after"
    {"fault": "close"}                  the connection is closed without an answer
    {"fault": "cut"}                    … in the middle of the answer
    {"fault": "stall"}                  nothing more comes after the head (first_bytes: true: after the first bytes)
    {"fault": "malformed"}              200 with something else
    {"fault": "huge"}                   an answer without end
    {"fault": "slow", "pause_s": 0.2}   the answer in pieces

Before any script it answers {"text": "好的。"}. GET /_requests gives what was asked so far ({"path", "bytes", "fields"}) and
how many connections are open; POST /_reset forgets both.
"""

import base64
import http.server
import json
import os
import pathlib
import socket
import sys
import threading
import time

# A frame of a 500 Hz tone and one of silence: MPEG-2 layer III, 24 kHz, mono, 32 kbit/s.
TONE = base64.b64decode(
    "//NExAAKitoUALgPJPhEArBgYh4R6WwYZW//f/1v8TjH///idv///X///4nb///yj///+Cgf9aYgpqKZlxiYGAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA"
)
STALL_S = 600
FLOOD_BYTES = 64 * 1024 * 1024


class State:
    def __init__(self):
        self.lock = threading.Lock()
        self.reset()
        self.open = 0

    def reset(self):
        self.script = [{"text": "好的。"}]
        self.requests = []

    def next(self):
        with self.lock:
            return self.script.pop(0) if len(self.script) > 1 else self.script[0]


STATE = State()


def fields(body: bytes, content_type: str) -> dict:
    """Names and values of a form, of the file its name and size; or the JSON."""
    if content_type.startswith("application/json"):
        return json.loads(body)
    boundary = content_type.partition("boundary=")[2].encode()
    found = {}
    for part in body.split(b"--" + boundary)[1:-1]:
        head, _, value = part.partition(b"\r\n\r\n")
        value = value.removesuffix(b"\r\n")
        parameters = dict(
            item.strip().split("=", 1) for item in head.decode().splitlines()[1].split(";") if "=" in item
        )
        name = parameters["name"].strip('"')
        if "filename" in parameters:
            found[name] = {"name": parameters["filename"].strip('"'), "bytes": len(value)}
        else:
            found[name] = value.decode()
    return found


class Handler(http.server.BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"

    def setup(self):
        super().setup()
        self.connection.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        with STATE.lock:
            STATE.open += 1

    def finish(self):
        with STATE.lock:
            STATE.open -= 1
        try:
            super().finish()
        except OSError:
            pass

    def log_message(self, *_):
        pass

    def reply(self, body: bytes, content_type: str = "application/json", status: int = 200, headers: dict = {}):
        self.send_response(status)
        self.send_header("content-type", content_type)
        self.send_header("content-length", str(len(body)))
        for name, value in headers.items():
            self.send_header(name, value)
        self.end_headers()
        self.wfile.write(body)

    def do_GET(self):
        with STATE.lock:
            # This request's own connection is not counted.
            answer = {"requests": STATE.requests, "open": STATE.open - 1}
        self.reply(json.dumps(answer, ensure_ascii=False).encode())

    def do_POST(self):
        body = self.rfile.read(int(self.headers.get("content-length", 0)))
        if self.path == "/_script":
            with STATE.lock:
                STATE.script = json.loads(body)
            return self.reply(b"{}")
        if self.path == "/_reset":
            with STATE.lock:
                STATE.reset()
            return self.reply(b"{}")
        with STATE.lock:
            STATE.requests.append(
                {
                    "path": self.path,
                    "bytes": len(body),
                    "fields": fields(body, self.headers.get("content-type", "")),
                }
            )
        try:
            self.play(STATE.next())
        except OSError:
            self.close_connection = True

    def play(self, item: dict):
        time.sleep(item.get("delay_s", 0))
        if "status" in item:
            headers = {"retry-after": str(item["retry_after"])} if "retry_after" in item else {}
            error = item.get("error", {"message": "told to", "type": "server_error", "param": None, "code": None})
            return self.reply(json.dumps({"error": error}).encode(), status=item["status"], headers=headers)
        is_speech = self.path.endswith("/audio/speech")
        content_type = "audio/mpeg" if is_speech else "application/json"
        text = item.get("text", "好的。")
        whole = TONE * item.get("frames", 10) if is_speech else json.dumps({"text": text}, ensure_ascii=False).encode()
        fault = item.get("fault")
        if fault is None:
            return self.reply(whole, content_type)
        if fault == "malformed":
            return self.reply(b'{"txet": ', "application/json")
        self.close_connection = True
        if fault == "close":
            return
        self.send_response(200)
        self.send_header("content-type", content_type)
        if fault == "huge":
            self.send_header("connection", "close")
        else:
            self.send_header("content-length", str(len(whole)))
        self.end_headers()
        half = max(1, len(whole) // 2)
        if fault == "cut":
            self.wfile.write(whole[:half])
        elif fault == "stall":
            if item.get("first_bytes"):
                self.wfile.write(whole[:half])
            self.wait_for_the_client_to_leave()
        elif fault == "huge":
            self.wfile.write(b"" if is_speech else b'{"text": "')
            piece = TONE * 100 if is_speech else "长".encode() * 3000
            for _ in range(FLOOD_BYTES // len(piece)):
                self.wfile.write(piece)
        elif fault == "slow":
            for start in range(0, len(whole), 96):
                self.wfile.write(whole[start : start + 96])
                time.sleep(item.get("pause_s", 0.1))

    def wait_for_the_client_to_leave(self):
        self.connection.settimeout(STALL_S)
        try:
            self.connection.recv(1)
        except OSError:
            pass


class Server(http.server.ThreadingHTTPServer):
    daemon_threads = True
    request_queue_size = 128

    def handle_error(self, request, client_address):
        pass


def main() -> None:
    parent = os.getppid()
    output = pathlib.Path(sys.argv[1])
    server = Server(("127.0.0.1", 0), Handler)
    threading.Thread(target=server.serve_forever, daemon=True).start()
    draft = output.with_suffix(".draft")
    draft.write_text(f"TEST_FAULTY_SPEECH_URL=http://127.0.0.1:{server.server_address[1]}/v1\n")
    draft.rename(output)
    while os.getppid() == parent:
        time.sleep(0.5)


if __name__ == "__main__":
    main()
