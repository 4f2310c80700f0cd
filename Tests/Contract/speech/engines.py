"""A chat model and a speech synthesiser behind the OpenAI API that do what a test tells them."""
import collections
import contextlib
import http.server
import json
import threading
import time

# Longer than any test waits.
HOLD_S = 50
# MPEG-1 layer III, 128 kbit/s at 44.1 kHz: 26.12 ms a frame.
FRAME = bytes([0xFF, 0xFB, 0x90, 0x00]) + bytes(413)
FRAME_MS = 1152 * 1000 / 44100
FRAMES_PER_CHARACTER = 8


def audio(text):
    """What the synthesiser makes of a sentence: as long as it has characters, different for each."""
    frame = FRAME[:4] + (text.encode() * 200)[:413].replace(b"\xff", b"\0")
    return frame * (FRAMES_PER_CHARACTER * len(text))


def duration_ms(text):
    return FRAMES_PER_CHARACTER * len(text) * FRAME_MS


class _Handler(http.server.BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"

    def do_POST(self):
        body = json.loads(self.rfile.read(int(self.headers.get("content-length", 0))))
        engines = self.server.engines
        try:
            if self.path.endswith("/chat/completions"):
                self._chat(body, engines)
            elif self.path.endswith("/audio/speech"):
                self._speak(body, engines)
            else:
                self.send_error(404)
        except (BrokenPipeError, ConnectionResetError):
            self.close_connection = True
            engines.closed_by_client += 1

    def _chat(self, request, engines):
        prompt = request["messages"]
        engines.prompts.append(prompt)
        said = prompt[-1]["content"]
        with engines.lock:
            held = next((gate for word, gate in engines.held.items() if word in said), None)
        if held is not None:
            held.wait(HOLD_S)
        text = engines.replies.get(said, f"您说的是{said}。")
        self.send_response(200)
        self.send_header("content-type", "text/event-stream")
        self.send_header("connection", "close")
        self.end_headers()
        for delta, end in (({"role": "assistant", "content": text}, None), ({}, "stop")):
            chunk = {"id": "1", "object": "chat.completion.chunk", "choices": [
                {"index": 0, "delta": delta, "finish_reason": end}]}
            self.wfile.write(f"data: {json.dumps(chunk)}\n\n".encode())
        self.wfile.write(b"data: [DONE]\n\n")
        self.close_connection = True

    def _speak(self, request, engines):
        text = request["input"]
        engines.spoken.append(text)
        engines.requests.append(request)
        if any(word in text for word in engines.broken):
            body = json.dumps({"error": {"message": "refused by the script", "type": "invalid_request_error"}}).encode()
            self.send_response(400)
            self.send_header("content-type", "application/json")
            self.send_header("content-length", str(len(body)))
            self.end_headers()
            self.wfile.write(body)
            return
        with engines.lock:
            held = next((gate for word, gate in engines.held.items() if word in text), None)
        if held is not None:
            held.wait(HOLD_S)
        sound = audio(text)
        self.send_response(200)
        self.send_header("content-type", "audio/mpeg")
        self.send_header("transfer-encoding", "chunked")
        self.end_headers()
        step = engines.drip_bytes or len(sound)
        for start in range(0, len(sound), step):
            part = sound[start:start + step]
            self.wfile.write(f"{len(part):x}\r\n".encode() + part + b"\r\n")
            self.wfile.flush()
            if engines.drip_bytes:
                time.sleep(engines.drip_s)
        self.wfile.write(b"0\r\n\r\n")

    def log_message(self, *_):
        pass


class _Server(http.server.ThreadingHTTPServer):
    daemon_threads = True

    def handle_error(self, request, client_address):
        """Clients that give up are part of the tests."""


class Engines:
    """Replies are looked up by what was said; sentences are made at once unless told otherwise."""

    def __init__(self):
        self.lock = threading.Lock()
        self.held = {}
        self.replies = {}
        self.prompts = []
        self.spoken = []
        self.requests = []
        self.broken = []
        self.closed_by_client = 0
        # Bytes at a time, and the pause between them; 0: everything at once.
        self.drip_bytes = 0
        self.drip_s = 0.005
        self.http = _Server(("127.0.0.1", 0), _Handler)
        self.http.engines = self
        threading.Thread(target=self.http.serve_forever, args=(0.1,), daemon=True).start()

    @property
    def url(self):
        return f"http://127.0.0.1:{self.http.server_address[1]}/v1"

    @property
    def environment(self):
        return {
            "LIFEECHO_CHAT_ENGINE": "openai", "LIFEECHO_CHAT_URL": self.url, "LIFEECHO_CHAT_RETRIES": "0",
            "LIFEECHO_CHAT_FIRST_TOKEN_TIMEOUT": f"{HOLD_S}s", "LIFEECHO_CHAT_TOTAL_TIMEOUT": f"{HOLD_S}s",
            "LIFEECHO_SPEECH_SYNTHESIZER": "openai", "LIFEECHO_SPEECH_SYNTHESIZER_URL": self.url,
            "LIFEECHO_SPEECH_SYNTHESIZER_MODEL": "scripted",
        }

    @contextlib.contextmanager
    def hold(self, word):
        """Sentences and replies to texts with that word wait until the block ends or its gate is set."""
        gate = threading.Event()
        with self.lock:
            self.held[word] = gate
        try:
            yield gate
        finally:
            gate.set()
            with self.lock:
                del self.held[word]

    @contextlib.contextmanager
    def dripping(self, step_bytes, pause_s):
        self.drip_bytes, self.drip_s = step_bytes, pause_s
        try:
            yield
        finally:
            self.drip_bytes = 0

    def count(self, word):
        return collections.Counter(self.spoken)[word]

    def stop(self):
        for gate in self.held.values():
            gate.set()
        self.http.shutdown()
        self.http.server_close()
