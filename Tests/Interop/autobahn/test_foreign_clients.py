"""websocket-echo-server under clients that were not written here: `websockets`, and zlib over a plain socket.

    ECHO_SERVER=.build/debug/websocket-echo-server python -m pytest Tests/Interop/autobahn
"""

import asyncio
import os
import random
import socket
import struct
import subprocess
import zlib

import pytest
from websockets.asyncio.client import connect
from websockets.exceptions import ConnectionClosed
from websockets.extensions.permessage_deflate import ClientPerMessageDeflateFactory

KEY = "dGhlIHNhbXBsZSBub25jZQ=="
ACCEPT = "s3pPLMBiTxaQ9kYGzzhZRbK+xOo="
STORY = "我叫李桂兰,一九三八年生在绍兴。小时候家门口有一条河,夏天我们都在河里洗菜、游泳。"


@pytest.fixture(scope="module")
def port():
    """Compresses whatever shrinks, and pings every second: both happen during the tests."""
    server = subprocess.Popen(
        [os.environ["ECHO_SERVER"], "--port", "0", "--deflate-all", "--ping-seconds", "1"],
        stdout=subprocess.PIPE,
        text=True,
    )
    yield int(server.stdout.readline())
    server.terminate()
    server.wait()


def message(dice: random.Random):
    """A text or bytes: empty, short, longer than a window, repetitive, or noise."""
    size = dice.choice([0, 1, 5, 125, 126, 500, 4_096, 20_000, 65_535, 65_536, 200_000])
    kind = dice.randrange(4)
    if kind == 0:
        return dice.randbytes(size)
    if kind == 1:
        return bytes(size)
    text = STORY * (size // len(STORY) + 1) if kind == 2 else "".join(chr(dice.randrange(1, 0xD000)) for _ in range(size))
    return text[:size]


def fragments(dice: random.Random, whole):
    cuts = sorted(dice.randrange(len(whole) + 1) for _ in range(dice.randrange(1, 6)))
    edges = [0, *cuts, len(whole)]
    return [whole[a:b] for a, b in zip(edges, edges[1:])]


EXTENSIONS = [
    None,
    [ClientPerMessageDeflateFactory()],
    [ClientPerMessageDeflateFactory(client_max_window_bits=True)],
    [ClientPerMessageDeflateFactory(client_max_window_bits=9, server_max_window_bits=9)],
    [ClientPerMessageDeflateFactory(client_max_window_bits=15, server_max_window_bits=15)],
    [ClientPerMessageDeflateFactory(server_no_context_takeover=True, client_max_window_bits=True)],
    [ClientPerMessageDeflateFactory(client_no_context_takeover=True, client_max_window_bits=True)],
    [ClientPerMessageDeflateFactory(server_no_context_takeover=True, client_no_context_takeover=True)],
]


@pytest.mark.parametrize("extensions", EXTENSIONS, ids=range(len(EXTENSIONS)))
def test_echo_of_random_messages(port, extensions):
    """Every message, in whatever fragments, comes back as it was, in order."""
    seed = random.randrange(1 << 32)
    print("seed", seed)
    dice = random.Random(seed)

    async def run():
        options = {"extensions": extensions, "compression": None, "max_size": None}
        async with connect(f"ws://127.0.0.1:{port}/x?token=t", **options) as client:
            negotiated = client.response.headers.get("Sec-WebSocket-Extensions")
            assert (negotiated is not None) == (extensions is not None)
            for _ in range(10):
                messages = [message(dice) for _ in range(4)]
                for each in messages:
                    await client.send(fragments(dice, each) if len(each) > 1 and dice.random() < 0.5 else each)
                for each in messages:
                    assert await client.recv() == each
            pong = await client.ping()
            await asyncio.wait_for(pong, 5)
            await client.close(1000, "bye")
            assert (client.close_code, client.close_reason) == (1000, "")

    asyncio.run(run())


def test_sixteen_mebibytes(port):
    async def run():
        async with connect(f"ws://127.0.0.1:{port}/", compression=None, max_size=None) as client:
            await client.send(bytes(16 << 20))
            assert await client.recv() == bytes(16 << 20)

    asyncio.run(run())
    raw = Raw(port)
    raw.socket.sendall(b"\x82\xff" + struct.pack("!Q", (16 << 20) + 1) + b"mask")
    assert closed_with(raw) == 1009


def test_inflated_messages_have_the_same_bound(port):
    async def run():
        async with connect(f"ws://127.0.0.1:{port}/", compression="deflate", max_size=None) as client:
            await client.send(bytes(16 << 20))
            assert await client.recv() == bytes(16 << 20)
            await client.send(bytes((16 << 20) + 1))
            with pytest.raises(ConnectionClosed) as closed:
                await client.recv()
            assert closed.value.rcvd.code == 1009

    asyncio.run(run())


def test_many_sockets_at_once(port):
    async def one(number):
        async with connect(f"ws://127.0.0.1:{port}/") as client:
            for round in range(20):
                await client.send(f"{number} {round} {STORY}")
            for round in range(20):
                assert await client.recv() == f"{number} {round} {STORY}"

    async def run():
        await asyncio.gather(*(one(number) for number in range(100)))

    asyncio.run(run())


class Raw:
    """A plain socket after its upgrade."""

    def __init__(self, port, extensions=""):
        self.socket = socket.create_connection(("127.0.0.1", port), timeout=20)
        offer = f"Sec-WebSocket-Extensions: {extensions}\r\n" if extensions else ""
        self.socket.sendall(
            f"GET / HTTP/1.1\r\nHost: h\r\nUpgrade: websocket\r\nConnection: Upgrade\r\nSec-WebSocket-Version: 13\r\n"
            f"Sec-WebSocket-Key: {KEY}\r\n{offer}\r\n".encode()
        )
        self.rest = b""
        while b"\r\n\r\n" not in self.rest:
            self.rest += self.socket.recv(65536)
        head, _, self.rest = self.rest.partition(b"\r\n\r\n")
        self.head = head.decode()
        assert f"Sec-WebSocket-Accept: {ACCEPT}" in self.head

    def send(self, first, payload=b""):
        length = len(payload)
        if length < 126:
            size = bytes([0x80 | length])
        elif length < 65536:
            size = b"\xfe" + struct.pack("!H", length)
        else:
            size = b"\xff" + struct.pack("!Q", length)
        key = random.randbytes(4)
        mask = (key * (length // 4 + 1))[:length]
        masked = (int.from_bytes(payload, "big") ^ int.from_bytes(mask, "big")).to_bytes(length, "big")
        self.socket.sendall(bytes([first]) + size + key + masked)

    def take(self, count):
        while len(self.rest) < count:
            more = self.socket.recv(65536)
            if not more:
                raise EOFError
            self.rest += more
        taken, self.rest = self.rest[:count], self.rest[count:]
        return taken

    def frame(self):
        """(first byte, payload) of the next frame that is no ping."""
        while True:
            first, length = self.take(2)
            if length == 126:
                (length,) = struct.unpack("!H", self.take(2))
            elif length == 127:
                (length,) = struct.unpack("!Q", self.take(8))
            payload = self.take(length)
            if first != 0x89:
                return first, payload


@pytest.mark.parametrize("bits", range(8, 16))
@pytest.mark.parametrize("takeover", [True, False])
def test_zlib_reads_what_was_compressed(port, bits, takeover):
    """An inflater with exactly the agreed window (zlib checks distances) reads everything, with and without context."""
    parameters = f"server_max_window_bits={bits}; client_max_window_bits={bits}"
    if not takeover:
        parameters += "; server_no_context_takeover; client_no_context_takeover"
    raw = Raw(port, "permessage-deflate; " + parameters)
    assert f"server_max_window_bits={min(bits, 12)}" in raw.head
    assert f"client_max_window_bits={min(bits, 12)}" in raw.head
    own_bits = max(9, min(bits, 12))
    inflater = deflater = None
    compressed = 0
    dice = random.Random(bits)
    for round in range(30):
        text = (STORY * dice.randrange(1, 60) + str(round)).encode()
        if deflater is None or not takeover:
            deflater = zlib.compressobj(wbits=-own_bits)
            inflater = zlib.decompressobj(wbits=-min(bits, 12))
        payload = deflater.compress(text) + deflater.flush(zlib.Z_SYNC_FLUSH)
        assert payload.endswith(b"\0\0\xff\xff")
        raw.send(0xC1, payload[:-4])
        first, answer = raw.frame()
        if first == 0xC1:
            compressed += 1
            answer = inflater.decompress(answer + b"\0\0\xff\xff")
        assert first in (0x81, 0xC1)
        assert answer == text
    assert compressed >= 25


def closed_with(raw):
    while True:
        first, payload = raw.frame()
        if first == 0x88:
            return struct.unpack("!H", payload[:2])[0]


@pytest.mark.parametrize(
    "frame, code",
    [((0x89, b"x"), 1008), ((0x8A, b""), 1008), ((0x00, b""), 1008), ((0x00, b"x"), 1008)],
    ids=["pings", "pongs", "empty fragments", "tiny fragments"],
)
def test_floods(port, frame, code):
    raw = Raw(port)
    raw.send(0x01, b"x" * 40)
    if frame[0] & 0x80:
        raw.send(0x80, b"")
    try:
        for _ in range(3000):
            raw.send(*frame)
    except OSError:
        pass
    assert closed_with(raw) == code
    with pytest.raises((EOFError, OSError)):
        raw.frame()
