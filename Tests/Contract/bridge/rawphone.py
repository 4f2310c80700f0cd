"""A phone on a bare socket: says exactly the bytes it is told to, answers pings only when told."""
import base64
import hashlib
import json
import os
import socket
import struct
import threading
import zlib

from bridge.phone import FrameLog

ACCEPT = b"258EAFA5-E914-47DA-95CA-C5AB0DC85B11"
CONTINUATION, TEXT, BINARY, CLOSE, PING, PONG = 0, 1, 2, 8, 9, 10


class Answer:
    """The head of an HTTP response, and what came after it."""

    def __init__(self, head, rest):
        lines = head.decode("latin-1").split("\r\n")
        self.version, status, *_ = lines[0].split(" ", 2)
        self.status = int(status)
        self.headers = {}
        for line in lines[1:]:
            name, _, value = line.partition(":")
            self.headers.setdefault(name.strip().lower(), value.strip())
        self.rest = rest


def dial(bridge, seconds=10, receive_buffer=None, segment=None):
    """`receive_buffer`, `segment`: bytes; they hold from the first packet on."""
    host, _, port = bridge.rpartition(":")
    family, kind, protocol, _, address = socket.getaddrinfo(host.strip("[]"), int(port), type=socket.SOCK_STREAM)[0]
    connected = socket.socket(family, kind, protocol)
    connected.settimeout(seconds)
    connected.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
    if receive_buffer:
        connected.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, receive_buffer)
    if segment:
        connected.setsockopt(socket.IPPROTO_TCP, socket.TCP_MAXSEG, segment)
    connected.connect(address)
    return connected


def read_head(connected):
    """An Answer; None when the connection ended without one."""
    received = b""
    while b"\r\n\r\n" not in received:
        part = connected.recv(65536)
        if not part:
            return None
        received += part
    head, _, rest = received.partition(b"\r\n\r\n")
    return Answer(head, rest)


def read_body(connected, answer):
    """The body of a refusal, by its Content-Length, or to the end of the connection."""
    body = answer.rest
    length = answer.headers.get("content-length")
    while length is None or len(body) < int(length):
        part = connected.recv(65536)
        if not part:
            break
        body += part
    return body


def upgrade_request(path, host="127.0.0.1", method="GET", version="HTTP/1.1", key=None, **changes):
    """Bytes of a handshake; a header of `changes` with None is left out. `_` stands for `-`."""
    headers = {
        "Host": host, "Upgrade": "websocket", "Connection": "Upgrade", "Sec-WebSocket-Version": "13",
        "Sec-WebSocket-Key": key or base64.b64encode(os.urandom(16)).decode(),
    }
    for name, value in changes.items():
        headers[name.replace("_", "-")] = value
    lines = [f"{method} {path} {version}"] + [f"{name}: {value}" for name, value in headers.items() if value is not None]
    return ("\r\n".join(lines) + "\r\n\r\n").encode()


def attempt(bridge, path, **changes):
    """One handshake: (Answer, body); (None, b"") when the connection was just closed."""
    with dial(bridge) as connected:
        connected.sendall(upgrade_request(path, **changes))
        try:
            answer = read_head(connected)
            return answer, read_body(connected, answer) if answer and answer.status != 101 else b""
        except ConnectionError:
            return None, b""


def encode(opcode, payload=b"", final=True, masked=True, reserved=0, length=None):
    """One frame. `length` overrides the length that is announced."""
    count = len(payload) if length is None else length
    head = bytes([(0x80 if final else 0) | reserved << 4 | opcode])
    mask_bit = 0x80 if masked else 0
    if count < 126:
        head += bytes([mask_bit | count])
    elif count < 65536:
        head += bytes([mask_bit | 126]) + struct.pack("!H", count)
    else:
        head += bytes([mask_bit | 127]) + struct.pack("!Q", count)
    if not masked:
        return head + payload
    mask = os.urandom(4)
    repeated = (mask * (len(payload) // 4 + 1))[: len(payload)]
    covered = int.from_bytes(payload, "big") ^ int.from_bytes(repeated, "big")
    return head + mask + covered.to_bytes(len(payload), "big")


class RawPhone(FrameLog):
    """`pongs`: whether pings are answered. `reading`: whether a thread reads at all; without it, call `read_on`."""

    def __init__(self, bridge, path, conversation=None, pongs=True, reading=True, legacy=True, receive_buffer=None,
                 segment=None, **changes):
        super().__init__(conversation, legacy)
        self.pongs = pongs
        self.pings = []
        self.pong_payloads = []
        self.control = threading.Lock()
        self.socket = dial(bridge, receive_buffer=receive_buffer, segment=segment)
        key = base64.b64encode(os.urandom(16)).decode()
        self.socket.sendall(upgrade_request(path, key=key, **changes))
        answer = read_head(self.socket)
        assert answer and answer.status == 101, f"the handshake is refused: {answer and answer.status}"
        accept = base64.b64encode(hashlib.sha1(key.encode() + ACCEPT).digest()).decode()
        assert answer.headers["sec-websocket-accept"] == accept
        self.answer = answer
        self.deflates = "permessage-deflate" in answer.headers.get("sec-websocket-extensions", "")
        self.squeezed = False
        self.buffer = bytearray(answer.rest)
        self.parts = bytearray()
        self.socket.settimeout(None)
        self.reader = None
        if reading:
            self.read_on()

    def read_on(self):
        self.reader = threading.Thread(target=self._read, daemon=True)
        self.reader.start()

    def _read(self):
        code, reason = 1006, ""
        try:
            while True:
                frame = self._next()
                if frame is None:
                    break
                opcode, payload, final, squeezed = frame
                if opcode == CLOSE:
                    code = struct.unpack("!H", payload[:2])[0] if len(payload) >= 2 else 1005
                    reason = payload[2:].decode()
                    self.transmit(encode(CLOSE, payload[:2]))
                elif opcode == PING:
                    self.pings.append(payload)
                    if self.pongs:
                        self.transmit(encode(PONG, payload))
                elif opcode == PONG:
                    self.pong_payloads.append(payload)
                else:
                    self.parts += payload
                    self.squeezed |= squeezed
                    if final:
                        whole, self.parts = bytes(self.parts), bytearray()
                        if self.squeezed:
                            # Every message by itself: such a phone asks for server_no_context_takeover.
                            whole = zlib.decompressobj(-15).decompress(whole + b"\0\0\xff\xff")
                        self.squeezed = False
                        self.take(whole.decode() if opcode != BINARY else whole)
        except OSError:
            pass
        self.ended(code, reason)

    def _next(self):
        while True:
            if (frame := self._parse()) is not None:
                return frame
            part = self.socket.recv(1 << 18)
            if not part:
                return None
            self.buffer += part

    def _parse(self):
        data = self.buffer
        if len(data) < 2:
            return None
        if data[1] & 0x80:
            self.violations.append("a masked frame")
        if data[0] & (0x30 if self.deflates else 0x70):
            self.violations.append("a reserved bit")
        length, at = data[1] & 0x7F, 2
        if length == 126:
            length, at = (struct.unpack("!H", data[2:4])[0], 4) if len(data) >= 4 else (1 << 62, 4)
        elif length == 127:
            length, at = (struct.unpack("!Q", data[2:10])[0], 10) if len(data) >= 10 else (1 << 62, 10)
        if len(data) < at + length:
            return None
        frame = data[0] & 0x0F, bytes(data[at:at + length]), bool(data[0] & 0x80), bool(data[0] & 0x40)
        del data[: at + length]
        return frame

    def transmit(self, content):
        with self.control:
            self.socket.sendall(content)

    def send(self, kind, /, **data):
        self.send_text(json.dumps({"type": kind, "data": data} if data else {"type": kind}, ensure_ascii=False))

    def send_text(self, text):
        self.transmit(encode(TEXT, text.encode("utf-8", "surrogatepass")))

    def vanish(self):
        """Without a close frame."""
        if self.socket.fileno() < 0:
            return
        self.socket.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
        try:
            self.socket.shutdown(socket.SHUT_RD)
        except OSError:
            pass
        self.socket.close()
        if self.reader:
            self.over.wait(5)

    def __enter__(self):
        return self

    def __exit__(self, kind, *_):
        self.vanish()
        if kind is None:
            self.conform()
