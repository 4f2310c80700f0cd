"""A phone on a bad mobile network: takes only the bytes it is told to, and knows how many wait for it in the bridge."""
import time

from bridge.rawphone import CLOSE, PING as WEBSOCKET_PING, PONG, TEXT, RawPhone, encode
from waiting import wait_until

PING = encode(TEXT, b'{"type":"ping"}')
# Pings in one write: their frames and answers are about one packet of a mobile network.
BURST = 50


class SlowPhone(RawPhone):
    """Small packets and a small receive buffer, so that the kernels hold little."""

    def __init__(self, house, person, conversation, **query):
        super().__init__(
            house.server.bridge, house.path(person, conversation, **query), conversation=conversation, reading=False,
            legacy="v" not in query, receive_buffer=16 << 10, segment=1000)
        self.socket.settimeout(10)
        self.taken = len(self.buffer)
        self._take_frames()
        # Bytes of frames the bridge was made to send, since `pong` was measured.
        self.caused = 0

    def read_bytes(self, count):
        """Takes at most so many bytes; 0 at the end."""
        part = self.socket.recv(count)
        self.buffer += part
        self.taken += len(part)
        self._take_frames()
        return len(part)

    def _take_frames(self):
        while (frame := self._parse()) is not None:
            opcode, payload, _, _ = frame
            if opcode == TEXT:
                self.take(payload.decode(errors="replace"))
            elif opcode == CLOSE:
                self.close_code = int.from_bytes(payload[:2], "big")
            elif opcode == WEBSOCKET_PING:
                self.pings.append(payload)
            elif opcode == PONG:
                self.pong_payloads.append(payload)
            else:
                self.violations.append(f"a frame of type {opcode}")

    def read_until(self, kind):
        while kind not in self.types():
            assert self.read_bytes(1), f"the end before {kind}"

    def measure(self):
        """How long a pong is; from now on everything is counted."""
        self.transmit(PING)
        before = self.taken
        self.read_until("pong")
        self.pong = self.taken - before
        self.begin = self.taken

    @property
    def in_kernel(self):
        """Bytes that the kernel holds of this connection on their way to the phone."""
        here, there = self.socket.getsockname()[1], self.socket.getpeername()[1]
        held = 0
        with open("/proc/net/tcp") as table:
            for line in table.read().splitlines()[1:]:
                fields = line.split()
                local, remote = (int(fields[place].split(":")[1], 16) for place in (1, 2))
                sending, receiving = (int(part, 16) for part in fields[4].split(":"))
                held += sending if (local, remote) == (there, here) else receiving if (local, remote) == (here, there) else 0
        return held

    @property
    def buffered(self):
        """Bytes that wait in the bridge, when nothing moves."""
        return self.caused - (self.taken - self.begin) - self.in_kernel

    def settle(self):
        """Until nothing moves between the bridge and the kernels."""
        seen = []

        def still():
            seen.append(self.in_kernel)
            return len(seen) > 10 and len(set(seen[-10:])) == 1
        wait_until(still, lambda: f"it moves: {seen[-5:]}")

    def make_wait(self, target):
        """Pings until about so many bytes of pongs wait in the bridge."""
        deadline = time.monotonic() + 30
        while (missing := (target - self.buffered) // self.pong) > 8:
            assert time.monotonic() < deadline, f"only {self.buffered} bytes wait"
            for start in range(0, missing, BURST):
                count = min(BURST, missing - start)
                self.transmit(PING * count)
                self.caused += count * self.pong
            self.settle()

    def read_down_to(self, target):
        """Takes bytes, slowly, until so many wait in the bridge."""
        while self.buffered > target:
            assert self.read_bytes(8192)
            self.settle()

    def read_rest(self):
        """Everything that comes without a pause of two seconds."""
        self.socket.settimeout(2)
        try:
            while self.close_code is None and self.read_bytes(1 << 16):
                pass
        except OSError:
            pass
