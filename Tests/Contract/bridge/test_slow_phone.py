"""A phone that stops reading costs a bounded amount of memory, and its socket; nobody else notices."""
import pytest

from bridge.bridged import listening_house
from bridge.rawphone import TEXT, encode
from bridge.test_websocket import memory
from person import fresh
from waiting import wait_until

# 108 KB.
FEEDBACK = "嗯" * 36_000
# Together far more than the kernel's buffers of a connection (4 to 7 MiB) and the bridge's own.
FRAMES, AT_ONCE = 128, 4
STUCK = 4
# What a stuck phone may cost the service, beside the kernel's buffers.
COST_MAX = 1 << 20


@pytest.fixture(scope="module")
def house(tmp_path_factory, engines):
    with listening_house(tmp_path_factory.mktemp("slow"), engines, FEEDBACK) as opened:
        yield opened


def flood(phone, count):
    """That many large frames for every socket of the conversation."""
    before = len(phone.of("listening_feedback"))
    for _ in range(count):
        phone.send("recording_started", voice_session_id=fresh("s"))
    phone.wait_type("listening_feedback", before + count, seconds=30)


@pytest.mark.timeout(120)
def test_a_stuck_phone_is_bounded_and_loses_nothing(house, person):
    conversation = house.begun(person)
    stuck = [house.raw(person, conversation, reading=False, receive_buffer=1 << 17, query={"v": 2, "after": 0})
             for _ in range(STUCK)]
    try:
        with house.phone(person, conversation) as good:
            good.wait_type("topic_suggestions")
            flood(good, AT_ONCE)
            before = memory(house)
            for _ in range(AT_ONCE, FRAMES, AT_ONCE):
                flood(good, AT_ONCE)
            grown = memory(house) - before
            assert max(good.ping() for _ in range(5)) < 1, "a good phone suffers"
            for phone in stuck:
                phone.read_on()
            assert grown < STUCK * COST_MAX + (24 << 20), f"{grown / STUCK / 1024:.0f} KiB a stuck phone"
            # What has not been written waits as events, which hold no copy of the text; so a phone may find all of it, or
            # was given up.
            for phone in stuck:
                phone.wait_for(
                    lambda log: log.over.is_set() or len(log.of("listening_feedback")) >= FRAMES, "the end", 30)
                assert phone.close_code in (None, 1013), phone.describe()
            assert good.say("你们还在吗?") == ["回:你们还在吗?"]
        # Who comes back has lost nothing.
        for phone in stuck:
            phone.vanish()
            last = [frame.value for frame in phone.frames if "seq" in frame.value][-1]
            with house.phone(person, conversation, query={
                "v": 2, "after": last["seq"], "epoch": last["log_epoch"]}
            ) as again:
                again.wait_type("replay_completed")
                assert (phone.replies() + again.replies()).count("回:你们还在吗?") == 1
    finally:
        for phone in stuck:
            phone.vanish()


@pytest.mark.timeout(90)
def test_a_phone_that_never_reads_is_closed_and_others_are_not(house, person):
    """With 1013, of which it learns when it reads on in time; without an answer the bridge counts 1006. Not by keepalive,
    which takes longer (1011)."""
    def closes(code):
        return house.server.metric("lifeecho_bridge_closes_total", code=code)

    conversation = house.begun(person)
    lost, silent = closes("1006") + closes("1013"), closes("1011")
    with house.raw(person, conversation, reading=False, receive_buffer=1 << 17, query={"v": 2, "after": 0}) as stuck:
        with house.phone(person, conversation) as good:
            good.wait_type("topic_suggestions")

            def is_closed():
                # Whatever waits for the good phone at the moment, it makes progress.
                flood(good, AT_ONCE)
                return closes("1006") + closes("1013") > lost

            wait_until(is_closed, "the stuck phone is closed", 60)
            assert closes("1011") == silent
            assert good.say("你们还在吗?") == ["回:你们还在吗?"]
        stuck.read_on()
        stuck.wait_for(lambda log: log.over.is_set(), "the end", 30)
        # Whatever it was sent before it was given up is whole.
        assert stuck.close_code in (None, 1006, 1013) and not stuck.violations, stuck.describe()


@pytest.mark.timeout(60)
def test_who_reads_on_in_time_gets_everything(house, person):
    conversation = house.begun(person)
    with house.raw(person, conversation, reading=False, receive_buffer=1 << 17) as slow:
        with house.phone(person, conversation) as good:
            good.wait_type("topic_suggestions")
            flood(good, AT_ONCE)
            slow.read_on()
            slow.wait_type("listening_feedback", AT_ONCE)
            flood(good, AT_ONCE)
            slow.wait_type("listening_feedback", 2 * AT_ONCE)
            assert not slow.over.is_set()


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
