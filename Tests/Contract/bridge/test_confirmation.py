"""How the bridge asks whether a reply came."""
import pytest

from bridge.rawphone import PONG, encode
from bridge.separate import Clock
from bridge.test_greetings import acknowledged
from waiting import wait_until

# As long as the bridge waits for an answer before it asks again, and the keepalive before its ping.
ASKED_AGAIN_S = 20
# A keepalive ping has 4 bytes.
QUESTION_BYTES = 8


@pytest.mark.timeout(60)
def test_a_phone_that_answers_the_newest_ping_only_is_asked_again(house, person):
    """RFC 6455 5.5.3 lets it leave out older ones."""
    conversation = house.begun(person)

    def questions():
        return [ping for ping in phone.pings if len(ping) == QUESTION_BYTES]

    with house.raw(person, conversation, pongs=False) as phone:
        phone.wait_type("topic_suggestions")
        phone.send("text", text="甲")
        wait_until(questions, "the first question", 5)
        asked = Clock()
        wait_until(lambda: len(phone.pings) > 1 and asked.seconds > ASKED_AGAIN_S, "a keepalive ping", ASKED_AGAIN_S + 8)
        assert len(questions()) == 1
        phone.transmit(encode(PONG, phone.pings[-1]))
        phone.send("text", text="乙")
        wait_until(lambda: len(questions()) > 1, "the next question", 5)
        phone.transmit(encode(PONG, phone.pings[-1]))
        acknowledged(person, conversation)
