"""An OpenAI-compatible chat server on loopback that thinks for a while before it says 好的,您说。"""
import http.server
import json
import threading
import time


class SlowModel:
    """`asked` counts the requests that have come. `tls`: a server's context, for https."""

    def __init__(self, delay_s, tls=None):
        self.asked = 0
        outer = self

        class Handler(http.server.BaseHTTPRequestHandler):
            def log_message(self, *_):
                pass

            def do_POST(self):
                self.rfile.read(int(self.headers["content-length"]))
                outer.asked += 1
                time.sleep(delay_s)
                self.send_response(200)
                self.send_header("content-type", "text/event-stream")
                self.end_headers()
                for delta, reason in (({"content": "好的,您说。"}, None), ({}, "stop")):
                    chunk = {"id": "x", "object": "chat.completion.chunk",
                             "choices": [{"index": 0, "delta": delta, "finish_reason": reason}]}
                    self.wfile.write(f"data: {json.dumps(chunk)}\n\n".encode())
                self.wfile.write(b"data: [DONE]\n\n")

        self.server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self.server.daemon_threads = True
        self.scheme = "https" if tls else "http"
        if tls:
            self.server.socket = tls.wrap_socket(self.server.socket, server_side=True, do_handshake_on_connect=False)

    def __enter__(self):
        threading.Thread(target=self.server.serve_forever, daemon=True).start()
        return self

    def __exit__(self, *_):
        self.server.shutdown()
        self.server.server_close()

    @property
    def settings(self):
        return {"LIFEECHO_CHAT_ENGINE": "openai",
                "LIFEECHO_CHAT_URL": f"{self.scheme}://127.0.0.1:{self.server.server_address[1]}/v1"}
