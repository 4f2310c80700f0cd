"""A chat model and a speech recogniser behind the OpenAI API that do what a test tells them."""
import collections
import contextlib
import http.server
import json
import threading

from bridge import recordings

GREETING_PROMPT = "对方刚刚打开了对话"
# Longer than any test waits; a held reply is let go at the latest when its test ends.
HOLD_S = 60


BUILT_IN = {"LIFEECHO_SPEECH_RECOGNIZER": "builtin", "LIFEECHO_SPEECH_SYNTHESIZER": "builtin"}


class Script:
    """What a reply depends on: words in what the user said."""
    THREE = "三句"
    FAIL = "模型坏了"
    UNREADABLE = "听不懂的录音"


class _Handler(http.server.BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"

    def do_POST(self):
        body = self.rfile.read(int(self.headers.get("content-length", 0)))
        try:
            if self.path.endswith("/chat/completions"):
                self._chat(json.loads(body))
            elif self.path.endswith("/audio/transcriptions"):
                self._transcribe(body)
            else:
                self._answer(404, {"error": {"message": "no such path"}})
        except (BrokenPipeError, ConnectionResetError):
            self.close_connection = True

    def _chat(self, request):
        prompt = request["messages"]
        said = prompt[-1]["content"]
        engines = self.server.engines
        engines.prompts.append(prompt)
        greeting = GREETING_PROMPT in said
        key = "greeting" if greeting else next((word for word in engines.held if word in said), None)
        gate = engines.held.get(key)
        if gate is not None:
            engines.waiting[key] += 1
            gate.wait(HOLD_S)
        if Script.FAIL in said:
            return self._answer(400, {"error": {"message": "refused by the script", "type": "invalid_request_error"}})
        if greeting:
            text = engines.greeting
        elif Script.THREE in said:
            text = "第一句。[SPLIT]第二句。[SPLIT]第三句。"
        else:
            text = f"回:{said}"
        self.send_response(200)
        self.send_header("content-type", "text/event-stream")
        self.send_header("connection", "close")
        self.end_headers()
        chunk = {"id": "1", "object": "chat.completion.chunk", "choices": [
            {"index": 0, "delta": {"role": "assistant", "content": text}, "finish_reason": None}]}
        last = {"id": "1", "object": "chat.completion.chunk", "choices": [
            {"index": 0, "delta": {}, "finish_reason": "stop"}]}
        for part in (json.dumps(chunk), json.dumps(last), "[DONE]"):
            self.wfile.write(f"data: {part}\n\n".encode())
        self.close_connection = True

    def _transcribe(self, body):
        """What the recording says; audio of unknown words is silence."""
        engines = self.server.engines
        engines.transcriptions += 1
        said = recordings.read(body) or ""
        key = next((word for word in engines.held if word in said), None)
        if key is not None:
            gate = engines.held[key]
            engines.waiting[key] += 1
            gate.wait(HOLD_S)
        if Script.UNREADABLE in said:
            return self._answer(400, {"error": {
                "message": "refused by the script", "type": "invalid_request_error", "param": "file"}})
        self._answer(200, {"text": said})

    def _answer(self, status, value):
        body = json.dumps(value).encode()
        self.send_response(status)
        self.send_header("content-type", "application/json")
        self.send_header("content-length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def log_message(self, *_):
        pass


class Engines:
    """`url` is the base URL. Replies are `回:` and what was said; with THREE in it, three pieces."""

    def __init__(self):
        self.greeting = "您好。[SPLIT]今天想从哪里说起?"
        self.held = {}
        self.waiting = collections.Counter()
        self.prompts = []
        self.transcriptions = 0
        self.http = http.server.ThreadingHTTPServer(("127.0.0.1", 0), _Handler)
        self.http.daemon_threads = True
        self.http.engines = self
        threading.Thread(target=self.http.serve_forever, args=(0.1,), daemon=True).start()

    @property
    def url(self):
        return f"http://127.0.0.1:{self.http.server_address[1]}/v1"

    @property
    def environment(self):
        return {"LIFEECHO_CHAT_ENGINE": "openai", "LIFEECHO_CHAT_URL": self.url, "LIFEECHO_CHAT_RETRIES": "0",
                "LIFEECHO_CHAT_FIRST_TOKEN_TIMEOUT": f"{HOLD_S}s", "LIFEECHO_CHAT_TOTAL_TIMEOUT": f"{HOLD_S}s",
                "LIFEECHO_SPEECH_RECOGNIZER": "openai", "LIFEECHO_SPEECH_RECOGNIZER_URL": self.url,
                "LIFEECHO_SPEECH_SYNTHESIZER": "builtin"}

    @contextlib.contextmanager
    def hold(self, word):
        """Replies to messages with that word ("greeting": greetings) wait until the block ends or its gate is set."""
        self.waiting[word] = 0
        gate = self.held[word] = threading.Event()
        try:
            yield gate
        finally:
            gate.set()
            del self.held[word]

    def stop(self):
        for gate in self.held.values():
            gate.set()
        self.http.shutdown()
        self.http.server_close()
