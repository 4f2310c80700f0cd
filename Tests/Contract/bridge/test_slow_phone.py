"""A phone that stops reading costs a bounded amount of memory, and its socket; nobody else notices."""
import pytest

from bridge.bridged import BridgedServer, House
from bridge.engines import Script
from bridge.test_websocket import memory
from waiting import wait_until

STUCK = 20
# Frames of 90 KB: more than the kernel's buffers of a connection and the bridge's own.
REPLIES = 80
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


@pytest.mark.timeout(180)
def test_a_stuck_phone_is_bounded_and_closed_with_1013(house, person):
    conversation = house.begun(person)
    stuck = [house.raw(person, conversation, reading=False, receive_buffer=4096) for _ in range(STUCK)]
    try:
        with house.phone(person, conversation) as good:
            good.wait_type("topic_suggestions")
            # The service's own growth by so many messages, without anybody stuck, is in the first part.
            told, before = 0, None
            while told < REPLIES:
                good.send("text", text=Script.LONG)
                told += 1
                good.wait_for(lambda log, told=told: log.replies().count(Script.LONG_REPLY) >= told, "the reply")
                if told == REPLIES // 10:
                    before = memory(house)
                    slowest = max(good.ping() for _ in range(10))
                    assert slowest < 1, f"a ping took {slowest:.2f} s beside stuck phones"
            grown = memory(house) - before
            assert grown < STUCK * COST_MAX + (24 << 20), f"{grown / STUCK / 1024:.0f} KiB a stuck phone"
            assert good.ping() < 1
            assert good.replies().count(Script.LONG_REPLY) == REPLIES
        codes = []
        for phone in stuck:
            phone.read_on()
        for phone in stuck:
            phone.wait_closed(20)
            codes.append(phone.close_code)
            phone.conform()
        # Who reads on in time finds the close frame behind what the kernel kept; the others were reset.
        assert set(codes) <= {1013, 1006} and 1013 in codes, codes
    finally:
        for phone in stuck:
            phone.vanish()


@pytest.mark.timeout(120)
def test_who_was_too_slow_comes_back_and_has_lost_nothing(house, person):
    conversation = house.begun(person)
    with house.raw(person, conversation, reading=False, receive_buffer=4096, query={"v": 2, "after": 0}) as stuck:
        with house.phone(person, conversation) as good:
            good.wait_type("topic_suggestions")
            for n in range(REPLIES):
                good.send("text", text=Script.LONG)
                good.wait_for(lambda log, n=n: log.replies().count(Script.LONG_REPLY) > n, "the reply")
        stuck.read_on()
        stuck.wait_closed(20)
        last = max(frame.value.get("seq", 0) for frame in stuck.frames)
        epoch = next(frame.value["log_epoch"] for frame in stuck.frames if "seq" in frame.value)
        heard = stuck.replies().count(Script.LONG_REPLY)
        stuck.violations.clear()
    assert heard < REPLIES
    with house.phone(person, conversation, query={"v": 2, "after": last, "epoch": epoch}) as phone:
        phone.wait_type("replay_completed", seconds=60)
        assert heard + phone.replies().count(Script.LONG_REPLY) == REPLIES


def test_a_sender_without_patience_is_slowed_by_tcp(house, person):
    """Frames whose answers nobody reads fill neither memory nor the service."""
    conversation = house.begun(person)
    before = memory(house)
    with house.raw(person, conversation, reading=False, receive_buffer=4096) as sender:
        sender.socket.settimeout(2)
        from bridge.rawphone import TEXT, encode
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
