"""A phone that takes bytes, but slowly, while more waits for it than the bridge wants to hold (256 KiB)."""
import time

import pytest

from bridge.bridged import listening_house
from bridge.slowphone import SlowPhone
from person import fresh
from waiting import wait_until

HELD = 256 << 10
# “I am listening”, of one character that JSON writes with six.
FEEDBACK = "\x01" * 45_000
# As long as the bridge waits for a phone that takes nothing, and more.
STUCK_S = 12


@pytest.fixture(scope="module")
def house(tmp_path_factory, engines):
    with listening_house(tmp_path_factory.mktemp("slow"), engines, FEEDBACK) as opened:
        yield opened


def opened(house, person, conversation):
    phone = SlowPhone(house, person, conversation)
    phone.read_until("topic_suggestions")
    phone.measure()
    return phone


@pytest.mark.timeout(120)
def test_an_event_does_not_make_a_slow_phone_a_stuck_one(house, person):
    """It is measured by what it takes during one wait, whatever comes in the meantime."""
    conversation = house.begun(person)
    phone = opened(house, person, conversation)

    def closes():
        return sum(house.server.metric("lifeecho_bridge_closes_total", code=code) for code in ("1006", "1013"))

    with house.phone(person, conversation, query={"v": 2}) as good:
        good.wait_type("topic_suggestions")
        phone.make_wait(100_000)
        before = closes()

        def say_feedback(count):
            good.send("recording_started", voice_session_id=fresh("s"))
            good.wait_type("listening_feedback", count)
            phone.caused += len(FEEDBACK) * 6 + 200

        say_feedback(1)
        phone.settle()
        assert phone.buffered > HELD
        phone.read_down_to(HELD - 40_000)
        say_feedback(2)
        begin = time.monotonic()
        while time.monotonic() - begin < STUCK_S:
            # Some 10 KB a second: a kernel on the loopback tells of room in steps of up to 32 KiB.
            assert phone.read_bytes(3072)
            phone.settle()
        assert closes() == before
        phone.read_rest()
        assert phone.close_code is None and phone.types().count("listening_feedback") == 2
    phone.vanish()


@pytest.mark.timeout(120)
def test_frames_that_come_free_together_stay_together(house, person, engines):
    """Frames held back behind a reply come out before those of the next one, also to a phone that is full."""
    conversation = house.begun(person)
    phone = opened(house, person, conversation)
    phone.make_wait(HELD - 1400)
    with engines.hold("慢甲") as first, engines.hold("慢丁") as last:
        phone.send("text", text="慢甲" + "嗯" * 900)
        # Both are refused, in the order of the commands.
        phone.send("text", text=1)
        phone.send("transcribe_only")
        phone.send("text", text="慢丁")
        wait_until(lambda: engines.waiting["慢甲"], "the first text is at the model")
        first.set()
        wait_until(lambda: engines.waiting["慢丁"], "the last one is", 20)
        phone.make_wait(HELD + 40_000)
        phone.read_down_to(HELD - 40_000)
        last.set()
        person.wait_idle(conversation)
    phone.read_rest()
    shown = [(frame.error or frame.data.get("text", ""))[:4] for frame in phone.frames if frame.type not in ("pong", "connect", "topic_suggestions")]
    assert shown == ["回:慢甲", "处理失败", "缺少 a", "回:慢丁"]
    phone.vanish()
