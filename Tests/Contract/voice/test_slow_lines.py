"""A long segment comes in parts. On a slow line a part takes longer than the service waits in silence."""
import time

from contract import pb
from person import fresh
from speaking import audio, config, segment
from speech.rawcalls import RawConnection, framed

# The service waits 30 s for a part; in each 30 s so much of it has to come.
PATIENCE_S = 30
PROGRESS = 8 << 10
SLACK_S = 6


class SlowLine:
    """Says part 0 at once, and the other one slowly."""

    def __init__(self, server, person, part_size):
        self.connection = RawConnection(server.target, person.metadata)
        self.stream = self.connection.open("StreamAudio")
        self.session = fresh("s")
        first = segment(0, audio("我小时候"))
        first.segment.more_parts = True
        self.connection.send(
            self.stream, framed(config(fresh("conversation"), self.session)) + framed(first))
        self.rest = framed(segment(0, b"\1" * part_size, last=True, part=1))

    def say(self, count):
        self.connection.send(self.stream, self.rest[:count])
        self.rest = self.rest[count:]
        self.connection.drain()

    @property
    def answer(self):
        answer = self.connection.answer(self.stream)
        return answer and pb.StreamAudioResponse.FromString(answer)


def test_a_part_may_take_as_long_as_its_bytes_come(server, person):
    steps = PATIENCE_S + SLACK_S
    slow, idle = SlowLine(server, person, 2 * PROGRESS), SlowLine(server, person, 2 * PROGRESS)
    with slow.connection, idle.connection:
        began = time.monotonic()
        for step in range(1, steps):
            time.sleep(max(0, began + step - time.monotonic()))
            slow.say(2 * PROGRESS // steps)
            idle.say(1)
        # A byte now and then is no progress: others wait for the memory.
        assert idle.answer and [rejection.index for rejection in idle.answer.rejected] == [0]
        assert slow.answer is None
        slow.say(len(slow.rest))
        slow.connection.read_until(lambda _: slow.answer is not None)
        assert slow.answer.durable_through == 0 and not slow.answer.rejected
