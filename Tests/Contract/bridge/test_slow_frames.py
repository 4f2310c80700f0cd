"""What waits for a slow phone: frames stay whole, a ping stays behind what it asks about, and the end comes, too."""
import pytest

from bridge.bridged import listening_house
from bridge.rawphone import PING, PONG, encode
from bridge.separate import Clock
from bridge.slowphone import PING as PING_FRAME, SlowPhone
from bridge.test_greetings import acknowledged
from person import fresh
from waiting import wait_until

# The bridge gives a socket 64 KiB at once, and more when 16 KiB of it are left; it gathers short frames in pieces of
# 16 KiB. “I am listening” is a little more than half of that room: with such a piece before and one behind it fills a
# socket exactly to where the second piece ends.
FEEDBACK = "a" * 32_800
PIECE = 16 << 10
# As long as the bridge waits for the answer to its close frame, and more.
CLOSE_S = 12


@pytest.fixture(scope="module")
def house(tmp_path_factory, engines):
    with listening_house(tmp_path_factory.mktemp("frames"), engines, FEEDBACK) as opened:
        yield opened


@pytest.fixture
def pair(house, person):
    """A slow phone, and a good one that makes frames for it."""
    conversation = house.begun(person)
    slow = SlowPhone(house, person, conversation)
    slow.read_until("topic_suggestions")
    slow.measure()
    with house.phone(person, conversation, query={"v": 2}) as good:
        good.wait_type("topic_suggestions")
        yield slow, good
    slow.vanish()


def wait_sent(house, act, count):
    """Until `act` made the bridge send so many frames; to a slow phone they wait in the bridge then."""
    def sent():
        return house.server.metric("lifeecho_bridge_frames_sent_total")

    expected = sent() + count
    act()
    wait_until(lambda: sent() >= expected, lambda: f"{expected - sent():.0f} frames are missing")


def say_feedback(house, good, count=1):
    for _ in range(count):
        wait_sent(house, lambda: good.send("recording_started", voice_session_id=fresh("s")), 2)


@pytest.mark.timeout(60)
def test_no_control_frame_comes_inside_a_message(house, pair):
    """Short frames between long ones, so that a full socket's room ends before a long one; and pings meanwhile."""
    slow, good = pair
    slow.socket.settimeout(5)
    short = (PIECE - 1) // slow.pong
    pongs, pings = 1, 0
    for _ in range(2):
        for _ in range(6):
            say_feedback(house, good)
            wait_sent(house, lambda: slow.transmit(PING_FRAME * short), short)
            pongs += short
        while slow.types().count("pong") < pongs:
            slow.transmit(encode(PING, b"between"))
            pings += 1
            assert slow.read_bytes(4000), "the end"
            assert not slow.violations, f"{slow.violations[:3]}, then {bytes(slow.buffer[:40])}"
    assert [frame.data["text"] == FEEDBACK for frame in slow.of("listening_feedback")] == [True] * 12
    while len(slow.pong_payloads) < pings:
        assert slow.read_bytes(4000), "the end"
    assert slow.pong_payloads == [b"between"] * pings


@pytest.mark.timeout(60)
def test_a_reply_is_asked_about_behind_it(house, person, pair):
    """Who answers the ping and vanishes has the reply, or gets it when it comes back."""
    slow, good = pair
    say_feedback(house, good, 6)
    # Only the slow one gets the reply.
    good.close()
    wait_sent(house, lambda: slow.send("text", text="我还在"), 1)
    while not slow.pings:
        assert slow.read_bytes(4000), "the end before a ping"
    slow.transmit(encode(PONG, slow.pings[0]))
    acknowledged(person, slow.conversation)
    slow.vanish()
    with house.phone(person, slow.conversation) as again:
        again.wait_type("topic_suggestions")
        assert slow.replies() + again.replies() == ["回:我还在"]


@pytest.mark.timeout(60)
def test_a_slow_phone_gets_the_end(house, pair):
    """The wait for the answer to the close frame begins anew while the phone takes what comes before it."""
    slow, good = pair
    say_feedback(house, good, 6)
    slow.send("end_conversation")
    good.wait_type("end_conversation")
    closing = Clock()
    while closing.seconds < CLOSE_S:
        assert slow.read_bytes(2048), "given up while it reads"
        slow.settle()
    assert slow.close_code is None, "nothing waited"
    slow.read_rest()
    assert slow.types()[-1] == "end_conversation" and slow.close_code == 1000
