"""A phone that stops reading costs a bounded amount of memory, and its socket; nobody else notices."""
import pytest

from bridge.bridged import BridgedServer, House
from bridge.engines import Script
from bridge.rawphone import TEXT, encode
from bridge.test_websocket import memory
from waiting import wait_until

# Frames of 90 KB: together more than the kernel's buffers of a connection and the bridge's own.
REPLIES = 66
# After how many replies each of the stuck phones begins to read: one early, the others around the end of what fits; and
# one more that does not before all have come.
BEGINS = [7, 54, 57, 60, 63]
STUCK = len(BEGINS) + 1
RECEIVE_BUFFER = 1 << 17
# What a stuck phone may cost the service, beside the kernel's buffers.
COST_MAX = 1 << 20


@pytest.fixture(scope="module")
def house(tmp_path_factory, engines):
    """A quota that does not end, so that one person can be told much."""
    with BridgedServer(tmp_path_factory.mktemp("slow"), env={
        **engines.environment, "LIFEECHO_QUOTA_FREE_TURNS": "1000000"}
    ) as server:
        opened = House(server)
        yield opened
        opened.close()


@pytest.mark.timeout(400)
def test_stuck_phones_are_bounded_and_closed_with_1013_and_lose_nothing(house, person):
    conversation = house.begun(person)
    stuck = [house.raw(person, conversation, reading=False, receive_buffer=RECEIVE_BUFFER, query={"v": 2, "after": 0})
             for _ in range(STUCK)]
    try:
        with house.phone(person, conversation) as good:
            good.wait_type("topic_suggestions")
            before = None
            for told in range(1, REPLIES + 1):
                good.send("text", text=Script.LONG)
                good.wait_for(lambda log, told=told: log.replies().count(Script.LONG_REPLY) >= told, "the reply", 30)
                if told in BEGINS:
                    stuck[BEGINS.index(told)].read_on()
                if told == BEGINS[0]:
                    # The service's own growth by such messages is behind it.
                    before = memory(house)
            grown = memory(house) - before
            assert grown < STUCK * COST_MAX + (24 << 20), f"{grown / STUCK / 1024:.0f} KiB a stuck phone"
            assert max(good.ping() for _ in range(10)) < 1, "a good phone suffers"
        *readers, last = stuck
        last.read_on()
        last.wait_closed(20)
        closed = [phone for phone in readers if phone.over.is_set()]
        # Who reads on in time hears everything; who does so too late finds the close frame behind what was buffered, or,
        # after the time for a close handshake, a reset.
        for phone in readers:
            if phone not in closed:
                phone.wait_for(lambda log: log.replies().count(Script.LONG_REPLY) == REPLIES, "every reply", 30)
        codes = [phone.close_code for phone in closed]
        assert not readers[0].over.is_set(), f"began to read early, and was closed: {readers[0].describe()}"
        assert set(codes) <= {1013, 1006} and 1013 in codes, codes
        # And they come back.
        heard = last.replies().count(Script.LONG_REPLY)
        assert heard < REPLIES, "the last one was never stuck"
        places = [frame.value for frame in last.frames if "seq" in frame.value]
        with house.phone(person, conversation, query={
            "v": 2, "after": places[-1]["seq"], "epoch": places[-1]["log_epoch"]}
        ) as phone:
            phone.wait_type("replay_completed", seconds=60)
            assert heard + phone.replies().count(Script.LONG_REPLY) == REPLIES
    finally:
        for phone in stuck:
            phone.vanish()


def test_a_sender_without_patience_is_slowed_by_tcp(house, person):
    """Frames whose answers nobody reads fill neither memory nor the service."""
    conversation = house.begun(person)
    before = memory(house)
    with house.raw(person, conversation, reading=False, receive_buffer=4096) as sender:
        sender.socket.settimeout(2)
        block = encode(TEXT, b'{"type":"ping"}') * 4000
        sent = 0
        try:
            while sent < 400:
                sender.socket.sendall(block)
                sent += 1
        except OSError:
            pass
        grown = memory(house) - before
        assert grown < 32 << 20, f"{grown >> 20} MiB"
    with house.open(person) as phone:
        wait_until(lambda: phone.ping() < 1, "the service is well")
