"""A bridge that does what a test tells it: for states of the page that the real one shows only when something is wrong.

It serves the page with the headers that the real one sends and speaks protocol 2 and the first protocol of
bridge/PROTOCOL.md for one conversation: greets, answers, acknowledges, replays. Everything happens at once, without pauses.
"""
import base64
import datetime
import http
import itertools
import json
import pathlib
import socket
import struct
import threading
import urllib.parse
import uuid

from websockets.datastructures import Headers
from websockets.exceptions import ConnectionClosed
from websockets.http11 import Response
from websockets.sync.server import serve

from waiting import wait_until

PAGE = pathlib.Path(__file__).parents[2] / "bridge" / "Console"
POLICY = (
    "default-src 'none'; script-src 'self'; style-src 'self'; connect-src 'self' ws: wss:; media-src blob:; "
    "img-src 'self' data:; base-uri 'none'; frame-ancestors 'none'; form-action 'none'")
TYPES = {".html": "text/html; charset=utf-8", ".js": "text/javascript; charset=utf-8", ".css": "text/css; charset=utf-8"}
GREETING = ["王奶奶，您好！我是来听您讲故事的。", "您小时候住在什么样的地方？"]
OUT_OF_TURNS = "今天的对话次数已用完,明天再聊吧"
CHIPS = [{"id": "childhood.home", "text": "小时候的家"}, {"id": "childhood.play", "text": "小时候的玩伴"},
         {"id": "childhood.food", "text": "最爱吃的东西"}]


def silent_mp3(seconds):
    """Frames of MPEG-1 layer III, 44.1 kHz, 32 kbit/s, mono, in which nothing is heard."""
    header = bytes([0xFF, 0xFB, 0x10, 0xC4])
    return (header + bytes(104 - len(header))) * max(1, round(seconds * 44100 / 1152))


class ScriptedBridge:
    def __init__(self):
        self.epoch = str(uuid.uuid4())
        self.log = []            # frames with seq
        self.by_request = {}     # client_msg_id → its ack's data
        self.segments = {}       # voice session → {index: bytes}
        self.received = []       # (client, frame); binary ones as {"type": "binary", …}
        self.clients = []
        self.handshakes = []     # the query of each
        self.refuse = None       # an HTTP status for handshakes
        self.answers = True      # replies to texts
        self.acknowledges = True # texts and segments
        self.transcript = "我小时候住在河边。"
        self.refuses_recordings = None  # the code of an error
        self.speech_s = 0.3
        self.turns_remaining = 28
        self.lock = threading.RLock()
        self.numbers = itertools.count(1)

    # The server

    def __enter__(self):
        self.server = serve(self._serve, "127.0.0.1", 0, process_request=self._request, max_size=16 << 20)
        self.port = self.server.socket.getsockname()[1]
        self.thread = threading.Thread(target=self.server.serve_forever, daemon=True)
        self.thread.start()
        return self

    def __exit__(self, *_):
        self.cut()
        self.server.shutdown()
        self.thread.join(5)

    def address(self, token="token-of-a-test", **fragment):
        return f"http://127.0.0.1:{self.port}/#" + urllib.parse.urlencode({"token": token, **fragment})

    def _request(self, connection, request):
        path = request.path.split("?")[0]
        if path.startswith("/ws/"):
            if self.refuse:
                return Response(self.refuse, http.HTTPStatus(self.refuse).phrase, Headers({"Content-Length": "0"}), b"")
            return None
        file = PAGE / ("index.html" if path == "/" else path.lstrip("/"))
        if file.parent != PAGE or not file.is_file():
            return connection.respond(404, "")
        body = file.read_bytes()
        return Response(200, "OK", Headers({
            "Content-Type": TYPES[file.suffix], "Content-Length": str(len(body)), "Content-Security-Policy": POLICY,
            "X-Content-Type-Options": "nosniff", "Cache-Control": "no-store"}), body)

    def _serve(self, connection):
        path, _, query = connection.request.path.partition("?")
        client = Client(self, connection, urllib.parse.unquote(path.rsplit("/", 1)[1]), dict(urllib.parse.parse_qsl(query)))
        with self.lock:
            self.handshakes.append(client.query)
            self.clients.append(client)
        try:
            client.begin()
            for message in connection:
                client.receive(message)
        except (ConnectionClosed, OSError):
            pass
        finally:
            with self.lock:
                self.clients.remove(client)

    def cut(self):
        """Ends every connection without a close frame."""
        with self.lock:
            for client in self.clients:
                try:
                    client.connection.socket.shutdown(socket.SHUT_RDWR)
                except OSError:
                    pass

    def close(self, code, reason=""):
        with self.lock:
            clients = list(self.clients)
        for client in clients:
            threading.Thread(target=client.connection.close, args=(code, reason), daemon=True).start()

    # What happens in the conversation

    @property
    def head(self):
        return self.log[-1]["seq"] if self.log else 0

    def append(self, type_, /, same_event=False, **data):
        """An event of the log, shown to every client; or another frame of the last one."""
        with self.lock:
            sequence = self.head if same_event else self.head + 1
            frame = {"type": type_, "data": data, "seq": sequence, "log_epoch": self.epoch, "timestamp": now()}
            self.log.append(frame)
            for client in self.clients:
                client.show(frame)
            return frame

    def tell(self, type_, **data):
        """A frame of the moment for every client."""
        with self.lock:
            for client in self.clients:
                client.send({"type": type_, "data": data, "timestamp": now()})

    def reply(self, *pieces, kind="reply", chips=None):
        turn, message = str(uuid.uuid4()), str(uuid.uuid4())
        self.append("turn", turn_id=turn, kind=kind, state="started", attempt=1)
        for index, piece in enumerate(pieces):
            self.append("agent_response", text=piece, index=index, total=len(pieces), assistant_message_id=message, turn_id=turn)
            self.speak(message, index)
        self.append("turn", turn_id=turn, kind=kind, state="completed")
        self.tell("quota", **self.quota())
        if chips:
            self.tell("topic_suggestions", reason="turn", stage="childhood", suggestions=chips)
        return turn

    def speak(self, message, index):
        sound = silent_mp3(self.speech_s)
        half = len(sound) // 2
        with self.lock:
            for client in self.clients:
                if client.query.get("speech") != "mp3":
                    continue
                for chunk, part in enumerate((sound[:half], sound[half:])):
                    client.send({"type": "tts_audio", "timestamp": now(), "data": {
                        "assistant_message_id": message, "index": index, "chunk": chunk,
                        "audio_base64": base64.b64encode(part).decode(), "is_last": chunk == 1}})

    def quota(self):
        return dict(turns_limit=30, turns_used=30 - self.turns_remaining, turns_remaining=self.turns_remaining, speech_limit=1200,
                    speech_used=60, speech_remaining=1140, reset_time=now(), warning=False)

    def of(self, type_):
        with self.lock:
            return [frame for _, frame in self.received if frame["type"] == type_]

    def wait_for(self, type_, count=1):
        wait_until(lambda: len(self.of(type_)) >= count, lambda: f"{count} × {type_}; there came {self.received}")
        return self.of(type_)[count - 1]["data"]

    def wait_clients(self, count=1):
        wait_until(lambda: len([c for c in self.clients if c.ready]) == count, f"{count} connections")


class Client:
    """One connection."""

    def __init__(self, bridge, connection, conversation, query):
        self.bridge, self.connection, self.conversation, self.query = bridge, connection, conversation, query
        self.is_new = query.get("v") == "2"
        self.ready = False
        self.own = set()

    def send(self, frame):
        try:
            shared = {} if frame["type"] == "error" else {"conversation_id": self.conversation}
            self.connection.send(json.dumps({**shared, **frame}, ensure_ascii=False))
        except (ConnectionClosed, OSError):
            pass

    def begin(self):
        bridge = self.bridge
        with bridge.lock:
            after = int(self.query.get("after", 0))
            recovered = not after or (self.query.get("epoch") == bridge.epoch and after <= bridge.head)
            data = {"status": "connected"}
            if self.is_new:
                data |= {"protocol": 2, "head": bridge.head, "recovered": recovered, "created": not bridge.log,
                         "expires_at": now(), "quota": bridge.quota()}
            self.send({"type": "connect", "data": data, "timestamp": now()})
            if self.is_new:
                for frame in bridge.log if recovered else []:
                    # A failed turn's error comes when it fails, and not again.
                    if frame["seq"] > after and frame["data"].get("code") != "TURN_FAILED":
                        self.show(frame)
                self.send({"type": "replay_completed", "data": {"head": bridge.head}, "timestamp": now()})
            self.ready = True
            if not bridge.log:
                bridge.reply(*GREETING, kind="opening")
            self.send({"type": "topic_suggestions", "timestamp": now(), "data": {
                "reason": "opening" if len(bridge.log) <= 4 else "resume", "stage": "childhood", "suggestions": CHIPS}})

    def show(self, frame):
        """An event as this client's protocol shows it."""
        if frame["type"] == "message" and frame["data"].get("request_id") in self.own:
            return
        if self.is_new:
            self.send(frame)
        elif frame["type"] in ("agent_response", "transcript", "error"):
            hidden = {"turn_id", "message_id"} | (set(frame["data"]) - {"message"} if frame["type"] == "error" else set())
            data = {name: value for name, value in frame["data"].items() if name not in hidden}
            self.send({"type": frame["type"], "data": data, "timestamp": frame["timestamp"]})

    def receive(self, message):
        if isinstance(message, bytes):
            flags, index, milliseconds, length = struct.unpack(">xBIIB", message[:11])
            session = message[11:11 + length].decode()
            frame = {"type": "binary", "data": dict(voice_session_id=session, segment_index=index, is_last=flags == 1,
                                                    duration=milliseconds / 1000, audio=message[11 + length:])}
        else:
            frame = json.loads(message)
        with self.bridge.lock:
            self.bridge.received.append((self, frame))
        answer = getattr(self, "on_" + frame["type"], None)
        if answer:
            answer(frame.get("data", {}))

    def on_ping(self, _):
        self.send({"type": "pong", "data": {}, "timestamp": now()})

    def on_text(self, data):
        bridge = self.bridge
        with bridge.lock:
            request = data.get("client_msg_id")
            if self.is_new and not bridge.acknowledges:
                return
            is_duplicate = request in bridge.by_request
            if not is_duplicate:
                self.own.add(request)
                event = bridge.append("message", message_id=str(uuid.uuid4()), text=data["text"], source="text",
                                      request_id=request, turn_id=str(uuid.uuid4()))
                bridge.by_request[request] = event
            if self.is_new:
                event = bridge.by_request[request]
                self.send({"type": "ack", "seq": event["seq"], "log_epoch": bridge.epoch, "timestamp": now(), "data": {
                    "client_msg_id": request, "message_id": event["data"]["message_id"], "turn_id": event["data"]["turn_id"],
                    "duplicate": is_duplicate}})
            if not is_duplicate and bridge.answers:
                bridge.reply(f"您说“{data['text'][:10]}”，真好。", "后来呢？", chips=CHIPS[:2])

    def on_binary(self, data):
        bridge = self.bridge
        with bridge.lock:
            if not bridge.acknowledges:
                return
            if bridge.refuses_recordings:
                return self.send({"type": "error", "timestamp": now(), "data": {
                    "message": OUT_OF_TURNS, "code": bridge.refuses_recordings, "voice_session_id": data["voice_session_id"]}})
            stored = bridge.segments.setdefault(data["voice_session_id"], {})
            is_duplicate = data["segment_index"] in stored
            stored[data["segment_index"]] = data["audio"]
            through = next(i for i in itertools.count() if i not in stored) - 1
            self.send({"type": "audio_ack", "timestamp": now(), "data": {
                "voice_session_id": data["voice_session_id"], "durable_through": through,
                "durable": [i for i in stored if i > through], "missing": [], "rejected": [], "duplicate": is_duplicate,
                "state": "recording"}})
            if data["is_last"] and not is_duplicate and bridge.transcript is not None:
                self.transcribed(data)

    def on_audio_segment(self, data):
        with self.bridge.lock:
            stored = self.bridge.segments.setdefault(data["voice_session_id"], {})
            stored[data["segment_index"]] = base64.b64decode(data["audio_base64"])
            if data["is_last"]:
                self.transcribed(data)

    def transcribed(self, data):
        bridge = self.bridge
        bridge.append("transcript", text=bridge.transcript, audio_duration=data["duration"],
                      voice_session_id=data["voice_session_id"], message_id=str(uuid.uuid4()))
        if bridge.transcript:
            bridge.reply("讲得真好。")
        else:
            bridge.append("error", same_event=True, message="语音转写失败,请重试或使用文字输入", code="TRANSCRIPTION_FAILED",
                          reason="NO_SPEECH", voice_session_id=data["voice_session_id"], generation=1, retryable=False)

    def on_tts_cancel(self, _):
        if self.is_new:
            self.bridge.tell("tts_cancelled", cancel_epoch=next(self.bridge.numbers))

    def on_end_conversation(self, _):
        self.bridge.append("end_conversation", status="ended")
        threading.Thread(target=self.connection.close, args=(1000,), daemon=True).start()


def now():
    return datetime.datetime.now(datetime.timezone.utc).isoformat(timespec="microseconds")
