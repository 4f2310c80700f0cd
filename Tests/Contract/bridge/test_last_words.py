"""What a phone sends right before it goes, or sends again, counts."""
import socket
import uuid

import pytest

from bridge.rawphone import CLOSE, encode
from bridge.voice import user_texts
from waiting import wait_until

LAST = {"close frame": encode(CLOSE, b"\x03\xe8"), "end of the connection": b""}


@pytest.mark.parametrize("last", LAST)
def test_a_text_right_before_the_end_is_stored(house, person, last):
    """Sent right after the 101, while the service is still being asked who this is. Some times: it is a race."""
    conversations = [house.begun(person) for _ in range(5)]
    for conversation in conversations:
        phone = house.raw(person, conversation, reading=False)
        phone.send("text", text="记得这句")
        phone.transmit(LAST[last])
        phone.socket.shutdown(socket.SHUT_WR)
        phone.read_on()
        phone.over.wait(5)
        phone.vanish()

    def lost():
        return [c for c in conversations if "记得这句" not in user_texts(person, c)]
    wait_until(lambda: not lost(), lambda: f"{len(lost())} of {len(conversations)} texts", 5)


def test_the_end_waits_for_a_reply_to_what_was_sent_again(house, person, engines):
    """The message came through before, its reply did not."""
    conversation, message = house.begun(person), str(uuid.uuid4())
    with engines.hold("慢慢来") as gate:
        with house.phone(person, conversation, query={"v": 2}) as lost:
            lost.wait_type("connect")
            lost.send("text", text="慢慢来", client_msg_id=message)
            wait_until(lambda: engines.waiting["慢慢来"], "the reply is in progress")
            lost.vanish()
        with house.phone(person, conversation, query={"v": 2}) as phone:
            phone.wait_type("connect")
            phone.send("text", text="慢慢来", client_msg_id=message)
            assert phone.wait_type("ack").data["duplicate"]
            phone.send("end_conversation")
            # An end that does not wait comes at once. A slow machine may hide one here; it cannot make one up.
            assert not phone.over.wait(0.5), phone.describe()
            gate.set()
            assert phone.wait_closed()[0] == 1000
            assert phone.replies() == ["回:慢慢来"] and phone.types()[-1] == "end_conversation"
    assert user_texts(person, conversation).count("慢慢来") == 1
