"""A phone: the websockets library as a foreign client, its frames read by a thread."""
import json
import socket
import struct
import threading
import time
import urllib.parse

import websockets.exceptions
import websockets.sync.client

from bridge import frames
from waiting import wait_until

OPEN_S = 10
WAIT_S = 15.0


def url(bridge, conversation, token=None, **query):
    """`query` may hold further parameters; token=None leaves it out."""
    path = urllib.parse.quote(conversation, safe="")
    pairs = ([("token", token)] if token is not None else []) + list(query.items())
    return f"ws://{bridge}/ws/conversation/{path}" + ("?" + urllib.parse.urlencode(pairs) if pairs else "")


class FrameLog:
    """The frames received so far, and how the socket ended. `legacy`: every frame is checked against the protocol."""

    def __init__(self, conversation, legacy=True):
        self.conversation = conversation
        self.legacy = legacy
        self.frames = []
        self.binary = []
        self.violations = []
        self.over = threading.Event()
        self.close_code = None
        self.close_reason = None

    def take(self, message):
        at = time.monotonic()
        if isinstance(message, bytes):
            self.binary.append(message)
            if self.legacy:
                self.violations.append("a binary frame")
            return
        try:
            if self.legacy:
                frames.check(message, self.conversation)
            self.frames.append(frames.Frame(message, at))
        except (AssertionError, ValueError, KeyError, TypeError) as error:
            self.violations.append(f"{error!r} in {message[:300]}")

    def ended(self, code, reason):
        self.close_code, self.close_reason = code, reason
        self.over.set()

    def conform(self):
        assert not self.violations, self.violations[:3]
        if self.frames:
            assert self.frames[0].type == "connect", f"{self.frames[0]} came first"
            assert self.types().count("connect") == 1

    def types(self):
        return [frame.type for frame in self.frames]

    def of(self, kind):
        return [frame for frame in self.frames if frame.type == kind]

    def errors(self):
        return [frame.error for frame in self.of("error")]

    def replies(self):
        """The texts of agent_response, in order."""
        return [frame.data["text"] for frame in self.of("agent_response")]

    def describe(self):
        shown = [f"{frame}"[:160] for frame in self.frames[-25:]]
        return f"{len(self.frames)} frames, last {shown}; violations {self.violations[:2]}; closed {self.close_code}"

    def wait_for(self, condition, what, seconds=WAIT_S):
        """The condition on this log becomes true; fails when the socket ends first."""
        def check():
            over = self.over.is_set()
            return condition(self) or (over and "over")
        value = wait_until(check, lambda: f"{what}: {self.describe()}", seconds)
        assert value != "over" or condition(self), f"closed before {what}: {self.describe()}"
        return value

    def wait_type(self, kind, count=1, seconds=WAIT_S):
        self.wait_for(lambda log: len(log.of(kind)) >= count, f"{count} × {kind}", seconds)
        return self.of(kind)[count - 1]

    def wait_error(self, text, count=1, seconds=WAIT_S):
        self.wait_for(lambda log: log.errors().count(text) >= count, f"error {text}", seconds)

    def wait_reply(self, pieces=1, seconds=WAIT_S):
        """Until that many agent_response frames in all are here."""
        self.wait_for(lambda log: len(log.of("agent_response")) >= pieces, f"{pieces} pieces", seconds)

    def wait_closed(self, seconds=WAIT_S):
        assert self.over.wait(seconds), f"still open: {self.describe()}"
        return self.close_code, self.close_reason


class Phone(FrameLog):
    """Raises websockets.exceptions.InvalidStatus when the handshake is refused."""

    def __init__(self, address, compression=None, legacy=True, conversation=None, **options):
        super().__init__(conversation, legacy)
        self.socket = websockets.sync.client.connect(
            address, compression=compression, proxy=None, ping_interval=None, open_timeout=OPEN_S, close_timeout=3,
            max_size=None, max_queue=None, **options)
        self.reader = threading.Thread(target=self._read, daemon=True)
        self.reader.start()

    def _read(self):
        try:
            while True:
                self.take(self.socket.recv())
        except websockets.exceptions.ConnectionClosed as closed:
            received = closed.rcvd
            self.ended(received.code if received else 1006, received.reason if received else "")
        except Exception as error:  # shown by whoever waits
            self.violations.append(repr(error))
            self.ended(1006, "")

    def send(self, kind, /, **data):
        self.send_value({"type": kind, "data": data} if data else {"type": kind})

    def send_value(self, value):
        self.send_text(json.dumps(value, ensure_ascii=False))

    def send_text(self, text):
        self.socket.send(text)

    def send_bytes(self, content):
        self.socket.send(content)

    def ping(self, seconds=WAIT_S):
        """Sends ping; seconds until its pong."""
        before = len(self.of("pong"))
        start = time.monotonic()
        self.send("ping")
        return self.wait_type("pong", before + 1, seconds).at - start

    def say(self, text, pieces=1):
        """Sends a text and waits for that many further pieces; their texts."""
        before = len(self.of("agent_response"))
        self.send("text", text=text)
        self.wait_reply(before + pieces)
        return self.replies()[before:]

    def close(self):
        self.socket.close()
        self.reader.join(5)

    def vanish(self):
        """As when the signal is lost: no close frame, the connection is reset."""
        raw = self.socket.socket
        raw.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
        # Wakes the library's reader, which then gives the socket up; closing it resets the connection.
        raw.shutdown(socket.SHUT_RD)
        raw.close()

    def __enter__(self):
        return self

    def __exit__(self, kind, *_):
        self.close()
        if kind is None:
            self.conform()
