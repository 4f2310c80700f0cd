"""gRPC on a bare HTTP/2 connection: the frames in the order in which they came over the wire."""
import array
import fcntl
import select
import socket
import struct
import termios
import time

import h2.config
import h2.connection
import h2.events
import h2.settings

from contract import events, pb

SERVICE = "/lifeecho.conversation.v1.ConversationService/"


class RawConnection:
    """One TCP connection. `log` has (stream id, message bytes) in arrival order, and (stream id, None) for its end."""

    def __init__(self, target, metadata, window=512 << 10):
        host, port = target.rsplit(":", 1)
        self.socket = socket.create_connection((host, int(port)), timeout=15)
        self.socket.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        self.h2 = h2.connection.H2Connection(h2.config.H2Configuration(client_side=True, header_encoding="utf-8"))
        self.h2.initiate_connection()
        self.h2.update_settings({h2.settings.SettingCodes.INITIAL_WINDOW_SIZE: window})
        self.h2.increment_flow_control_window(window)
        self.metadata = list(metadata)
        self.host = target
        self.parts = {}
        self.log = []
        self.headers = {}
        self._flush()

    def open(self, method):
        """Begins a call; its stream id."""
        stream = self.h2.get_next_available_stream_id()
        self.h2.send_headers(stream, [
            (":method", "POST"), (":scheme", "http"), (":path", SERVICE + method), (":authority", self.host),
            ("content-type", "application/grpc"), ("te", "trailers"), *self.metadata])
        self._flush()
        return stream

    def call(self, method, message):
        """Sends the one request of a call; its stream id."""
        stream = self.open(method)
        self.send(stream, framed(message), end=True)
        return stream

    def send(self, stream, data, end=False):
        self.h2.send_data(stream, data, end_stream=end)
        self._flush()

    def _flush(self):
        data = self.h2.data_to_send()
        if data:
            self.socket.sendall(data)

    def pending(self):
        """Bytes that have arrived and were not read."""
        count = array.array("i", [0])
        fcntl.ioctl(self.socket, termios.FIONREAD, count)
        return count[0]

    def read(self, acknowledge=True):
        """One read from the socket."""
        data = self.socket.recv(1 << 16)
        assert data, "the server closed the connection"
        for event in self.h2.receive_data(data):
            if isinstance(event, h2.events.DataReceived):
                if acknowledge and event.flow_controlled_length:
                    self.h2.acknowledge_received_data(event.flow_controlled_length, event.stream_id)
                self._take(event.stream_id, event.data)
            elif isinstance(event, h2.events.ResponseReceived):
                self.headers[event.stream_id] = dict(event.headers)
            elif isinstance(event, (h2.events.StreamEnded, h2.events.StreamReset)):
                self.log.append((event.stream_id, None))
        self._flush()

    def _take(self, stream, data):
        buffer = self.parts.get(stream, b"") + data
        while len(buffer) >= 5 and len(buffer) >= 5 + struct.unpack(">I", buffer[1:5])[0]:
            size = struct.unpack(">I", buffer[1:5])[0]
            self.log.append((stream, buffer[5:5 + size]))
            buffer = buffer[5 + size:]
        self.parts[stream] = buffer

    def drain(self):
        """Reads what has arrived already."""
        while self.pending():
            self.read()

    def read_until(self, condition, seconds=20):
        deadline = time.monotonic() + seconds
        while not condition(self):
            assert time.monotonic() < deadline, "nothing of the kind came"
            self.read()

    def events(self, stream):
        return [events.ConversationEvent.FromString(m) for s, m in self.log if s == stream and m is not None]

    def answer(self, stream):
        return next((m for s, m in self.log if s == stream and m is not None), None)

    def close(self):
        self.socket.close()

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.close()


def framed(message):
    data = message.SerializeToString()
    return b"\0" + struct.pack(">I", len(data)) + data


def read_together(one, other, condition, seconds=20):
    """Reads both as bytes arrive, until the condition holds; then what has arrived at `one`."""
    deadline = time.monotonic() + seconds
    while not condition():
        assert time.monotonic() < deadline, "nothing of the kind came"
        ready, _, _ = select.select([one.socket, other.socket], [], [], 1)
        for connection in (one, other):
            if connection.socket in ready:
                connection.read()
    one.drain()


def connect(connection, conversation):
    return connection.call("Connect", pb.ConnectRequest(
        conversation_id=conversation, intent=pb.INTENT_INTERACTIVE, speech=pb.SpeechOptions(format="mp3")))
